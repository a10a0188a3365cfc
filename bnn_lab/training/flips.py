"""Callbacks that watch binary weights flip during training.

A step only notes the signs; they are compared in blocks of many steps. This is what makes watching
cheap: ``python -m bnn_lab.training.recorder_cost`` measures it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_integer
from bnn_lab.errors import InputError
from bnn_lab.training.bop import (
    binary_variables,
    is_bop,
    latent_value,
    negative,
    own_negative,
)
from bnn_lab.training.flip_statistics import flip_measure
from bnn_lab.training.recording import INTERVAL_BINS, RATIO_EDGES, Recording, ratio_histogram

__all__ = ["FlipRecorder", "InertiaRecorder", "flip_measure", "flip_pressure"]

_tf: Any = require_tensorflow()
_KerasCallback: Any = _tf.keras.callbacks.Callback
_Schedule: Any = _tf.keras.optimizers.schedules.LearningRateSchedule
_READ: Any = _tf.raw_ops.ReadVariableOp

# Signs of this many steps are kept before they are compared, within this many bytes.
_BLOCK_STEPS, _BLOCK_BYTES = 256, 1 << 25


class FlipRecorder(_KerasCallback):
    """Keras callback that counts how many binary weights change sign at every training step.

    Works for Bop and for latent weights alike: what counts is the sign that the forward pass uses.
    It may watch several trainings of one model, one after the other.

    Attributes:
        weights: layer name to number of binary weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self._supports_tf_logs = True  # the logs are not read, so Keras need not convert them
        self.weights: dict[str, int] = {}
        self._flips: dict[str, list[int]] = {}
        self._steps = 0
        self._variables: list[Any] = []
        self._ends: NDArray[np.intp] = np.zeros(0, np.intp)  # of each layer among all weights
        self._signs: NDArray[np.bool_] = np.zeros((0, 0), np.bool_)
        self._rows: list[list[NDArray[np.bool_]]] = []
        self._noted = 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the signs before the first step.

        Raises:
            InputError: the model has no binary weights, is not the one that was watched before, or
                is compiled to make several steps at a time.
        """
        self.flush()
        variables = binary_variables(self.model)
        weights = {name: int(np.prod(value.shape)) for name, value in variables.items()}
        if self.weights and weights != self.weights:
            raise InputError(
                f"this recorder has watched another model, with layers {list(self.weights)}. Fix: "
                "make a new recorder."
            )
        refuse_several_steps(self.model)
        if not self.weights:
            self.weights = weights
            self._flips = {name: [] for name in weights}
        self._variables = list(variables.values())
        self._ends = np.cumsum(list(weights.values()))
        total = int(self._ends[-1])
        steps = min(_BLOCK_STEPS, max(1, _BLOCK_BYTES // total))
        self._signs = np.empty((steps + 1, total), np.bool_)
        shapes = [tuple(value.shape) for value in self._variables]
        starts = self._ends - list(weights.values())
        self._rows = [
            [
                row[a:b].reshape(shape)
                for a, b, shape in zip(starts, self._ends, shapes, strict=True)
            ]
            for row in self._signs
        ]
        self._note(0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note the signs after the step."""
        self._noted += 1
        self._steps += 1
        self._note(self._noted)
        if self._noted == len(self._signs) - 1:
            self.flush()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count what has been noted."""
        self.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Count what has been noted."""
        self.flush()

    def flush(self) -> None:
        """Count what has been noted; only needed to see counts in the middle of an epoch."""
        if not self._noted:
            return
        first = self._steps - self._noted + 1
        for row in range(self._noted):
            where = np.flatnonzero(self._signs[row + 1] != self._signs[row])
            counts = np.diff(where.searchsorted(self._ends), prepend=0)
            for flips, count in zip(self._flips.values(), counts.tolist(), strict=True):
                flips.append(count)
            if len(where):
                self._look(first + row, where)
        self._signs[0] = self._signs[self._noted]
        self._noted = 0

    def _note(self, row: int) -> None:
        for variable, out in zip(self._variables, self._rows[row], strict=True):
            if own_negative(variable) is None:
                np.less(_peek(variable), 0.0, out=out)
            else:
                out[...] = negative(variable)

    def _look(self, step: int, where: NDArray[np.intp]) -> None:
        """For subclasses: indices among all weights of those that flipped in a step, from 1."""

    @property
    def step_flips(self) -> dict[str, list[int]]:
        """Layer name to flips of each step so far."""
        self.flush()
        return self._flips

    @property
    def total_weights(self) -> int:
        """Binary weights of the model."""
        return sum(self.weights.values())

    def flips_per_step(self) -> NDArray[np.int64]:
        """Flips in the whole model at each step, int64 (steps,)."""
        return np.sum(list(self.step_flips.values()), axis=0, dtype=np.int64).reshape(-1)


class InertiaRecorder(FlipRecorder):
    """Also watches inertia: latent magnitudes, |m| / tau, times between flips, weights that rest.

    Flips are seen at every step; magnitudes are sampled. What it costs is
    measured by ``python -m bnn_lab.training.recorder_cost``: less than 15 % of an epoch on the
    digits networks.

    Args:
        every: steps between samples of |latent weight| and |m| / tau, at least 1.
        on_epoch: called at the end of each epoch with the `Recording` so far, e.g. to redraw a
            figure of `bnn_lab.figures.recordings`.

    Raises:
        InputError: `every` is below 1.
    """

    def __init__(
        self, every: int = 50, on_epoch: Callable[[Recording], None] | None = None
    ) -> None:
        super().__init__()
        if not (is_integer(every) and every >= 1):
            raise InputError(f"InertiaRecorder({every=}): must be an integer, at least 1.")
        self.every = every
        self.on_epoch = on_epoch
        self._last_flip: NDArray[np.int32] = np.zeros(0, np.int32)
        self._first_bin: NDArray[np.int32] = np.zeros(0, np.int32)
        self._intervals: NDArray[np.int64] = np.zeros((0, INTERVAL_BINS), np.int64)
        self._sample_steps: list[int] = []
        self._magnitudes: list[list[NDArray[np.int64]]] = []
        self._pressures: list[list[NDArray[np.int64]]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the signs before the first step."""
        super().on_train_begin(logs)
        if len(self._last_flip) == 0:
            counts = list(self.weights.values())
            self._last_flip = np.zeros(sum(counts), np.int32)
            bins = np.arange(len(counts), dtype=np.int32) * INTERVAL_BINS
            self._first_bin = np.repeat(bins, counts)
            self._intervals = np.zeros((len(counts), INTERVAL_BINS), np.int64)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Note the signs; sample magnitudes if it is time."""
        super().on_train_batch_end(batch, logs)
        if self._steps % self.every:
            return
        self._sample_steps.append(self._steps)
        self._magnitudes.append([ratio_histogram(_peek(v)) for v in self._variables])
        pressures = _flip_pressures(self.model.optimizer, self._variables)
        if all(pressure is not None for pressure in pressures):
            self._pressures.append([ratio_histogram(pressure) for pressure in pressures])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Count what has been noted, and show it if asked to."""
        super().on_epoch_end(epoch, logs)
        if self.on_epoch is not None:
            self.on_epoch(self.recording())

    def _look(self, step: int, where: NDArray[np.intp]) -> None:
        last = self._last_flip[where]
        self._last_flip[where] = step
        again = last > 0  # 0: has not flipped before
        where, waited = where[again], step - last[again]
        # The exponent of a float is the floor of its binary logarithm, plus one.
        bins = np.minimum(np.frexp(waited)[1] - 1, INTERVAL_BINS - 1)
        counts = np.bincount(self._first_bin[where] + bins, minlength=self._intervals.size)
        self._intervals += counts.reshape(self._intervals.shape)

    def recording(self) -> Recording:
        """All that was seen so far.

        Raises:
            InputError: training has not begun.
        """
        names = list(self.weights)
        if not self._steps:
            raise InputError(
                "this recorder has seen no training step. Fix: pass it to fit(callbacks=[...])."
            )
        flips = self.step_flips
        rested = np.split(self._last_flip == 0, self._ends[:-1])
        shape = (-1, len(names), len(RATIO_EDGES) - 1)
        return Recording(
            layers=np.array(names),
            weights=np.array([self.weights[name] for name in names], np.int64),
            flips=np.array([flips[name] for name in names], np.int64).T,
            never_flipped=np.array([part.sum() for part in rested], np.int64),
            intervals=self._intervals.copy(),
            sample_steps=np.array(self._sample_steps, np.int64),
            magnitudes=np.array(self._magnitudes, np.int64).reshape(shape),
            pressures=np.array(self._pressures, np.int64).reshape(shape),
        )


def refuse_several_steps(model: Any) -> None:
    """Raise InputError if a compiled model makes steps that a callback does not see."""
    at_once = getattr(model, "_steps_per_execution", None)
    if at_once is not None and _number(at_once) != 1:
        raise InputError(
            f"the model makes {_number(at_once):.0f} steps at a time, of which a recorder sees "
            "only the last. Fix: compile(..., steps_per_execution=1)."
        )


def _number(value: Any) -> float:
    """Of a Python number, a tensor, or a variable, be there a copy of it on each device."""
    return float(_tf.keras.backend.get_value(value))


def _peek(variable: Any) -> NDArray[np.float32]:
    """The latent value without a copy, for use before the next step only.

    `latent_value` costs several times as much, which at every step of a small network is a lot.
    """
    latent = getattr(variable, "latent_variable", variable)
    if isinstance(latent, _tf.distribute.DistributedValues):
        return latent_value(variable)
    return np.asarray(memoryview(_READ(resource=latent.handle, dtype=latent.dtype)))


def flip_pressure(optimizer: Any, variable: Any) -> NDArray[np.float32] | None:
    """How near Bop is to flipping each weight: |m| / tau; above 1 it flips if the sign fits.

    For `Bop2ndOrder` it is |m| / (sqrt(v) tau); a relative tau is multiplied by the gradient's rms.

    Args:
        optimizer: the optimizer of a compiled model.
        variable: a binary weight.

    Returns:
        float32 in the variable's shape, with +inf where tau is 0; None if the optimizer is not
        Bop or has made no step with this variable.
    """
    return _flip_pressures(optimizer, [variable])[0]


def _flip_pressures(optimizer: Any, variables: list[Any]) -> list[NDArray[np.float32] | None]:
    found: list[NDArray[np.float32] | None] = [None] * len(variables)
    # Mixed precision wraps an optimizer in another one.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    for part in getattr(optimizer, "optimizers", [optimizer]):
        if not is_bop(part) or "m" not in part.get_slot_names():
            continue
        tau = part._get_hyper("threshold")
        # The step that has just been made used the schedule's value before the increment.
        if isinstance(tau, _Schedule):
            tau = tau(max(0, int(_number(part.iterations)) - 1))
        tau = _number(tau)
        for number, variable in enumerate(variables):
            with contextlib.suppress(KeyError):  # this part has not updated it
                found[number] = _pressure(part, variable, tau)
    return found


def _pressure(bop: Any, variable: Any, tau: float) -> NDArray[np.float32]:
    m = np.abs(_peek(bop.get_slot(variable, "m")))
    if "v" in bop.get_slot_names():
        m = m / (np.sqrt(_peek(bop.get_slot(variable, "v"))) + bop.epsilon)
    if getattr(bop, "relative_threshold", False):
        square, seen = (_number(bop.scalar(variable, name)) for name in ("mean_square", "seen"))
        tau *= math.sqrt(square / seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        # No average, no pressure, even where tau is 0; NaN stays, as after a diverged training.
        return np.where(m == 0, np.float32(0), m / np.float32(tau))
