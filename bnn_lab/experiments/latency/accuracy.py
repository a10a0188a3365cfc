"""(h) Which networks give the most accuracy for their latency? Accuracies are cited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.latency.base import (
    IMAGENET_NETWORKS,
    Run,
    contenders,
    either,
    known,
    listing,
)
from bnn_lab.models.registry import network
from bnn_lab.tflite.ops import count_macs

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Which networks give the most published accuracy for the latency measured here?"


def measure(run: Run) -> pd.DataFrame:
    """A row per ImageNet model: name, ms (measured), top1 (cited, percent), source, macs, best,
    rival, behind, behind_low, behind_high.

    `rival` is the fastest network of at least the accuracy, itself for a model that none beats;
    `behind` is how many times faster that is. `best` marks models of which the interval does not
    say that their rival is faster.
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
    rivals = rivals_of(frame)
    behind = [run.ratio(table, "behind", rival, name) for name, rival in rivals.items()]
    frame["rival"] = list(rivals.values())
    for column in ("behind", "behind_low", "behind_high"):
        frame[column] = [figures[column] for figures in behind]
    frame["best"] = frame.behind_low <= 1
    return frame


def rivals_of(frame: pd.DataFrame) -> dict[str, str]:
    """Name of each network to that of the fastest one of at least its accuracy."""
    return {
        name: frame.loc[frame[frame.top1 >= top1].ms.idxmin(), "name"]
        for name, top1 in zip(frame["name"], frame.top1, strict=True)
    }


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
        last = contenders(beaten, "behind", most=True).sort_values("behind").iloc[-1]
        who = either(contenders(beaten, "behind", most=True)["name"], "networks")
        text += (
            f" Farthest behind is {who}: a network of at least its accuracy is "
            f"{known(last, 'behind')} times faster."
        )
    return text + run.left_out()
