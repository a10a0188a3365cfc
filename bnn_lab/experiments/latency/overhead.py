"""(g) How much of a binary network's time is neither float ops nor binary multiply-accumulates?

If binary ops took no time, the float ops would remain: the float floor. What a network takes beyond
it is compared with its binary convolutions as bare calls of the kernel in the same rounds: padded,
from packed bits to floats, weights and output in cache. The difference is what networks add:
quantizing, shortcuts, weights and activations that have left the cache, the runtime.

The floor is timed in the same rounds too: a second interpreter of the same file has a clock around
each node (`bnn_lab.profiling.node_clock`). Float ops and binary ones are different nodes, but for a
few float ops that bnn_lab's delegate runs, such as the mean over an image; they get the part of
their node that `bnn_lab.profile` would give them. The floor's share of the nodes' sum counts, not
its seconds, because the clocks take time of their own.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels, reference
from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.runs import SUITE
from bnn_lab.costmodel.file_layers import file_layers
from bnn_lab.experiments.latency.base import SMALL_NETWORKS, Run, span
from bnn_lab.measure.timing import TimingTable
from bnn_lab.profiling.node_clock import NodeClock, set_inputs
from bnn_lab.profiling.partitions import OUR_DELEGATE, made_up, split_nodes
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.ops import ModelOps

if TYPE_CHECKING:
    import pandas as pd

QUESTION = (
    "How much of a binary network's time is neither float ops nor binary multiply-accumulates?"
)
_CALLS = 8  # of a kernel in a row, about as often as a network has the same convolution in a row
_ROUND_SECONDS = 5e-3  # of each, so that most calls find the caches as usual


def measure(run: Run) -> pd.DataFrame:
    """A row per network, one thread, all in one interleaved run: name, and (times in ms)

    ms: the whole network.
    float_floor_ms: ops that are not binary.
    kernel_ms: the binary convolutions as bare kernel calls, each as often as it occurs.
    best_rate_ms: their multiply-accumulates at the best rate that one of them reaches so.
    beyond_floor_ms: ms - float_floor_ms.
    ratio, ratio_best_rate: what is beyond the floor over kernel_ms and over best_rate_ms, each with
        its 95 % interval, *_low and *_high.

    Times are medians; ratios are medians of the quotients within each round.
    """
    names = SMALL_NETWORKS[:1] if run.quick else SUITE
    files = run.binary_files(names)
    counts = {name: binary_convs(content) for name, content in files.items()}
    shapes = dict.fromkeys(shape for found in counts.values() for shape in found)
    clocks = {name: _node_clock(content) for name, content in files.items()}
    calls = {name: litert_call(content) for name, content in files.items()}
    calls |= {_clocked(name): clock.run for name, clock in clocks.items()}
    calls |= {repr(shape): kernel_call(shape) for shape in shapes}
    run.progress(f"timing {', '.join(files)} and {len(shapes)} convolutions")
    table = run.time(calls, round_seconds=_ROUND_SECONDS)
    rows = []
    for name, content in files.items():
        run.progress(f"splitting {name}")
        timing = table[_clocked(name)]
        # What was run before the rounds is not theirs.
        rounds = len(table.counted)
        nodes = np.array(clocks[name].seconds[-rounds * timing.calls :])
        nodes = table.of_counted(nodes.reshape(rounds, timing.calls, -1))
        parts = float_parts(clocks[name], ModelOps(content), rounds=5 if run.quick else 30)
        share = float_share(nodes, parts)
        rows.append({"name": name, **columns(run, table, name, share, counts[name])})
    return to_frame(rows)


def columns(
    run: Run,
    table: TimingTable,
    name: str,
    share: NDArray[np.float64],
    counts: Counter[LayerShape],
) -> dict[str, float]:
    """A network's columns.

    Args:
        run: is told how far the ratios may be off.
        table: calls named after the network and, by their `repr`, its convolutions, of which
            `_CALLS` calls are one.
        name: name of the network.
        share: share of its time in float ops, 0 to 1, float64 (rounds,).
        counts: how often each of its convolutions occurs.

    Returns:
        The columns of `measure` from `ms` on.
    """
    whole = table[name].seconds * 1e3
    alone = {shape: table[repr(shape)].seconds * 1e3 / _CALLS for shape in counts}
    kernel = np.sum([alone[shape] * count for shape, count in counts.items()], axis=0)
    fastest = max(counts, key=lambda shape: shape.macs / float(np.median(alone[shape])))
    macs = sum(shape.macs * count for shape, count in counts.items())
    best = alone[fastest] * (macs / fastest.macs)
    ms, floor = float(np.median(whole)), float(np.median(whole * share))
    beyond = whole * (1 - share)
    return {
        "ms": ms,
        "float_floor_ms": floor,
        "kernel_ms": float(np.median(kernel)),
        "best_rate_ms": float(np.median(best)),
        "beyond_floor_ms": ms - floor,
        **run.columns("ratio", beyond / kernel),
        **run.columns("ratio_best_rate", beyond / best),
    }


def binary_convs(content: bytes) -> Counter[LayerShape]:
    """The binary convolutions of a file, as if each wrote only floats: how often each occurs."""
    found: Counter[LayerShape] = Counter()
    for layer in file_layers(content):
        for shape in layer.layers:
            if shape.kind == kinds.BINARY_CONV:
                found[replace(shape, shortcuts=0, quantize=False, bits_only=False)] += 1
    return found


def kernel_call(shape: LayerShape) -> Callable[[], object]:
    """`_CALLS` calls in a row of a prepared binary convolution, packed bits to floats."""
    random = np.random.default_rng(0)
    image = (1, shape.height, shape.width, shape.channels_in)
    window = (shape.channels_out, *shape.kernel, shape.channels_in // shape.groups)
    x = reference.pack_bits(random.random(image) < 0.5)
    conv = kernels.BConv2D(
        reference.pack_bits(random.random(window) < 0.5),
        channels_in=shape.channels_in,
        stride=(shape.stride, shape.stride),
        padding="same" if shape.padding == "same" else "valid",
        pad_values=1 if shape.padding == "same" else 0,
        groups=shape.groups,
        multiplier=np.full(shape.channels_out, 0.01, np.float32),
        bias=random.normal(size=shape.channels_out).astype(np.float32),
    )
    return lambda: conv.repeat(x, _CALLS)


def float_parts(clock: NodeClock, model: ModelOps, *, rounds: int) -> NDArray[np.float64]:
    """Which part of each node's time goes into float ops, 0 to 1, float64 (nodes,).

    Args:
        clock: the times of the nodes of the file.
        model: the file.
        rounds: timing samples of ops alone, where bnn_lab's delegate runs both kinds in one node.
    """

    def part(index: int) -> float:
        node = clock.nodes[index]
        if node.custom_name != OUR_DELEGATE:
            return 1.0
        found = split_nodes(model, [node], [1.0], rounds=rounds, clock=time.perf_counter)
        return sum(op.seconds for op in found if not op.binary)

    return np.array([part(index) for index in range(len(clock.nodes))])


def float_share(nodes: NDArray[np.float64], parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of float ops in each round.

    Args:
        nodes: seconds of each node in each call, float64 (rounds, calls, nodes).
        parts: how much of each node is float, 0 to 1, float64 (nodes,).

    Returns:
        0 to 1, float64 (rounds,); the median of a round's calls.
    """
    found: NDArray[np.float64] = np.median((nodes @ parts) / nodes.sum(axis=2), axis=1)
    return found


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The ratios, and how the float floor compares."""
    floor = 100 * frame.float_floor_ms / frame.ms
    return (
        f"Float ops take {span(floor, 0)} % of the networks' time. Beyond them the networks take "
        f"{span(frame.ratio, 2)} times as long as their binary convolutions alone, and "
        f"{span(frame.ratio_best_rate, 2)} times as long as their multiply-accumulates would at "
        f"the best rate that one of these convolutions reaches alone.{run.left_out()}"
    )


def _clocked(name: str) -> str:
    return f"{name}, nodes"


def _node_clock(content: bytes) -> NodeClock:
    clock = NodeClock(content)
    details = clock.litert.get_input_details()
    arrays = [made_up(tuple(int(d) for d in t["shape"]), np.dtype(t["dtype"])) for t in details]
    set_inputs(clock.litert, arrays)
    return clock
