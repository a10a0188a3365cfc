"""Where the threads of a model wait: each pass on one thread and on several, side by side.

bnn_lab's delegate clocks its own passes: what of each is work of one thread alone, how late the
others began, and how long those that were done waited for the last. The rest of what a pass loses
is work that takes longer on several threads: rows in another thread's cache, a shared memory, a
lower clock. What LiteRT or XNNPACK runs is timed from outside, node by node.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels
from bnn_lab.errors import InputError
from bnn_lab.measure.host import busy_warning
from bnn_lab.measure.timing import measure
from bnn_lab.profiling.model_profile import check_nodes, prepare
from bnn_lab.profiling.node_clock import OUR_DELEGATE, NodeClock, set_inputs
from bnn_lab.profiling.partitions import groups_of_node, quiet_rounds
from bnn_lab.tflite.ops import FileOp, ModelOps

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.table import Table

_WARMUP = 3
_ROUND_SECONDS = 5e-3
_LITERT = "LiteRT's"
_WIDE = 110  # characters; narrower tables have no shapes, and one column of what is lost


@dataclass(frozen=True)
class TraceRow:
    """A pass of bnn_lab's delegate, or a node that LiteRT runs otherwise.

    Attributes:
        name: of the tensor that it writes.
        kind: TFLite's names of the ops, joined by " + ".
        output_shape: as in the file; of bitpacked outputs in int32 words.
        ours: whether bnn_lab's delegate runs it; only then what is lost is known in parts.
        one_ms: milliseconds on one thread.
        ms: milliseconds on several.
        alone_ms: thread-milliseconds in which the others had nothing to do: work of one thread.
        late_ms: thread-milliseconds until the others began.
        idle_ms: thread-milliseconds in which threads that were done waited for the last.
        threads: how many.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    ours: bool
    one_ms: float
    ms: float
    alone_ms: float
    late_ms: float
    idle_ms: float
    threads: int

    @property
    def speedup(self) -> float:
        """One thread's time over that of several."""
        return self.one_ms / self.ms if self.ms > 0 else float("nan")

    @property
    def lost_ms(self) -> float:
        """Thread-milliseconds more than on one thread: 0 if it is as many times as fast."""
        return self.threads * self.ms - self.one_ms

    @property
    def slower_ms(self) -> float:
        """The part of `lost_ms` that is not waiting: the same work took longer. NaN if unknown."""
        if not self.ours:
            return float("nan")
        return self.lost_ms - self.alone_ms - self.late_ms - self.idle_ms

    @property
    def keeps(self) -> str:
        """The largest part of what is lost, in words."""
        if not self.ours:
            return "not seen"
        parts = {
            "one thread alone": self.alone_ms,
            "late threads": self.late_ms,
            "idle threads": self.idle_ms,
            "slower work": self.slower_ms,
        }
        return max(parts, key=parts.__getitem__)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; null where something is unknown."""
        known = {"lost_ms": self.lost_ms, "slower_ms": self.slower_ms if self.ours else None}
        plain = {**vars(self), "output_shape": list(self.output_shape)}
        return {**plain, "speedup": self.speedup, **known, "keeps": self.keeps}


@dataclass(frozen=True)
class ThreadTrace:
    """What several threads bring, pass by pass; shows itself as a table.

    Attributes:
        rows: in the order in which they run.
        num_threads: how many.
        backend: bnn_lab's kernel backend.
        warning: what disturbed the measurement, None if nothing did.
    """

    rows: tuple[TraceRow, ...]
    num_threads: int
    backend: str
    warning: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "rows": [row.as_dict() for row in self.rows],
            "num_threads": self.num_threads,
            "backend": self.backend,
            "warning": self.warning,
        }

    def sums(self, rows: Sequence[TraceRow]) -> TraceRow:
        """All of some rows as one, bnn_lab's if each of them is."""
        parts = ("one_ms", "ms", "alone_ms", "late_ms", "idle_ms")
        added = {part: sum(getattr(row, part) for row in rows) for part in parts}
        ours = all(row.ours for row in rows)
        return TraceRow("", "", (), ours, **added, threads=self.num_threads)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table]:
        yield self._table(narrow=options.max_width < _WIDE)

    def _table(self, *, narrow: bool) -> Table:
        from rich.table import Table
        from rich.text import Text

        title = f"1 and {self.num_threads} threads, binary ops on {self.backend}"
        table = Table(title=title, title_justify="left")
        table.add_column("op", overflow="fold")
        if not narrow:
            table.add_column("shape")
        waits = ("lost",) if narrow else ("alone", "late", "idle", "slower")
        for column in ("1 thread", f"{self.num_threads}", "times", *waits):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("mostly because" if narrow else "lost mostly because", no_wrap=True)

        def add(kind: str, row: TraceRow, **options: Any) -> None:
            shape = () if narrow else ("x".join(map(str, row.output_shape)),)
            waits = (row.alone_ms, row.late_ms, row.idle_ms, row.slower_ms)
            lost = (row.lost_ms,) if narrow else waits
            table.add_row(
                kind,
                *shape,
                f"{row.one_ms:.3f}",
                f"{row.ms:.3f}",
                f"{row.speedup:.2f}",
                *(f"{value:.3f}" if row.ours else "" for value in lost),
                row.keeps if row.ours and row.lost_ms > 0 else "",
                **options,
            )

        for row in self.rows:
            add(row.kind, row, style="bold" if row.ours else "")
        table.add_section()
        ours = [row for row in self.rows if row.ours]
        others = [row for row in self.rows if not row.ours]
        for title, rows in (("bnn_lab's", ours), (_LITERT, others), ("all", self.rows)):
            if rows:
                add(title, self.sums(rows))
        table.caption = Text(
            "ms; bold: bnn_lab's passes. Their threads lose time alone (one works, the others have "
            "nothing to do), late (until the others begin), idle (until the last is done), or are "
            "slower (the same work takes longer)",
            "table.caption",
        )
        if self.warning:
            table.caption.append(f"\nwarning: {self.warning}", "yellow")
        return table


def trace_threads(
    model: Any,
    x: NDArray | Sequence[NDArray] | None = None,
    *,
    num_threads: int = 2,
    backend: str | None = None,
    fuse: bool = True,
    rounds: int = 30,
    signature: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> ThreadTrace:
    """Run a model on one thread and on several, in turn, and say what each pass loses.

    Args:
        model: see `profile`.
        x: see `profile`.
        num_threads: 2 to 256.
        backend: see `profile`.
        fuse: see `profile`.
        rounds: timing samples, at least 1.
        signature: see `profile`.
        clock: returns seconds; for tests.

    Returns:
        The passes and nodes in the order in which they run; means over the quieter half of the
        rounds.

    Raises:
        InputError: as of `profile`, or there is only one thread.
        ModelFileError: the file cannot be run.
        ConversionError: the Keras model cannot be converted.
        BackendError: the backend is unknown or not supported by this CPU.
        BnnLabError: this version of LiteRT cannot be timed.
    """
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 2:
        raise InputError(f"trace_threads: num_threads must be 2 or more, not {num_threads!r}")
    content, arrays, sizes, options = prepare(
        "trace_threads", model, x, num_threads, rounds, signature, backend=backend, fuse=fuse
    )
    options |= {"sizes": sizes, "trace": True, "clock": clock}
    clocks = [NodeClock(content, **{**options, "num_threads": n}) for n in (1, num_threads)]
    check_nodes("trace_threads", clocks[0])
    warning = busy_warning(
        num_threads
    )  # before the threads that are measured are a load themselves
    for each in clocks:
        set_inputs(each.litert, arrays)
    names = ("one", "several")
    calls = {name: each.run for name, each in zip(names, clocks, strict=True)}
    # Threads that slept in the meantime are awake again before each sample.
    measure(
        calls,
        rounds=rounds,
        warmup=_WARMUP,
        round_seconds=_ROUND_SECONDS,
        lead_in_seconds=_ROUND_SECONDS,
        clock=clock,
    )
    one, several = (_typical(each) for each in clocks)
    rows: list[TraceRow] = []
    ops = ModelOps(content).ops
    at = 0  # in the delegate's passes
    for index, node in enumerate(clocks[0].nodes):
        if node.custom_name != OUR_DELEGATE:
            found = [op for group in groups_of_node(node, ops) for op in group]
            times = (one.nodes[index] * 1e3, several.nodes[index] * 1e3)
            rows.append(TraceRow(*_names(found), False, *times, 0.0, 0.0, 0.0, num_threads))
            continue
        for group in node.groups:
            alone, many = one.passes[at], several.passes[at]
            at += 1
            total, in_pool, late, idle = (float(value) * 1e3 for value in many)
            rows.append(
                TraceRow(
                    *_names([ops[position] for position in group]),
                    ours=True,
                    one_ms=float(alone[0]) * 1e3,
                    ms=total,
                    alone_ms=(num_threads - 1) * (total - in_pool),
                    late_ms=late,
                    idle_ms=idle,
                    threads=num_threads,
                )
            )
    return ThreadTrace(tuple(rows), num_threads, kernels.resolve_backend(backend), warning)


@dataclass(frozen=True)
class _Typical:
    nodes: NDArray[np.float64]  # seconds (nodes,)
    passes: NDArray[np.float64]  # seconds (passes, 4), see `delegate_trace`


def _typical(clock: NodeClock) -> _Typical:
    """Means over the runs of the quieter half: what waits in few runs, waits there too."""
    totals = np.array(clock.totals[_WARMUP:])
    quiet = quiet_rounds(totals[:, None])
    nodes = np.array(clock.seconds[_WARMUP:])[quiet].mean(axis=0)
    return _Typical(nodes, np.array(clock.passes[_WARMUP:])[quiet].mean(axis=0))


def _names(ops: Sequence[FileOp]) -> tuple[str, str, tuple[int, ...]]:
    """Name, kinds and shape of what runs together; repeated kinds are counted."""
    kinds: dict[str, int] = {}
    for op in ops:
        kinds[op.kind] = kinds.get(op.kind, 0) + 1
    words = [kind if count == 1 else f"{count} {kind}" for kind, count in kinds.items()]
    # Of fused ops, the one that makes floats shows the shape that users know.
    shown = next((op for op in reversed(ops) if op.kind != "LceQuantize"), ops[-1])
    return shown.name, " + ".join(words), shown.output_shape
