"""(g) How much of a binary network's time is neither float ops nor binary multiply-accumulates?

Free binary ops would leave the float ops: the floor. What a network takes beyond it is compared
with its binary convolutions alone, each as a file of one op in the same rounds: padded, from packed
bits to floats, its weights in cache. The difference is what networks add: quantizing, shortcuts,
weights and activations that have left the cache.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench import layer_shapes as kinds
from bnn_lab.bench.file_layers import file_layers
from bnn_lab.bench.layer_shapes import LayerShape
from bnn_lab.bench.model_bench import litert_invoke
from bnn_lab.bench.op_files import layer_file
from bnn_lab.bench.profile import profile
from bnn_lab.bench.studies.base import Run, span

if TYPE_CHECKING:
    import pandas as pd

QUESTION = (
    "How much of a binary network's time is neither float ops nor binary multiply-accumulates?"
)
_NETWORK = "network"


def measure(run: Run) -> pd.DataFrame:
    """A row per network, one thread: name, ms and what it consists of, in ms.

    float_floor_ms: ops that are not bnn_lab's; their share of a profile of the same file, of ms.
    beyond_floor_ms: the rest of ms.
    kernel_ms: the binary convolutions, each as often as it occurs, timed alone in the same rounds.
    best_rate_ms: their multiply-accumulates at the best rate that one of them reaches alone.
    ratio, ratio_at_best: beyond_floor_ms over each of these two.
    """
    names = ("quicknet_cifar",) if run.quick else ("quicknet_small", "quicknet", "quicknet_large")
    rows = []
    for name, content in run.binary_files(names).items():
        counts = binary_convs(content)
        peers = {_NETWORK: litert_invoke(content)}
        peers |= {str(i): litert_invoke(layer_file(shape)) for i, shape in enumerate(counts)}
        run.progress(f"timing {name}")
        table = run.time(peers, share=0.8 / len(names), round_seconds=5e-3)
        alone = {shape: table[str(i)].median * 1e3 for i, shape in enumerate(counts)}
        run.progress(f"profiling {name}")
        found = profile(content, rounds=5 if run.quick else 30)
        share = sum(row.ms for row in found.rows if not row.binary) / found.sum_ms
        ms = table[_NETWORK].median * 1e3
        kernel = sum(alone[shape] * count for shape, count in counts.items())
        macs = sum(shape.macs * count for shape, count in counts.items())
        best = macs / max(shape.macs / alone[shape] for shape in counts)
        beyond = ms * (1 - share)
        rows.append(
            {
                "name": name,
                "ms": ms,
                "float_floor_ms": ms * share,
                "beyond_floor_ms": beyond,
                "kernel_ms": kernel,
                "best_rate_ms": best,
                "ratio": beyond / kernel,
                "ratio_at_best": beyond / best,
            }
        )
    return to_frame(rows)


def binary_convs(content: bytes) -> Counter[LayerShape]:
    """The binary convolutions of a file, without what is fused into them: how often each occurs."""
    found: Counter[LayerShape] = Counter()
    for layer in file_layers(content):
        for shape in layer.layers:
            if shape.kind == kinds.BINARY_CONV:
                found[replace(shape, shortcuts=0, quantize=False)] += 1
    return found


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The ratios, and how the float floor compares."""
    floor = 100 * frame.float_floor_ms / frame.ms
    return (
        f"Float ops take {span(floor, 0)} % of the networks' time. Beyond them the networks take "
        f"{span(frame.ratio, 2)} times as long as their binary convolutions alone, and "
        f"{span(frame.ratio_at_best, 2)} times as long as their multiply-accumulates would at the "
        "best rate that one of these convolutions reaches alone."
    )
