"""(h) Which networks give the most accuracy for their latency? Accuracies are cited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.latency.base import IMAGENET_NETWORKS, Run, listing
from bnn_lab.models.registry import network
from bnn_lab.tflite.ops import count_macs

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Which networks give the most published accuracy for the latency measured here?"


def measure(run: Run) -> pd.DataFrame:
    """A row per ImageNet model: name, ms (measured), top1 (cited, percent), source, macs, best.

    `best` marks models that no other one beats in both latency and accuracy.
    """
    names = IMAGENET_NETWORKS[:2] if run.quick else IMAGENET_NETWORKS
    files = run.binary_files(names)
    cited = {name: figures for name in files if (figures := network(name).published)}
    table = run.time_models(files)
    rows = [
        {
            "name": name,
            "ms": table[name].median * 1e3,
            "top1": cited[name].top1,
            "source": cited[name].source,
            "macs": count_macs(content)[0],
        }
        for name, content in files.items()
    ]
    frame = to_frame(rows)
    frame["best"] = [not _beaten(frame, row) for row in frame.itertuples()]
    return frame


def _beaten(frame: pd.DataFrame, row: object) -> bool:
    better = (frame.ms < row.ms) & (frame.top1 >= row.top1)  # type: ignore[attr-defined]
    return bool(better.any())


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The front, and what a beaten model would have to gain."""
    front = frame[frame.best].sort_values("ms")
    beaten = frame[~frame.best]
    names = listing(
        f"{row.name_} ({row.ms:.2f} ms, {row.top1:.1f} %)"
        for row in front.rename(columns={"name": "name_"}).itertuples()
    )
    text = (
        f"Of {len(frame)} networks {len(front)} are beaten by no other in both latency, measured "
        f"here on one thread, and ImageNet top-1 accuracy, cited from their publications and not "
        f"reproduced: {names}."
    )
    if len(beaten):
        worst, factor = "", 0.0
        for row in beaten.rename(columns={"name": "name_"}).itertuples():
            rival = frame[frame.top1 >= row.top1].ms.min()
            if row.ms / rival > factor:
                worst, factor = row.name_, row.ms / rival
        text += (
            f" Farthest behind is {worst}: a network of at least its accuracy is {factor:.1f} "
            "times faster."
        )
    return text + "".join(f" Left out: {name} ({why})." for name, why in run.skipped.items())
