"""From the times of a runtime's nodes to times of a model's ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import BnnLabError
from bnn_lab.measure.timing import measure
from bnn_lab.profiling.node_clock import OUR_DELEGATE, NodeClock, PlanNode, set_inputs
from bnn_lab.tflite.ops import FileOp, ModelOps

_ROUND_SECONDS = 2e-4  # what an op runs alone in a round; its relative time is enough


@dataclass(frozen=True)
class Part:
    """Ops that are timed as one.

    Attributes:
        ops: in the order of the file.
        seconds: per inference.
        binary: whether they are binary ops, with what bnn_lab's delegate fuses into them.
        split: whether `seconds` is a share of a partition's time.
    """

    ops: tuple[FileOp, ...]
    seconds: float
    binary: bool
    split: bool


def quiet_rounds(*timed: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The half of the rounds in which all that was timed, taken together, was fastest.

    Other work on the machine comes in bursts longer than a call: it would hit the rounds of
    one of them, and their sum would not be that of the other.

    Args:
        *timed: seconds of each call, float64 (rounds, calls).

    Returns:
        bool (rounds,), at least one True.
    """
    spent = np.sum([np.median(seconds, axis=1) for seconds in timed], axis=0)
    mask: NDArray[np.bool_] = spent <= np.median(spent)
    return mask


def node_seconds(seconds: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Typical time of each node: the mean over the runs whose total is near the median.

    Means add up, medians do not; without the slowest and the fastest third of the runs the mean is
    as little moved by disturbances.

    Args:
        seconds: seconds of each node in each run, float64 (runs, nodes).
        totals: seconds of each whole run, float64 (runs,).

    Returns:
        float64 (nodes,).
    """
    # Ends that are runs: between two there may be none.
    low = np.percentile(totals, 35, method="lower")
    high = np.percentile(totals, 65, method="higher")
    mean: NDArray[np.float64] = seconds[(totals >= low) & (totals <= high)].mean(axis=0)
    return mean


def split_nodes(
    model: ModelOps,
    nodes: Sequence[PlanNode],
    seconds: Sequence[float],
    *,
    rounds: int,
    clock: Callable[[], float],
    **options: Any,
) -> list[Part]:
    """Give each op its part of the time of the node it belongs to.

    Args:
        model: the file.
        nodes: in the order they run.
        seconds: seconds of each node.
        rounds: timing samples of ops alone.
        clock: returns seconds.
        **options: of `open_litert`, as the model was run.

    Returns:
        In the order of the nodes and, within a node, of the file. A partition whose ops cannot run
        alone is one part. What a runtime does once, unpacking constants, takes no time of it.
    """
    parts = []
    at_load = model.done_at_load
    for node, spent in zip(nodes, seconds, strict=True):
        ours = node.custom_name == OUR_DELEGATE
        groups = groups_of_node(node, model.ops)
        weights = None
        if len(groups) > 1:
            try:
                timed = [group for group in groups if not at_load.issuperset(_indices(group))]
                alone = iter(_times_alone(model, timed, rounds, clock, options))
                weights = [next(alone) if group in timed else 0.0 for group in groups]
            except BnnLabError:
                groups = [tuple(op for group in groups for op in group)]
        for group, part in zip(groups, split_time(spent, weights or [1.0]), strict=True):
            binary = ours and any(op.custom for op in group)
            parts.append(Part(group, part, binary, len(groups) > 1))
    return parts


def _indices(group: tuple[FileOp, ...]) -> list[int]:
    return [op.index for op in group]


def groups_of_node(node: PlanNode, ops: Sequence[FileOp]) -> list[tuple[FileOp, ...]]:
    """The ops of the file that a node runs, those together that run in one pass.

    bnn_lab's delegate runs most float ops that it claims inside the binary convolution before them,
    and writes the bits of a following LceQuantize in the same pass. What other delegates run
    together they do not tell: each op is a group. Those are found from the partition's outputs
    backwards, up to its inputs.

    Args:
        node: of a `NodeClock`.
        ops: all of the file.

    Returns:
        The groups, by their first op.
    """
    if node.groups:
        return [tuple(ops[index] for index in group) for group in sorted(node.groups)]
    if node.index < len(ops):
        return [(ops[node.index],)]
    maker = {tensor: op for op in ops for tensor in op.outputs}
    outside = set(node.inputs)
    found: dict[int, FileOp] = {}
    pending = list(node.outputs)
    while pending:
        tensor = pending.pop()
        op = maker.get(tensor)
        if tensor in outside or op is None or op.index in found:
            continue
        found[op.index] = op
        pending += op.inputs
    return [(found[index],) for index in sorted(found)]


def split_time(seconds: float, weights: Sequence[float]) -> list[float]:
    """Split a time in proportion to weights; evenly if they are all 0."""
    total = sum(weights)
    if total <= 0:
        return [seconds / len(weights)] * len(weights)
    return [seconds * weight / total for weight in weights]


def made_up(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """Values to run a model on when none are given: normal floats, 8-bit integers of any value."""
    random = np.random.default_rng(0)
    if dtype.kind == "f":
        return random.normal(size=shape).astype(dtype)
    if dtype.itemsize == 1 and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, size=shape, dtype=dtype, endpoint=True)
    return np.zeros(shape, dtype)  # an index, say, must lie within what it indexes


def _times_alone(
    model: ModelOps,
    groups: Sequence[tuple[FileOp, ...]],
    rounds: int,
    clock: Callable[[], float],
    options: dict[str, Any],
) -> list[float]:
    if len(groups) == 1:
        return [1.0]
    alone = []
    try:
        for group in groups:
            interpreter = NodeClock(model.cut(_indices(group)), clock=clock, **options)
            # A ValueError where the name of a tensor that is an input now is no UTF-8.
            details = interpreter.litert.get_input_details()
            arrays = [made_up(tuple(t["shape"]), np.dtype(t["dtype"])) for t in details]
            set_inputs(interpreter.litert, arrays)
            alone.append(interpreter)
        calls = {str(index): interpreter.run for index, interpreter in enumerate(alone)}
        measure(calls, rounds=rounds, round_seconds=_ROUND_SECONDS, clock=clock)
    except (ValueError, RuntimeError) as error:
        raise BnnLabError(f"an op cannot run alone: {error}") from error
    return [float(node_seconds(np.array(i.seconds), np.array(i.totals)).sum()) for i in alone]
