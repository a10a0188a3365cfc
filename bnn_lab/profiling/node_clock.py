"""Times each node of a LiteRT interpreter where it runs, as TFLite's own profiler does.

LiteRT's Python package has no profiler. A delegate, though, is handed the graph's context, and
through it every node's registration, which holds the function that LiteRT calls to run the node.
`NodeClock` is such a delegate: it claims nothing, and once all other delegates have been applied it
puts a clock around each of these functions. Nodes, order, threads and memory stay as they are.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.runtime import litert
from bnn_lab.runtime.delegate import (
    delegate_groups,
    delegate_trace,
    load_delegate,
    tflite_layout,
)

OUR_DELEGATE = "BnnLabDelegate"  # the name that bnn_lab's delegate gives its nodes

_OK = 0
_ALLOW_DYNAMIC_TENSORS = 1

_Run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_GetPlan = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p))
_GetNode = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.POINTER(ctypes.c_void_p),
)


@dataclass(frozen=True)
class PlanNode:
    """A node that LiteRT runs: one op, or a partition of several that a delegate took.

    Attributes:
        index: in LiteRT's node table; below the file's number of ops it is the op's position.
        inputs: tensor indices, -1 for an absent operand.
        outputs: tensor indices.
        custom_name: name of a custom op or of a delegate's partition, else "".
        groups: of a partition of bnn_lab's delegate, the positions in the file of the ops that run
            in one pass; else empty.
    """

    index: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    custom_name: str
    groups: tuple[tuple[int, ...], ...] = ()


def open_litert(
    content: bytes,
    *,
    num_threads: int = 1,
    delegate: bool = True,
    backend: str | None = None,
    fuse: bool = True,
    trace: bool = False,
    probe: Any = None,
    xnnpack: bool = True,
    sizes: Mapping[int, Sequence[int]] | None = None,
) -> Any:
    """LiteRT's interpreter, ready to run.

    Args:
        content: bytes of a `.tflite` file.
        num_threads: threads of the interpreter.
        delegate: load bnn_lab's delegate.
        backend: name of a kernel backend, default the active one.
        fuse: see `bnn_lab.Interpreter`.
        trace: see `load_delegate`.
        probe: one more delegate, applied last; gets the partitions of ours.
        xnnpack: run float and int8 ops on XNNPACK.
        sizes: shapes of inputs that are not to have the file's, by position.

    Returns:
        An `ai_edge_litert.interpreter.Interpreter`, which keeps the delegates alive.

    Raises:
        ModelFileError: the file cannot be run.
    """
    ours = [load_delegate(backend=backend, fuse=fuse, trace=trace)] if delegate else []
    delegates = [*ours, probe] if probe else ours
    try:
        made = litert.open_litert(
            content, delegates, num_threads=num_threads, xnnpack=xnnpack, sizes=sizes
        )
    except litert.LITERT_ERRORS as error:
        raise ModelFileError(f"the model cannot be run: {litert.one_line(error)}") from error
    if probe and ours:
        probe.partitions = delegate_groups(ours[0])
        probe.delegate = ours[0]
    return made


def set_inputs(interpreter: Any, arrays: Sequence[NDArray]) -> None:
    """Give an interpreter its inputs, in its order."""
    for tensor, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(tensor["index"], array)


class NodeClock:
    """An interpreter of its own whose nodes are timed.

    Args:
        content: bytes of a `.tflite` file.
        clock: returns seconds.
        **options: of `open_litert`.

    Attributes:
        litert: the LiteRT interpreter; set its inputs before `run`.
        nodes: in the order they run.
        totals: seconds of each run.
        seconds: per run, the seconds of each node.
        passes: per run, what `delegate_trace` adds up of each pass of bnn_lab's delegate; with
            `trace` alone.

    Raises:
        ModelFileError: the file cannot be run.
        BnnLabError: this LiteRT cannot be timed in this way.
    """

    def __init__(
        self, content: bytes, *, clock: Callable[[], float] = time.perf_counter, **options: Any
    ) -> None:
        self._clock = clock
        self._probe = probe = _Probe()
        self._traces = bool(options.get("trace", False))
        self.litert = open_litert(content, probe=probe, **options)
        self._current: list[float] = []
        self.nodes = probe.wrap(self._timed)
        self.totals: list[float] = []
        self.seconds: list[list[float]] = []
        self.passes: list[NDArray[np.float64]] = []

    def run(self) -> None:
        """One inference, its times appended to `totals` and `seconds`."""
        self._current.clear()
        before = self._trace()
        start = self._clock()
        self.litert.invoke()
        self.totals.append(self._clock() - start)
        if self._traces:
            self.passes.append(self._trace() - before)
        if len(self._current) != len(self.nodes):
            raise BnnLabError(
                "this version of LiteRT does not run its nodes through their registrations, so "
                "they cannot be timed. Fix: install ai-edge-litert 2.1 to 2.3"
            )
        self.seconds.append(self._current.copy())

    def _trace(self) -> NDArray[np.float64]:
        if not self._traces or self._probe.delegate is None:
            return np.zeros((0, 4))
        return delegate_trace(self._probe.delegate)

    def _timed(self, run: Callable[[Any, Any], int]) -> Callable[[Any, Any], int]:
        clock, times = self._clock, self._current

        def timed(context: Any, node: Any) -> int:
            start = clock()
            status = run(context, node)
            times.append(clock() - start)
            return status

        return timed


class _Probe:
    """The delegate that claims nothing; has what LiteRT's Python asks of a delegate object."""

    def __init__(self) -> None:
        self.partitions: list[list[tuple[int, ...]]] = []  # of bnn_lab's delegate
        self.delegate: Any = None
        self._context: int | None = None
        self._kept: list[Any] = [_Run(self._prepare)]
        self._delegate = (ctypes.c_byte * tflite_layout("Delegate"))()
        at = ctypes.addressof(self._delegate)
        _pointer(at, "Delegate.Prepare").value = _address(self._kept[0])
        flags = ctypes.c_int64.from_address(at + tflite_layout("Delegate.flags"))
        flags.value = _ALLOW_DYNAMIC_TENSORS

    def _get_native_delegate_pointer(self) -> int:
        return ctypes.addressof(self._delegate)

    def _prepare(self, context: int, _: int) -> int:
        # These two functions are within reach only while a delegate prepares; they stay valid. The
        # main graph comes first.
        if self._context not in (None, context):
            return _OK
        self._context = context
        self._get_plan = _GetPlan(_read(context, "Context.GetExecutionPlan"))
        self._get_node = _GetNode(_read(context, "Context.GetNodeAndRegistration"))
        return _OK

    def wrap(self, wrapper: Callable[[Any], Any]) -> list[PlanNode]:
        """Put `wrapper` around the function of each node in the execution plan."""
        plan = ctypes.c_void_p()
        if self._context is None or self._get_plan(self._context, ctypes.byref(plan)) != _OK:
            raise BnnLabError("LiteRT does not show its execution plan")
        nodes = [self._wrap_node(index, wrapper) for index in _int_array(plan.value or 0)]
        ours = sorted(node.index for node in nodes if node.custom_name == OUR_DELEGATE)
        if len(ours) != len(self.partitions):
            raise BnnLabError(
                f"LiteRT shows {len(ours)} partitions of bnn_lab's delegate, which made "
                f"{len(self.partitions)}"
            )
        groups = dict(zip(ours, map(tuple, self.partitions), strict=True))
        return [replace(node, groups=groups.get(node.index, ())) for node in nodes]

    def _wrap_node(self, index: int, wrapper: Callable[[Any], Any]) -> PlanNode:
        node_at, registration_at = ctypes.c_void_p(), ctypes.c_void_p()
        status = self._get_node(
            self._context, index, ctypes.byref(node_at), ctypes.byref(registration_at)
        )
        if status != _OK or not node_at.value or not registration_at.value:
            raise BnnLabError(f"LiteRT does not show node {index} of its execution plan")
        invoke = _pointer(registration_at.value, "Registration.invoke")
        if not invoke.value:
            raise BnnLabError(f"node {index} has no function that could be timed")
        original = _Run(invoke.value)
        timed = _Run(wrapper(original))
        self._kept += [original, timed]
        invoke.value = _address(timed)
        name = _read(registration_at.value, "Registration.custom_name")
        return PlanNode(
            index,
            tuple(_int_array(_read(node_at.value, "Node.inputs"))),
            tuple(_int_array(_read(node_at.value, "Node.outputs"))),
            ctypes.string_at(name).decode(errors="replace") if name else "",
        )


def _pointer(struct: int, member: str) -> ctypes.c_void_p:
    """A pointer inside one of TFLite's structs, to be read or set; `member` with its struct."""
    return ctypes.c_void_p.from_address(struct + tflite_layout(member))


def _read(struct: int, member: str) -> int:
    """The address that such a pointer holds, or 0."""
    return _pointer(struct, member).value or 0


def _address(function: Any) -> int | None:
    return ctypes.cast(function, ctypes.c_void_p).value


def _int_array(address: int) -> list[int]:
    """Elements of a TfLiteIntArray: the length, then the values."""
    if not address:
        return []
    size = ctypes.c_int.from_address(address).value
    return list((ctypes.c_int * size).from_address(address + ctypes.sizeof(ctypes.c_int)))
