"""What each larq layer and quantizer becomes: cases that `test_op_support.py` proves and the
documentation's page "Op support" prints.

`layer(tf, lq)` makes the layer under test; TensorFlow and larq are passed in, so that printing the
table needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FLOAT = "float"
BCONV = "LceBconv2d"
DEPTHWISE = "BnnLabDepthwise2d"
TRANSPOSE = "BnnLabTranspose2d"

BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        group: heading of its table.
        name: layer or quantizer, and its options.
        layer: makes it; called with the modules `tf` and `larq`.
        lce: op in a file that LCE can run, or FLOAT.
        own: op with `lce_compatible=False`.
        shape: of the input, without the batch.
        note: what a user should know.
    """

    group: str
    name: str
    layer: Callable[[Any, Any], Any]
    lce: str = BCONV
    own: str = BCONV
    shape: tuple[int, ...] = (6, 6, 32)
    note: str = ""


def _conv(**options: Any) -> Callable[[Any, Any], Any]:
    return lambda tf, lq: lq.layers.QuantConv2D(32, 3, **{**BINARY, **options})


def _quantized(input_quantizer: str, kernel_quantizer: str) -> Callable[[Any, Any], Any]:
    return _conv(input_quantizer=input_quantizer, kernel_quantizer=kernel_quantizer)


_LAYERS = (
    ("QuantConv2D, valid", _conv(), {}),
    ("QuantConv2D, same, padded with ones", _conv(padding="same", pad_values=1.0), {}),
    (
        "QuantConv2D, same, padded with zeros",
        _conv(padding="same"),
        {"note": "exact; the border costs a correction"},
    ),
    ("QuantConv2D, strides", _conv(strides=2, padding="same", pad_values=1.0), {}),
    ("QuantConv2D, dilated", _conv(dilation_rate=2), {}),
    (
        "QuantConv2D, groups of 32 channels",
        _conv(groups=2),
        {"shape": (6, 6, 64), "note": "LCE's default x86 kernel rejects groups"},
    ),
    (
        "QuantConv2D, groups of 16 channels",
        _conv(groups=2),
        {"note": "each group fills up whole words"},
    ),
    ("QuantConv2D, input not quantized", _conv(input_quantizer=None), {"lce": FLOAT, "own": FLOAT}),
    (
        "QuantConv1D",
        lambda tf, lq: lq.layers.QuantConv1D(32, 3, **BINARY),
        {"shape": (9, 32)},
    ),
    (
        "QuantConv1D, causal, dilated",
        lambda tf, lq: lq.layers.QuantConv1D(32, 3, padding="causal", dilation_rate=2, **BINARY),
        {"shape": (9, 32)},
    ),
    (
        "QuantDense",
        lambda tf, lq: lq.layers.QuantDense(16, **BINARY),
        {"shape": (64,), "note": "as a 1x1 convolution"},
    ),
    (
        "QuantDepthwiseConv2D",
        lambda tf, lq: lq.layers.QuantDepthwiseConv2D(
            3, input_quantizer="ste_sign", depthwise_quantizer="ste_sign", use_bias=False
        ),
        {"lce": FLOAT, "own": DEPTHWISE, "note": "LCE has no such op"},
    ),
    (
        "QuantConv2DTranspose",
        lambda tf, lq: lq.layers.QuantConv2DTranspose(32, 3, strides=2, **BINARY),
        {"lce": FLOAT, "own": TRANSPOSE, "note": "LCE has no such op"},
    ),
    (
        "QuantSeparableConv2D",
        lambda tf, lq: lq.layers.QuantSeparableConv2D(
            32,
            3,
            input_quantizer="ste_sign",
            depthwise_quantizer="ste_sign",
            pointwise_quantizer="ste_sign",
            use_bias=False,
        ),
        {
            "lce": FLOAT,
            "own": DEPTHWISE,
            "note": "the pointwise half reads sums, not signs, so it stays float",
        },
    ),
    (
        "QuantLocallyConnected2D",
        lambda tf, lq: lq.layers.QuantLocallyConnected2D(8, 3, **BINARY),
        {"lce": FLOAT, "own": FLOAT},
    ),
    (
        "QuantConv3D",
        lambda tf, lq: lq.layers.QuantConv3D(8, 3, **BINARY),
        {"lce": FLOAT, "own": FLOAT, "shape": (4, 4, 4, 8)},
    ),
)

_QUANTIZERS = (
    ("ste_sign", "ste_sign", BCONV, ""),
    ("approx_sign", "approx_sign", BCONV, ""),
    ("swish_sign", "swish_sign", BCONV, ""),
    ("ste_sign", "magnitude_aware_sign", BCONV, "the kernel's scales become multipliers"),
    ("ste_heaviside", "ste_sign", BCONV, "0 and 1 as input; a constant is added per channel"),
    ("ste_tern", "ste_sign", FLOAT, "ternary input"),
    ("ste_sign", "ste_tern", FLOAT, "ternary kernel"),
    ("dorefa_quantizer", "ste_sign", FLOAT, "two bits as input"),
)

CASES = (
    *(Case("Layers", name, layer, **more) for name, layer, more in _LAYERS),
    *(
        Case(
            "Quantizers, on QuantConv2D",
            f"input {given}, kernel {kernel}",
            _quantized(given, kernel),
            lce=op,
            own=op,
            note=note,
        )
        for given, kernel, op, note in _QUANTIZERS
    ),
)
