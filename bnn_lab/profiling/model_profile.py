"""Where a model's time goes, op by op.

Method, and what was tried instead (QuickNet Small and the digits network, one thread):

* LiteRT runs a list of nodes. A node is an op, or a partition: a group of ops that a delegate took
  (bnn_lab's, XNNPACK's). Each node is timed where it runs (`bnn_lab.profiling.node_clock`). Their
  sum was 0.97 to 1.03 of the end-to-end median.
* Nobody sees inside a partition. Its measured time is split among its ops in proportion to what
  each takes alone, cut out of the file. A binary convolution and the ops that bnn_lab's delegate
  fuses into it are one row.
* Ops timed alone only, and added up: 0.93 to 1.15 of the end-to-end median, single partitions up to
  45 % off, because weights and inputs that are in cache alone are not so in the model.
* Differences of ever longer prefixes: of two runs, the median op differed by 43 %, some were
  negative.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels
from bnn_lab._words import counted
from bnn_lab.errors import InputError
from bnn_lab.measure.host import busy_warning
from bnn_lab.measure.timing import measure
from bnn_lab.profiling.node_clock import NodeClock, open_litert, set_inputs
from bnn_lab.profiling.partitions import Part, made_up, node_seconds, quiet_rounds, split_nodes
from bnn_lab.runtime import Interpreter
from bnn_lab.tflite.contents import read_contents
from bnn_lab.tflite.ops import ModelOps
from bnn_lab.tflite.subgraphs import only_signature

if TYPE_CHECKING:
    from rich.table import Table

METHOD = (
    "each node that LiteRT runs is timed in place; the time of a partition of several ops is split "
    "in proportion to the ops' times alone"
)
_WARMUP = 3
_ROUND_SECONDS = 5e-3  # of back-to-back inferences, so that most find the caches as usual


@dataclass(frozen=True)
class ProfileRow:
    """One op, or a binary convolution with the ops fused into it.

    Attributes:
        name: name of the output tensor.
        kind: TFLite's names of the ops, joined by " + ".
        output_shape: NHWC or as the op has it; of bitpacked outputs in int32 words.
        ms: milliseconds per inference.
        share: share of the sum over all rows, 0 to 1.
        macs: multiply-accumulates per inference, None where they are not defined.
        binary: whether bnn_lab's kernels run it.
        split: False if `ms` was measured in place, True if it is a partition's measured time split.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    ms: float
    share: float
    macs: int | None
    binary: bool
    split: bool

    @property
    def gmacs_per_s(self) -> float | None:
        """10⁹ multiply-accumulates per second, None where they are not defined."""
        return None if self.macs is None or self.ms <= 0 else self.macs / self.ms / 1e6

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **vars(self),
            "output_shape": list(self.output_shape),
            "gmacs_per_s": self.gmacs_per_s,
        }


@dataclass(frozen=True)
class Profile:
    """Where a model's time goes; shows itself as a table in a terminal or with `rich.print`.

    Attributes:
        rows: in the order in which they run.
        end_to_end_ms: median of whole inferences without any clock inside, milliseconds. Like the
            rows, from the quieter half of the rounds.
        backend: bnn_lab's kernel backend.
        num_threads: threads of the interpreter.
        rounds: timing samples.
        warning: what disturbed the measurement, None if nothing did.
        method: how the rows were measured.
    """

    rows: tuple[ProfileRow, ...]
    end_to_end_ms: float
    backend: str
    num_threads: int
    rounds: int
    warning: str | None = None
    method: str = METHOD

    @property
    def sum_ms(self) -> float:
        """Sum of the rows, milliseconds."""
        return sum(row.ms for row in self.rows)

    @property
    def coverage(self) -> float:
        """`sum_ms` over `end_to_end_ms`: 1 if the rows account for all of the time."""
        return self.sum_ms / self.end_to_end_ms if self.end_to_end_ms > 0 else float("nan")

    def by_kind(self) -> dict[str, float]:
        """Milliseconds of each kind of row, largest first."""
        totals: dict[str, float] = {}
        for row in self.rows:
            totals[row.kind] = totals.get(row.kind, 0.0) + row.ms
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "sum_ms": self.sum_ms,
            "end_to_end_ms": self.end_to_end_ms,
            "coverage": self.coverage,
            "backend": self.backend,
            "num_threads": self.num_threads,
            "rounds": self.rounds,
            "warning": self.warning,
            "method": self.method,
        }

    def __rich__(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        threads = counted(self.num_threads, "thread")
        title = f"{threads}, binary ops on {self.backend}"
        table = Table(title=title, title_justify="left", show_footer=True)
        table.add_column("op", "sum")
        table.add_column("output", "", overflow="fold")
        table.add_column("shape", "")
        digits = 3 if self.end_to_end_ms >= 1 else 4
        table.add_column("ms", f"{self.sum_ms:.{digits}f}", justify="right")
        share = f"{self.coverage:.0%} of {self.end_to_end_ms:.{digits}f}"
        table.add_column("share", share, justify="right")
        table.add_column("GMAC/s", "", justify="right")
        for row in self.rows:
            speed = row.gmacs_per_s
            table.add_row(
                row.kind,
                Text(row.name),  # not markup: names of tensors may hold brackets
                "x".join(map(str, row.output_shape)),
                f"{'~' if row.split else ''}{row.ms:.{digits}f}",
                f"{row.share:.1%}",
                "" if speed is None else f"{speed:.1f}",
                style="bold" if row.binary else "",
            )
        caption = Text(
            "bold: bnn_lab's kernels; ~: measured for a partition of several ops, split in "
            "proportion to their times alone; share of the sum, which is compared with the median "
            "of whole inferences",
            "table.caption",
        )
        if self.warning:
            caption.append(f"\nwarning: {self.warning}", "yellow")
        table.caption = caption
        return table


def profile(
    model: Any,
    x: NDArray | Sequence[NDArray] | None = None,
    *,
    num_threads: int = 1,
    backend: str | None = None,
    fuse: bool = True,
    rounds: int = 30,
    signature: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Profile:
    """Measure where a model's time goes, op by op, float ops included.

    Any `.tflite` file that `bnn_lab.Interpreter` runs can be profiled: bnn_lab's, LCE's, float,
    float16, int8, with control flow or variables. The graphs that an op calls (IF, WHILE) are part
    of its time.

    Args:
        model: a `.tflite` file as bytes or its path, or a tf_keras model, which is converted.
        x: samples as for `Interpreter.predict`; the first batch is used. None makes up normally
            distributed values, which is all the same to most models' speed.
        num_threads: threads of the interpreter, 1 to 256.
        backend: name of a kernel backend, default the active one.
        fuse: see `bnn_lab.Interpreter`. False gives each op a row of its own.
        rounds: timing samples, at least 1.
        signature: which of the file's entry points to run, default its first graph.
        clock: returns seconds. `time.thread_time` counts what this one thread computed, whatever
            else ran meanwhile.

    Returns:
        The rows in the order in which they run, and the median of whole inferences.

    Raises:
        InputError: `x` does not fit the model, or a number is out of range.
        ModelFileError: the file cannot be run.
        ConversionError: the Keras model cannot be converted.
        BackendError: the backend is unknown or not supported by this CPU.
        BnnLabError: this version of LiteRT cannot be timed.
    """
    content, arrays, sizes, options = prepare(
        "profile", model, x, num_threads, rounds, signature, backend=backend, fuse=fuse
    )
    plain = open_litert(content, sizes=sizes, **options)
    timed = NodeClock(content, clock=clock, sizes=sizes, **options)
    check_nodes("profile", timed)
    for litert in (plain, timed.litert):
        set_inputs(litert, arrays)
    warning = busy_warning(num_threads)
    whole: list[float] = []

    def run_whole() -> None:
        start = clock()
        plain.invoke()
        whole.append(clock() - start)

    measure(
        {"whole": run_whole, "nodes": timed.run},
        rounds=rounds,
        warmup=_WARMUP,
        round_seconds=_ROUND_SECONDS,
        clock=clock,
    )
    # Call by call: where other work interrupts a few, medians do not move.
    wholes = np.array(whole[_WARMUP:]).reshape(rounds, -1)
    totals = np.array(timed.totals[_WARMUP:]).reshape(rounds, -1)
    quiet = quiet_rounds(wholes, totals)
    per_node = np.array(timed.seconds[_WARMUP:]).reshape(*totals.shape, -1)[quiet]
    seconds = node_seconds(per_node.reshape(-1, per_node.shape[-1]), totals[quiet].ravel())
    ops = ModelOps(content)
    if [array.shape for array in arrays] != [ops.shape(tensor) for tensor in ops.inputs]:
        ops = ModelOps(content, _shapes_for(arrays, ops, sizes=sizes, **options))
    parts = split_nodes(ops, timed.nodes, seconds.tolist(), rounds=rounds, clock=clock, **options)
    total = sum(part.seconds for part in parts)
    return Profile(
        rows=tuple(_row(part, part.seconds / total if total > 0 else 0.0) for part in parts),
        end_to_end_ms=float(np.median(wholes[quiet])) * 1e3,
        backend=kernels.resolve_backend(backend),
        num_threads=num_threads,
        rounds=rounds,
        warning=warning,
    )


def _row(part: Part, share: float) -> ProfileRow:
    macs = [op.macs for op in part.ops if op.macs is not None]
    last = part.ops[-1]
    # Of fused ops, the one that makes floats shows the shape that users know.
    shown = next((op for op in reversed(part.ops) if op.kind != "LceQuantize"), last)
    return ProfileRow(
        name=shown.name,
        kind=" + ".join(op.kind for op in part.ops),
        output_shape=shown.output_shape,
        ms=part.seconds * 1e3,
        share=share,
        macs=sum(macs) if macs else None,
        binary=part.binary,
        split=part.split,
    )


class Prepared(NamedTuple):
    """A model that is ready to be timed.

    Attributes:
        content: of the file.
        arrays: one for each input.
        sizes: theirs, by the input's position.
        options: the others of `open_litert` and `NodeClock`.
    """

    content: bytes
    arrays: list[NDArray]
    sizes: dict[int, tuple[int, ...]]
    options: dict[str, Any]


def prepare(
    who: str,
    model: Any,
    x: NDArray | Sequence[NDArray] | None,
    num_threads: int,
    rounds: int,
    signature: str | None,
    *,
    backend: str | None,
    fuse: bool,
) -> Prepared:
    """Check what `profile` and its like are given, and run the model once.

    Args:
        who: name of the function, for errors.
        model: see `profile`, as the others.
        x: the samples.
        num_threads: of the interpreter.
        rounds: timing samples.
        signature: the entry point.
        backend: of the kernels.
        fuse: see `bnn_lab.Interpreter`.

    Raises:
        InputError: see `profile`.
        ModelFileError: see `profile`.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise InputError(f"{who}: rounds must be an integer of at least 1, not {rounds!r}")
    content = _content(who, model)
    if signature is not None:
        content = only_signature(content, signature)
    options: dict[str, Any] = {"num_threads": num_threads, "backend": backend, "fuse": fuse}
    interpreter = Interpreter(content, **options)
    arrays = _first_batch(who, interpreter, x)
    interpreter.predict(arrays)  # says what does not fit, and whether XNNPACK refuses the model
    sizes = {position: array.shape for position, array in enumerate(arrays)}
    options["xnnpack"] = interpreter.uses_xnnpack
    return Prepared(content, arrays, sizes, options)


def check_nodes(who: str, clock: NodeClock) -> None:
    """Refuse a model without ops."""
    if not clock.nodes:
        raise InputError(f"{who}: the model has no ops, so there is nothing to time")


def _content(who: str, model: Any) -> bytes:
    """A file's bytes, from a path too; a Keras model is converted."""
    if isinstance(model, (str, os.PathLike, bytes, bytearray, memoryview)):
        return read_contents(model, who)
    # Numbers, lists and arrays have no attributes of their own; what can be read is an open file.
    if not hasattr(model, "__dict__") or hasattr(model, "read"):
        raise InputError(
            f"{who}: the model must be a .tflite file as bytes or its path, or a tf_keras model, "
            f"not {type(model).__name__}. Fix: pass bnn_lab.convert_keras_model(...)'s result"
        )
    from bnn_lab.convert import convert_keras_model

    return convert_keras_model(model)


def _first_batch(
    who: str, interpreter: Interpreter, x: NDArray | Sequence[NDArray] | None
) -> list[NDArray]:
    """One array for each input, made up if `x` is None."""
    shapes, types = interpreter.input_shapes, interpreter.input_types
    if x is None:
        return [made_up(shape, np.dtype(kind)) for shape, kind in zip(shapes, types, strict=True)]
    arrays = [x] if isinstance(x, np.ndarray) else x
    if not isinstance(arrays, (list, tuple)) or not all(isinstance(a, np.ndarray) for a in arrays):
        raise InputError(f"{who}: x must be a NumPy array or a list of arrays, one per input")
    batches = [
        array[: shape[0]] if shape and array.ndim else array
        for array, shape in zip(arrays, shapes, strict=False)
    ] + list(arrays[len(shapes) :])
    if any(array.ndim and not len(array) for array in batches):
        raise InputError("profile: x holds no sample; pass at least one batch")
    return batches


def _shapes_for(
    arrays: Sequence[NDArray], model: ModelOps, **options: Any
) -> dict[int, tuple[int, ...]]:
    """Shapes of all tensors for inputs that are not of the file's sizes."""
    litert = open_litert(model.with_all_outputs(), **{**options, "fuse": False})
    set_inputs(litert, arrays)
    litert.invoke()
    details = litert.get_tensor_details()
    return {detail["index"]: tuple(map(int, detail["shape"])) for detail in details}
