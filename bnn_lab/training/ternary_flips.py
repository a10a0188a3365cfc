"""A callback that watches the quantized weights of `BitLinear` layers move during training.

A ternary weight is a latent weight seen through two thresholds, at half the layer's mean magnitude
to either side of zero. Between them lies the dead zone, where the weight is 0. What a sign flip is
to a binary weight is here a move into the dead zone, a move out of it, or a jump across it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.models.bit_linear import BitLinear
from bnn_lab.ternary_reference import LEAST
from bnn_lab.training.flips import refuse_several_steps

if TYPE_CHECKING:
    import pandas as pd

_tf: Any = require_tensorflow()
_KerasCallback: Any = _tf.keras.callbacks.Callback

INTO, OUT, ACROSS = "into", "out", "across"
MOVES = (INTO, OUT, ACROSS)
_TERNARY = "absmean_ternary"


@dataclass
class LayerMoves:
    """What one layer's weights did.

    Attributes:
        weights: how many there are.
        moves: of each step, how many moved into the dead zone, out of it and across, int64 (T, 3).
        zeros: after each step, how many are 0, int64 (T,).
        never_moved: how many have not moved so far.
        border: for each weight, how far its latent value is from the nearest threshold, in units of
            the layer's mean magnitude, float32 (weights,): the inertia that a move has to overcome.
    """

    weights: int
    moves: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    zeros: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    never_moved: int = 0
    border: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


class TernaryRecorder(_KerasCallback):
    """Keras callback that counts, at every training step, how `BitLinear` weights move.

    Layers of binary weights are watched too: theirs only move across. Float ones are left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._supports_tf_logs = True
        self._layers: dict[str, Any] = {}
        self._trits: dict[str, NDArray[np.int8]] = {}
        self._moved: dict[str, NDArray[np.bool_]] = {}
        self._counts: dict[str, list[tuple[int, int, int, int]]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the weights before the first step.

        Raises:
            InputError: the model has no quantized `BitLinear` layer, has other ones than the model
                that was watched before, or is compiled to make several steps at a time.
        """
        layers = {
            layer.name: layer
            for layer in self.model._flatten_layers(include_self=False)
            if isinstance(layer, BitLinear) and layer.kernel_quantizer is not None
        }
        if not layers:
            raise InputError(
                f"the model '{self.model.name}' has no quantized BitLinear layer to record."
            )
        if self._layers and list(layers) != list(self._layers):
            raise InputError("this recorder has watched another model. Fix: make a new recorder.")
        refuse_several_steps(self.model)
        first = not self._layers
        self._layers = layers
        for name, layer in layers.items():
            self._trits[name] = _quantized(layer)
            if first:
                self._moved[name] = np.zeros(self._trits[name].shape, np.bool_)
                self._counts[name] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count what moved in the step."""
        for name, layer in self._layers.items():
            now, before = _quantized(layer), self._trits[name]
            where = np.flatnonzero(now != before)
            into = int(np.count_nonzero(now.flat[where] == 0))
            out = int(np.count_nonzero(before.flat[where] == 0))
            zeros = int(now.size - np.count_nonzero(now))
            self._counts[name].append((into, out, len(where) - into - out, zeros))
            self._moved[name].flat[where] = True
            self._trits[name] = now

    def layers(self) -> dict[str, LayerMoves]:
        """What was seen so far, by layer.

        Raises:
            InputError: training has not begun.
        """
        if not any(self._counts.values()):
            raise InputError(
                "this recorder has seen no training step. Fix: pass it to fit(callbacks=[...])."
            )
        found = {}
        for name, layer in self._layers.items():
            counts = np.array(self._counts[name], np.int64)
            found[name] = LayerMoves(
                weights=self._trits[name].size,
                moves=counts[:, :3],
                zeros=counts[:, 3],
                never_moved=int(np.count_nonzero(~self._moved[name])),
                border=_distance(layer),
            )
        return found

    def totals(self) -> LayerMoves:
        """All layers taken together."""
        found = list(self.layers().values())
        return LayerMoves(
            weights=sum(layer.weights for layer in found),
            moves=np.sum([layer.moves for layer in found], axis=0),
            zeros=np.sum([layer.zeros for layer in found], axis=0),
            never_moved=sum(layer.never_moved for layer in found),
            border=np.concatenate([layer.border for layer in found]),
        )

    def frame(self) -> pd.DataFrame:
        """A row per layer: weights, zeros and moves of each kind per weight and step, and the rest.

        Raises:
            InputError: training has not begun.
            BnnLabError: pandas is not installed.
        """
        rows = []
        for name, layer in self.layers().items():
            rates = layer.moves.mean(axis=0) / layer.weights
            rows.append(
                {
                    "layer": name,
                    "weights": layer.weights,
                    "zero_share": layer.zeros[-1] / layer.weights,
                    **dict(zip(MOVES, rates.tolist(), strict=True)),
                    "never_moved_share": layer.never_moved / layer.weights,
                    "median_border": float(np.median(layer.border)),
                }
            )
        return to_frame(rows)


def _scaled(layer: Any) -> NDArray[np.float32]:
    kernel = layer.kernel.numpy()
    scale = max(np.float32(np.abs(kernel).mean(dtype=np.float64)), LEAST)
    return kernel / scale


def _quantized(layer: Any) -> NDArray[np.int8]:
    if layer.kernel_quantizer != _TERNARY:
        return np.where(layer.kernel.numpy() < 0, np.int8(-1), np.int8(1))
    return np.clip(np.rint(_scaled(layer)), -1, 1).astype(np.int8)


def _distance(layer: Any) -> NDArray[np.float32]:
    magnitude = np.abs(_scaled(layer)).ravel()
    return magnitude if layer.kernel_quantizer != _TERNARY else np.abs(magnitude - np.float32(0.5))
