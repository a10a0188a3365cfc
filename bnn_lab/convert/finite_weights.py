"""NaN and infinity among weights, which training left behind when it diverged.

In a converted graph such a number is folded into others, and the layer that it came from is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bnn_lab.convert.layer_map import SourceLayer
from bnn_lab.errors import ConversionError

# Elsewhere infinity may be meant: a mask of attention, for example.
_KNOWN = ("keras.", "tf_keras.", "larq.", "bnn_lab.")


def check_finite(layers: Iterable[SourceLayer]) -> None:
    """Refuse a model with NaN in its weights, or infinity where it has no meaning.

    Infinity is left to layers of the user's own, and to latent weights, which have signs all the
    same.

    Args:
        layers: of the model, built.

    Raises:
        ConversionError: names the layer, the weight and the index.
    """
    for source in layers:
        for layer in source.layer._flatten_layers():  # a layer may hold others
            for weight in layer._trainable_weights + layer._non_trainable_weights:
                if getattr(weight.dtype, "is_floating", False):
                    _check(source.path, layer, weight)


def _check(path: str, layer: Any, weight: Any) -> None:
    values = weight.numpy()
    bad = np.isnan(values) if _may_be_infinite(layer, weight) else ~np.isfinite(values)
    if bad.any():
        at = tuple(int(index) for index in np.argwhere(bad)[0])
        name = weight.name.rpartition("/")[2].partition(":")[0]
        inner = "" if path.rpartition("/")[2] == layer.name else f"/{layer.name}"
        raise ConversionError(
            f"layer '{path}{inner}': its weight '{name}' holds {values[at]} at {at}. Fix: "
            "train again from a state before this; the callback TerminateOnNaN stops in time"
        )


def _may_be_infinite(layer: Any, weight: Any) -> bool:
    if not type(layer).__module__.startswith(_KNOWN):
        return True
    for kernel in ("kernel", "depthwise_kernel", "pointwise_kernel"):
        if weight is getattr(layer, kernel, None):
            quantizer = kernel.replace("_kernel", "") + "_quantizer"
            return getattr(layer, quantizer, None) is not None
    return False
