"""Films arrive in the widget while a training runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.widgets import Flicker
from bnn_lab.widgets.flicker import MOST_RUNS, example_movies


def test_default_is_the_simulated_example() -> None:
    packed = [movie.packed() for movie in example_movies()]
    assert Flicker.schema["fields"]["runs"]["default"] == packed
    noisy, good, frozen = example_movies()
    assert good.accuracy[-1] > 0.95 > noisy.accuracy[-1] and frozen.accuracy[-1] < 0.6
    assert noisy.epoch_pi[-1] > -2 and good.epoch_pi[-1] < -4


def train(callback: Any) -> None:
    from bnn_lab.models import digits_mlp
    from bnn_lab.training import bop_optimizer

    model = digits_mlp((48, 48))
    model.compile(bop_optimizer(0.1, 0.0, model=model), "mse", metrics=["accuracy"])
    x = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[np.arange(32) % 10]
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[callback])


def test_runs_take_the_examples_place_and_the_last_three_stay() -> None:
    flicker = Flicker()
    seen: list[int] = []
    flicker.observe(lambda change: seen.append(len(change["new"][-1]["accuracy"])), "runs")
    for number in range(MOST_RUNS + 1):
        train(flicker.callback("first" if not number else ""))
    assert [run["label"] for run in flicker.runs] == ["run 2", "run 3", "run 4"]
    assert seen == [1, 2] * (MOST_RUNS + 1)  # after every epoch, while fit runs
    assert [movie.label for movie in flicker.movies] == ["run 2", "run 3", "run 4"]
    assert "run 4: π" in flicker.describe() or "run 4: not yet begun" in flicker.describe()


def test_recorded_films_are_shown() -> None:
    shown = Flicker(example_movies()[1:], step=120)
    assert [run["label"][:4] for run in shown.runs] == ["good", "froz"]
    assert "After step 120" in shown.describe()
    with pytest.raises(InputError, match="at most 3"):
        Flicker([*example_movies(), example_movies()[0]])


def test_a_stored_picture_shows_the_end_of_the_runs(monkeypatch) -> None:
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    flicker = Flicker()
    train(flicker.callback("mine"))
    assert flicker.step == 8
    bundle = flicker._repr_mimebundle_()
    assert "After step 8. mine" in bundle["text/plain"] and "Shift+Enter" in bundle["text/plain"]
