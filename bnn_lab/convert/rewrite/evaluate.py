"""Values of ops over constants: in NumPy where that is the same thing, else by LiteRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.traits import Pure

from bnn_lab.convert.ir.attributes import code_of_element, dtype_of_code, quant_of
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.tfl_dialect import Const, NoValue, TflOp, constant, is_absent, is_tfl
from bnn_lab.convert.rewrite.build import shape_of

# Of large kernels, which LiteRT would take several copies of.
_IN_NUMPY: dict[str, Callable[..., NDArray]] = {
    "sign": np.sign,
    "abs": np.abs,
    "neg": np.negative,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "select_v2": np.where,
    "transpose": lambda x, order: np.transpose(x, order.reshape(-1)),
    "reshape": lambda x, shape: np.reshape(x, shape.reshape(-1)),
    "mean": lambda x, axes: np.mean(x, axis=tuple(axes.reshape(-1)), keepdims=True),
}
# Constants that are stored in few bits on purpose.
_STORED_SMALL = ("dequantize", "densify")


def is_foldable(op: Operation) -> bool:
    """Whether an op computes fixed values of fixed sizes from its operands, without state."""
    if not isinstance(op, TflOp) or not op.has_trait(Pure()) or is_tfl(op, *_STORED_SMALL):
        return False
    return bool(op.results) and all(
        isinstance(result.type, TensorType)
        and min(result.type.get_shape(), default=0) >= 0
        and dtype_of(result) is not None
        for result in op.results
    )


def dtype_of(value: SSAValue) -> np.dtype | None:
    """NumPy's type of a tensor, None if it has none."""
    return dtype_of_code(code_of_element(value.type.element_type))  # type: ignore[attr-defined]


def is_constant_tree(value: SSAValue) -> bool:
    """Whether a value comes from constants alone, by ops that can be computed in advance."""
    stack, seen = [value], set()
    while stack:
        at = stack.pop()
        if at in seen or constant(at) is not None or is_absent(at):
            continue
        seen.add(at)
        op = at.owner
        if not isinstance(op, Operation) or not is_foldable(op):
            return False
        stack += _read(op)
    return True


def _read(op: Operation) -> Sequence[SSAValue]:
    """Operands whose values matter: a tensor's shape is known without them."""
    if is_tfl(op, "shape", "rank"):
        return () if min(shape_of(op.operands[0]), default=0) >= 0 else op.operands
    return op.operands


def leaves_of(op: Operation) -> list[Const]:
    """The constants that an op is computed of, each once."""
    found: dict[Const, None] = {}
    stack, seen = list(_read(op)), set()
    while stack:
        at = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        if isinstance(at.owner, Const):
            found[at.owner] = None
        elif isinstance(at.owner, Operation):
            stack += _read(at.owner)
    return list(found)


def tree_of(op: TflOp) -> list[TflOp]:
    """An op over constants and those that it is computed of, each after its operands."""
    order: dict[TflOp, None] = {}
    stack: list[TflOp] = [op]
    while stack:
        at = stack[-1]
        wanted = [v for v in _read(at) if constant(v) is None and not is_absent(v)]
        if missing := [value.owner for value in wanted if value.owner not in order]:
            stack += missing  # type: ignore[arg-type]
            continue
        stack.pop()
        order[at] = None
    return list(order)


def evaluate(op: TflOp) -> list[NDArray]:
    """Results of an op over constants.

    What is computed on the way is let go when its last reader has it: of a long chain over a large
    kernel only a few arrays are there at a time.

    Args:
        op: `is_constant_tree` of its results.

    Returns:
        One array for each result, of its shape and NumPy type.

    Raises:
        Exception: LiteRT cannot compute one of the ops.
    """
    order = tree_of(op)
    last_use = {value: at for at, step in enumerate(order) for value in _read(step)}
    last_use.update(dict.fromkeys(op.results, len(order)))
    known: dict[SSAValue, NDArray] = {}
    for at, step in enumerate(order):
        known.update(zip(step.results, _computed(step, known), strict=True))
        for value in (*_read(step), *step.results):
            if last_use.get(value, at) == at:
                known.pop(value, None)
    return [known[result] for result in op.results]


def _computed(op: TflOp, known: dict[SSAValue, NDArray]) -> list[NDArray]:
    if is_tfl(op, "shape", "rank"):
        shape = shape_of(op.operands[0])
        made = np.array(shape if op.MNEMONIC == "shape" else len(shape))
        return [_as_stored(made, op.results[0])]
    operands = [known[value] if value in known else constant(value) for value in op.operands]
    types = [value.type for value in (*op.operands, *op.results)]
    floats = any(data is not None and data.dtype == np.float32 for data in operands)
    plain = op.activation == "none" and all(quant_of(type_) is None for type_ in types)
    if op.MNEMONIC in _IN_NUMPY and floats and plain:
        return [_as_stored(_IN_NUMPY[op.MNEMONIC](*operands), op.results[0])]
    return _by_litert(op, operands)


def _as_stored(values: Any, result: SSAValue) -> NDArray:
    return np.ascontiguousarray(np.reshape(values, shape_of(result)), dtype_of(result))


def _by_litert(op: TflOp, operands: list[NDArray | None]) -> list[NDArray]:
    """Run one op as a file of its own."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    block = Block()
    read: list[SSAValue] = []
    for value, data in zip(op.operands, operands, strict=True):
        made = NoValue.make() if data is None else Const.of(data, "", value.type)  # type: ignore[arg-type]
        block.add_op(made)
        read.append(made.result)
    copy = op.clone(dict(zip(op.operands, read, strict=True)))
    block.add_op(copy)
    block.add_op(ReturnOp(*copy.results))
    function = FuncOp("main", ([], [result.type for result in copy.results]), Region(block))
    interpreter = Interpreter(
        model_content=export_model(ModuleOp([function])),
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.invoke()
    found = [interpreter.get_tensor(end["index"]) for end in interpreter.get_output_details()]
    return [_as_stored(values, result) for values, result in zip(found, op.results, strict=True)]
