"""Random larq networks: whatever is drawn, the converted file computes what Keras does."""

from __future__ import annotations

from typing import Any, NamedTuple

import hypothesis.strategies as st
import larq as lq
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import (
    convert_keras_model,
    explain,
    export_model,
    import_model,
    ir_text,
)
from bnn_lab.errors import NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers
INPUT_QUANTIZERS = ["ste_sign", "approx_sign", "swish_sign", "ste_tern", "ste_heaviside", None]
KERNEL_QUANTIZERS = ["ste_sign", "magnitude_aware_sign", "ste_tern", None]
CHANNELS = [1, 7, 31, 32, 33, 64, 65]


class Layer(NamedTuple):
    """What the generator draws for one layer; a field that the kind does not have is unused."""

    kind: str
    channels: int
    size: int
    stride: int
    dilation: int
    padding: str
    pad_values: int
    input_quantizer: str | None
    kernel_quantizer: str | None
    activation: str | None
    use_bias: bool
    normalized: bool
    pooled: bool
    joined: str  # "", "add" or "concat" with an earlier value


# Binary more often than not: float layers end what there is to see.
often_sign = st.sampled_from(["ste_sign"] * 6 + INPUT_QUANTIZERS)
often_binary = st.sampled_from(["ste_sign"] * 6 + KERNEL_QUANTIZERS)
drawn_layers = st.builds(
    Layer,
    kind=st.sampled_from(["conv"] * 5 + ["depthwise", "separable", "transposed", "grouped"]),
    channels=st.sampled_from(CHANNELS),
    size=st.sampled_from([1, 2, 3]),
    stride=st.sampled_from([1, 1, 2]),
    dilation=st.sampled_from([1, 1, 2]),
    padding=st.sampled_from(["valid", "same", "same", "explicit"]),
    pad_values=st.sampled_from([0, 1]),
    input_quantizer=often_sign,
    kernel_quantizer=often_binary,
    activation=st.sampled_from([None, None, "relu", "tanh"]),
    use_bias=st.booleans(),
    normalized=st.booleans(),
    pooled=st.sampled_from([False, False, True]),
    joined=st.sampled_from(["", "", "add", "concat"]),
)


def add_layer(x: Any, drawn: Layer) -> Any:
    quantizers = {"input_quantizer": drawn.input_quantizer}
    common = {"use_bias": drawn.use_bias, "activation": drawn.activation}
    padding = {"padding": drawn.padding, "pad_values": drawn.pad_values}
    if drawn.padding == "explicit":
        if drawn.input_quantizer is not None:
            x = lq.quantizers.get(drawn.input_quantizer)(x)
        quantizers = {"input_quantizer": None}
        x = layers.ZeroPadding2D(((1, 0), (0, drawn.size - 1)))(x)
        padding = {"padding": "valid"}
    if padding["padding"] == "valid":
        padding.pop("pad_values", None)
        if min(x.shape[1:3]) <= drawn.size * drawn.dilation:
            padding = {"padding": "same"}
    step: dict[str, Any] = {"strides": drawn.stride}
    if drawn.stride == 1:
        step = {"dilation_rate": drawn.dilation}
    kernel = {"kernel_quantizer": drawn.kernel_quantizer}
    channels = drawn.channels
    if drawn.kind == "depthwise":
        depthwise = {"depthwise_quantizer": drawn.kernel_quantizer, "depth_multiplier": 1}
        layer = lq.layers.QuantDepthwiseConv2D(
            drawn.size, **quantizers, **depthwise, **common, **padding, **step
        )
    elif drawn.kind == "separable":
        both = {
            name: drawn.kernel_quantizer for name in ("depthwise_quantizer", "pointwise_quantizer")
        }
        layer = lq.layers.QuantSeparableConv2D(
            channels, drawn.size, **quantizers, **both, **common, **padding
        )
    elif drawn.kind == "transposed":
        padding.pop("pad_values", None)
        layer = lq.layers.QuantConv2DTranspose(
            channels, drawn.size, strides=drawn.stride, **quantizers, **kernel, **common, **padding
        )
    else:
        groups = 2 if drawn.kind == "grouped" and x.shape[-1] % 2 == 0 else 1
        layer = lq.layers.QuantConv2D(
            channels * groups, drawn.size, groups=groups,
            **quantizers, **kernel, **common, **padding, **step,
        )  # fmt: skip
    y = layer(x)
    if drawn.pooled and min(y.shape[1:3]) > 1:
        y = layers.MaxPool2D(2, padding="same")(y)
    return layers.BatchNormalization()(y) if drawn.normalized else y


@st.composite
def networks(draw: st.DrawFn) -> list[Any]:
    first = draw(st.sampled_from(CHANNELS))
    chain = draw(st.lists(drawn_layers, min_size=1, max_size=4))
    dense = draw(
        st.lists(st.tuples(st.sampled_from(CHANNELS), often_sign, often_binary), max_size=2)
    )
    return [first, chain, dense]


def build(first: int, chain: list[Layer], dense: list[tuple[int, Any, Any]]) -> tf.keras.Model:
    inputs = x = tf.keras.Input((8, 7, first))
    earlier = [x]
    for drawn in chain:
        x = add_layer(x, drawn)
        alike = [y for y in earlier if y.shape[1:3] == x.shape[1:3]]
        same = [y for y in alike if y.shape[-1] == x.shape[-1]]
        if drawn.joined == "add" and same:
            x = layers.add([x, same[-1]])
        elif drawn.joined == "concat" and alike:
            x = layers.concatenate([alike[-1], x])
        earlier.append(x)
    if dense:
        x = layers.Flatten()(x)
    for units, input_quantizer, kernel_quantizer in dense:
        x = lq.layers.QuantDense(
            units, input_quantizer=input_quantizer, kernel_quantizer=kernel_quantizer
        )(x)
        x = layers.BatchNormalization()(x)
    return tf.keras.Model(inputs, x)


def set_weights(model: tf.keras.Model) -> None:
    """Latents, biases and statistics in eighths: float sums are exact, so no sign is in doubt."""
    rng = np.random.default_rng(17)
    for layer in model.layers:
        weights = []
        for weight in layer.weights:
            values = rng.integers(-8, 9, weight.shape) / 8
            if "variance" in weight.name:
                # With epsilon 1e-3 taken off, 1 / sqrt(variance + epsilon) is a power of two.
                values = rng.choice([0.25, 1.0, 4.0], weight.shape) - 1e-3
            elif "gamma" in weight.name:
                values = rng.choice([-2.0, -0.5, 0.0, 0.5, 1.0], weight.shape)
            elif "mean" in weight.name or "beta" in weight.name:
                values = values + 1 / 16  # off the values that accumulators take
            weights.append(values.astype(np.float32))
        if weights:
            layer.set_weights(weights)


@pytest.mark.parametrize("lce_compatible", [True, False])
def test_converted_equals_keras(interpreters, lce_compatible):
    runs = 0

    @settings(
        max_examples=15,
        phases=[Phase.explicit, Phase.generate],  # shrinking would convert for minutes
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def check(drawn: list[Any]) -> None:
        nonlocal runs
        tf.keras.backend.clear_session()
        model = build(*drawn)
        set_weights(model)
        note(f"{drawn}")
        try:
            file = convert_keras_model(model, lce_compatible=lce_compatible)
        except NoBinaryLayerError:
            assert explain(model, lce_compatible=lce_compatible).binary_layers == []
            return
        runs += 1
        data = np.random.default_rng(1).integers(-8, 9, (2, 8, 7, drawn[0])) / 8 + 1 / 64
        data = data.astype(np.float32)
        want = model.predict(data, batch_size=1, verbose=0)
        for name, run in interpreters.items():
            grouped = any(layer.kind == "grouped" for layer in drawn[1])
            if name == "lce" and not lce_compatible:
                continue
            (got,) = run(file, data, grouped)
            bound = 1e-4 * max(1.0, float(np.abs(want).max()))
            apart = np.abs(got - want)
            # A tanh can put a value within rounding of zero; its sign then changes one sample.
            worst = apart.reshape(len(apart), -1).max(axis=1)
            assert np.sort(worst)[0] <= bound, (name, drawn)
            if not any(layer.activation == "tanh" for layer in drawn[1]):
                assert worst.max() <= bound, (name, drawn)
        module = import_model(file)
        assert ir_text(import_model(export_model(module))) == ir_text(module)

    check()
    assert runs >= 5
