"""The IR as text: what it prints it reads."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ArrayAttr, BytesAttr, IntAttr, StringAttr
from xdsl.parser import Parser

from bnn_lab.convert import constants_of, exact_text, export_model, import_model, ir_text, parse_ir
from bnn_lab.convert.ir.attributes import F32, I8, OtherElement, Quant, QuantParams, tensor_type
from bnn_lab.convert.ir.literals import read, show
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.text import _Context
from bnn_lab.convert.ir.tfl_dialect import MNEMONICS, CustomOp, Variable, table_of, tensor_names
from bnn_lab.errors import InputError


def again(module, **kwargs):
    return parse_ir(exact_text(module), constants_of(module), **kwargs)


def check_round_trips(module):
    """The short text reads back to itself, the exact one to the same file."""
    assert ir_text(parse_ir(ir_text(module))) == ir_text(module)
    assert exact_text(again(module)) == exact_text(module)
    assert export_model(again(module)) == export_model(module)


def test_a_network_before_and_after(graph, rng, signs):
    from bnn_lab.convert import run_pipeline

    x = graph.input(1, 8, 8, 32)
    conv = graph.conv(graph.sign(x), signs(40, 3, 3, 32), rng.normal(size=40), padding="same")
    module = graph.module(graph.pool(graph.sign(graph.mul(conv, graph.const(np.float32(1 / 3))))))
    check_round_trips(module)
    run_pipeline(module)
    check_round_trips(module)


def test_fields_that_no_pass_looks_at(graph):
    x = graph.input(1, 4)
    nested = Options.make("StableHLOCompositeOptions", name=b"odd \xff name", version=3)
    op = CustomOp.build(
        operands=[[x]],
        result_types=[[x.type, tensor_type(OtherElement("string"), (1,))]],
        properties={
            "code": StringAttr("MyOp"),
            "custom_options": BytesAttr(bytes(range(256))),
            "options2": OptionsAttr(nested),
            "intermediates": ArrayAttr([ArrayAttr([StringAttr("t"), tensor_type(F32, (2, -1))])]),
            "mutating": ArrayAttr([IntAttr(0), IntAttr(1)]),
            "names": tensor_names("a", "b"),
        },
    )
    state = Variable.build(result_types=[x.type], properties={"names": tensor_names("c")})
    graph.block.add_ops([op, state])
    module = graph.module(op.results[0], state.result)
    assert exact_text(again(module)) == exact_text(module)
    assert ir_text(parse_ir(ir_text(module))) == ir_text(module)


@pytest.mark.parametrize("mnemonic", MNEMONICS)
def test_every_builtin_op(graph, mnemonic):
    table = table_of(mnemonic)
    graph.op(mnemonic, graph.input(1, 2), table=table).name_hint = "y"
    module = graph.module()
    check_round_trips(module)
    assert ir_text(parse_ir(ir_text(module).replace(" {}", ""))) == ir_text(module)


@pytest.mark.parametrize(
    "value",
    [
        0.0, -0.0, 0.1, 1e-12, 3.4e38, -7.0, 0, -3, 2**40, True, False, None, float("inf"),
        float("-inf"), b"plain", b'quote " and \\', bytes(range(256)), (), (1, (2.5, b"x"), None),
    ],
)  # fmt: skip
def test_values(value):
    got = read(Parser(_Context({}), show(value)))
    if isinstance(value, float):
        got = float(np.float32(got))
        assert np.signbit(got) == np.signbit(value)
        value = float(np.float32(value))
    assert got == value


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "?", "c8"])
@pytest.mark.parametrize("size", [0, 1, 5, 9])
def test_constants_of_any_type(graph, rng, dtype, size):
    values = rng.normal(size=(size, 1)) * 50
    module = graph.module(graph.const(values.astype(dtype)))
    check_round_trips(module)


def test_special_numbers_survive(graph):
    values = np.float32([np.nan, np.inf, -np.inf, -0.0, 1e-45])
    module = graph.module(graph.const(values), graph.const(np.float32([-0.0, 1e-45])))
    check_round_trips(module)


@pytest.mark.parametrize(
    "quant",
    [
        QuantParams((0.1,), (3,)),
        QuantParams((0.1,), (0,), low=(-1.5,), high=(2.0,)),
        QuantParams((0.1, 0.2), (0, 5), 3),
        QuantParams((0.1,) * 64, (0,) * 64, 3),
        QuantParams(low=(-1.0,), high=(1.0,)),
        QuantParams(details=Options.make("CustomQuantization", custom=(1, 2))),
    ],
    ids=str,
)
def test_quantization(graph, quant):
    quant = QuantParams(
        tuple(float(np.float32(scale)) for scale in quant.scale),
        *(quant.zero_point, quant.axis, quant.low, quant.high, quant.details),
    )
    module = graph.module(
        graph.typed("quantize", [graph.input(1, 4)], tensor_type(I8, (4,), quant))
    )
    check_round_trips(module)
    (op,) = [op for op in again(module).walk() if op.name == "tfl.quantize"]
    assert op.results[0].type.encoding == Quant(quant)


def test_what_the_text_leaves_out(graph):
    filters = np.arange(9, dtype=np.float32)
    module = parse_ir(ir_text(graph.module(graph.const(filters))))
    with pytest.raises(InputError, match=r"blob \w+ is not in the text. Fix: pass parse_ir a dict"):
        export_model(module)
    quant = QuantParams((0.5,) * 9, (0,) * 9)
    other = type(graph)()
    x = other.input(1, 9)
    text = ir_text(other.module(other.typed("quantize", [x], tensor_type(I8, (1, 9), quant))))
    with pytest.raises(InputError, match="leaves out 9 scales"):
        export_model(parse_ir(text))


def test_short_text_is_easy_to_write(litert):
    file = export_model(
        parse_ir("""
        func.func @main(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
          %two = tfl.const() {2} : tensor<f32>     // no names, no module around
          %y = tfl.mul(%x, %two) {fusedActivationFunction = relu6} : tensor<1x3xf32>
          func.return %y : tensor<1x3xf32>
        }
        """)
    )
    (y,) = litert(file, np.float32([[-1, 2, 4]]))
    assert y.tolist() == [[0, 4, 6]]
    (function,) = import_model(file).ops
    assert "x" in str(function.attributes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f() { %y = tfl.frob() : tensor<f32> }", "tfl.frob is not registered"),
        ("func.func @f() { %y = tfl.abs(%x) : tensor<f32> }", "%x is not defined before"),
        ("func.func @f() { %y = tfl.add() {colour = 1} : tensor<f32> }", "no field colour"),
        ("func.func @f() { %y = tfl.add() Frob {} : tensor<f32> }", "no table Frob"),
        ("func.func @f() { %y = lq.Quantize() {a = 1} : tensor<f32> }", "no option a"),
        (
            "func.func @f(%x: tensor<f32>) { %y = lq.BMaxPool2d(%x) : tensor<f32> func.return }",
            "filter_height",
        ),
        (
            "func.func @f() { %y = tfl.const() {[1, 2]} : tensor<3xf32> }",
            "do not fit the type tensor<3xf32>",
        ),
        ("func.func @f() { %y = tfl.const() {red} : tensor<3xf32> }", "'red' is not a value"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(InputError, match=message):
        parse_ir(text)


def test_data_of_another_shape():
    text = 'func.func @f() { %y = tfl.const() {blob "a"} : tensor<3xf32> func.return }'
    with pytest.raises(InputError, match=r"blob a has the shape \(2,\)"):
        parse_ir(text, {"a": np.zeros(2, np.float32)})
