"""Models of any build: structures of inputs and outputs, modules, functions; names are kept."""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, explain
from bnn_lab.errors import ConversionError

tf = require_tensorflow()
Input, Model = tf.keras.Input, tf.keras.Model
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "use_bias": False}
A = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
B = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)


def dense(units=16, **options):
    return lq.layers.QuantDense(units, **{**BINARY, **options})


class Two(Model):
    """Of two inputs, in the structure that `pick` takes apart."""

    def __init__(self, pick):
        super().__init__()
        self.first, self.second, self.pick = dense(), dense(), pick

    def call(self, *args, **kwargs):
        kwargs.pop("training", None)
        a, b = self.pick(*args, **kwargs)
        return self.first(a) - 2 * self.second(b)


class Positional(Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = dense(), dense()

    def call(self, image, mask, scale=None, training=None):
        result = self.first(image) - 2 * self.second(mask)
        return result if scale is None else result * scale


class Dicts(Model):
    def __init__(self):
        super().__init__()
        self.layer = dense()

    def call(self, inputs):
        result = self.layer(inputs["b"])
        return {"sum": result + inputs["a"][:, :16], "plain": result}


def predict(file, *arrays):
    return bnn_lab.Interpreter(file).predict(list(arrays) if len(arrays) > 1 else arrays[0])


def assert_same(file, want, *arrays):
    got = predict(file, *arrays)
    np.testing.assert_allclose(got, want, atol=1e-4)
    assert b"LceBconv2d" in file


STRUCTURES = {
    "dict": (lambda x: (x["a"], x["b"]), lambda: ({"a": A, "b": B},), ["a", "b"]),
    "list": (lambda x: (x[0], x[1]), lambda: ([A, B],), ["input_0", "input_1"]),
    "tuple": (lambda x: (x[0], x[1]), lambda: ((A, B),), ["input_0", "input_1"]),
    "nested": (lambda x: (x["u"][0], x["u"][1]), lambda: ({"u": [A, B]},), ["u_0", "u_1"]),
}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_subclassed(structure):
    pick, arguments, names = STRUCTURES[structure]
    model = Two(pick)
    want = model(*arguments()).numpy()
    file = convert_keras_model(model)
    assert_same(file, want, A, B)
    assert bnn_lab.Interpreter(file).input_names == names


@pytest.mark.parametrize("scale", [None, np.full((3, 1), 2, np.float32)])
def test_several_positional_and_keyword_inputs(scale):
    model = Positional()
    more = {} if scale is None else {"scale": tf.constant(scale)}
    want = model(tf.constant(A), tf.constant(B), **more).numpy()
    file = convert_keras_model(model)
    assert_same(file, want, A, B, *([] if scale is None else [scale]))
    names = ["image", "mask"] + (["scale"] if more else [])
    assert bnn_lab.Interpreter(file).input_names == names


def test_dicts_in_and_out():
    model = Dicts()
    want = model({"a": A, "b": B})
    file = convert_keras_model(model)
    interpreter = bnn_lab.Interpreter(file)
    assert interpreter.input_names == ["a", "b"]
    assert interpreter.output_names == ["plain", "sum"]
    for name, got in zip(interpreter.output_names, interpreter.predict([A, B]), strict=True):
        np.testing.assert_allclose(got, want[name].numpy(), atol=1e-4)


@pytest.mark.parametrize("form", ["list", "dict"])
def test_functional(form):
    a, b = Input((64,), name="zebra"), Input((64,), name="ant")
    y = dense(name="left")(a) - 2 * dense(name="right")(b)
    inputs = [a, b] if form == "list" else {"zebra": a, "ant": b}
    model = Model(inputs, y)
    file = convert_keras_model(model)
    interpreter = bnn_lab.Interpreter(file)
    by_name = {"zebra": A, "ant": B}
    want = model([A, B] if form == "list" else by_name).numpy()
    assert sorted(interpreter.input_names) == ["ant", "zebra"]
    assert_same(file, want, *(by_name[name] for name in interpreter.input_names))


class Module(tf.Module):
    def __init__(self):
        super().__init__(name="whole")
        self.layer = dense(name="inside")

    @tf.function(input_signature=[tf.TensorSpec((None, 64), tf.float32, name="picture")])
    def __call__(self, picture):
        return {"scores": self.layer(picture)}


@pytest.mark.parametrize("form", ["module", "function", "concrete"])
def test_modules_and_functions(form):
    module = Module()
    want = module(A)["scores"].numpy()
    model = {
        "module": module,
        "function": module.__call__,
        "concrete": module.__call__.get_concrete_function(),
    }[form]
    file = convert_keras_model(model)
    assert_same(file, want, A)
    interpreter = bnn_lab.Interpreter(file)
    assert (interpreter.input_names, interpreter.output_names) == (["picture"], ["scores"])
    if form == "module":
        assert explain(model).binary_layers == ["inside"]


class TwoFunctions(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32)])
    def one(self, x):
        return x

    @tf.function
    def other(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TwoFunctions(), r"has 2 tf.functions \(one, other\). Fix: pass the one"),
        (tf.Module(), "has 0 tf.functions"),
        (TwoFunctions().other, "has no input_signature"),
        (lambda x: x, "expected a tf_keras model"),
        (np.zeros(3), "expected a tf_keras model"),
    ],
)
def test_refused(model, message):
    with pytest.raises(ConversionError, match=message):
        convert_keras_model(model)


def test_truth_values_as_input():
    """LceQuantize reads them as they are."""
    x = Input((64,), dtype="bool", name="flags")
    signs = tf.keras.layers.Lambda(lambda t: tf.where(t, 1.0, -1.0))(x)
    model = Model(x, dense(input_quantizer=None)(signs))
    file = convert_keras_model(model)
    assert_same(file, model(A > 0).numpy(), A > 0)
