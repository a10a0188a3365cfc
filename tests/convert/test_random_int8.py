"""Random networks in int8: what the file and Keras differ by stays below a bound that is proved.

Rounding to int8 may turn a sign near zero, so no fixed tolerance is right. `Bounds` walks through
the Keras model and works out for each single value how far int8 may be off: half a step where a
value is rounded and half a step for the kernel that does it, times what later layers make of it. A
sign farther from zero than that is exact and ends the error; a nearer one may be either. Sums have
few terms and lie half a unit off zero, so most signs are exact and most bounds are a few steps.
TensorFlow's own int8 file has to keep the same bound: one that it breaks would be wrong itself.

All 400: pytest -m exhaustive tests/convert/test_random_int8.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, explain, import_model, stock_tflite
from bnn_lab.convert.ir.attributes import quant_of
from bnn_lab.errors import ModelFileError, NoBinaryLayerError

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import (
    EPSILON,
    Layer,
    Step,
    above_zero,
    add_layer,
    build,
    networks,
    rounded_clip,
    turned_in_some_channels,
    zero_or_two,
)

tf = require_tensorflow()
layers = tf.keras.layers
FORMS = ("calibrated", "int8 ends", "trained for int8")
MOST_TERMS = 63
# In TensorFlow's file several int8 ops compute these, in ours perhaps the first of them.
SEVERAL_OPS = (above_zero, rounded_clip, turned_in_some_channels, zero_or_two)


def mark(x: Any, step: float = 0.5) -> Any:
    """Fake quantization with a step that is a power of two."""

    def quantize(t: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_args(t, -128 * step, 127 * step)

    layer = layers.Lambda(quantize)
    layer.int8_step = step
    return layer(x)


def add_int8_layer(x: Any, drawn: Layer, steps: list[Step], trained: bool) -> Any:
    """A drawn layer with few terms to a sum; what follows the sum is a Keras layer of its own."""
    size = drawn.size
    while size > 1 and size**2 * x.shape[-1] > MOST_TERMS:
        size -= 1
    plain = drawn._replace(size=size, use_bias=True, activation=None, normalized=False, pooled="")
    if drawn.padding == "explicit" and drawn.input_quantizer is not None:
        quantizer = lq.quantizers.get(drawn.input_quantizer)
        alone = layers.Lambda(lambda t: quantizer(t))
        alone.quantizer = quantizer
        x = alone(x)
        plain = plain._replace(input_quantizer=None)
    y = add_layer(x, plain, steps)
    activation = tf.nn.relu6 if drawn.activation == "relu6" else drawn.activation
    if activation and not (trained and activation == "tanh"):  # which has an int8 range of its own
        y = layers.Activation(activation)(y)
    if drawn.pooled and min(y.shape[1:3]) > 1:
        pool = layers.MaxPool2D if drawn.pooled == "max" else layers.AvgPool2D
        y = pool(2, padding="same" if drawn.pooled == "max" else "valid")(y)
    if drawn.normalized:
        y = layers.BatchNormalization(epsilon=EPSILON)(y)
    return mark(y, [0.25, 0.5, 1.0][drawn.channels % 3]) if trained else y


def set_int8_weights(model: tf.keras.Model) -> None:
    """Latents that int8 holds exactly, and biases that leave no sum at zero."""
    rng = np.random.default_rng(23)
    for layer in model.layers:
        weights = []
        for weight in layer.weights:
            values = rng.integers(-1, 2, weight.shape).astype(float)
            if "magnitude" in str(layer.get_config().get("kernel_quantizer")):
                values = rng.choice([-0.5, 0.5], weight.shape)
            if "variance" in weight.name:
                values = rng.choice([0.25, 1.0, 4.0], weight.shape) - EPSILON
            elif "gamma" in weight.name:
                values = rng.choice([-2.0, -0.5, 0.0, 0.5, 1.0], weight.shape)
            elif "beta" in weight.name:
                values = np.zeros(weight.shape)
            elif "bias" in weight.name:
                values = values + 0.5
            weights.append(values.astype(np.float32))
        if weights:
            layer.set_weights(weights)


class Bounds:
    """How far int8 may be from Keras, for each value of a model on some data.

    Attributes:
        values: by layer name, what Keras computes, (N, ...).
        errors: by layer name, of the same shape.
    """

    def __init__(self, model: tf.keras.Model, data: NDArray, trained: bool) -> None:
        self.trained = trained
        self.model = model
        reader = tf.keras.Model(model.inputs, [layer.output for layer in model.layers])
        found = reader(data, training=False)
        found = [found] if len(model.layers) == 1 else found
        self.values = {
            layer.name: value.numpy() for layer, value in zip(model.layers, found, strict=True)
        }
        self.steps = self._steps()
        self.errors: dict[str, NDArray] = {}
        for layer in model.layers:
            self.errors[layer.name] = self._error(layer)

    def _before(self, layer: Any) -> list[str]:
        if isinstance(layer, layers.InputLayer):
            return []
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        return [value._keras_history.layer.name for value in inputs]

    def _steps(self) -> dict[str, float]:
        """Step of int8 at each layer's result; ops that only move values share one."""
        group = {layer.name: layer.name for layer in self.model.layers}

        def root(name: str) -> str:
            while group[name] != name:
                name = group[name]
            return name

        moves = (
            layers.Concatenate, layers.MaxPool2D, layers.AvgPool2D, layers.Reshape, layers.Flatten,
            layers.ZeroPadding2D,
        )  # fmt: skip
        own: dict[str, float] = {}
        for layer in self.model.layers:
            value = self.values[layer.name]
            step = (max(value.max(), 0) - min(value.min(), 0)) / 255
            if getattr(layer, "activation", None) is tf.keras.activations.tanh:
                step = max(step, 1 / 128)
            if self.trained:
                step = getattr(layer, "int8_step", 0.0)
            own[layer.name] = float(step)
            # TensorFlow gives what is averaged the scale of the average, and rounds twice.
            averaged = hasattr(layer, "int8_step") and isinstance(
                self.model.get_layer(self._before(layer)[0]), layers.AvgPool2D
            )
            if isinstance(layer, moves) or averaged:
                for name in self._before(layer):
                    group[root(name)] = root(layer.name)
        widest: dict[str, float] = {}
        for name, step in own.items():
            widest[root(name)] = max(widest.get(root(name), 0.0), step)
        return {name: widest[root(name)] for name in own}

    def _error(self, layer: Any) -> NDArray:
        value, step = self.values[layer.name], self.steps[layer.name]
        names = self._before(layer)
        error = self._carried(layer, names)
        if hasattr(layer, "int8_step"):
            given, step = self.values[names[0]], layer.int8_step
            part = given / step - np.floor(given / step)
            sure = np.abs(part - 0.5) * step > error + 1e-4 * step
            return np.where(sure & (error < step), 0, step * np.ceil(error / step) + step)
        exact = (error == 0) & ((value == 0) | (step == 0))
        return np.where(exact, 0, error + step)

    def _carried(self, layer: Any, names: list[str]) -> NDArray:
        """What a layer makes of the errors of those before it."""
        given, errors = [self.values[name] for name in names], [self.errors[name] for name in names]
        value = self.values[layer.name]
        rounding = 4e-6 * np.abs(value).max()  # of float32
        if isinstance(layer, layers.InputLayer):
            return np.zeros_like(value)
        if hasattr(layer, "input_quantizer"):
            return self._of_sums(layer, given[0], errors[0]) + rounding
        (x, e) = given[0], errors[0]
        if isinstance(layer, layers.BatchNormalization):
            factor = layer.gamma / np.sqrt(layer.moving_variance + EPSILON)
            return e * np.abs(factor) + rounding * (value != 0)
        if isinstance(layer, layers.Activation):
            kind = layer.activation
            if kind is tf.keras.activations.relu or kind is tf.nn.relu6:
                return np.where(x + e <= 0, 0, e)
            return e + rounding
        if isinstance(layer, layers.Add):
            return sum(errors) + sum(self.steps[name] for name in names)
        if isinstance(layer, layers.Concatenate):
            return np.concatenate(errors, axis=-1)
        if hasattr(layer, "quantizer"):
            return self._of_step(layer.quantizer, x, e, self.steps[names[0]])
        if hasattr(layer, "int8_step"):
            return e
        return layer(tf.constant(e)).numpy()  # moves or pools

    def _of_step(self, quantizer: Any, x: NDArray, e: NDArray, step: float) -> NDArray:
        """0 where a quantizer's value is certain, else the largest jump."""
        e = e + (2 * step if quantizer in SEVERAL_OPS else 0)
        sure = np.ones(x.shape, bool)
        for threshold in Step.of(None, _named(quantizer)).thresholds:
            sure &= (np.abs(x - threshold) > e) | (e == 0)
        if _named(quantizer) == "ste_tern" and not self.trained:
            # Of two signs that cancel; of two int8 values for -1 and +1 a remainder is left.
            sure &= quantizer(tf.constant(x)).numpy() != 0
        return np.where(sure, 0.0, 2.0)

    def _of_sums(self, layer: Any, x: NDArray, e: NDArray) -> NDArray:
        """Of a larq layer: |weights| times the errors of what they multiply."""
        if layer.input_quantizer is not None:
            step = self.steps[self._before(layer)[0]]
            e = self._of_step(layer.input_quantizer, x, e, step)
            x = layer.input_quantizer(tf.constant(x)).numpy()
            if not self.trained and not (_is_binary(layer) and len(np.unique(x)) <= 2):
                e = e + 2 / 255
        config = layer.get_config()
        for name in config:
            if name.endswith("_quantizer"):
                config[name] = None
        config.update(use_bias=False, activation=None)
        config.pop("pad_values", None)
        twin = type(layer).from_config(config)
        twin(tf.constant(x[:1]))
        twin.set_weights([np.abs(kernel) for kernel in _kernels(layer)])
        result = twin(tf.constant(e.astype(np.float32))).numpy()
        if len(twin.weights) == 2 and not self.trained:  # separable: rounded in between too
            depthwise, pointwise = twin.get_weights()
            most = depthwise.sum(axis=(0, 1)).max() * np.abs(x).max()
            result = result + 2 * most / 255 * pointwise.sum(axis=(0, 1, 2))
        return result


def _named(quantizer: Any) -> Any:
    """As the generator calls it."""
    return "ste_tern" if isinstance(quantizer, lq.quantizers.SteTern) else quantizer


def _kernels(layer: Any) -> list[NDArray]:
    """The quantized kernels of a larq layer."""
    found = []
    for name in ("kernel", "depthwise", "pointwise"):
        latent = getattr(layer, name if name == "kernel" else f"{name}_kernel", None)
        quantizer = getattr(layer, f"{name}_quantizer", None)
        if latent is not None:
            found.append((quantizer or tf.identity)(tf.constant(latent.numpy())).numpy())
    return found


def _is_binary(layer: Any) -> bool:
    return all((np.abs(kernel) == np.abs(kernel).max()).all() for kernel in _kernels(layer))


def check_network(run: Any, form: str, compatible: bool, drawn: Any) -> bool:
    """Whether a layer was binary and most bounds are small; asserts that all are kept."""
    tf.keras.backend.clear_session()
    trained = form == "trained for int8"
    network = build(
        *drawn,
        add=lambda x, layer, steps: add_int8_layer(x, layer, steps, trained),
        mark=mark if trained else lambda x: x,
    )
    model = network.model
    set_int8_weights(model)
    note(f"{form} {compatible} {drawn}")
    data = np.random.default_rng(1).integers(-8, 9, (4, 8, 7, drawn[0])) / 8 + 1 / 64
    data = data.astype(np.float32)
    options: dict[str, Any] = {} if trained else {"representative_dataset": data}
    ends = {}
    if form == "int8 ends":
        ends = {"inference_input_type": "int8", "inference_output_type": "int8"}
    try:
        file = convert_keras_model(model, lce_compatible=compatible, **options, **ends)
    except NoBinaryLayerError:
        assert explain(model, lce_compatible=compatible, **options).binary_layers == []
        return False
    bounds = Bounds(model, data, trained)
    stock = stock_tflite(model, **({} if trained else {"representative_data": data}))
    try:
        found = {"bnn_lab": run_int8(run, file, data), "TensorFlow": run_int8(run, stock, data)}
    except ModelFileError as error:
        # LiteRT's ADD and its comparisons end the process at some scales: refused instead.
        assert "scale" in str(error)
        return False
    ends_at = [value._keras_history.layer.name for value in model.outputs]
    useful = []
    for name, outputs in found.items():
        for layer, got in zip(ends_at, outputs, strict=True):
            want, error, step = bounds.values[layer], bounds.errors[layer], bounds.steps[layer]
            apart = np.abs(got - want)
            assert (apart <= error + 1e-5 * np.abs(want).max() + 1e-6).all(), (
                name, layer, float((apart - error).max()), step,
            )  # fmt: skip
            useful.append(np.median(error) <= 0.1 * max(np.ptp(want), 1e-6))
    return all(useful)


def run_int8(run: Any, file: bytes, data: NDArray) -> list[NDArray]:
    """Run a file whose ends may be int8 on float data, and give floats."""
    (function,) = import_model(file).ops
    block = function.body.block
    given = quant_of(block.args[0].type)
    if given is not None:
        scaled = np.round(data / given.scale[0]) + given.zero_point[0]
        data = np.clip(scaled, -128, 127).astype(np.int8)
    outputs = []
    for value, got in zip(block.last_op.operands, run(file, data), strict=True):
        quant = quant_of(value.type)
        if quant is not None:
            got = (got.astype(np.float32) - quant.zero_point[0]) * np.float32(quant.scale[0])
        outputs.append(got)
    return outputs


def run_networks(run: Any, form: str, compatible: bool, count: int, first_seed: int) -> None:
    useful = 0

    @seed(first_seed)
    @settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def check(drawn: list[Any]) -> None:
        nonlocal useful
        useful += check_network(run, form, compatible, drawn)

    check()
    assert useful >= count // 4


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_within_the_bound(interpreters, form):
    run_networks(
        interpreters["bnn_lab"], form, compatible=form != "int8 ends", count=3, first_seed=0
    )


@pytest.mark.exhaustive
@pytest.mark.parametrize("first_seed", range(1, 18))
@pytest.mark.parametrize("compatible", [True, False], ids=["lce", "own ops"])
@pytest.mark.parametrize("form", FORMS)
def test_many_networks(interpreters, form, compatible, first_seed):
    """102 x 4 networks."""
    run_networks(interpreters["bnn_lab"], form, compatible, count=4, first_seed=first_seed)
