"""Random larq networks, over all spellings of quantizers; drawn by hypothesis, built with Keras.

Two tests draw from it: `test_random_networks.py` in float, `test_random_int8.py` in int8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis.strategies as st
import larq as lq
import numpy as np

from bnn_lab._keras import require_tensorflow

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


def build(
    first: int,
    chain: list[Layer],
    dense: list[Any],
    two_outputs: bool,
    *,
    add: Callable[[Any, Layer, list[Step]], Any] = add_layer,
    mark: Callable[[Any], Any] = lambda value: value,
) -> Network:
    """A drawn network; `add` adds a layer, `mark` is put after all that is between layers."""
    steps: list[Step] = []
    inputs = tf.keras.Input((8, 7, first))
    x = mark(inputs)
    earlier = [x]
    for drawn in chain:
        x = add(earlier[max(-1 - drawn.branch, -len(earlier))], drawn, steps)
        alike = [y for y in earlier if y.shape[1:3] == x.shape[1:3]]
        same = [y for y in alike if y.shape[-1] == x.shape[-1]]
        if drawn.joined == "add" and same:
            x = mark(layers.add([x, same[-1]]))
        elif drawn.joined == "concat" and alike:
            x = mark(layers.concatenate([alike[-1], x]))
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
        x = mark(layers.BatchNormalization(epsilon=EPSILON)(x))
    outputs = [x, image] if two_outputs and x is not image else [x]
    model = tf.keras.Model(inputs, outputs)
    # A branch that no output depends on is no part of the model, nor has it the model's weights.
    return Network(
        model, [step for step in steps if step.value._keras_history.layer in model.layers]
    )


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
