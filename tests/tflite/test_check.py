"""Files that LiteRT would die of, change or run differently on each backend are refused by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from bnn_lab import Interpreter, kernels, reference
from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.profiling.model_profile import profile
from bnn_lab.tflite.check import check_contents
from bnn_lab.tflite.op_types import OPERANDS, RESCALES, RESULT_TYPES, SAME_TYPE
from bnn_lab.tflite.options import builtin, encode
from bnn_lab.tflite.reader import ModelFile
from bnn_lab.tflite.writer import GraphWriter, pack

CHANNELS = 40


def build(channels_in: int = CHANNELS, filters: np.ndarray | None = None) -> bytes:
    """x -> sign -> pool -> conv -> + x -> int8 and back."""
    writer = GraphWriter()
    rng = np.random.default_rng(0)
    x = writer.input((1, 6, 6, CHANNELS), np.float32, "x")
    bits = writer.tensor((1, 6, 6, 2), np.int32, "bits")
    writer.op("LceQuantize", [x], [bits], encode("LceQuantize"))
    pooled = writer.tensor((1, 6, 6, 2), np.int32, "pooled")
    pool = encode("LceBMaxPool2d", filter_height=2, filter_width=2, padding="same")
    writer.op("LceBMaxPool2d", [bits], [pooled], pool)
    if filters is None:
        filters = reference.quantize(rng.normal(size=(CHANNELS, 3, 3, CHANNELS)))
    constants = [filters, np.ones(CHANNELS, np.float32), np.zeros(CHANNELS, np.float32)]
    named = zip(constants, ("filter", "multiplier", "bias"), strict=True)
    operands = [pooled, *(writer.constant(value, name) for value, name in named), -1]
    conv = writer.tensor((1, 6, 6, CHANNELS), np.float32, "conv")
    options = encode("LceBconv2d", channels_in=channels_in, padding="same", pad_values=1)
    writer.op("LceBconv2d", operands, [conv], options)
    total = writer.tensor((1, 6, 6, CHANNELS), np.float32, "sum")
    writer.op("ADD", [conv, x], [total], builtin("AddOptions"))
    small = writer.tensor((1, 6, 6, CHANNELS), np.int8, "small", scale=0.5)
    writer.op("QUANTIZE", [total], [small], builtin("QuantizeOptions"))
    y = writer.output((1, 6, 6, CHANNELS), np.float32, "y")
    writer.op("DEQUANTIZE", [small], [y], builtin("DequantizeOptions"))
    return writer.finish()


WHOLE = build()


def parsed() -> Any:
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(WHOLE, 0))


def index_of(graph: Any, name: str) -> int:
    return [tensor.name.decode() for tensor in graph.tensors].index(name)


def change(edit: Callable[[Any, Any, Callable[[str], int]], Any]) -> bytes:
    model = parsed()
    graph = model.subgraphs[0]
    edit(model, graph, lambda name: index_of(graph, name))
    return pack(model)


def tensor_of(name: str, **fields: Any) -> Callable[..., None]:
    def edit(model: Any, graph: Any, at: Callable[[str], int]) -> None:
        for field, value in fields.items():
            setattr(graph.tensors[at(name)], field, value)

    return edit


def op_of(position: int, **fields: Any) -> Callable[..., None]:
    def edit(model: Any, graph: Any, at: Callable[[str], int]) -> None:
        for field, value in fields.items():
            chosen = value(at) if callable(value) else value
            setattr(graph.operators[position], field, chosen)

    return edit


def scale_of(name: str, *scales: float, axis: int = 0) -> Callable[..., None]:
    def edit(model: Any, graph: Any, at: Callable[[str], int]) -> None:
        quantization = schema.QuantizationParametersT(
            scale=list(scales), zeroPoint=[0] * len(scales), quantizedDimension=axis
        )
        graph.tensors[at(name)].quantization = quantization

    return edit


def zero_of(name: str, zero: int) -> Callable[..., None]:
    def edit(model: Any, graph: Any, at: Callable[[str], int]) -> None:
        graph.tensors[at(name)].quantization.zeroPoint = [zero]

    return edit


def calls_itself(model: Any, graph: Any, at: Callable[[str], int]) -> None:
    model.operatorCodes.append(schema.OperatorCodeT(builtinCode=118, deprecatedBuiltinCode=118))
    options = schema.IfOptionsT(thenSubgraphIndex=0, elseSubgraphIndex=0)
    graph.operators.append(
        schema.OperatorT(
            opcodeIndex=len(model.operatorCodes) - 1,
            inputs=[at("x")],
            outputs=[],
            builtinOptionsType=schema.BuiltinOptions.IfOptions,
            builtinOptions=options,
        )
    )


def calls_nobody(model: Any, graph: Any, at: Callable[[str], int]) -> None:
    calls_itself(model, graph, at)
    graph.operators[-1].builtinOptions.thenSubgraphIndex = 7


def becomes_a_slice(model: Any, graph: Any, at: Callable[[str], int]) -> None:
    code = model.operatorCodes[graph.operators[4].opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SLICE


def fields(model: Any, graph: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(graph, name, value)


BAD = {
    "no input": (lambda m, g, at: fields(m, g, inputs=[]), "the model has no input"),
    "no output": (lambda m, g, at: fields(m, g, outputs=[]), "the model has no output"),
    "no graph": (lambda m, g, at: setattr(m, "subgraphs", []), "no subgraph"),
    "input twice": (lambda m, g, at: fields(m, g, inputs=[0, 0]), r"'x' is an input of main twice"),
    "input with data": (lambda m, g, at: fields(m, g, inputs=[0, at("bias")]), "or holds data"),
    "output nobody writes": (op_of(5, outputs=[0]), r"writes tensor 0 'x', which is an input"),
    "writes a constant": (
        op_of(3, outputs=lambda at: [at("bias")]),
        r"\(ADD\) writes tensor \d+ 'bias', which is an input, a constant",
    ),
    "writes data": (
        tensor_of("sum", buffer=1),
        r"'sum' of shape \(1, 6, 6, 40\) needs 5760 bytes of constant data",
    ),
    "writes data of its size": (
        lambda m, g, at: (
            m.buffers.append(schema.BufferT(data=np.zeros(5760, np.uint8))),
            setattr(g.tensors[at("sum")], "buffer", len(m.buffers) - 1),
        ),
        r"operator 3 of main \(ADD\) writes tensor \d+ 'sum'",
    ),
    "writes its own input": (
        op_of(1, outputs=lambda at: [at("bits")]),
        r"\(LceBMaxPool2d\) writes tensor \d+ 'bits'.*written already",
    ),
    "writes twice": (op_of(4, outputs=lambda at: [at("conv")]), "'conv'.*written already"),
    "writes a variable": (tensor_of("sum", isVariable=True), "'sum'.*a variable"),
    "reads too early": (
        op_of(0, inputs=lambda at: [at("sum")]),
        r"\(LceQuantize\) reads tensor \d+ 'sum' before it is written",
    ),
    "lacks an operand": (op_of(3, inputs=[0, -1]), r"\(ADD\) has 1 input, and lacks one"),
    "too few operands": (op_of(3, inputs=[0]), r"\(ADD\) has 1 input"),
    "too many operands": (op_of(3, inputs=[0, 0, 0]), r"\(ADD\) has 3 inputs.*2 to 2"),
    "a kind with another number of operands": (
        becomes_a_slice,
        r"\(SLICE\) has 1 input.*3 to 3",
    ),
    "no result": (op_of(3, outputs=[]), r"\(ADD\) has no result"),
    "operand out of range": (op_of(3, inputs=[0, 99]), "operand of .* is tensor 99, but there are"),
    "operand far below": (op_of(3, inputs=[0, -2]), "operand of .* is tensor -2"),
    "result out of range": (op_of(3, outputs=[-1]), "a result of .* is tensor -1"),
    "unknown kind of op": (op_of(3, opcodeIndex=50), "operator code 50 out of range"),
    "zero scale": (scale_of("small", 0.0), "'small' has the scale 0.0"),
    "NaN scale": (scale_of("small", float("nan")), "'small' has the scale nan"),
    "infinite scale": (scale_of("small", float("inf")), "'small' has the scale inf"),
    "negative scale": (scale_of("small", -0.5), "'small' has the scale -0.5"),
    "tiny scale": (
        scale_of("small", 1e-38),
        "'small' has the scale 1e-38|'small' has the scale 9.9",
    ),
    "zero point too large": (
        zero_of("small", 128),
        r"'small' has a zero point outside \[-128, 127",
    ),
    "zero point too small": (zero_of("small", -129), "'small' has a zero point outside"),
    "words in bytes": (
        op_of(4, opcodeIndex=0, builtinOptions=None, builtinOptionsType=0),
        r"\(LceQuantize\): its result must be int32 words",
    ),
    "no scale": (scale_of("small"), r"\(QUANTIZE\) computes with .* 'small' of INT8, .* no scales"),
    "a scale for each channel": (
        scale_of("small", *[0.5] * CHANNELS, axis=3),
        r"\(QUANTIZE\) computes with .* 'small' of INT8, which has 40 scales where it needs one",
    ),
    "64-bit result": (
        tensor_of("sum", type=schema.TensorType.INT64),
        r"\(ADD\) takes .* 'conv', which is FLOAT32, but writes .* 'sum', which is INT64",
    ),
    "a resource": (
        tensor_of("sum", type=schema.TensorType.RESOURCE),
        r"\(ADD\) cannot write .* 'sum', which is a RESOURCE",
    ),
    "a variant": (
        tensor_of("y", type=schema.TensorType.VARIANT),
        r"\(DEQUANTIZE\) cannot write .* 'y', which is a VARIANT",
    ),
    "dequantized into integers": (
        tensor_of("y", type=schema.TensorType.INT32),
        r"\(DEQUANTIZE\) writes FLOAT32 or FLOAT16, but .* 'y' is INT32",
    ),
    "two scales of three": (scale_of("small", 0.5, 0.5, axis=3), "has 2 scales for axis 3"),
    "scales of no axis": (scale_of("small", 0.5, 0.5, axis=7), "has 2 scales for axis 7"),
    "unknown type": (tensor_of("sum", type=77), "'sum' has the unknown type 77"),
    "negative size": (tensor_of("sum", shape=[1, -6, 6, 40]), "'sum' has the impossible shape"),
    "nine dimensions": (tensor_of("sum", shape=[1] * 9), "'sum' has the impossible shape"),
    "too large": (tensor_of("sum", shape=[1, 65536, 65536, 40]), "'sum' .* is larger than"),
    "constant of another size": (tensor_of("bias", shape=[39]), "'bias' .* needs 156 bytes"),
    "no such buffer": (tensor_of("bias", buffer=99), "'bias' uses buffer 99"),
    "calls itself": (calls_itself, "subgraph 0 calls itself"),
    "calls nobody": (calls_nobody, "calls subgraph 7, which does not exist"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files(name: str) -> None:
    edit, message = BAD[name]
    content = change(edit)
    copy = bytes(bytearray(content))
    for use in (check_contents, Interpreter, profile):
        with pytest.raises(ModelFileError, match=message):
            use(content)
    assert content == copy


def test_what_is_good_runs() -> None:
    x = np.random.default_rng(1).normal(size=(1, 6, 6, CHANNELS)).astype(np.float32)
    check_contents(WHOLE)
    want = Interpreter(WHOLE, use_reference=True).predict(x)
    for backend in kernels.available_backends():
        np.testing.assert_array_equal(Interpreter(WHOLE, backend=backend).predict(x), want)


@pytest.mark.parametrize("channels_in", [33, 41, 64])
def test_a_convolution_for_other_channels_than_its_input_holds(channels_in: int) -> None:
    filters = np.zeros((CHANNELS, 3, 3, 2), np.int32)
    with pytest.raises(ModelFileError, match=rf"channels_in = {channels_in}, but .* 40 channels"):
        Interpreter(build(channels_in, filters))


def test_bits_beyond_the_channels() -> None:
    filters = np.zeros((CHANNELS, 3, 3, 2), np.int32)
    filters[5, 1, 1, 1] = 1 << 9  # channel 41
    with pytest.raises(ModelFileError, match=r"bits beyond its 40 channels\. Fix: set them to 0"):
        Interpreter(build(filters=filters))


def test_depthwise_convolutions_without_a_bias() -> None:
    """LiteRT reads the bias of a depthwise convolution, whether it is there or not."""
    for bias in (True, False):
        writer = GraphWriter()
        x = writer.input((1, 4, 4, 3), np.float32, "x")
        operands = [x, writer.constant(np.ones((1, 2, 2, 3), np.float32), "filter")]
        if bias:
            operands.append(writer.constant(np.ones(3, np.float32), "bias"))
        y = writer.output((1, 3, 3, 3), np.float32, "y")
        options = {"padding": 1, "strideW": 1, "strideH": 1, "depthMultiplier": 1}
        made = builtin("DepthwiseConv2DOptions", **options)
        writer.op("DEPTHWISE_CONV_2D", operands, [y], made)
        content, one = writer.finish(), np.ones((1, 4, 4, 3), np.float32)
        if bias:
            np.testing.assert_array_equal(
                Interpreter(content).predict(one), np.full((1, 3, 3, 3), 5)
            )
        else:
            with pytest.raises(ModelFileError, match=r"\(DEPTHWISE_CONV_2D\) has 2 inputs"):
                Interpreter(content)


@pytest.mark.parametrize("shape", ["a constant", "in the options", "absent"])
def test_reshapes(shape: str) -> None:
    writer = GraphWriter()
    x = writer.input((1, 6), np.float32, "x")
    operands = [x]
    if shape == "a constant":
        operands.append(writer.constant(np.array([2, 3], np.int32), "shape"))
    elif shape == "absent":
        operands.append(-1)
    y = writer.output((2, 3), np.float32, "y")
    writer.op("RESHAPE", operands, [y], builtin("ReshapeOptions", newShape=[2, 3]))
    content, numbers = writer.finish(), np.arange(6, dtype=np.float32)[None]
    if shape == "absent":
        with pytest.raises(ModelFileError, match=r"\(RESHAPE\) has 1 input, and lacks one"):
            Interpreter(content)
    else:
        np.testing.assert_array_equal(Interpreter(content).predict(numbers), numbers.reshape(2, 3))


def test_rules_are_of_ops_that_exist() -> None:
    known = set(vars(schema.BuiltinOperator))
    assert set(OPERANDS) | set(SAME_TYPE) | set(RESULT_TYPES) | RESCALES <= known
    assert all(0 < fewest <= most for fewest, most in OPERANDS.values())


def test_parts_that_lie_over_each_other() -> None:
    """100 kB that would be 10^8 tensors: refused in no time, where reading them takes hours."""
    builder = flatbuffers.Builder(1024)
    tensor = schema.TensorT(name="x" * 1000, shape=[1]).Pack(builder)
    schema.SubGraphStartTensorsVector(builder, 10_000)
    for _ in range(10_000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 10_000)
    for _ in range(10_000):
        builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    content = bytes(builder.Output())
    assert len(content) < 100_000
    with pytest.raises(ModelFileError, match="parts add up to more than the file holds"):
        ModelFile(content)


def test_damaged_files_end_in_our_error_or_run(tmp_path: Path) -> None:
    """In a process of its own: a file that is refused too late would end it."""
    (tmp_path / "whole.tflite").write_bytes(WHOLE)
    code = """
import sys
import numpy as np
from pathlib import Path
from bnn_lab import Interpreter
from bnn_lab.errors import BnnLabError
whole = Path(sys.argv[1]).read_bytes()
rng = np.random.default_rng(5)
refused = ran = 0
for number in range(400):
    content = bytearray(whole)
    for at in rng.integers(0, len(whole), rng.integers(1, 3)):
        content[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
    content, before = bytes(content), bytes(content[:])
    print(number, flush=True)
    try:
        interpreter = Interpreter(content)
        shapes = zip(interpreter.input_shapes, interpreter.input_types)
        interpreter.predict([np.zeros(shape, kind) for shape, kind in shapes])
        ran += 1
    except BnnLabError:
        refused += 1
    assert content == before
print("refused", refused, "ran", ran)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "whole.tflite")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    last = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, (done.returncode, last, done.stderr[-2000:])
    _, refused, _, ran = last.split()
    assert int(refused) > 20 and int(ran) > 20


def test_errors_are_ours() -> None:
    interpreter = Interpreter(WHOLE)

    class Stops:
        def __getattr__(self, name: str) -> Any:
            return getattr(litert, name)

        def invoke(self) -> None:
            raise RuntimeError("node 3\n  failed to invoke")

    litert = interpreter._litert
    interpreter._litert = Stops()
    x = np.zeros((1, 6, 6, CHANNELS), np.float32)
    with pytest.raises(BnnLabError, match="the model stopped running: node 3 failed to invoke"):
        interpreter.predict(x)
