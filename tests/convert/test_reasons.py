"""Each kind of layer broken in each way: the report's reason names that, and following it helps.

`test_quantizers.py` does the same for each spelling of a sign.

All kinds: pytest -m exhaustive tests/convert/test_reasons.py
"""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import explain

tf = require_tensorflow()
layers, quant = tf.keras.layers, lq.layers
DATA = np.random.default_rng(8).normal(size=(4, 8, 8, 4)).astype(np.float32)


def in_rows(layer):
    return lambda y: layer(layers.Reshape((64, 32))(y))


def in_cubes(layer):
    return lambda y: layer(layers.Reshape((4, 4, 4, 32))(y))


def kernel_options(given, kernel):
    return {"input_quantizer": given, "kernel_quantizer": kernel, "use_bias": False}


def halves(given, kernel):
    return {
        "input_quantizer": given, "depthwise_quantizer": kernel, "pointwise_quantizer": kernel,
        "use_bias": False,
    }  # fmt: skip


def depthwise(given, kernel, **options):
    return quant.QuantDepthwiseConv2D(
        3, input_quantizer=given, depthwise_quantizer=kernel, use_bias=False, **options
    )


# How a layer is built from its two quantizers and its name.
KINDS = {
    "convolution": lambda g, k, **o: quant.QuantConv2D(4, 3, **kernel_options(g, k), **o),
    "dilated": lambda g, k, **o: quant.QuantConv2D(
        4, 3, dilation_rate=2, padding="same", **kernel_options(g, k), **o
    ),
    "grouped": lambda g, k, **o: quant.QuantConv2D(
        4, 3, groups=4, padding="same", pad_values=1, **kernel_options(g, k), **o
    ),
    "sequence": lambda g, k, **o: in_rows(quant.QuantConv1D(4, 3, **kernel_options(g, k), **o)),
    "causal": lambda g, k, **o: in_rows(
        quant.QuantConv1D(
            16, 3, padding="causal", dilation_rate=2, **kernel_options(g, k), **o
        )
    ),
    "pixels": lambda g, k, **o: quant.QuantDense(4, **kernel_options(g, k), **o),
    "dense": lambda g, k, **o: lambda y: quant.QuantDense(4, **kernel_options(g, k), **o)(
        layers.Flatten()(y)
    ),
    "depthwise": depthwise,
    "transposed": lambda g, k, **o: quant.QuantConv2DTranspose(4, 3, **kernel_options(g, k), **o),
    "separable": lambda g, k, **o: quant.QuantSeparableConv2D(4, 3, **halves(g, k), **o),
    "separable rows": lambda g, k, **o: in_rows(
        quant.QuantSeparableConv1D(4, 3, **halves(g, k), **o)
    ),
    "local": lambda g, k, **o: quant.QuantLocallyConnected2D(2, 3, **kernel_options(g, k), **o),
    "local rows": lambda g, k, **o: in_rows(
        quant.QuantLocallyConnected1D(2, 3, **kernel_options(g, k), **o)
    ),
    "cubes": lambda g, k, **o: in_cubes(quant.QuantConv3D(2, 2, **kernel_options(g, k), **o)),
    "transposed cubes": lambda g, k, **o: in_cubes(
        quant.QuantConv3DTranspose(2, 2, **kernel_options(g, k), **o)
    ),
}  # fmt: skip
OF_OUR_OWN = ("depthwise", "transposed", "separable", "separable rows")
WITHOUT_KERNEL = ("local", "local rows", "cubes", "transposed cubes")


def ternary(x):
    return tf.sign(tf.where(tf.abs(x) < 0.1, 0.0, x))


def zero_at_zero(x):
    return tf.sign(x)


# The two quantizers, the reason, and whether the fix is for the input or the kernel.
WAYS = {
    "not broken": ("ste_sign", "ste_sign", "", ""),
    "kernel": ("ste_sign", None, "its filter is not binary", "kernel"),
    "zeros in the kernel": ("ste_sign", "ste_tern", "holds zeros besides", "kernel"),
    "input": (None, "ste_sign", "is not binary (computed by", "input"),
    "both": (None, None, "and neither is its filter", "both"),
    "three values": (ternary, "ste_sign", "takes 3 values", "quantizer"),
    "wrong zero": (zero_at_zero, "ste_sign", "a plain sign, which is 0 at 0", "input"),
}


def network(kinds=tuple(KINDS)):
    """All layers side by side, between a float layer and a binary one."""
    tf.keras.utils.set_random_seed(4)
    x = tf.keras.Input((8, 8, 4))
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", name="stem")(x))
    ends = []
    for kind in kinds:
        build = KINDS[kind]
        for way, (given, kernel, _, _) in WAYS.items():
            layer = build(given, kernel, name=f"{kind}-{way}".replace(" ", "_"))
            ends.append(layers.Flatten()(layer(y)))
    y = quant.QuantDense(2, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="last")
    return tf.keras.Model(x, y(layers.concatenate(ends)))


MODES = {
    "float": {},
    "own ops": {"lce_compatible": False},
    "int8": {"representative_dataset": DATA},
    "int8, own ops": {"representative_dataset": DATA, "lce_compatible": False},
}


ALWAYS = ("grouped", "causal", "separable", "local")


def check(kinds, mode):
    report = explain(network(kinds), **MODES[mode])
    found = {layer.name: layer for layer in report.layers}
    wrong = []
    for kind in kinds:
        for way in WAYS:
            layer = found[f"{kind}-{way}".replace(" ", "_")]
            problem = fault(kind, way, layer, own="own ops" in mode)
            if problem:
                wrong.append((kind, way, problem, layer.verdict, layer.reason, layer.advice))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("mode", ["own ops", "int8"])
def test_reasons(mode):
    check(ALWAYS, mode)


@pytest.mark.exhaustive
@pytest.mark.parametrize("mode", MODES)
def test_reasons_of_all_kinds(mode):
    check(tuple(KINDS), mode)


def fault(kind, way, layer, own):
    """What is wrong about a row of the report, "" if nothing is."""
    _, _, reason, fix = WAYS[way]
    if kind in WITHOUT_KERNEL:
        told = "for which there is no binary kernel" in layer.reason and not layer.advice
        return "" if layer.verdict == "float" and told else "no kernel"
    lce = kind in OF_OUR_OWN and not own
    if way == "not broken":
        if lce:
            reason, advice = "LCE has no op for it", "pass lce_compatible=False"
        elif kind.startswith("separable"):
            reason, advice = "pointwise half reads the sums", "write it as a QuantDepthwiseConv2D"
            if layer.verdict != "partly binary":
                return "verdict"
        else:
            return "" if (layer.verdict, layer.reason, layer.advice) == ("binary", "", "") else "?"
        return "" if reason in layer.reason and layer.advice.startswith(advice) else "first cause"
    if layer.verdict != "float":
        return "verdict"
    if reason not in layer.reason:
        return "reason"
    option = "depthwise_quantizer" if kind in OF_OUR_OWN and kind != "transposed" else ""
    option = f'{option or "kernel_quantizer"}="ste_sign"'
    given = 'input_quantizer="ste_sign"'
    wanted = {
        "kernel": [option], "input": [given], "both": [given, option],
        "quantizer": ["a quantizer of two values"],
    }[fix]  # fmt: skip
    for other in (option, given):
        if other not in wanted and other in layer.advice:
            return f"advises {other}, which is set"
    if lce:
        wanted.append("lce_compatible=False")
    return "" if all(part in layer.advice for part in wanted) else "fix"


def test_separable_layers_that_are_split():
    """What the report advises."""
    tf.keras.utils.set_random_seed(4)
    x = tf.keras.Input((8, 8, 4))
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same")(x))
    y = depthwise("ste_sign", "ste_sign", name="first")(y)
    y = layers.BatchNormalization()(y)
    y = quant.QuantConv2D(16, 1, **kernel_options("ste_sign", "ste_sign"), name="second")(y)
    report = explain(tf.keras.Model(x, layers.Flatten()(y)), lce_compatible=False)
    assert report.binary_layers == ["first", "second"]
