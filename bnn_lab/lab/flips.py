"""Callbacks that watch binary weights flip during training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.lab.bop import binary_variables, is_bop, latent_value
from bnn_lab.lab.pi import flip_measure
from bnn_lab.lab.recording import INTERVAL_BINS, RATIO_EDGES, Recording, ratio_histogram

__all__ = ["FlipRecorder", "InertiaRecorder", "flip_measure", "flip_pressure"]

_tf: Any = require_tensorflow()
_KerasCallback: Any = _tf.keras.callbacks.Callback


class FlipRecorder(_KerasCallback):
    """Keras callback that counts how many binary weights change sign at every training step.

    Works for Bop and for latent weights alike: what counts is the sign that the forward pass uses.

    Attributes:
        step_flips: layer name to flips of each step, a list of int.
        weights: layer name to number of binary weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self._supports_tf_logs = True  # the logs are not read, so Keras need not convert them
        self.step_flips: dict[str, list[int]] = {}
        self.weights: dict[str, int] = {}
        self._variables: dict[str, Any] = {}
        self._before: dict[str, NDArray[np.bool_]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the signs before the first step."""
        self._variables = binary_variables(self.model)
        for name, variable in self._variables.items():
            self._before[name] = latent_value(variable) < 0
            self.weights[name] = self._before[name].size
            self.step_flips.setdefault(name, [])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the signs that the step changed."""
        for name, variable in self._variables.items():
            latent = _peek(variable)
            now = latent < 0
            changed = now != self._before[name]
            flips = int(np.count_nonzero(changed))
            self.step_flips[name].append(flips)
            self._before[name] = now
            self._look(name, variable, latent, changed if flips else None)

    def _look(self, name: str, variable: Any, latent: Any, changed: Any) -> None:
        """For subclasses: the layer's latent weights and which flipped (None for none)."""

    @property
    def total_weights(self) -> int:
        """Binary weights of the model."""
        return sum(self.weights.values())

    def flips_per_step(self) -> NDArray[np.int64]:
        """Flips in the whole model at each step, int64 (steps,)."""
        return np.sum(list(self.step_flips.values()), axis=0, dtype=np.int64).reshape(-1)


class InertiaRecorder(FlipRecorder):
    """Also watches inertia: latent magnitudes, |m| / tau, times between flips, weights that rest.

    Flips are seen at every step; magnitudes are sampled. On the digits networks it costs less than
    15 % of the training time.

    Args:
        every: steps between samples of |latent weight| and |m| / tau, at least 1.

    Raises:
        InputError: `every` is below 1.
    """

    def __init__(self, every: int = 50) -> None:
        super().__init__()
        if every < 1:
            raise InputError(f"InertiaRecorder({every=}): must be at least 1.")
        self.every = every
        self._last_flip: dict[str, NDArray[np.int32]] = {}
        self._intervals: dict[str, NDArray[np.int64]] = {}
        self._sample_steps: list[int] = []
        self._magnitudes: list[list[NDArray[np.int64]]] = []
        self._pressures: list[list[NDArray[np.int64]]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the signs before the first step."""
        super().on_train_begin(logs)
        for name, count in self.weights.items():
            self._last_flip.setdefault(name, np.zeros(count, np.int32))
            self._intervals.setdefault(name, np.zeros(INTERVAL_BINS, np.int64))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count flips; sample magnitudes if it is time."""
        step = len(next(iter(self.step_flips.values()))) + 1
        self._sampling = step % self.every == 0
        if self._sampling:
            self._sample_steps.append(step)
            self._magnitudes.append([])
            self._pressures.append([])
        super().on_train_batch_end(batch, logs)

    def _look(self, name: str, variable: Any, latent: Any, changed: Any) -> None:
        if changed is not None:
            step = len(self.step_flips[name])
            where = np.flatnonzero(changed)
            last = self._last_flip[name]
            waited = step - last[where]
            waited = waited[last[where] > 0]  # 0: has not flipped before
            bins = np.minimum(np.log2(waited).astype(np.int64), INTERVAL_BINS - 1)
            self._intervals[name] += np.bincount(bins, minlength=INTERVAL_BINS)
            last[where] = step
        if self._sampling:
            self._magnitudes[-1].append(ratio_histogram(latent))
            pressure = flip_pressure(self.model.optimizer, variable)
            if pressure is not None:
                self._pressures[-1].append(ratio_histogram(pressure))

    def recording(self) -> Recording:
        """All that was seen so far.

        Raises:
            InputError: training has not begun.
        """
        names = list(self.weights)
        if not names or not self.step_flips[names[0]]:
            raise InputError(
                "this recorder has seen no training step. Fix: pass it to fit(callbacks=[...])."
            )
        bins = len(RATIO_EDGES) - 1
        shape = (-1, len(names), bins)
        pressures = [row for row in self._pressures if len(row) == len(names)]
        return Recording(
            layers=np.array(names),
            weights=np.array([self.weights[name] for name in names], np.int64),
            flips=np.array([self.step_flips[name] for name in names], np.int64).T,
            never_flipped=np.array([np.sum(self._last_flip[n] == 0) for n in names], np.int64),
            intervals=np.array([self._intervals[name] for name in names]),
            sample_steps=np.array(self._sample_steps, np.int64),
            magnitudes=np.array(self._magnitudes, np.int64).reshape(shape),
            pressures=np.array(pressures, np.int64).reshape(shape),
        )


def _peek(variable: Any) -> NDArray[np.float32]:
    """The latent value without a copy, for use before the next step only.

    `latent_value` costs ten times as much, which at every step of a small network is a lot.
    """
    latent = getattr(variable, "latent_variable", variable)
    if isinstance(latent, _tf.distribute.DistributedValues):
        return latent_value(variable)
    value = _tf.raw_ops.ReadVariableOp(resource=latent.handle, dtype=latent.dtype)
    return np.asarray(memoryview(value))


def flip_pressure(optimizer: Any, variable: Any) -> NDArray[np.float32] | None:
    """How near Bop is to flipping each weight: |m| / tau; above 1 it flips if the sign fits.

    For `Bop2ndOrder` it is |m| / (sqrt(v) tau); a relative tau is multiplied by the gradient's rms.

    Args:
        optimizer: of a compiled model.
        variable: a binary weight.

    Returns:
        float32 in the variable's shape, with +inf where tau is 0; None if the optimizer is not
        Bop or has made no step with this variable.
    """
    for part in getattr(optimizer, "optimizers", [optimizer]):
        if not is_bop(part) or "m" not in part.get_slot_names():
            continue
        try:
            m = np.abs(part.get_slot(variable, "m").numpy())
        except KeyError:
            continue
        # The step that has just been made used the schedule's value before the increment.
        step = max(0, int(part.iterations.numpy()) - 1)
        tau = part._get_hyper("threshold")
        tau = float(tau(step)) if callable(tau) else float(tau)
        if "v" in part.get_slot_names():
            m = m / (np.sqrt(part.get_slot(variable, "v").numpy()) + part.epsilon)
        if "seen" in part.get_slot_names():
            square = float(part.get_slot(variable, "mean_square").numpy())
            tau *= np.sqrt(square / float(part.get_slot(variable, "seen").numpy()))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(m / np.float32(tau), nan=0.0, posinf=np.inf)
    return None
