"""The map plays simulated runs, or films of trained ones."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.experiments.training import MlpRun, bop_films, film_of, train_mlp_run
from bnn_lab.training.simulate import Bop, simulate_weights
from bnn_lab.widgets import BopMap
from bnn_lab.widgets.flicker import example_movies

SIDE, STEPS, DRIFT = 15, 80, 0.3  # of the simulated map in js/bop_map.js


@pytest.mark.parametrize(("row", "column", "gamma", "tau"), [(3, 2, 0.1, 0.05), (5, 0, 1.0, 0.0)])
def test_simulated_runs_are_the_oracles(row, column, gamma, tau) -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    x, y = (x - 7) / 6, (7.8 - y) / 6
    goal = ((x**2 + y**2 - 1) ** 3 - x**2 * y**3 < 0).reshape(-1)
    drift = np.where(goal, DRIFT, -DRIFT)[None]
    run = simulate_weights(
        Bop(gamma=gamma, threshold=tau), steps=STEPS, weights=SIDE**2, drift=drift, seed=1
    )
    right = ((run.signs[1:] < 0) == goal).mean(axis=1)[-STEPS // 4 :].mean()
    words = BopMap(row=row, column=column).describe()
    assert f"γ = {gamma:g}, τ = {tau:g}: at the end {round(100 * right)} % are right" in words


@pytest.fixture(scope="module")
def films():
    return bop_films((1e-3, 1e-1), (0.0, 1e-4, 1e-2), epochs=2, progress=False)


def test_films_are_the_runs(films) -> None:
    assert set(films) == {(g, t) for g in (1e-3, 1e-1) for t in (0.0, 1e-4, 1e-2)}
    run = MlpRun(gamma=1e-1, threshold=0.0, epochs=2)
    trace = train_mlp_run(run, keep_signs=True)
    film = films[1e-1, 0.0]
    np.testing.assert_array_equal(film.flips, trace.flips)
    kernel = trace.signs[:, 64 * 128 :][:, : 128 * 128].reshape(-1, 128, 128)
    for step in (1, 7, len(trace.flips)):
        np.testing.assert_array_equal(film.signs_at(step), kernel[step - 1, :20, :20])
    assert film.layer == "dense_2" and len(film.accuracy) == 2


def test_a_map_of_films(films) -> None:
    shown = BopMap(films, row=1, column=0)
    assert shown.cells["gammas"] == [1e-3, 1e-1] and shown.cells["taus"] == [0.0, 1e-4, 1e-2]
    assert "γ = 0.1, τ = 0:" in shown.describe() and "Noise" in shown.describe()
    assert "Standstill" in BopMap(films, row=0, column=2).describe()
    assert "<svg" in shown.static().data


def test_films_that_do_not_make_a_map_are_refused() -> None:
    film = example_movies()[0]
    with pytest.raises(InputError, match=r"missing: \[\(0.1, 1.0\), \(0.2, 0.0\)\]"):
        BopMap({(0.1, 0.0): film, (0.2, 1.0): film})
    with pytest.raises(InputError, match="at most 12"):
        BopMap({(0.1, float(tau)): film for tau in range(13)})
    with pytest.raises(InputError, match="a film is needed"):
        BopMap({})


def test_traces_that_cannot_be_filmed_are_refused() -> None:
    trace = train_mlp_run(MlpRun(hidden=(8,), epochs=1), keep_signs=True)
    for options, words in (
        ({"layer": 2}, "there are 2 layers"),
        ({"layer": 1, "side": 9}, "dense_2 is"),
        ({"side": 0}, "side=0"),
    ):
        with pytest.raises(InputError, match=words):
            film_of(trace, "run", **options)
    with pytest.raises(InputError, match="keep_signs=True"):
        film_of(train_mlp_run(MlpRun(hidden=(8,), epochs=1)), "run")
