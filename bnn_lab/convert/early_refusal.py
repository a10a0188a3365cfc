"""Refuses a large model without any binary layer before the work, from its Keras layers alone.

A layer can be binary only if its input takes two values. Where every value of a model is a sum, a
normalization, a maximum, an average or a common activation of such values, two values come from
quantizers only; one that takes three values between 0 and 1, where activations end up, is none of
two values, whatever comes before it. That is proved by calling it, so no weight is read, and
nothing is traced. A layer of any other kind leaves the question open: the passes answer it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert.layer_map import SourceLayer, leaf_layers
from bnn_lab.errors import NoBinaryLayerError

# Of real numbers all of these make real numbers, among them some of [0, 1].
_PLAIN = (
    "InputLayer", "Conv1D", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose",
    "Dense", "BatchNormalization", "LayerNormalization", "MaxPooling1D", "MaxPooling2D",
    "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "Flatten", "Reshape", "Permute", "Dropout", "ZeroPadding1D", "ZeroPadding2D", "Add",
    "Concatenate", "Activation", "PReLU", "LeakyReLU",
)  # fmt: skip
_QUANTIZED = (
    "QuantConv1D", "QuantConv2D", "QuantDense", "QuantDepthwiseConv2D", "QuantSeparableConv1D",
    "QuantSeparableConv2D", "QuantConv2DTranspose", "QuantLocallyConnected1D",
    "QuantLocallyConnected2D",
)  # fmt: skip
_ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "softmax", "elu", "swish", "gelu")
_PROBES = 1025
_SHOWN = 16  # values of a quantizer that are listed


LARGE = 16 << 20  # bytes of weights; of a smaller model the passes say more in a moment


def refuse_early(model: Any, name: str) -> None:
    """Raise `NoBinaryLayerError` if a large Keras model certainly has no binary layer.

    Args:
        model: any; only a functional or sequential Keras model can be judged.
        name: its name, for the message.

    Raises:
        NoBinaryLayerError: it has none; says why for each layer with a quantizer.
    """
    if not getattr(model, "_is_graph_network", False):
        return  # nor has it weights, unless it was called
    if sum(int(np.prod(weight.shape)) for weight in model.weights) * 4 < LARGE:
        return
    reasons = no_binary_layer(model)
    if reasons is not None:
        listed = "\n".join(reasons) or "  - no layer has quantizers"
        raise NoBinaryLayerError(
            f"no layer of the model '{name}' can run as a binary operation:\n{listed}"
        )


def no_binary_layer(model: Any) -> list[str] | None:
    """Why each layer with a quantizer is float, None if one might be binary.

    Args:
        model: see `refuse_early`.
    """
    tf = require_tensorflow()
    if not getattr(model, "_is_graph_network", False):
        return None
    if any(tensor.dtype != tf.float32 for tensor in model.inputs):
        return None
    reasons = []
    for held in leaf_layers(model):
        kind = _kind(tf, held.layer)
        if kind is None or not _keeps_numbers_real(tf, held.layer):
            return None
        if kind in _QUANTIZED:
            reason = _why_float(held)
            if reason is None:
                return None
            reasons.append(f"  - '{held.path}' ({kind}): {reason}")
    return reasons


def _kind(tf: Any, layer: Any) -> str | None:
    """A layer's class, None for what may be anything, such as a class derived from it."""
    import larq

    kind = type(layer)
    for names, module in ((_PLAIN, tf.keras.layers), (_QUANTIZED, larq.layers)):
        if kind.__name__ in names and kind is getattr(module, kind.__name__, None):
            return str(kind.__name__)
    return "ReLU" if kind is tf.keras.layers.ReLU else None


def _keeps_numbers_real(tf: Any, layer: Any) -> bool:
    gamma = getattr(layer, "gamma", None)
    if gamma is not None and not np.any(gamma):
        return False  # its result is a constant
    if type(layer).__name__ == "ReLU":
        return bool(layer.max_value is None or layer.max_value >= 1) and not layer.threshold
    activation = getattr(layer, "activation", None)
    known = [tf.nn.relu, tf.nn.relu6, tf.nn.softmax, tf.nn.sigmoid, tf.nn.tanh]
    known += [getattr(tf.keras.activations, name) for name in _ACTIVATIONS]
    return activation is None or any(activation is function for function in known)


def _why_float(held: SourceLayer) -> str | None:
    """The reason and the fix, None if the layer's input may take two values."""
    quantizer = held.layer.input_quantizer
    if quantizer is None:
        return 'its input is not binary. Fix: use input_quantizer="ste_sign".'
    shape = getattr(held.layer, "input_shape", None)  # none of a layer with several inputs
    if not isinstance(shape, tuple) or len(shape) < 2:
        return None
    inside = _values(quantizer, shape, 0, 1)
    if max((len(values) for values in inside), default=0) < 3:
        return None
    values = max(_values(quantizer, shape, -2, 2), key=len)
    if len(values) > _SHOWN:
        said = "many values"
    else:
        shown = [f"{value:.6g}" for value in values]
        said = f"{len(values)} values, {', '.join(shown[:-1])} and {shown[-1]}"
    return (
        f"its input quantizer gives {said}, as ternary and DoReFa quantizers do. Fix: use a "
        "quantizer of two values, such as ste_sign."
    )


def _values(quantizer: Any, shape: tuple[Any, ...], low: float, high: float) -> list[np.ndarray]:
    """What a quantizer makes of numbers between two, for each channel; nothing if it fails."""
    numbers = np.linspace(low, high, _PROBES, dtype=np.float32)
    column = numbers.reshape(-1, *(1,) * (len(shape) - 1))
    probe = np.repeat(column, shape[-1] or 1, axis=-1)
    try:
        found = np.asarray(quantizer(require_tensorflow().constant(probe)))
    except Exception:  # whatever a quantizer raises that wants another shape
        return []
    if found.shape != probe.shape or not np.isfinite(found).all():
        return []
    return [np.unique(found[..., channel]) for channel in range(found.shape[-1])]
