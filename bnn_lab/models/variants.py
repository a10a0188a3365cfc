"""Variants of networks that studies compare: without their shortcuts of floats."""

from __future__ import annotations

from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError

_CLASSES: dict[str, Any] = {}


def without_shortcuts(model: Any) -> Any:
    """The same network with each addition of a shortcut replaced by its first operand.

    In the networks of `bnn_lab.models` the first operand is what the binary convolution made. A
    convolution's floats then have one reader only, the next sign, so the converter lets it write
    bits. Layers on a shortcut that nobody reads any more vanish in conversion.

    Args:
        model: a functional tf_keras model.

    Returns:
        A new model with new weights.

    Raises:
        InputError: the model has no additions.
    """
    tf = require_tensorflow()
    replaced = []

    def clone(layer: Any) -> Any:
        kind = type(layer).__name__
        is_operator = kind == "TFOpLambda" and "add" in layer.name
        if kind == "Add" or is_operator:
            replaced.append(layer.name)
            return _first_operand_class()(name=f"first_of_{layer.name.replace('.', '_')}")
        return layer.__class__.from_config(layer.get_config())

    clone_of = tf.keras.models.clone_model(model, clone_function=clone)
    if not replaced:
        raise InputError(f"without_shortcuts: {model.name} adds nothing.")
    return clone_of


def _first_operand_class() -> Any:
    """The class is made on first use, because its base needs TensorFlow."""
    if not _CLASSES:
        tf = require_tensorflow()
        base: Any = tf.keras.layers.Layer

        class FirstOperand(base):
            """Returns the first of the tensors it is given."""

            def call(self, x: Any, y: Any = None, **_: Any) -> Any:
                first = x[0] if isinstance(x, (list, tuple)) else x
                return tf.identity(first)

        _CLASSES["FirstOperand"] = FirstOperand
    return _CLASSES["FirstOperand"]
