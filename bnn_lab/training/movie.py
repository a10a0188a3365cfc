"""A film of binary weights: which of them flipped at which step of a training."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._arrays import npz_path, read_arrays, write_arrays
from bnn_lab.errors import InputError
from bnn_lab.training.flip_statistics import flip_measure

ROWS, COLUMNS = 32, 32
FRAMES = 240
_ESCAPE = 255  # a gap of at least so much goes on in the next byte

_FIELDS = {
    "label": "U ",
    "layer": "U ",
    "start": "b RC",
    "steps": "i N",
    "pixels": "i N",
    "flips": "i T",
    "weights": "i ",
    "accuracy": "f E",
}


@dataclass(frozen=True)
class WeightMovie:
    """A part of one layer's binary weights during a training; T steps, N flips, E epochs.

    Attributes:
        label: short name of the run.
        layer: name of the layer.
        start: True where a weight was negative before the first step, bool (R, C).
        steps: step of each flip, from 1, rising, int64 (N,).
        pixels: row * C + column of each flip, int64 (N,).
        flips: weights of the whole model that flipped at each step, int64 (T,).
        weights: binary weights of the whole model.
        accuracy: after each epoch, in 0..1, float64 (E,).
    """

    label: str
    layer: str
    start: NDArray[np.bool_]
    steps: NDArray[np.int64]
    pixels: NDArray[np.int64]
    flips: NDArray[np.int64]
    weights: int
    accuracy: NDArray[np.float64]

    @property
    def epoch_pi(self) -> NDArray[np.float64]:
        """Flip measure of each epoch's mean step, float64 (E,)."""
        if not len(self.accuracy):
            return np.zeros(0)
        means = [part.mean() for part in np.array_split(self.flips, len(self.accuracy))]
        return np.atleast_1d(flip_measure(means, self.weights))

    def signs_at(self, step: int) -> NDArray[np.bool_]:
        """Which weights are negative after a step; 0 is before the first one.

        Args:
            step: in 0..T.

        Returns:
            bool (R, C).

        Raises:
            InputError: there was no such step.
        """
        if not 0 <= step <= len(self.flips):
            raise InputError(f"signs_at({step}): this run has {len(self.flips)} steps.")
        seen = self.pixels[: np.searchsorted(self.steps, step, side="right")]
        odd = np.bincount(seen, minlength=self.start.size) % 2 == 1
        return self.start ^ odd.reshape(self.start.shape)

    def packed(self, frames: int = FRAMES) -> dict[str, Any]:
        """What a page gets: at most `frames` pictures, each some steps after the last one.

        A weight that flips twice between two pictures is seen as unmoved. Flips are written as gaps
        between positions (frame - 1) * R * C + pixel, a byte each; 255 adds to the next one.

        Args:
            frames: at least 1.

        Returns:
            JSON values: label, layer, rows, columns, every (steps of a frame), steps, start and
            flips (base64), pi (of each frame's mean step), accuracy.
        """
        total = len(self.flips)
        every = max(1, -(-total // max(1, frames)))
        count = -(-total // every)
        size = self.start.size
        places = ((self.steps - 1) // every) * size + self.pixels
        where, times = np.unique(places, return_counts=True)
        gaps = np.diff(where[times % 2 == 1], prepend=-1) - 1
        means = [self.flips[frame * every : (frame + 1) * every].mean() for frame in range(count)]
        pi = np.atleast_1d(flip_measure(means, self.weights)) if count else np.zeros(0)
        return {
            "label": self.label,
            "layer": self.layer,
            "rows": self.start.shape[0],
            "columns": self.start.shape[1],
            "every": every,
            "steps": total,
            "start": _base64(np.packbits(self.start, bitorder="little").tobytes()),
            "flips": _base64(_bytes_of(gaps)),
            "pi": [round(float(value), 2) for value in pi],
            "accuracy": [round(float(value), 4) for value in self.accuracy],
        }

    def save(self, path: str | Path) -> Path:
        """Write one compressed .npz file.

        Raises:
            InputError: the name does not end in .npz, or the file cannot be written.
        """
        path = npz_path(path, "WeightMovie.save")
        write_arrays(path, dataclasses.asdict(self))
        return path

    @classmethod
    def load(cls, path: str | Path) -> WeightMovie:
        """Read what `save` wrote.

        Raises:
            InputError: the file is not such a film.
        """
        fix = "pass a file that WeightMovie.save wrote"
        found: dict[str, Any] = {**read_arrays(path, _FIELDS, what="a film of weights", fix=fix)}
        for name in ("label", "layer", "weights"):
            found[name] = found[name].item()
        return cls(**found)


def make_movie_recorder(
    label: str,
    *,
    layer: str | None = None,
    rows: int = ROWS,
    columns: int = COLUMNS,
    on_epoch: Callable[[WeightMovie], None] | None = None,
) -> Any:
    """A Keras callback that films a part of one layer's weights.

    Args:
        label: short name of the run.
        layer: the layer of binary weights; default the last one that has enough of them.
        rows: inputs of the layer, from its first one on (of a convolution: input channels at the
            middle of the window).
        columns: outputs, likewise.
        on_epoch: called with the film so far after each epoch.

    Returns:
        A `bnn_lab.training.FlipRecorder` with a method ``movie()``. The model must be compiled with
        ``metrics=["accuracy"]``; with validation data the film has their accuracy.

    Raises:
        InputError: rows or columns are below 1; when training begins: no layer is large enough.
        BnnLabError: TensorFlow is not installed.
    """
    if rows < 1 or columns < 1:
        raise InputError(f"make_movie_recorder({rows=}, {columns=}): both must be at least 1.")
    from bnn_lab.training.flips import FlipRecorder  # loads TensorFlow

    class MovieRecorder(FlipRecorder):
        def __init__(self) -> None:
            super().__init__()
            self._chosen = ""
            self._places = np.zeros(0, np.int64)  # of the pixels among all weights
            self._start = np.zeros((rows, columns), np.bool_)
            self._seen: list[tuple[int, NDArray[np.int64]]] = []
            self._accuracy: list[float] = []

        def on_train_begin(self, logs: Any = None) -> None:
            super().on_train_begin(logs)
            if self._chosen:
                return
            self._chosen, self._places = self._choose()
            self._start = self._signs[0][self._places].reshape(rows, columns).copy()

        def _choose(self) -> tuple[str, NDArray[np.int64]]:
            names, starts = list(self.weights), self._ends - list(self.weights.values())
            fitting = {}
            for name, first, variable in zip(names, starts, self._variables, strict=True):
                shape = tuple(int(size) for size in variable.shape)
                if len(shape) < 2 or shape[-2] < rows or shape[-1] < columns:
                    continue
                places = first + np.arange(int(np.prod(shape))).reshape(shape)
                for size in shape[:-2]:
                    places = places[size // 2]
                fitting[name] = places[:rows, :columns].reshape(-1)
            wanted = layer or (list(fitting)[-1] if fitting else "")
            if wanted not in fitting:
                known = ", ".join(fitting) or "none"
                raise InputError(
                    f"make_movie_recorder: layer {layer!r} has no {rows} inputs and {columns} "
                    f"outputs of binary weights; layers that do: {known}. Fix: choose another "
                    "layer, or fewer rows and columns."
                )
            return wanted, fitting[wanted]

        def _look(self, step: int, where: NDArray[np.intp]) -> None:
            at = np.flatnonzero(np.isin(self._places, where, assume_unique=True))
            if len(at):
                self._seen.append((step, at))

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            self._accuracy.append(_accuracy_of(logs or {}))
            if on_epoch is not None:
                on_epoch(self.movie())

        def movie(self) -> WeightMovie:
            """What has been filmed so far."""
            self.flush()
            steps = [np.full(len(at), step, np.int64) for step, at in self._seen]
            none = np.zeros(0, np.int64)
            return WeightMovie(
                label,
                self._chosen,
                self._start,
                np.concatenate([none, *steps]),
                np.concatenate([none, *(at for _, at in self._seen)]),
                self.flips_per_step(),
                self.total_weights,
                np.array(self._accuracy, np.float64),
            )

    return MovieRecorder()


def _accuracy_of(logs: dict[str, Any]) -> float:
    names = sorted((name for name in logs if "accuracy" in name), key=lambda n: "val_" not in n)
    if not names:
        raise InputError(
            "a film of weights needs the accuracy, which this training does not report. Fix: "
            'model.compile(..., metrics=["accuracy"]).'
        )
    return float(logs[names[0]])


def _bytes_of(gaps: NDArray[np.int64]) -> bytes:
    escapes, rest = gaps // _ESCAPE, gaps % _ESCAPE
    ends = np.cumsum(escapes + 1)
    out = np.full(int(ends[-1]) if len(ends) else 0, _ESCAPE, np.uint8)
    out[ends - 1] = rest
    return out.tobytes()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
