"""Files of any kind that LiteRT runs: entry points, free sizes, scalars, strings, control flow."""

from __future__ import annotations

import warnings
from pathlib import Path

import larq as lq
import numpy as np
import pytest

from bnn_lab import Interpreter
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, stock_tflite
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.profiling.model_profile import profile
from bnn_lab.tflite.options import builtin
from bnn_lab.tflite.writer import GraphWriter

tf = require_tensorflow()
layers = tf.keras.layers
WEIGHTS = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
ROWS = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)


def spec(*shape, dtype="float32", name=None):
    return tf.TensorSpec(shape, dtype, name)


class Several(tf.Module):
    """Two entry points, of which the second one branches."""

    @tf.function(input_signature=[spec(1, 8, name="x")])
    def first(self, x):
        return {"y": tf.tanh(x @ WEIGHTS)}

    @tf.function(input_signature=[spec(1, 4, name="a"), spec(1, 4, name="b")])
    def second(self, a, b):
        larger = tf.cond(tf.reduce_sum(a) > tf.reduce_sum(b), lambda: a + 0, lambda: b * 1)
        return {"sum": a + b, "larger": larger}


class Counter(tf.Module):
    def __init__(self):
        self.total = tf.Variable(tf.zeros([1, 8]))

    @tf.function(input_signature=[spec(1, 8)])
    def __call__(self, x):
        self.total.assign_add(x)
        return self.total * 2


def recurrent(step):
    x = layers.Input((5, 4), batch_size=1)
    return tf.keras.Model(x, layers.Dense(2)(step(6)(x)))


def of_function(function, *specs):
    made = tf.function(function).get_concrete_function(*specs)
    return tf.lite.TFLiteConverter.from_concrete_functions([made], tf.Module()).convert()


def in_float16():
    x = layers.Input((8, 8, 3))
    y = layers.Conv2D(4, 3)(layers.Conv2D(8, 3, activation="relu")(x))
    model = tf.keras.Model(x, layers.Dense(3)(layers.Flatten()(y)))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder = str(tmp_path_factory.mktemp("saved") / "several")
    module, counter = Several(), Counter()
    signatures = {"first": module.first, "second": module.second}
    tf.saved_model.save(module, folder, signatures=signatures)
    of_saved = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
    of_counter = tf.lite.TFLiteConverter.from_concrete_functions(
        [counter.__call__.get_concrete_function()], counter
    )
    image = tf.ones([3, 3, 3, 4])
    return {
        "several": of_saved.convert(),
        "variable": of_counter.convert(),
        "while": of_function(
            lambda x: tf.while_loop(
                lambda i, a: i < 3, lambda i, a: (i + 1, tf.tanh(a @ WEIGHTS)), [0, x]
            )[1],
            spec(1, 8),
        ),
        "lstm": tf.lite.TFLiteConverter.from_keras_model(recurrent(layers.LSTM)).convert(),
        "float16": in_float16(),
        "scalar": of_function(lambda x, s: tf.tanh(x @ WEIGHTS) * s, spec(1, 8), spec()),
        "only scalar": of_function(lambda s: s * 2, spec()),
        "free": of_function(
            lambda x: tf.reduce_mean(tf.nn.conv2d(x, image, 1, "SAME"), [1, 2]),
            spec(None, None, None, 3),
        ),
        "free, valid": of_function(
            lambda x: tf.nn.conv2d(x, image, 1, "VALID"), spec(1, None, None, 3)
        ),
        "strings": of_function(
            lambda s, x: (tf.gather(s, [1, 0]), x + 1), spec(2, dtype=tf.string), spec(2)
        ),
        "where": of_function(lambda x: tf.transpose(tf.where(x > 0)), spec(4)),
    }  # fmt: skip


# --- profiles ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("several", ["FULLY_CONNECTED", "TANH"]),
        ("variable", None),
        ("while", ["WHILE"]),
        ("lstm", ["UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "FULLY_CONNECTED"]),
        ("float16", ["DEQUANTIZE"] * 5 + ["CONV_2D"] * 2 + ["RESHAPE", "FULLY_CONNECTED"]),
        ("scalar", ["FULLY_CONNECTED", "TANH", "MUL"]),
        ("only scalar", None),
        ("free", None),
        ("strings", None),
        ("where", None),
    ],
)
def test_profile(files, name, kinds):
    result = profile(files[name], rounds=1)
    assert kinds is None or [row.kind for row in result.rows] == kinds
    assert result.rows and np.isfinite(result.coverage)
    assert sum(row.share for row in result.rows) == pytest.approx(1)
    for row in result.rows:
        assert (row.ms == 0) is (row.kind == "DEQUANTIZE")  # done once, when the file is loaded


def test_profile_of_an_entry_point_and_of_a_size(files):
    kinds = [row.kind for row in profile(files["several"], rounds=1, signature="second").rows]
    assert "IF" in kinds and "TANH" not in kinds
    small, large = (
        profile(files["free"], np.ones((1, size, size, 3), np.float32), rounds=1) for size in (4, 9)
    )
    assert small.rows[0].macs == 16 * 9 * 3 * 4
    assert large.rows[0].macs == 81 * 9 * 3 * 4


# --- entry points and names ----------------------------------------------------------------------


def test_signatures(files):
    file = files["several"]
    assert Interpreter(file).signatures == ("first", "second")
    first = Interpreter(file, signature="first")
    assert (first.input_names, first.output_names) == (["x"], ["y"])
    np.testing.assert_allclose(first.predict(ROWS), np.tanh(ROWS @ WEIGHTS), rtol=1e-4)
    second = Interpreter(file, signature="second")
    assert second.signatures == ("second",)
    a, b = ROWS[:, :4], ROWS[:, 4:]
    found = dict(zip(second.output_names, second.predict({"a": a, "b": b}), strict=True))
    np.testing.assert_array_equal(found["sum"], a + b)
    larger = (a.sum(axis=1) > b.sum(axis=1))[:, None]
    np.testing.assert_array_equal(found["larger"], np.where(larger, a, b))
    with pytest.raises(InputError, match=r"no signature 'third'.*'first', 'second'"):
        Interpreter(file, signature="third")
    with pytest.raises(InputError, match=r"inputs are .*'b'.*but the data is for 'a', 'c'"):
        second.predict({"a": a, "c": b})


def test_variables_keep_their_values(files):
    np.testing.assert_allclose(
        Interpreter(files["variable"]).predict(ROWS), 2 * np.cumsum(ROWS, axis=0), rtol=1e-5
    )


# --- sizes ---------------------------------------------------------------------------------------


def test_free_sizes_are_those_of_the_data(files):
    interpreter = Interpreter(files["free"])
    for size in ((2, 9, 7, 3), (3, 4, 4, 3), (1, 1, 1, 3)):
        x = np.ones(size, np.float32)
        want = tf.reduce_mean(tf.nn.conv2d(x, tf.ones([3, 3, 3, 4]), 1, "SAME"), [1, 2])
        np.testing.assert_allclose(interpreter.predict(x), want, rtol=1e-5)
    with pytest.raises(InputError, match=r"must have shape \(samples, any, any, 3\)"):
        interpreter.predict(np.ones((1, 4, 4, 2), np.float32))
    with pytest.raises(InputError, match=r"x\[None\]"):
        interpreter.predict(np.ones((4, 4, 3), np.float32))


def test_a_size_that_the_model_cannot_take(files):
    with pytest.raises(ModelFileError, match=r"leaves sizes of its inputs open.*give resize="):
        Interpreter(files["free, valid"])
    interpreter = Interpreter(files["free, valid"], resize=(1, 5, 5, 3))
    assert interpreter.output_shapes == [(1, 3, 3, 4)]
    with pytest.raises(InputError, match="cannot run with inputs of the sizes"):
        interpreter.predict(np.ones((1, 2, 2, 3), np.float32))
    assert interpreter.predict(np.ones((2, 6, 4, 3), np.float32)).shape == (2, 4, 2, 4)


def test_resize(files):
    assert Interpreter(files["free"], resize=np.array([2, 6, 6, 3])).output_shapes == [(2, 4)]
    batch = Interpreter(files["free"], resize={"x": (4, 6, 6, 3)})
    assert (batch.input_shapes, batch.output_shapes) == ([(4, 6, 6, 3)], [(4, 4)])
    x = np.random.default_rng(2).normal(size=(8, 6, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(
        batch.predict(x), Interpreter(files["free"]).predict(x), rtol=1e-4, atol=1e-5
    )
    with pytest.raises(InputError, match="batch size is 4, which does not divide 6"):
        batch.predict(x[:6])
    fixed = Interpreter(files["scalar"], resize={"x": (3, 8)})  # the file says a batch of 1
    np.testing.assert_allclose(
        fixed.predict({"x": ROWS, "s": np.float32(2)}), 2 * np.tanh(ROWS @ WEIGHTS), rtol=1e-4
    )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 4, 4, 3), "must be 4 positive integers"),
        ((4, 4, 3), "must be 4 positive integers"),
        ((1.5, 4, 4, 3), "must be"),
        ("4443", "must be"),
        (7, "must be the shape of one input"),
        ([(1, 4, 4, 3), (1,)], "must be the shape of one input"),
        ({"y": (1, 4, 4, 3)}, r"names \['y'\], but the inputs are \['x'\]"),
        ((1, 4, 4, 5), "changes its 3 channels"),
        ((2**40, 4, 4, 3), "must be 4 positive integers"),
        (np.array([1, 4, 4, 0]), "must be 4 positive integers"),
    ],
)
def test_bad_sizes(files, sizes, message):
    with pytest.raises(InputError, match=message):
        Interpreter(files["free"], resize=sizes)


def test_outputs_whose_shape_depends_on_the_sample(files):
    interpreter = Interpreter(files["where"])
    assert interpreter.predict(np.array([1, -1, 1, -1], np.float32)).tolist() == [[0, 2]]
    with pytest.raises(InputError, match=r"shape of output .* depends on the sample"):
        interpreter.predict(np.array([1, -1, 1, -1, 1, -1, -1, -1], np.float32))


# --- scalars and strings -------------------------------------------------------------------------


def test_scalars(files):
    interpreter = Interpreter(files["scalar"])
    want = np.tanh(ROWS @ WEIGHTS)
    for factor in (2, 2.0, np.float32(2), np.array(2, np.float32), np.float32([2, -1, 0])):
        factors = np.broadcast_to(factor, 3)[:, None]
        np.testing.assert_allclose(
            interpreter.predict({"x": ROWS, "s": factor}), want * factors, rtol=1e-4
        )
    with pytest.raises(InputError, match="has a different number of samples"):
        interpreter.predict({"x": ROWS, "s": np.zeros(2, np.float32)})
    with pytest.raises(InputError, match="'s' is a scalar in the model: give one number"):
        interpreter.predict({"x": ROWS, "s": np.zeros((3, 1), np.float32)})
    alone = Interpreter(files["only scalar"])
    assert alone.predict(np.float32(4)).tolist() == [8]
    assert alone.predict(np.array([1, 2], np.float32)).tolist() == [2, 4]
    assert alone.predict(np.float32(value) for value in (1, 2, 3)).tolist() == [2, 4, 6]


def test_the_conversion_that_a_message_shows():
    """Of floats to the steps of a quantized input; and to truth values with either NumPy."""
    graph = GraphWriter()
    steps = graph.input((1, 4), np.int8, "steps", scale=0.5, zero_point=3)
    graph.op("DEQUANTIZE", [steps], [graph.output((1, 4), np.float32)])
    interpreter = Interpreter(graph.finish())
    x = np.float32([[-80, -1, 0.5, 2]])
    with pytest.raises(InputError, match="must be int8, not float32; convert it with") as caught:
        interpreter.predict(x)
    code = str(caught.value).partition("convert it with ")[2]
    np.testing.assert_array_equal(
        interpreter.predict(eval(code, {"numpy": np, "x": x})), [[-65.5, -1, 0.5, 2]]
    )
    graph = GraphWriter()
    truth = graph.input((1, 4), np.bool_, "truth")
    graph.op("LOGICAL_NOT", [truth], [graph.output((1, 4), np.bool_)])
    with pytest.raises(InputError, match=r"must be bool, .* with x.astype\(bool\)"):
        Interpreter(graph.finish()).predict(x)


def test_numbers_of_python_for_scalars():
    graph = GraphWriter()
    count = graph.input((), np.int32, "count")
    graph.op("NEG", [count], [graph.output((), np.int32)])
    interpreter = Interpreter(graph.finish())
    assert interpreter.predict([3]).tolist() == [-3]
    with pytest.raises(InputError, match=r"'count' must be int32, which 0.5 is not"):
        interpreter.predict([0.5])


def test_nested_lists_are_no_arrays(files):
    with pytest.raises(InputError, match=r"3 were given; .*use numpy.asarray\(x\)"):
        Interpreter(files["free"]).predict(ROWS.tolist())


def test_a_model_without_ops_has_no_profile():
    content = of_function(lambda x: x, spec(1, 4))
    assert Interpreter(content).predict(ROWS[:, :4]).tolist() == ROWS[:, :4].tolist()
    with pytest.raises(InputError, match="no ops, so there is nothing to time"):
        profile(content, rounds=1)


def test_strings(files):
    interpreter = Interpreter(files["strings"])
    x = np.zeros(2, np.float32)
    for strings in (
        np.array(["ä", "bc"]),
        np.array(["ä".encode(), b"bc"]),
        np.array(["ä", b"bc"], object),
    ):
        outputs = interpreter.predict({"s": strings, "x": x})
        numbers, found = sorted(outputs, key=lambda output: output.dtype == object)
        assert found.tolist() == [b"bc", "ä".encode()]
        assert numbers.tolist() == [1, 1]
    for wrong in (x, np.array(["a", None], object)):
        with pytest.raises(InputError, match=r"'s' takes strings, not .*numpy.array"):
            interpreter.predict({"s": wrong, "x": x})


# --- what XNNPACK refuses ------------------------------------------------------------------------


def scaled(result: float, kind: str = "CONV_2D") -> bytes:
    """An int8 op whose result has a scale of its own."""
    graph = GraphWriter()
    x, y = graph.input((1, 2, 2, 4), np.float32), graph.output((1, 2, 2, 4), np.float32)
    steps = graph.tensor((1, 2, 2, 4), np.int8, scale=1)
    out = graph.tensor((1, 2, 2, 4), np.int8, scale=result)
    graph.op("QUANTIZE", [x], [steps])
    if kind == "CONV_2D":
        filters = graph.constant(np.ones((4, 1, 1, 4), np.int8), scale=[1e-3] * 4)
        bias = graph.constant(np.zeros(4, np.int32), scale=[1e-3] * 4)
        options = builtin(
            "Conv2DOptions", padding="valid", strideH=1, strideW=1, dilationHFactor=1,
            dilationWFactor=1,
        )  # fmt: skip
        graph.op(kind, [steps, filters, bias], [out], options)
    else:
        graph.op(kind, [steps, steps], [out], builtin("AddOptions"))
    graph.op("DEQUANTIZE", [out], [y])
    return graph.finish()


def test_plain_kernels_where_xnnpack_refuses(tmp_path: Path):
    x = np.full((2, 2, 2, 4), 3, np.float32)
    file = scaled(7.8e-9)
    with pytest.warns(RuntimeWarning, match="XNNPACK.*refuses this model.*slower") as caught:
        interpreter = Interpreter(file)
    assert caught[0].filename == __file__
    assert not interpreter.uses_xnnpack
    np.testing.assert_allclose(interpreter.predict(x), 127 * 7.8e-9, rtol=1e-6)
    with pytest.warns(RuntimeWarning, match="XNNPACK"):
        assert [row.kind for row in profile(file, rounds=1).rows] == [
            "QUANTIZE", "CONV_2D", "DEQUANTIZE",
        ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taken = Interpreter(scaled(0.01))
    assert taken.uses_xnnpack
    np.testing.assert_allclose(taken.predict(x), 0.01, atol=0.011)


def test_xnnpack_that_refuses_only_when_it_runs():
    graph = GraphWriter()
    constant = graph.constant(np.ones((1, 4), np.float16))
    graph.op("DEQUANTIZE", [constant], [graph.output((1, 4), np.float32)])
    x, y = graph.input((1, 4), np.float32), graph.output((1, 4), np.float32)
    graph.op("NEG", [x], [y])
    interpreter = Interpreter(graph.finish())
    with pytest.warns(RuntimeWarning, match="XNNPACK"):
        found = interpreter.predict(np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(found[1], -np.ones((2, 4)))
    np.testing.assert_array_equal(found[0], np.ones((2, 4)))


def test_sums_that_litert_dies_of():
    for kind in ("ADD", "SUB"):
        with pytest.raises(ModelFileError, match=rf"\({kind}\) has scales of 1 and 7.8e-09"):
            Interpreter(scaled(7.8e-9, kind))
    x = np.full((1, 2, 2, 4), 3, np.float32)
    np.testing.assert_allclose(Interpreter(scaled(2.0, "ADD")).predict(x), 6)


def compared(kind: str, scale: float) -> bytes:
    """An int8 value compared with itself, and the answers as numbers."""
    graph = GraphWriter()
    x, y = graph.input((1, 4), np.float32), graph.output((1, 4), np.float32)
    steps = graph.tensor((1, 4), np.int8, scale=scale)
    answers = graph.tensor((1, 4), np.bool_)
    graph.op("QUANTIZE", [x], [steps])
    graph.op(kind, [steps, steps], [answers])
    graph.op("CAST", [answers], [y])
    return graph.finish()


@pytest.mark.parametrize(
    "kind", ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]
)
def test_comparisons_that_litert_dies_of(kind: str):
    with pytest.raises(ModelFileError, match=rf"\({kind}\) compares 8-bit numbers of scale 1,"):
        Interpreter(compared(kind, 1.0))
    answer = Interpreter(compared(kind, 0.5)).predict(np.ones((1, 4), np.float32))
    np.testing.assert_array_equal(answer, kind in ("EQUAL", "LESS_EQUAL", "GREATER_EQUAL"))


# --- denormals -----------------------------------------------------------------------------------


def test_denormals_have_their_sign_here_and_none_in_keras():
    """As docs/file-format.md says."""
    x = layers.Input((4,))
    dense = lq.layers.QuantDense(
        1, input_quantizer="ste_sign", kernel_quantizer="ste_sign", use_bias=False,
        kernel_initializer="ones",
    )  # fmt: skip
    model = tf.keras.Model(x, dense(x))
    data = np.full((1, 4), -1e-40, np.float32)
    file = convert_keras_model(model)
    assert Interpreter(file).predict(data) == -4
    assert Interpreter(stock_tflite(model)).predict(data) == -4
    assert model.predict(data, verbose=0) == 4
