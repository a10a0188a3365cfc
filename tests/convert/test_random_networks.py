"""Random larq networks: whatever is drawn, the converted file computes what Keras does."""

from __future__ import annotations

from typing import Any, NamedTuple

import hypothesis.strategies as st
import larq as lq
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings

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


def at_least_zero(x: Any) -> Any:
    """0 or 1, as a cast of a comparison gives it."""
    return tf.cast(x >= 0, tf.float32)


def folded_sign(x: Any) -> Any:
    """A sign whose 2 and -1 the stock converter folds into the layer."""
    return tf.cast(x >= 0, tf.float32) * 2 - 1


def chosen_sign(x: Any) -> Any:
    return tf.where(x < 0, -1.0, 1.0)


INPUT_QUANTIZERS = [
    "ste_sign", "approx_sign", "swish_sign", "ste_tern", "ste_heaviside", None, at_least_zero,
    folded_sign, chosen_sign,
]  # fmt: skip
KERNEL_QUANTIZERS = ["ste_sign", "magnitude_aware_sign", "swish_sign", "ste_tern",
                     "ste_heaviside", None]  # fmt: skip
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
    input_quantizer: Any
    kernel_quantizer: str | None
    activation: str | None
    use_bias: bool
    normalized: bool
    pooled: str  # "", "max" or "average"
    branch: int  # how many values back the input lies
    joined: str  # "", "add" or "concat" with an earlier value


# Binary more often than not: float layers end what there is to see.
often_sign = st.sampled_from(["ste_sign"] * 8 + INPUT_QUANTIZERS)
often_binary = st.sampled_from(["ste_sign"] * 8 + KERNEL_QUANTIZERS)
KINDS = [
    "depthwise",
    "separable",
    "transposed",
    "grouped",
    "grouped",
    "sequence",
    "pixels",
    "local",
]
drawn_layers = st.builds(
    Layer,
    kind=st.sampled_from(["conv"] * 6 + KINDS),
    channels=st.sampled_from(CHANNELS),
    size=st.sampled_from([1, 2, 3]),
    stride=st.sampled_from([1, 1, 2]),
    dilation=st.sampled_from([1, 1, 2]),
    padding=st.sampled_from(["valid", "same", "same", "explicit"]),
    pad_values=st.sampled_from([0, 1]),
    input_quantizer=often_sign,
    kernel_quantizer=often_binary,
    activation=st.sampled_from([None, None, "relu", "tanh", "relu6", "hard_tanh"]),
    use_bias=st.booleans(),
    normalized=st.booleans(),
    pooled=st.sampled_from(["", "", "max", "average"]),
    branch=st.sampled_from([0, 0, 0, 1, 2]),
    joined=st.sampled_from(["", "", "add", "concat"]),
)


def add_layer(x: Any, drawn: Layer) -> Any:
    y = make_layer(x, drawn)
    if drawn.pooled and min(y.shape[1:3]) > 1:
        pool = layers.MaxPool2D if drawn.pooled == "max" else layers.AvgPool2D
        # A window that reaches over the edge averages fewer values: a division by 3 is not exact.
        y = pool(2, padding="same" if drawn.pooled == "max" else "valid")(y)
    return layers.BatchNormalization()(y) if drawn.normalized else y


def make_layer(x: Any, drawn: Layer) -> Any:
    # LCE's kernels are wrong about windows larger than an image padded with zeros.
    extent = x.shape[1] * x.shape[2] if drawn.kind == "sequence" else min(x.shape[1:3])
    size = min(drawn.size, extent)
    dilation = drawn.dilation if (size - 1) * drawn.dilation < extent else 1
    quantizers = {"input_quantizer": drawn.input_quantizer}
    activation = tf.nn.relu6 if drawn.activation == "relu6" else drawn.activation
    common = {"use_bias": drawn.use_bias, "activation": activation}
    padding = {"padding": drawn.padding, "pad_values": drawn.pad_values}
    if drawn.padding == "explicit":
        if drawn.input_quantizer is not None:
            x = lq.quantizers.get(drawn.input_quantizer)(x)
        quantizers = {"input_quantizer": None}
        x = layers.ZeroPadding2D(((1, 0), (0, size - 1)))(x)
        padding = {"padding": "valid"}
    if padding["padding"] == "valid":
        padding.pop("pad_values", None)
        if min(x.shape[1:3]) <= size * dilation:
            padding = {"padding": "same"}
    step: dict[str, Any] = {"strides": drawn.stride}
    if drawn.stride == 1:
        step = {"dilation_rate": dilation}
    kernel = {"kernel_quantizer": drawn.kernel_quantizer}
    channels = drawn.channels
    if drawn.kind == "depthwise":
        depthwise = {"depthwise_quantizer": drawn.kernel_quantizer, "depth_multiplier": 1}
        return lq.layers.QuantDepthwiseConv2D(
            size, **quantizers, **depthwise, **common, **padding, **step
        )(x)
    if drawn.kind == "separable":
        both = {
            name: drawn.kernel_quantizer for name in ("depthwise_quantizer", "pointwise_quantizer")
        }
        return lq.layers.QuantSeparableConv2D(
            channels, size, **quantizers, **both, **common, **padding
        )(x)
    if drawn.kind == "transposed":
        padding.pop("pad_values", None)
        return lq.layers.QuantConv2DTranspose(
            channels, size, strides=drawn.stride, **quantizers, **kernel, **common, **padding
        )(x)
    if drawn.kind == "sequence":
        height, width, old = x.shape[1:]
        if height * width <= size * dilation:
            padding = {"padding": "same"}
        rows = layers.Reshape((height * width, old))(x)
        y = lq.layers.QuantConv1D(
            channels, size, **quantizers, **kernel, **common, **padding, **step
        )(rows)
        return layers.Reshape((1, y.shape[1], channels))(y)
    if drawn.kind == "pixels":
        return lq.layers.QuantDense(channels, **quantizers, **kernel, **common)(x)
    if drawn.kind == "local" and min(x.shape[1:3]) >= size:
        return lq.layers.QuantLocallyConnected2D(
            min(channels, 7), size, **quantizers, **kernel, **common
        )(x)
    groups = 1
    if drawn.kind == "grouped":
        groups = next(count for count in (4, 3, 2, 1) if x.shape[-1] % count == 0)
    return lq.layers.QuantConv2D(
        channels * groups, size, groups=groups,
        **quantizers, **kernel, **common, **padding, **step,
    )(x)  # fmt: skip


@st.composite
def networks(draw: st.DrawFn) -> list[Any]:
    first = draw(st.sampled_from(CHANNELS))
    chain = draw(st.lists(drawn_layers, min_size=1, max_size=5))
    dense = draw(
        st.lists(st.tuples(st.sampled_from(CHANNELS), often_sign, often_binary), max_size=2)
    )
    return [first, chain, dense, draw(st.booleans())]


def build(first: int, chain: list[Layer], dense: list[Any], two_outputs: bool) -> tf.keras.Model:
    inputs = x = tf.keras.Input((8, 7, first))
    earlier = [x]
    for drawn in chain:
        x = add_layer(earlier[max(-1 - drawn.branch, -len(earlier))], drawn)
        alike = [y for y in earlier if y.shape[1:3] == x.shape[1:3]]
        same = [y for y in alike if y.shape[-1] == x.shape[-1]]
        if drawn.joined == "add" and same:
            x = layers.add([x, same[-1]])
        elif drawn.joined == "concat" and alike:
            x = layers.concatenate([alike[-1], x])
        earlier.append(x)
    image = x
    if dense:
        x = layers.Flatten()(x)
    for units, input_quantizer, kernel_quantizer in dense:
        x = lq.layers.QuantDense(
            units, input_quantizer=input_quantizer, kernel_quantizer=kernel_quantizer
        )(x)
        x = layers.BatchNormalization()(x)
    if two_outputs and x is not image:
        return tf.keras.Model(inputs, [x, image])
    return tf.keras.Model(inputs, x)


def set_weights(model: tf.keras.Model) -> None:
    """Latents, biases and statistics in eighths: float sums are exact, so no sign is in doubt."""
    rng = np.random.default_rng(17)
    for layer in model.layers:
        weights = []
        for weight in layer.weights:
            values = rng.integers(-8, 9, weight.shape) / 8
            if getattr(layer, "kernel_quantizer", None) is not None and "magnitude" in str(
                layer.get_config()["kernel_quantizer"]
            ):
                values = rng.choice([-0.5, 0.5], weight.shape)  # whose mean magnitude is exact
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


def run_networks(interpreters: Any, lce_compatible: bool, count: int, first_seed: int) -> None:
    runs = 0

    @seed(first_seed)
    @settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.generate],  # shrinking would convert for minutes
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def check(drawn: list[Any]) -> None:
        nonlocal runs
        runs += check_network(interpreters, lce_compatible, drawn)

    check()
    assert runs >= count // 3


def check_network(interpreters: Any, lce_compatible: bool, drawn: list[Any]) -> bool:
    """Whether the network had a binary layer; asserts that its outputs are Keras'."""
    tf.keras.backend.clear_session()
    model = build(*drawn)
    set_weights(model)
    note(f"{drawn}")
    try:
        file = convert_keras_model(model, lce_compatible=lce_compatible)
    except NoBinaryLayerError:
        assert explain(model, lce_compatible=lce_compatible).binary_layers == []
        return False
    data = np.random.default_rng(1).integers(-8, 9, (2, 8, 7, drawn[0])) / 8 + 1 / 64
    data = data.astype(np.float32)
    wanted = model.predict(data, batch_size=1, verbose=0)
    wanted = wanted if isinstance(wanted, list) else [wanted]
    kinds = {layer.kind for layer in drawn[1]}
    for name, run in interpreters.items():
        # LCE's interpreter, of an older TFLite, may negate values in place behind a reshape while
        # another op still reads them; it takes the reshape of a locally connected layer.
        if name == "lce" and (not lce_compatible or "local" in kinds):
            continue
        grouped = "grouped" in kinds
        for want, got in zip(wanted, run(file, data, grouped), strict=True):
            bound = 1e-4 * max(1.0, float(np.abs(want).max()))
            # A tanh can put a value within rounding of zero; its sign then changes one sample.
            worst = np.abs(got - want).reshape(len(got), -1).max(axis=1)
            assert np.sort(worst)[0] <= bound, (name, drawn)
            if not any(layer.activation == "tanh" for layer in drawn[1]):
                assert worst.max() <= bound, (name, drawn)
    module = import_model(file)
    assert ir_text(import_model(export_model(module))) == ir_text(module)
    return True


@pytest.mark.slow
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_converted_equals_keras(interpreters, lce_compatible):
    run_networks(interpreters, lce_compatible, count=15, first_seed=0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first_seed", range(1, 11))
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_many_networks(interpreters, lce_compatible, first_seed):
    run_networks(interpreters, lce_compatible, count=20, first_seed=first_seed)
