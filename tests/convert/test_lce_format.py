"""LCE's custom ops: options and operand counts."""

from __future__ import annotations

import pytest
from flatbuffers import flexbuffers

from bnn_lab.convert.ir.lce_format import LQ_CODES, encode_options, read_lq_op
from bnn_lab.convert.ir.lq_dialect import Bconv2d, BMaxPool2d
from bnn_lab.convert.ir.tfl_dialect import tensor_names
from bnn_lab.errors import ModelFileError
from bnn_lab.tflite.options import CUSTOM_OPS

NAMES = tensor_names("net/conv")
CONV = {
    "channels_in": 40,
    "dilation_height_factor": 2,
    "dilation_width_factor": 1,
    "fused_activation_function": 3,
    "pad_values": 1,
    "padding": 1,
    "stride_height": 1,
    "stride_width": 3,
}


def flexbuffer(values) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in values.items():
            builder.Int(key, value)
    return bytes(builder.Finish())


def read(code, graph, options, operands=5):
    inputs = [graph.input(1, 4, 4, 2, name=f"x{index}") for index in range(operands)]
    return read_lq_op(code, inputs, [inputs[0].type], options, NAMES)


def test_bconv_options_round_trip(graph):
    op = read("LceBconv2d", graph, flexbuffer(CONV))
    assert isinstance(op, Bconv2d)
    assert op.options == {
        "channels_in": 40,
        "stride_height": 1,
        "stride_width": 3,
        "dilation_height_factor": 2,
        "dilation_width_factor": 1,
        "padding": "valid",
        "pad_values": 1,
        "fused_activation_function": "relu6",
    }
    root = flexbuffers.GetRoot(bytearray(encode_options(op))).AsMap
    assert {key.AsString: root[key.AsString].AsInt for key in root.Keys} == CONV


def test_pool_options_round_trip(graph):
    values = {
        "filter_height": 2, "filter_width": 3, "padding": 0, "stride_height": 4, "stride_width": 5,
    }  # fmt: skip
    op = read("LceBMaxPool2d", graph, flexbuffer(values), operands=1)
    assert isinstance(op, BMaxPool2d)
    assert op.options == {**values, "padding": "same"}
    root = flexbuffers.GetRoot(bytearray(encode_options(op))).AsMap
    assert {key.AsString: root[key.AsString].AsInt for key in root.Keys} == values


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"padding": 2}, "padding = 2 is not one of"),
        ({"pad_values": -1}, "pad_values = -1"),
        ({"fused_activation_function": 4}, "fused_activation_function = 4"),
        ({"stride_width": 0}, "stride_width = 0 must be at least 1"),
        ({"surprise": 1}, "unknown options surprise"),
        ({"channels_in": None}, "options lack channels_in"),
    ],
)
def test_bad_options(graph, changes, message):
    values = {key: value for key, value in (CONV | changes).items() if value is not None}
    with pytest.raises(ModelFileError, match=message) as caught:
        read("LceBconv2d", graph, flexbuffer(values))
    assert "LceBconv2d 'net/conv'" in str(caught.value)


@pytest.mark.parametrize("options", [b"", b"\x00", b"garbage", b"\xff" * 40])
def test_options_that_are_no_map(graph, options):
    with pytest.raises(ModelFileError):
        read("LceBconv2d", graph, options)


def test_wrong_operand_count(graph):
    with pytest.raises(ModelFileError, match="has 3 inputs and 1 outputs; it needs 5 and 1"):
        read("LceBconv2d", graph, flexbuffer(CONV), operands=3)


@pytest.mark.parametrize("code", CUSTOM_OPS)
def test_the_dialect_has_the_files_options(code):
    op = LQ_CODES[code]
    assert set(op.get_irdl_definition().properties) - {"names"} == set(op.option_names())
    assert set(op.option_names()) == set(CUSTOM_OPS[code].names)
