"""Builders of small graphs and Keras models, and the interpreters that run the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

import bnn_lab
from bnn_lab.convert import export_model, import_model, ir_text
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.model_info import ModelInfoAttr
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import (
    FUNC_INPUT_NAMES,
    FUNC_NAME,
    MODULE_INFO,
    Const,
    NoValue,
    make_tfl,
    tensor_names,
)
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.reference import window_axis

Run = Callable[..., list[np.ndarray]]


def _as_list(result: Any) -> list[np.ndarray]:
    return list(result) if isinstance(result, list | tuple) else [result]


def run_lce(model: bytes, x: Any, groups: bool = False) -> list[np.ndarray]:
    testing = pytest.importorskip("larq_compute_engine").testing
    # LCE's default x86 kernel rejects groups; its indirect kernel takes them.
    interpreter = testing.Interpreter(model, num_threads=1, use_indirect_bgemm=groups)
    return _as_list(interpreter.predict(x))


def run_ours(model: bytes, x: Any, groups: bool = False) -> list[np.ndarray]:
    return _as_list(bnn_lab.Interpreter(model, num_threads=1).predict(x))


def run_litert(model: bytes, x: Any) -> list[np.ndarray]:
    """Plain LiteRT: knows no binary op, so it can only run the graph before."""
    interpreter = LiteRt(model_content=model)
    interpreter.allocate_tensors()
    samples = []
    for sample in x:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample[None])
        interpreter.invoke()
        samples.append(
            [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
        )
    return [np.concatenate(parts) for parts in zip(*samples, strict=True)]


@pytest.fixture(params=[run_lce, run_ours], ids=["lce", "bnn_lab"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a file on a batch; gives a list of outputs."""
    return request.param


@pytest.fixture
def interpreters() -> dict[str, Run]:
    """Those that are installed, for tests whose file is slow to make."""
    return (
        {"lce": run_lce, "bnn_lab": run_ours}
        if find_spec("larq_compute_engine")
        else {"bnn_lab": run_ours}
    )


@pytest.fixture
def litert() -> Run:
    """Plain LiteRT, for files without binary ops."""
    return run_litert


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


class Graph:
    """Builds a one-function module op by op, with shapes worked out here."""

    def __init__(self) -> None:
        self.block = Block()
        self.inputs: list[str] = []
        self.count = 0

    def input(self, *shape: int, name: str = "x") -> SSAValue:
        self.inputs.append(name)
        argument = self.block.insert_arg(tensor_type(F32, shape), len(self.inputs) - 1)
        argument.name_hint = name
        return argument

    def const(self, values: Any, name: str = "c") -> SSAValue:
        op = Const.of(np.asarray(values), name)
        self.block.add_op(op)
        return op.result

    def absent(self) -> SSAValue:
        op = NoValue.make()
        self.block.add_op(op)
        return op.result

    def op(
        self,
        mnemonic: str,
        *operands: SSAValue,
        shape: tuple[int, ...] | None = None,
        table: str = "",
        **options: Any,
    ) -> SSAValue:
        """Append a builtin op; `table` names its options in the schema."""
        self.count += 1
        type_: Any = operands[0].type
        made = make_tfl(
            mnemonic,
            operands,
            [type_ if shape is None else tensor_type(F32, shape)],
            OptionsAttr(Options.make(table, **options)) if table else None,
            tensor_names(f"net/{mnemonic}_{self.count}/{mnemonic}"),
        )
        self.block.add_op(made)
        made.results[0].name_hint = f"{mnemonic}_{self.count}"
        return made.results[0]

    def typed(
        self, mnemonic: str, operands: list[SSAValue], type_: Any, table: str = "", **options: Any
    ) -> SSAValue:
        """Append a builtin op whose result is of any type, as one with quantization."""
        made = OptionsAttr(Options.make(table, **options)) if table else None
        op = make_tfl(mnemonic, operands, [type_], made, tensor_names(f"net/{mnemonic}"))
        self.block.add_op(op)
        op.results[0].name_hint = mnemonic
        return op.results[0]

    def pool(self, x: SSAValue) -> SSAValue:
        """Max-pooling of windows 2 x 2, stride 2."""
        batch, height, width, channels = x.type.get_shape()
        return self.op(
            "max_pool_2d", x, shape=(batch, height // 2, width // 2, channels),
            table="Pool2DOptions", padding="valid", strideW=2, strideH=2, filterWidth=2,
            filterHeight=2,
        )  # fmt: skip

    def sign(self, x: SSAValue, shift: Any = 0.1) -> SSAValue:
        """larq's sign."""
        total = self.add(self.op("sign", x), self.const(np.float32(shift)))
        return self.op("sign", total)

    def add(self, a: SSAValue, b: SSAValue, activation: str = "none") -> SSAValue:
        return self.op("add", a, b, table="AddOptions", fusedActivationFunction=activation)

    def mul(self, a: SSAValue, b: SSAValue, activation: str = "none") -> SSAValue:
        return self.op("mul", a, b, table="MulOptions", fusedActivationFunction=activation)

    def sub(self, a: SSAValue, b: SSAValue, activation: str = "none") -> SSAValue:
        return self.op("sub", a, b, table="SubOptions", fusedActivationFunction=activation)

    def pad(self, x: SSAValue, widths: Any, value: float) -> SSAValue:
        """Pad height and width by ((before, after), (before, after))."""
        widths = np.array([(0, 0), *widths, (0, 0)], np.int32)
        shape = tuple(int(s + w.sum()) for s, w in zip(x.type.get_shape(), widths, strict=True))
        pads = self.const(widths)
        if value == 0:
            return self.op("pad", x, pads, shape=shape, table="PadOptions")
        return self.op(
            "padv2", x, pads, self.const(np.float32(value)), shape=shape, table="PadV2Options"
        )

    def conv(
        self,
        x: SSAValue,
        filters: np.ndarray,
        bias: np.ndarray | None = None,
        *,
        padding: str = "valid",
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        activation: str = "none",
    ) -> SSAValue:
        """CONV_2D with an OHWI filter."""
        if bias is None:
            bias = np.zeros(len(filters))
        n, *size, _ = x.type.get_shape()
        out = [
            window_axis(size[a], filters.shape[1 + a], stride[a], dilation[a], padding).out
            for a in (0, 1)
        ]
        operands = [
            x,
            self.const(filters.astype(np.float32), "net/conv/filter"),
            self.const(bias.astype(np.float32), "net/conv/b"),
        ]
        return self.op(
            "conv_2d",
            *operands,
            shape=(n, *out, filters.shape[0]),
            table="Conv2DOptions",
            padding=padding,
            strideH=stride[0],
            strideW=stride[1],
            dilationHFactor=dilation[0],
            dilationWFactor=dilation[1],
            fusedActivationFunction=activation,
        )

    def module(self, *outputs: SSAValue) -> ModuleOp:
        self.block.add_op(ReturnOp(*outputs))
        types = [a.type for a in self.block.args], [value.type for value in outputs]
        function = FuncOp("main", types, Region(self.block))
        function.attributes[FUNC_INPUT_NAMES] = ArrayAttr([StringAttr(n) for n in self.inputs])
        function.attributes[FUNC_NAME] = StringAttr("main")
        module = ModuleOp([function])
        module.verify()
        return module


@pytest.fixture
def graph() -> Graph:
    return Graph()


@pytest.fixture(scope="session")
def new_graph() -> type[Graph]:
    return Graph


@pytest.fixture
def signs(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """Random ±1 filters."""
    return lambda *shape: rng.choice(np.float32([-1, 1]), shape)


def executable(module: ModuleOp) -> bytes:
    """The file of a module whose filters may not be packed yet; the module is left alone."""
    packed = module.clone()
    PackFilters().run(packed)
    return export_model(packed)


@pytest.fixture(name="executable")
def executable_fixture() -> Callable[[ModuleOp], bytes]:
    return executable


@pytest.fixture
def export() -> Callable[[ModuleOp], bytes]:
    return export_model


def _values_before_signs(file: bytes) -> bytes:
    """The file with more outputs: first the float values that its LceQuantize ops read."""
    module = import_model(file)
    (function,) = module.ops
    block = function.body.block
    values = [op.input for op in module.walk() if isinstance(op, Quantize)]
    values += block.last_op.operands
    block.last_op.detach()
    block.add_op(ReturnOp(*values))
    ends = [a.type for a in block.args], [value.type for value in values]
    function.properties["function_type"] = FunctionType.from_lists(*ends)
    info = module.attributes[MODULE_INFO].data
    module.attributes[MODULE_INFO] = ModelInfoAttr(replace(info, signatures=()))
    return export_model(module)


@pytest.fixture
def values_before_signs() -> Callable[[bytes], bytes]:
    return _values_before_signs


def _op_names(module: ModuleOp) -> list[str]:
    """Names of the ops that compute, in order (no constants)."""
    silent = ("tfl.const", "tfl.no_value", "func.return", "func.func", "builtin.module")
    return [op.name for op in module.walk() if op.name not in silent]


@pytest.fixture
def op_names() -> Callable[[ModuleOp], list[str]]:
    return _op_names


@pytest.fixture
def apply(run: Run) -> Callable[..., list[Any]]:
    """Runs passes on a module and asserts that its outputs stay equal.

    Returns all outcomes. `x`, a batch, is fed to the file before and after.
    """

    def apply_passes(module: ModuleOp, x: Any, *passes: Any, groups: bool = False) -> list[Any]:
        want = run_litert(export_model(module), x)
        outcomes = [outcome for step in passes for outcome in step.run(module)]
        module.verify()
        got_all = run(executable(module), x, groups)
        for expected, got in zip(want, got_all, strict=True):
            # Sums of some hundred terms are rounded on the way, to about 1e-6 of their size.
            scale = max(50.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(
                got, expected, rtol=0, atol=1e-6 * scale, err_msg=ir_text(module)
            )
        return outcomes

    return apply_passes


def _randomize_batchnorm(model: Any, rng: np.random.Generator) -> None:
    """Random statistics; gamma takes both signs, and its first element is 0."""
    for layer in model._flatten_layers():
        if not type(layer).__name__.startswith("BatchNorm"):
            continue
        channels = layer.moving_mean.shape[0]
        layer.moving_mean.assign(rng.normal(size=channels))
        layer.moving_variance.assign(rng.uniform(0.5, 2, channels))
        if layer.gamma is not None:
            gamma = rng.normal(size=channels)
            gamma[0] = 0
            layer.gamma.assign(gamma)
        if layer.beta is not None:
            layer.beta.assign(rng.normal(size=channels))


@pytest.fixture
def randomize(rng: np.random.Generator) -> Callable[[Any], Any]:
    def randomize_model(model: Any) -> Any:
        _randomize_batchnorm(model, rng)
        return model

    return randomize_model
