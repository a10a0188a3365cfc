"""A callback for quantizers whose parameter changes as training goes on."""

from __future__ import annotations

from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_integer
from bnn_lab.errors import InputError

_tf: Any = require_tensorflow()
_KerasCallback: Any = _tf.keras.callbacks.Callback


class QuantizerSchedule(_KerasCallback):
    """Sets the parameter of each `ede_sign`, `libra_sign` and `recu_sign` before an epoch.

    It follows from the number of the epoch, so a training that resumes with ``initial_epoch`` goes
    on where it was.

    Args:
        epochs: of the whole training, at least 1. The value for all of it is reached after the last
            one, as in the authors' codes.

    Raises:
        InputError: `epochs` is below 1; at the training's start: the model has no such quantizer.
    """

    def __init__(self, epochs: int) -> None:
        super().__init__()
        if not (is_integer(epochs) and epochs >= 1):
            raise InputError(f"QuantizerSchedule({epochs=}): must be an integer, at least 1.")
        self.epochs = epochs
        self._quantizers: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Find the quantizers."""
        self._quantizers = scheduled_quantizers(self.model)
        if not self._quantizers:
            raise InputError(
                f"QuantizerSchedule: model '{self.model.name}' has no quantizer that changes. Fix: "
                "use bnn_lab.models.recu_sign() or libra_sign(), or leave this callback out."
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the parameters."""
        for quantizer in self._quantizers:
            quantizer.set_progress(min(1.0, epoch / self.epochs))


def scheduled_quantizers(model: Any) -> list[Any]:
    """Quantizers of a model, of inputs and kernels, that have a parameter to be set."""
    layers = model._flatten_layers(recursive=True, include_self=False)
    return [layer for layer in layers if hasattr(layer, "set_progress")]
