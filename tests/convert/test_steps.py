"""Which values take two numbers, and where: proven over all floats, whatever the spelling."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerType, UnitAttr

from bnn_lab.convert import export_model, parse_ir
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import CALIBRATED
from bnn_lab.convert.rewrite.pointwise import chain_of
from bnn_lab.convert.rewrite.steps import pieces_of, step_of

BOOL = IntegerType(1)
TINY = np.float32(1e-45)


def found(body: str, *, calibrated: bool = False, given: str = "tensor<1x4xf32>"):
    """The step that `%y` is, of ops that stand in `body`."""
    module = parse_ir(f"func.func @main(%x: {given}) {{ {body} func.return }}")
    if calibrated:
        module.attributes[CALIBRATED] = UnitAttr()
    ops = [op for op in module.walk() if op.results]
    return step_of(ops[-1].results[0])


CONSTANTS = """
%zero = tfl.const() {0} : tensor<f32>
%one = tfl.const() {1} : tensor<f32>
%minus = tfl.const() {-1} : tensor<f32>
%two = tfl.const() {2} : tensor<f32>
%half = tfl.const() {0.5} : tensor<f32>
%tenth = tfl.const() {0.1} : tensor<f32>
%flags = tfl.const() {[true, false]} : tensor<2xi1>
"""
F, B = ": tensor<1x4xf32>", ": tensor<1x4xi1>"
ABOVE = f"%c = tfl.greater(%x, %zero) {B}"
SPELLINGS = {
    "larq": (f"%s = tfl.sign(%x) {F} %t = tfl.add(%s, %tenth) {F} %y = tfl.sign(%t) {F}", 0, 1),
    "QKeras": (
        f"%s = tfl.sign(%x) {F} %a = tfl.abs(%s) {F} %r = tfl.sub(%one, %a) {F} "
        f"%y = tfl.add(%s, %r) {F}",
        *(0, 1),
    ),
    "choice": (f"{ABOVE} %y = tfl.select_v2(%c, %one, %minus) {F}", TINY, 1),
    "other choice": (f"{ABOVE} %y = tfl.select_v2(%c, %minus, %one) {F}", TINY, -1),
    "cast": (
        f"%c = tfl.greater_equal(%x, %half) {B} %u = tfl.cast(%c) {F} "
        f"%d = tfl.mul(%u, %two) {F} %y = tfl.sub(%d, %one) {F}",
        *(0.5, 1),
    ),
    "hard sigmoid, rounded": (
        f"%h = tfl.mul(%x, %half) {F} %a = tfl.add(%h, %half) {F} %c = tfl.relu_0_to_1(%a) {F} "
        f"%r = tfl.round(%c) {F} %d = tfl.mul(%r, %two) {F} %y = tfl.sub(%d, %one) {F}",
        # Of the clipped value; 0.5 itself rounds to 0.
        *(np.nextafter(np.float32(0.5), np.float32(1)), 1),
    ),
    "not below": (
        f"%c = tfl.less(%x, %zero) {B} %n = tfl.logical_not(%c) {B} "
        f"%y = tfl.select_v2(%n, %one, %minus) {F}",
        *(0, 1),
    ),
    "above -1 and above 2": (
        f"%a = tfl.greater(%x, %minus) {B} %b = tfl.greater_equal(%x, %two) {B} "
        f"%c = tfl.logical_and(%a, %b) {B} %y = tfl.select_v2(%c, %one, %minus) {F}",
        *(2, 1),
    ),
    "floor of a clip": (
        f"%f = tfl.floor(%x) {F} %c = tfl.relu_n1_to_1(%f) {F} %m = tfl.minimum(%c, %zero) {F} "
        f"%d = tfl.mul(%m, %two) {F} %y = tfl.add(%d, %one) {F}",
        *(0, 1),
    ),
    "sign of what is never 0": (
        f"%a = tfl.greater_equal(%x, %tenth) {B} %u = tfl.cast(%a) {F} %s = tfl.sub(%u, %half) {F} "
        f"%y = tfl.sign(%s) {F}",
        *(np.float32(0.1), 1),
    ),
    "divided": (
        f"%n = tfl.neg(%x) {F} %d = tfl.div(%n, %tenth) {F} %c = tfl.less_equal(%d, %zero) {B} "
        f"%y = tfl.select(%c, %one, %minus) {F}",
        *(TINY, -1),
    ),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings_of_a_sign(name):
    body, threshold, direction = SPELLINGS[name]
    step = found(CONSTANTS + body)
    assert (step.low, step.high) == (-1, 1)
    assert step.threshold.reshape(-1) == [np.float32(threshold)]
    assert step.rising.all() == (direction == 1)


@pytest.mark.parametrize(
    "body",
    {
        "plain": f"%y = tfl.sign(%x) {F}",
        "ternary": (
            f"%a = tfl.add(%x, %tenth) {F} %b = tfl.sub(%x, %tenth) {F} %s = tfl.sign(%a) {F} "
            f"%t = tfl.sign(%b) {F} %u = tfl.add(%s, %t) {F} %y = tfl.sign(%u) {F}"
        ),
        "round": f"%y = tfl.round(%x) {F}",
        "two bits": (
            f"%c = tfl.relu_0_to_1(%x) {F} %d = tfl.mul(%c, %two) {F} %y = tfl.round(%d) {F}"
        ),
        "no jump": f"%a = tfl.abs(%x) {F} %y = tfl.relu(%a) {F}",
        "divided by itself": f"%y = tfl.div(%one, %x) {F}",
    }.values(),
)
def test_other_functions(body):
    assert found(CONSTANTS + body) is None


def test_a_sign_that_is_always_positive():
    step = found(
        f"{CONSTANTS} %s = tfl.sign(%x) {F} %t = tfl.add(%s, %two) {F} %y = tfl.sign(%t) {F}"
    )
    assert (step.low, step.high) == (-1, 1)
    assert step.rising.all() and step.threshold.max() <= -1


def test_starts_behind_what_others_may_read():
    """A BatchNorm in front of a sign stays: it may be read by others, or join a convolution."""
    body = f"%m = tfl.mul(%x, %two) {F} %a = tfl.add(%m, %tenth) {F}"
    step = found(f"{CONSTANTS} {body} %r = tfl.relu(%a) {F} %y = tfl.sign(%r) {F}")
    assert step.source.name_hint == "a"
    assert (step.low, step.high, step.threshold.item()) == (0, 1, TINY)


def test_values_are_numbered():
    module = parse_ir(
        f"func.func @main(%x: tensor<1x4xf32>) {{ %y = tfl.sign(%x) {F} func.return }}"
    )
    (op,) = [op for op in module.walk() if op.name == "tfl.sign"]
    pieces = pieces_of(chain_of(op.results[0]))
    assert pieces.numbers == [-1, 0, 1]
    assert pieces.starts.reshape(-1).tolist() == [-np.inf, 0, TINY]


def test_a_band_is_a_step_of_its_truth_value():
    step = found(
        f"{CONSTANTS} %a = tfl.less(%x, %one) {B} %b = tfl.greater(%x, %minus) {B} "
        f"%c = tfl.logical_and(%a, %b) {B} %y = tfl.select_v2(%c, %one, %minus) {F}"
    )
    assert (step.source.name_hint, step.rising.all()) == ("c", True)


def test_floats_are_rounded_as_float32_is():
    """Up to x = 2^-24 the sum 0.5 + x / 2 is 0.5, which rounds to 0."""
    body, _, _ = SPELLINGS["hard sigmoid, rounded"]
    module = parse_ir(f"func.func @main(%x: tensor<1x4xf32>) {{ {CONSTANTS + body} func.return }}")
    pieces = pieces_of(chain_of([op for op in module.walk() if op.results][-1].results[0]))
    first = np.nextafter(np.float32(2.0**-24), np.float32(1))
    assert pieces.starts.reshape(-1).tolist() == [-np.inf, first]
    assert pieces.numbers == [-1, 1]


def test_a_threshold_for_each_channel():
    step = found(
        f"%t = tfl.const() {{[[-1, 0, 0.5, 3]]}} : tensor<1x4xf32> "
        f"%d = tfl.const() {{[2, -1, -2, 0]}} : tensor<4xf32> {CONSTANTS}"
        f"%c = tfl.greater_equal(%x, %t) {B} %u = tfl.cast(%c) {F} %v = tfl.sub(%u, %half) {F} "
        f"%m = tfl.mul(%v, %d) {F} %w = tfl.add(%m, %tenth) {F} %y = tfl.sign(%w) {F}"
    )
    # The last channel is always high.
    assert step.rising.tolist() == [[True, False, False, True]]
    assert step.threshold.tolist() == [[-1, 0, 0.5, -np.inf]]


def test_what_is_never_below_zero():
    pool = "{padding = valid, strideW = 1, strideH = 1, filterWidth = 1, filterHeight = 1}"
    image = ": tensor<1x2x2x4xf32>"
    step = found(
        f"%r = tfl.relu(%x) {image} %p = tfl.max_pool_2d(%r) {pool} {image} "
        f"%y = tfl.sign(%p) {image}",
        given="tensor<1x2x2x4xf32>",
    )
    assert (step.low, step.high, step.threshold.item()) == (0, 1, TINY)


@pytest.mark.parametrize(("yes", "no", "rising"), [("one", "minus", True), ("minus", "one", False)])
def test_truth_values(yes, no, rising):
    step = found(f"{CONSTANTS} %y = tfl.select_v2(%x, %{yes}, %{no}) {F}", given="tensor<1x4xi1>")
    assert step.rising.all() == rising


def test_a_comparison_of_two_tensors_is_a_truth_value():
    module = parse_ir(
        f"func.func @main(%x: tensor<1x4xf32>, %z: tensor<1x4xf32>) {{ {CONSTANTS} "
        f"%c = tfl.greater(%x, %z) {B} %y = tfl.select_v2(%c, %one, %minus) {F} func.return }}"
    )
    op = [op for op in module.walk() if op.results][-1]
    step = step_of(op.results[0])
    assert step.source.owner.name == "tfl.greater"


I8 = ": tensor<1x4xi8, #tfl.quant<0.25 * (q - 3)>>"


@pytest.mark.parametrize("calibrated", [True, False])
def test_int8(calibrated):
    """After calibration rounding is no part of the function; elsewhere it is."""
    body = (
        f"%q = tfl.quantize(%x) {I8} "
        "%t = tfl.const() {5} : tensor<i8, #tfl.quant<0.25 * (q - 3)>> "
        f"%c = tfl.greater_equal(%q, %t) {B} {CONSTANTS} "
        f"%y = tfl.select_v2(%c, %one, %minus) {F}"
    )
    step = found(body, calibrated=calibrated)
    assert step.threshold.item() == 0.5
    source = step.source
    assert (source.name_hint == "x") == calibrated


def test_int8_values_are_whole_after_calibration():
    body = f"""
    %t = tfl.const() {{0}} : tensor<f32>
    %c = tfl.greater_equal(%x, %t) {B}
    %u = tfl.cast(%c) {F}
    %q = tfl.quantize(%u) : tensor<1x4xi8, #tfl.quant<0.0039 * (q + 128)>>
    %y = tfl.dequantize(%q) {F}
    """.replace("(q + 128)", "(q - -128)")
    assert (found(body, calibrated=True).low, found(body, calibrated=True).high) == (0, 1)
    exact = found(body)
    assert exact.high == np.float32(255 * np.float32(0.0039))


class TestRandomChains:
    """Chains put together at random, against LiteRT at the points where they may change."""

    PROBES = np.float32(
        [-np.inf, -3e38, -7, -2, -1, -0.5, -0.1, -1e-20, -0.0, 0, 1e-20, 0.1, 0.5, 1, 2, 7, 3e38]
    )

    @pytest.fixture
    def chain(self, rng, graph):
        def pick(*names):
            return names[rng.integers(len(names))]

        def compared(value):
            kind = pick("less", "less_equal", "greater", "greater_equal")
            other = graph.const(np.float32(rng.choice([-1, -0.5, 0, 0.1, 0.5, 1, 2])))
            operands = [value, other] if rng.integers(2) else [other, value]
            return graph.typed(kind, operands, tensor_type(BOOL, shape_of(value)))

        def grown(value):
            name = pick(
                *("sign", "floor", "ceil", "abs", "neg", "relu", "relu6", "relu_n1_to_1", "add"),
                *("mul", "minimum", "maximum", "cast", "select", "self", "reshape"),
            )
            shape = shape_of(value)
            if name in ("add", "mul", "minimum", "maximum"):
                other = np.float32(rng.choice([-2, -1, -0.5, 0.1, 0.5, 1, 2]))
                table = {"add": "AddOptions", "mul": "MulOptions"}.get(name, "")
                return graph.op(name, value, graph.const(other), table=table)
            if name == "cast":
                return graph.typed("cast", [compared(value)], tensor_type(F32, shape))
            if name == "select":
                ends = [graph.const(np.float32(rng.choice([-1, 0, 1, 3]))) for _ in range(2)]
                return graph.op("select_v2", compared(value), *ends, shape=shape)
            if name == "self":
                return graph.sub(value, graph.op("sign", value))
            if name == "reshape":
                to = shape[::-1]
                return graph.op("reshape", value, graph.const(np.int32(to)), shape=to)
            return graph.op(name, value)

        def made():
            value = graph.input(1, 40)
            for _ in range(rng.integers(1, 7)):
                value = grown(value)
            return value

        return made

    @pytest.mark.parametrize("seed", range(150))
    def test_random(self, seed, rng, graph, chain, litert):
        rng.bit_generator.advance(seed * 1000)
        value = chain()
        step = step_of(value)
        probes = list(self.PROBES)
        if step is not None:
            t = np.float32(step.threshold.item())
            down, up = (np.nextafter(t, np.float32(end)) for end in (-np.inf, np.inf))
            # LiteRT's kernels may take subnormal numbers for 0.
            probes += [x for x in (down, t, up) if x == 0 or abs(x) >= 2.0**-126]
        module = graph.module(value)
        x = np.resize(np.float32(probes), (1, 40))
        (got,) = litert(export_model(module), x)
        got = got.reshape(1, 40)
        seen = np.unique(got[:, : len(probes)])
        if step is None:
            jumps = chain_of(value).jumps and np.abs(seen).max() < 1e30
            assert not (jumps and len(seen) == 2 and _one_change(x[0], got[0])), (x, got)
            return
        assert step.source.name_hint == "x" or step.source.owner.name
        if step.source.name_hint == "x":
            upper = (x >= step.threshold.item()) == step.rising.item()
            np.testing.assert_array_equal(got, np.where(upper, step.high, step.low))


def _one_change(x, y):
    order = np.argsort(x, kind="stable")
    return int(np.sum(np.diff(y[order]) != 0)) == 1


def shape_of(value):
    return tuple(value.type.get_shape())
