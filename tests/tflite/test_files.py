"""Reading and writing whole files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from bnn_lab import Interpreter, reference
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.tflite.contents import read_contents
from bnn_lab.tflite.op_files import conv_file
from bnn_lab.tflite.ops import ModelOps
from bnn_lab.tflite.options import builtin, encode
from bnn_lab.tflite.reader import ModelFile, ModelInfo, Signature
from bnn_lab.tflite.writer import GraphWriter, ModelWriter


@pytest.fixture
def two_convs() -> bytes:
    """sign(conv(x) + shortcut) of a second conv whose constants are the first's."""
    writer = GraphWriter()
    x = writer.input((1, 5, 4, 40), np.float32, "x")
    value = x
    for index in range(2):
        bits = writer.tensor((1, 5, 4, 2), np.int32, f"bits{index}")
        writer.op("LceQuantize", [value], [bits], encode("LceQuantize"))
        filters = reference.quantize(np.random.default_rng(1).normal(size=(40, 3, 3, 40)))
        constants = [filters, np.ones(40, np.float32), np.zeros(40, np.float32)]
        operands = [bits, *(writer.constant(c) for c in constants), -1]
        conv = writer.tensor((1, 5, 4, 40), np.float32, f"conv{index}")
        options = encode("LceBconv2d", channels_in=40, padding="same", pad_values=1)
        writer.op("LceBconv2d", operands, [conv], options)
        total = writer.tensor((1, 5, 4, 40), np.float32, f"sum{index}")
        writer.op("ADD", [conv, value], [total], builtin("AddOptions"))
        value = total
    writer.outputs.append(value)
    return writer.finish()


def test_equal_data_and_kinds_are_stored_once_and_aligned(two_convs: bytes) -> None:
    model = schema.Model.GetRootAs(two_convs, 0)
    sizes = []
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        sizes.append(buffer.DataLength())
        if sizes[-1]:
            assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0
    assert sizes == [0, 40 * 9 * 2 * 4, 160, 160]
    assert [code.name for code in ModelFile(two_convs).codes] == [
        "LceQuantize",
        "LceBconv2d",
        "ADD",
    ]


def test_ops_are_read_back(two_convs: bytes) -> None:
    ops = ModelOps(two_convs)
    assert [op.kind for op in ops.ops] == ["LceQuantize", "LceBconv2d", "ADD"] * 2
    conv, add = ops.ops[1:3]
    assert (conv.custom, conv.name, conv.output_shape) == (True, "conv0", (1, 5, 4, 40))
    assert conv.options["padding"] == "same" and conv.options["channels_in"] == 40
    assert conv.macs == 20 * 40 * 9 * 40
    assert ops.shape(conv.inputs[1]) == (40, 3, 3, 2) and ops.shape(-1) == ()
    assert add.options["fusedActivationFunction"] == "none" and add.macs is None


def test_an_op_cut_out_computes_the_same(two_convs: bytes) -> None:
    x = np.random.default_rng(3).normal(size=(1, 5, 4, 40)).astype(np.float32)
    want = Interpreter(two_convs).predict(x)
    first = Interpreter(ModelOps(two_convs).cut(range(3))).predict(x)
    second = Interpreter(ModelOps(two_convs).cut(range(3, 6))).predict(first)
    np.testing.assert_array_equal(second, want)


def test_what_stands_beside_the_graph_is_kept(two_convs: bytes) -> None:
    graph = ModelFile(two_convs).subgraphs[0]
    for tensor in graph.tensors:
        tensor.buffer = 0
    info = ModelInfo(
        description="naïve",
        metadata=(("note", b"text"), ("empty", None)),
        metadata_buffers=(b"more",),
        signatures=(Signature("main", 0, (("image", 0),), (("sum", 0),)),),
    )
    writer = ModelWriter()
    for name in ("LceQuantize", "LceBconv2d"):
        writer.code(name, custom=True)
    writer.code("ADD")
    assert ModelFile(writer.finish([graph], info)).info() == info


def test_integers_of_quantization() -> None:
    writer = GraphWriter()
    scales = np.float32([0.5, 0.25])
    x = writer.input((1, 2), np.int8, scale=0.5, zero_point=3)
    y = writer.output((1, 2), np.int8, scale=scales, axis=1)
    writer.op("RELU", [x], [y])
    first, second = ModelFile(writer.finish()).subgraphs[0].tensors
    assert (first.quantization.scale.tolist(), first.quantization.zeroPoint.tolist()) == (
        [0.5],
        [3],
    )
    assert second.quantization.scale.tolist() == scales.tolist()
    assert second.quantization.quantizedDimension == 1


def test_contents(two_convs: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(two_convs)
    for model in (two_convs, bytearray(two_convs), memoryview(two_convs), path, str(path)):
        assert read_contents(model, "test") == two_convs
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ModelFileError, match=r"empty is not a \.tflite model: bytes 4 to 8 of 0"):
        read_contents(tmp_path / "empty", "test")
    with pytest.raises(ModelFileError, match=r"cannot read .*: Is a directory"):
        read_contents(tmp_path, "test")
    with pytest.raises(ModelFileError, match=r"cannot read .*: embedded null byte"):
        read_contents("a\0b", "test")
    with pytest.raises(InputError, match="test: the model must be bytes or the path"):
        read_contents(3, "test")


@pytest.mark.parametrize("kept", [8, 12, 40, 200, 0.5, 0.9])
def test_truncated(two_convs: bytes, kept: float) -> None:
    size = int(kept if kept > 1 else kept * len(two_convs))
    with pytest.raises(ModelFileError):
        ModelOps(two_convs[:size])


def test_conv_file_is_the_oracles() -> None:
    rng = np.random.default_rng(0)
    words = reference.quantize(rng.normal(size=(1, 5, 4, 40)))
    filters = reference.quantize(rng.normal(size=(7, 3, 3, 40)))
    options = {"channels_in": 40, "padding": "same", "pad_values": 1}
    want = reference.bconv2d(words, filters, stride=(2, 2), **options)
    file = conv_file(words.shape, filters, want.shape, channels_in=40, stride=2)
    np.testing.assert_array_equal(Interpreter(file).predict(words), want)


def test_import_of_the_runtime_loads_neither_schema_nor_compiler() -> None:
    code = """
import sys
import bnn_lab.runtime
slow = {"ai_edge_litert", "flatbuffers", "xdsl", "tensorflow", "tf_keras", "larq", "plotly"}
print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_the_room_needs_no_tensorflow() -> None:
    code = """
import pkgutil, sys
import bnn_lab.tflite
for module in pkgutil.iter_modules(bnn_lab.tflite.__path__, "bnn_lab.tflite."):
    __import__(module.name)
assert len([name for name in sys.modules if name.startswith("bnn_lab.tflite.")]) > 5
print(sorted({"tensorflow", "tf_keras", "larq", "xdsl", "plotly"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
