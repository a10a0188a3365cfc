"""Random larq networks: whatever is drawn, the file computes what the stock file and Keras do."""

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
    stock_tflite,
)
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_absent, is_tfl
from bnn_lab.errors import NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers


def at_least_zero(x: Any) -> Any:
    """0 or 1, as a cast of a comparison gives it."""
    return tf.cast(x >= 0, x.dtype)


def folded_sign(x: Any) -> Any:
    """A sign whose 2 and -1 the stock converter folds into the layer."""
    return tf.cast(x >= 0, x.dtype) * 2 - 1


def chosen_sign(x: Any) -> Any:
    return tf.where(x < 0, tf.constant(-1, x.dtype), tf.constant(1, x.dtype))


def completed_sign(x: Any) -> Any:
    """QKeras': the sign, and 1 where that is 0."""
    s = tf.sign(x)
    return s + (1 - tf.abs(s))


def above_zero(x: Any) -> Any:
    """-1 at 0."""
    return tf.where(x > 0, tf.constant(1, x.dtype), tf.constant(-1, x.dtype))


def zero_or_two(x: Any) -> Any:
    return completed_sign(x) + 1


def rounded_clip(x: Any) -> Any:
    """BinaryConnect's: a hard sigmoid, rounded; 0 gives -1."""
    return 2 * tf.round(tf.clip_by_value((x + 1) / 2, 0, 1)) - 1


def turned_in_some_channels(x: Any) -> Any:
    """A sign whose direction and threshold alternate."""
    count = x.shape[-1]
    factor = tf.constant([1.0 if i % 2 else -1.0 for i in range(count)], x.dtype)
    shift = tf.constant([(i % 3 - 1) / 32 for i in range(count)], x.dtype)
    return chosen_sign(x * factor + shift)


def broadcast_choice(w: Any) -> Any:
    """A kernel's sign of scalars, whose ops TensorFlow's converter leaves in the graph."""
    return tf.where(w >= 0, tf.cast(1.0, w.dtype), tf.cast(-1.0, w.dtype))


INPUT_QUANTIZERS = [
    "ste_sign", "approx_sign", "swish_sign", "ste_tern", "ste_heaviside", None, at_least_zero,
    folded_sign, chosen_sign, completed_sign, above_zero, zero_or_two, rounded_clip,
    turned_in_some_channels,
]  # fmt: skip
KERNEL_QUANTIZERS = ["ste_sign", "magnitude_aware_sign", "swish_sign", "ste_tern",
                     "ste_heaviside", None, completed_sign, rounded_clip,
                     broadcast_choice]  # fmt: skip
CHANNELS = [1, 7, 31, 32, 33, 64, 65]
EPSILON = 2**-10  # of batch normalization


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


class Step(NamedTuple):
    """Where a network rounds a value to one of few: a quantizer's input and its thresholds."""

    value: Any
    thresholds: tuple[float, ...]

    @classmethod
    def of(cls, value: Any, quantizer: Any) -> Step:
        thresholds = {
            "ste_tern": (-0.05, 0.05),
            turned_in_some_channels: (-1 / 32, 0.0, 1 / 32),
        }
        return cls(value, thresholds.get(quantizer, (0.0,)))


def add_layer(x: Any, drawn: Layer, steps: list[Step]) -> Any:
    if drawn.input_quantizer is not None:
        steps.append(Step.of(x, drawn.input_quantizer))
    y = make_layer(x, drawn)
    if drawn.pooled and min(y.shape[1:3]) > 1:
        pool = layers.MaxPool2D if drawn.pooled == "max" else layers.AvgPool2D
        # A window that reaches over the edge averages fewer values: a division by 3 is not exact.
        y = pool(2, padding="same" if drawn.pooled == "max" else "valid")(y)
    return layers.BatchNormalization(epsilon=EPSILON)(y) if drawn.normalized else y


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


class Network(NamedTuple):
    model: tf.keras.Model
    steps: list[Step]

    def run(self, x: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The values before each step and the outputs, all of one run."""
        values = [step.value for step in self.steps]
        reader = tf.function(tf.keras.Model(self.model.inputs, [*values, *self.model.outputs]))
        rows = [[v.numpy() for v in reader(row[None], training=False)] for row in x]
        found = [np.concatenate(parts) for parts in zip(*rows, strict=True)]
        return found[: len(values)], found[len(values) :]


def build(first: int, chain: list[Layer], dense: list[Any], two_outputs: bool) -> Network:
    steps: list[Step] = []
    inputs = x = tf.keras.Input((8, 7, first))
    earlier = [x]
    for drawn in chain:
        x = add_layer(earlier[max(-1 - drawn.branch, -len(earlier))], drawn, steps)
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
        if input_quantizer is not None:
            steps.append(Step.of(x, input_quantizer))
        x = lq.layers.QuantDense(
            units, input_quantizer=input_quantizer, kernel_quantizer=kernel_quantizer
        )(x)
        x = layers.BatchNormalization(epsilon=EPSILON)(x)
    outputs = [x, image] if two_outputs and x is not image else [x]
    model = tf.keras.Model(inputs, outputs)
    # A branch that no output depends on is no part of the model, nor has it the model's weights.
    return Network(
        model, [step for step in steps if step.value._keras_history.layer in model.layers]
    )


def build_exact(drawn: list[Any], model: tf.keras.Model) -> Network:
    """The model in float64."""
    tf.keras.backend.set_floatx("float64")
    try:
        exact = build(*drawn)
    finally:
        tf.keras.backend.set_floatx("float32")
    exact.model.set_weights([weight.astype(np.float64) for weight in model.get_weights()])
    return exact


MARGIN = 5e-6  # of the largest value: how wrong float32 may be


def are_decided(
    steps: list[Step], exact: list[np.ndarray], keras: list[np.ndarray], sample: int
) -> bool:
    """Whether no value of a sample lies so near to a threshold that rounding may move it across.

    Without a tanh all values are exact in float32, and float64 has the same ones.
    """
    for step, whole, single in zip(steps, exact, keras, strict=True):
        value = whole[sample]
        near = np.min([np.abs(value - threshold) for threshold in step.thresholds], axis=0)
        if ((near <= MARGIN * np.abs(value).max()) & (value != single[sample])).any():
            return False
    return True


def set_weights(model: tf.keras.Model) -> None:
    """Latents, biases and statistics in eighths: float sums are exact, until a tanh."""
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
                # With epsilon taken off, 1 / sqrt(variance + epsilon) is a power of two.
                values = rng.choice([0.25, 1.0, 4.0], weight.shape) - EPSILON
            elif "gamma" in weight.name:
                values = rng.choice([-2.0, -0.5, 0.0, 0.5, 1.0], weight.shape)
            elif "mean" in weight.name or "beta" in weight.name:
                values = values + 1 / 16  # off the values that accumulators take
            weights.append(values.astype(np.float32))
        if weights:
            layer.set_weights(weights)


def run_networks(
    interpreters: Any, litert: Any, lce_compatible: bool, count: int, first_seed: int
) -> None:
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
        runs += check_network(interpreters, litert, lce_compatible, drawn)

    check()
    assert runs >= count // 3


def check_network(interpreters: Any, litert: Any, lce_compatible: bool, drawn: list[Any]) -> bool:
    """Whether a layer was binary and Keras' outputs decided; asserts that the file's are right.

    On our interpreter they are those of the stock file bit for bit. They are Keras' and LCE's
    where the steps are decided: each has a tanh and sums of its own, which CPUs round differently.
    """
    tf.keras.backend.clear_session()
    network = build(*drawn)
    set_weights(network.model)
    note(f"{drawn}")
    try:
        file = convert_keras_model(network.model, lce_compatible=lce_compatible)
    except NoBinaryLayerError:
        assert explain(network.model, lce_compatible=lce_compatible).binary_layers == []
        return False
    data = np.random.default_rng(1).integers(-8, 9, (2, 8, 7, drawn[0])) / 8 + 1 / 64
    data = data.astype(np.float32)
    kinds = {layer.kind for layer in drawn[1]}
    found = {
        name: run(file, data, "grouped" in kinds)
        for name, run in interpreters.items()
        # LCE's interpreter, of an older TFLite, may negate values in place behind a reshape while
        # another op still reads them; it takes the reshape of a locally connected layer.
        if not (name == "lce" and (not lce_compatible or "local" in kinds))
    }
    stock = litert(stock_tflite(network.model), data)
    for want, got in zip(stock, found["bnn_lab"], strict=True):
        np.testing.assert_array_equal(got, want, err_msg=str(drawn))

    keras, found["keras"] = network.run(data)
    exact, wanted = build_exact(drawn, network.model).run(data.astype(np.float64))
    decided = [i for i in range(len(data)) if are_decided(network.steps, exact, keras, i)]
    if not any(layer.activation == "tanh" for layer in drawn[1]):
        assert len(decided) == len(data)
    for name, outputs in found.items():
        for want, got in zip(wanted, outputs, strict=True):
            bound = 1e-4 * max(1.0, float(np.abs(want).max()))
            assert np.abs(got - want)[decided].max(initial=0) <= bound, (name, drawn)
    module = import_model(file)
    assert_no_op_over_constants(module)
    assert ir_text(import_model(export_model(module))) == ir_text(module)
    return bool(decided)


def assert_no_op_over_constants(module: Any) -> None:
    """All that depends on constants alone is computed, but what stores them in few bits."""
    for op in module.walk():
        if isinstance(op, TflOp) and op.operands and not is_tfl(op, "dequantize"):
            known = [constant(value) is not None or is_absent(value) for value in op.operands]
            assert not all(known), op


@pytest.mark.slow
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_converted_equals_stock_file_and_keras(interpreters, litert, lce_compatible):
    run_networks(interpreters, litert, lce_compatible, count=15, first_seed=0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first_seed", range(1, 11))
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_many_networks(interpreters, litert, lce_compatible, first_seed):
    run_networks(interpreters, litert, lce_compatible, count=20, first_seed=first_seed)
