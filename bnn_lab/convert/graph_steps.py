"""A conversion as the steps of a graph: its ops as boxes, and what became of each in each pass.

A trace holds the graph's text before and after each pass, and no word on which op came from which.
`graph_steps` finds it out: first the ops that stay, then within each gap between those the ones of
the same kind, the same name or a similar kind, and last what a neighbor has taken in.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from xdsl.dialects.builtin import TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import OpResult, SSAValue

from bnn_lab.convert.ir.attributes import code_of_element
from bnn_lab.convert.ir.importer import readable_name
from bnn_lab.convert.ir.text import parse_ir
from bnn_lab.convert.ir.tfl_dialect import Const, LabOp, NoValue
from bnn_lab.convert.keras import ConversionTrace
from bnn_lab.convert.pipeline import PassResult
from bnn_lab.convert.rewrite.base import Outcome
from bnn_lab.convert.rewrite.layer_ops import source_and_filter
from bnn_lab.errors import InputError
from bnn_lab.tflite.types import dtype_of_code

KEPT, CHANGED, MOVED, MADE = "kept", "changed", "moved", "made"
_ALIKE = 0.7  # how similar the names of two kinds of op must be, in 0..1
_FAR = 3  # readers away, at most, that something is looked for


@dataclass(frozen=True)
class Box:
    """An op of the graph at one step.

    Attributes:
        op: its name, such as "lq.Bconv2d".
        result: readable name of its result.
        type: of its result, such as "1x8x8x4xi32".
        bytes: of its result.
        constants: bytes of the constants that it reads.
        multiplies: whether it is a layer, which multiplies by weights.
        reads: positions of the boxes that it reads; -1 is the first input of the model, and so on.
        text: its line of IR.
        details: what besides name and inputs makes it what it is.
        row: number of its layer.
        origins: positions of the boxes of the step before that it came from, the main one first.
        mark: "kept", "changed", "moved" or "made" in this step.
    """

    op: str
    result: str
    type: str
    bytes: int
    constants: int
    multiplies: bool
    reads: tuple[int, ...]
    text: str
    details: tuple[Any, ...] = field(repr=False, default=())
    row: int = 0
    origins: tuple[int, ...] = ()
    mark: str = KEPT


@dataclass(frozen=True)
class GraphStep:
    """The graph after one pass, or at the start.

    Attributes:
        name: of the pass, "" at the start.
        summary: one line about its rewrite.
        boxes: the ops in order.
        applied: what the pass rewrote.
        refused: (position of the box or -1, what it left).
        quiet: names of the passes just before it that found nothing to do.
    """

    name: str
    summary: str
    boxes: tuple[Box, ...]
    applied: tuple[Outcome, ...] = ()
    refused: tuple[tuple[int, Outcome], ...] = ()
    quiet: tuple[str, ...] = ()

    @property
    def constants(self) -> int:
        """Bytes of weights and other constants."""
        return sum(box.constants for box in self.boxes)

    @property
    def moved(self) -> int:
        """Bytes that ops write for others to read, for one input."""
        read = {source for box in self.boxes for source in box.reads}
        return sum(box.bytes for position, box in enumerate(self.boxes) if position in read)


@dataclass(frozen=True)
class GraphSteps:
    """A whole conversion.

    Attributes:
        inputs: name of each model input.
        rows: name of each layer, in order.
        steps: the float graph, then one for each pass that changed or refused something.
    """

    inputs: tuple[str, ...]
    rows: tuple[str, ...]
    steps: tuple[GraphStep, ...]


def graph_steps(trace: ConversionTrace) -> GraphSteps:
    """What each pass did to the graph.

    Args:
        trace: from `bnn_lab.convert.trace_keras_model`, with snapshots.

    Returns:
        The steps; passes that only clean up, and those that found nothing, are left out.

    Raises:
        InputError: the trace has no snapshots.
    """
    if any(not result.after for result in trace.passes):
        raise InputError(
            "graph_steps: the trace holds no graphs of the passes. Fix: make it with "
            "trace_keras_model(model, snapshots=True)."
        )
    inputs, start = _read(trace.ir_before)
    rows, boxes = _in_rows(start)
    steps = [GraphStep("", "TensorFlow's float graph", tuple(boxes))]
    quiet: list[str] = []
    text = trace.ir_before
    for result in trace.passes:
        if result.cleans or (result.after == text and not result.outcomes):
            quiet += [] if result.cleans else [result.name]
            continue
        if result.after != text:
            start = _read(result.after)[1]
        boxes = _follow(boxes, start)
        steps.append(_step(result, boxes, rows, tuple(quiet)))
        text, quiet = result.after, []
    return GraphSteps(inputs, rows, tuple(steps))


def _step(
    result: PassResult, boxes: list[Box], rows: tuple[str, ...], quiet: tuple[str, ...]
) -> GraphStep:
    taken: set[int] = set()
    refused = []
    for outcome in result.refused:
        at = _box_of(outcome, boxes, rows, taken)
        taken.add(at)
        refused.append((at, outcome))
    return GraphStep(
        result.name, result.summary, tuple(boxes), tuple(result.applied), tuple(refused), quiet
    )


def _box_of(outcome: Outcome, boxes: list[Box], rows: tuple[str, ...], taken: Iterable[int]) -> int:
    """The box that an outcome speaks of, -1 if it cannot be told."""
    alike = [at for at, box in enumerate(boxes) if box.op == outcome.op and at not in taken]
    name = _bare(readable_name(outcome.tensor))
    by_name = [at for at in alike if boxes[at].result == name]
    layer = outcome.layer.split("/")[0]
    by_row = [at for at in alike if rows[boxes[at].row] == layer]
    return next(iter(by_name or by_row), -1)


# --- from text --------------------------------------------------------------------------------


def _read(text: str) -> tuple[tuple[str, ...], list[Box]]:
    """Names of the inputs, and the ops that compute."""
    module = parse_ir(text)
    lines = iter([line.strip() for line in text.splitlines() if re.match(r"\s+%.* = ", line)])
    inputs: list[str] = []
    boxes: list[Box] = []
    made: dict[SSAValue, int] = {}
    for op in module.walk():
        if isinstance(op, FuncOp):
            for argument in op.body.block.args:
                made[argument] = -1 - len(inputs)
                inputs.append(argument.name_hint or "input")
        if not op.results:
            continue
        line = next(lines)
        if not isinstance(op, LabOp) or isinstance(op, Const | NoValue):
            continue
        constants = [
            value.op
            for value in op.operands
            if isinstance(value, OpResult) and isinstance(value.op, Const)
        ]
        contents = tuple(constant.value.data.key for constant in constants)
        shape = _type_text(op.results[0])
        options = line.rpartition(") {")[2] if ") {" in line else ""
        boxes.append(
            Box(
                op=op.name,
                result=op.results[0].name_hint or "",
                type=shape,
                bytes=_bytes(op.results[0]),
                constants=sum(_bytes(constant.results[0]) for constant in constants),
                multiplies=source_and_filter(op) is not None,
                reads=tuple(made[value] for value in op.operands if value in made),
                text=line,
                details=(op.name, shape, options, contents),
            )
        )
        for value in op.results:
            made[value] = len(boxes) - 1
    return tuple(inputs), boxes


def _type_text(value: SSAValue) -> str:
    return str(value.type).removeprefix("tensor<").removesuffix(">").split(",")[0]


def _bytes(value: SSAValue) -> int:
    type_ = value.type
    if not isinstance(type_, TensorType):
        return 0
    dtype = dtype_of_code(code_of_element(type_.element_type))
    count = 1
    for size in type_.get_shape():
        count *= max(size, 1)  # an unknown size counts as 1
    return count * (dtype.itemsize if dtype is not None else 1)


def _bare(name: str) -> str:
    """A name without the number that tells equal ones apart, as the IR's parser leaves it."""
    return re.sub(r"_\d+$", "", name)


# --- layers -----------------------------------------------------------------------------------


def _in_rows(boxes: list[Box]) -> tuple[tuple[str, ...], list[Box]]:
    """Each layer's row ends with the op that multiplies; what follows the last one joins it."""
    rows: list[str] = []
    placed = []
    for box in boxes:
        placed.append(replace(box, row=len(rows)))
        if box.multiplies:
            rows.append(re.sub(r"_[A-Z]\w*$", "", box.result))
    rows = rows or ["graph"]
    return tuple(rows), [replace(box, row=min(box.row, len(rows) - 1)) for box in placed]


# --- from one graph to the next ---------------------------------------------------------------


def _follow(old: list[Box], new: list[Box]) -> list[Box]:
    """The new boxes, each with its origins, its mark and its row."""
    main = _pairs(old, new)
    origins: list[list[int]] = [[main[at]] if at in main else [] for at in range(len(new))]
    target = {before: after for after, before in main.items()}
    for before in range(len(old)):
        if before not in target:
            after = _taken_in_by(before, old, new, target)
            if after is not None:
                origins[after].append(before)
    _share_origins(new, origins)
    kept = {after for after, before in main.items() if old[before].details == new[after].details}
    result: list[Box] = []
    for after, box in enumerate(new):
        mark = MADE
        if after in main and old[main[after]].op == box.op:
            mark = KEPT if after in kept else CHANGED
            if not _same_sources(old[main[after]].reads, box.reads, target):
                mark = MOVED if _slid(old, new, main[after], after, target) else mark
        found = origins[after]
        row = old[found[0]].row if found else (result[-1].row if result else 0)
        result.append(replace(box, origins=tuple(found), mark=mark, row=row))
    return result


def _pairs(old: list[Box], new: list[Box]) -> dict[int, int]:
    """New position to the old one of the same op, or of the one in whose place it stands."""
    before = [(box.op, box.result, box.type) for box in old]
    after = [(box.op, box.result, box.type) for box in new]
    # What is there once cannot be mistaken, so that comes first and divides the rest.
    counts = Counter(before), Counter(after)
    once = {key for key in before if counts[0][key] == counts[1][key] == 1}
    sure = [[at for at, key in enumerate(keys) if key in once] for keys in (before, after)]
    anchors = [
        (sure[0][first], sure[1][second])
        for first, second in _equal([before[at] for at in sure[0]], [after[at] for at in sure[1]])
    ]
    pairs = {second: first for first, second in anchors}
    ends = [(-1, -1), *anchors, (len(old), len(new))]
    for (first, start), (last, stop) in pairwise(ends):
        same = _equal(before[first + 1 : last], after[start + 1 : stop])
        within = {start + 1 + second: first + 1 + one for one, second in same}
        pairs |= within
        bounds = [(first, start), *((one, at) for at, one in within.items()), (last, stop)]
        for (a, b), (c, d) in pairwise(bounds):
            pairs |= _pairs_in_gap(old, new, list(range(a + 1, c)), list(range(b + 1, d)))
    return pairs


def _equal(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Positions of the longest runs that two sequences share, in order."""
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    return [
        (first + step, second + step)
        for first, second, size in matcher.get_matching_blocks()
        for step in range(size)
    ]


def _pairs_in_gap(
    old: list[Box], new: list[Box], gone: list[int], came: list[int]
) -> dict[int, int]:
    pairs: dict[int, int] = {}
    for first, second in _equal([old[at].op for at in gone], [new[at].op for at in came]):
        pairs[came[second]] = gone[first]
    for fits in (_same_result, _alike):
        for after in came:
            # From the end: of several ops that one replaces, the last has given its name.
            free = [at for at in reversed(gone) if at not in pairs.values()]
            found = next((at for at in free if fits(old[at], new[after])), None)
            if after not in pairs and found is not None:
                pairs[after] = found
    return pairs


def _same_result(before: Box, after: Box) -> bool:
    return before.result == after.result


def _alike(before: Box, after: Box) -> bool:
    kinds = [re.sub(r"[^a-z\d]", "", box.op.partition(".")[2].lower()) for box in (before, after)]
    return difflib.SequenceMatcher(a=kinds[0], b=kinds[1]).ratio() >= _ALIKE


def _taken_in_by(at: int, old: list[Box], new: list[Box], target: dict[int, int]) -> int | None:
    """The new box that does the work of one that is gone; None if it was needless."""

    def differs(before: int) -> bool:
        return before in target and old[before].details != new[target[before]].details

    def writes_otherwise(before: int) -> bool:
        return old[before].type != new[target[before]].type

    for source in old[at].reads:
        # What writes now what its reader wrote does the reader's work.
        if differs(source) and new[target[source]].type == old[at].type:
            return target[source]
    seen = {at}
    for _ in range(_FAR):
        readers = [before for before, box in enumerate(old) if seen & set(box.reads)]
        for reader in readers:
            if differs(reader) and not writes_otherwise(reader):
                return target[reader]
        seen = {reader for reader in readers if not old[reader].multiplies}
    return None


def _share_origins(new: Sequence[Box], origins: list[list[int]]) -> None:
    """A box that came from nothing came from where its reader came from, or what it reads."""
    empty = [at for at, found in enumerate(origins) if not found]
    for at in reversed(empty):
        near = [reader for reader, box in enumerate(new) if at in box.reads]
        near += [source for source in new[at].reads if source >= 0]
        origins[at] = next((list(origins[other]) for other in near if origins[other]), [])


def _same_sources(before: tuple[int, ...], after: tuple[int, ...], target: dict[int, int]) -> bool:
    return [target.get(source, source) if source >= 0 else source for source in before] == list(
        after
    )


def _slid(old: list[Box], new: list[Box], before: int, after: int, target: dict[int, int]) -> bool:
    """Whether an op has changed places with one that is still there."""
    readers = [new.index(box) for box in new if after in box.reads]
    return any(target.get(source) in readers for source in old[before].reads)
