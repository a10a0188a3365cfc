"""`Flicker`: binary weights as pixels that flash when they flip, while a network trains."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from bnn_lab.errors import InputError
from bnn_lab.training.movie import WeightMovie, make_movie_recorder
from bnn_lab.training.simulate import Bop, simulate_weights
from bnn_lab.widgets.base import STATIC
from bnn_lab.widgets.explorable import Explorable

MOST_RUNS = 3  # that fit side by side
_SIDE, _STEPS, _EPOCHS = 20, 120, 12  # of the example
_DRIFT = 0.3  # mean gradient that pushes each weight to its goal; the noise is 1


class Flicker(Explorable, module="flicker"):
    """Films of binary weights side by side, with the flip measure and the accuracy below.

        flicker = Flicker()
        flicker.show()
        model.fit(..., callbacks=[flicker.callback("γ = 0.01")])

    It grows with each epoch while `fit` runs. The last three runs stay, to be compared. Until the
    first one there are simulated weights, see `example_movies`. ``runs`` is what
    `bnn_lab.training.movie.WeightMovie.packed` gives.
    """

    def __init__(self, movies: Sequence[WeightMovie] = (), name: str = "", **start: Any) -> None:
        self._movies: dict[int, WeightMovie] = dict(enumerate(movies))
        self._begun = len(self._movies)
        self._handle: Any = None
        if len(movies) > MOST_RUNS:
            raise InputError(f"Flicker: at most {MOST_RUNS} films fit side by side.")
        if movies:
            start = {"runs": [movie.packed() for movie in movies], **start}
        super().__init__(name, **start)

    @property
    def movies(self) -> list[WeightMovie]:
        """What is shown, oldest first."""
        return list(self._movies.values())

    def show(self) -> None:
        """Display it now, before a long cell goes on; a stored notebook keeps its last state."""
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def callback(self, label: str = "", **options: Any) -> Any:
        """Begin a run.

        Args:
            label: short name, default "run 1" and so on.
            **options: layer, rows and columns, see `bnn_lab.training.movie.make_movie_recorder`.

        Returns:
            A Keras callback for one `fit` of a model compiled with ``metrics=["accuracy"]``.
        """
        self._begun += 1
        number = self._begun
        label = label or f"run {number}"
        return make_movie_recorder(
            label, on_epoch=lambda movie: self._keep(number, movie), **options
        )

    def _keep(self, number: int, movie: WeightMovie) -> None:
        self._movies[number] = movie
        while len(self._movies) > MOST_RUNS:
            del self._movies[min(self._movies)]
        self.runs = [kept.packed() for kept in self._movies.values()]
        # A stored picture shows where the runs have come to.
        if os.environ.get(STATIC) == "1":
            self.step = max(len(run["pi"]) for run in self.runs)
            self._start = self.state
            if self._handle is not None:
                self._handle.update(self)


@lru_cache
def example_movies() -> tuple[WeightMovie, ...]:
    """400 simulated weights under Bop, each pushed to a goal by a noisy gradient; it is a heart.

    Their "accuracy" is the share of weights that have the right sign. The widget's default.
    """
    row, column = np.mgrid[:_SIDE, :_SIDE]
    x, y = (column - 9.5) / 8, (10.5 - row) / 8
    goal = (x**2 + y**2 - 1) ** 3 - x**2 * y**3 < 0  # True: -1
    drift = np.where(goal, _DRIFT, -_DRIFT).reshape(1, -1)
    movies = []
    for label, rule in (
        ("noisy: γ = 0.5, τ = 0", Bop(gamma=0.5, threshold=0.0)),
        ("good: γ = 0.05, τ = 0.1", Bop(gamma=0.05, threshold=0.1)),
        ("frozen: γ = 0.005, τ = 0.2", Bop(gamma=0.005, threshold=0.2)),
    ):
        run = simulate_weights(rule, steps=_STEPS, weights=_SIDE**2, drift=drift, seed=1)
        steps, pixels = np.nonzero(run.flips)
        right = (run.signs < 0) == goal.reshape(1, -1)
        movies.append(
            WeightMovie(
                label,
                "simulated",
                np.zeros((_SIDE, _SIDE), np.bool_),
                steps + 1,
                pixels,
                run.flips_per_step,
                _SIDE**2,
                right[:: _STEPS // _EPOCHS].mean(axis=1)[1:],
            )
        )
    return tuple(movies)
