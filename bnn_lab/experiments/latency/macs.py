"""(b) Do multiply-accumulates predict latency? MACs and equivalent MACs (arXiv:2011.09398)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.kernels import PAPER_CONVS
from bnn_lab.experiments.latency.base import Run
from bnn_lab.measure.timing import median_interval
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.tflite.ops import count_macs

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Do multiply-accumulates predict a binary network's latency?"


def measure(run: Run) -> pd.DataFrame:
    """A row per model: name, macs, binary_macs, equivalent_macs, ms, macs_ratio, gain.

    Equivalent MACs are the float ones plus the binary ones divided by `macs_ratio`, which is how
    many binary MACs this machine does in the time of one float MAC: the median over the paper's
    convolutions in the same run. `gain` is how much better the logarithm of latency correlates with
    that of equivalent MACs than with that of MACs, `gain_low` to `gain_high` its 95 % interval over
    the rounds; all three are the same in each row.
    """
    files = run.binary_files(run.models())
    ratio = _ratio(run)
    table = run.time_models(files)
    rows: list[dict[str, Any]] = []
    for name, content in files.items():
        macs, binary = count_macs(content)
        rows.append(
            {
                "name": name,
                "macs": macs,
                "binary_macs": binary,
                "equivalent_macs": macs - binary + binary / ratio,
                "ms": table[name].median * 1e3,
                "macs_ratio": ratio,
            }
        )
    frame = to_frame(rows)
    ms = np.stack([table[name].seconds for name in frame["name"]]) * 1e3
    gains = np.array([_gain(frame.assign(ms=one)) for one in ms.T])
    low, high = median_interval(gains)
    return frame.assign(gain=float(np.median(gains)), gain_low=low, gain_high=high)


def _gain(frame: pd.DataFrame) -> float:
    found = correlations(frame)
    return found["equivalent_macs"][0] - found["macs"][0]


def _ratio(run: Run) -> float:
    cases = PAPER_CONVS[-1:] if run.quick else PAPER_CONVS
    factors = []
    for case in cases:
        run.progress(f"binary against float: {case.name}")
        calls = {
            "binary": litert_call(layer_file(case.layer(kinds.BINARY_CONV))),
            "float": litert_call(layer_file(case.layer())),
        }
        table = run.time(calls, share=0.1)
        factors.append(run.ratio(table, "ratio", "binary", "float")["ratio"])
    return sorted(factors)[len(factors) // 2]


def correlations(frame: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Of ms with each count of MACs: (Pearson on logarithms, Spearman)."""
    found = {}
    for column in ("macs", "binary_macs", "equivalent_macs"):
        # Ranks, and logarithms because models differ by orders of magnitude.
        pearson = np.corrcoef(np.log(frame[column]), np.log(frame.ms))[0, 1]
        spearman = np.corrcoef(frame[column].rank(), frame.ms.rank())[0, 1]
        found[column] = (float(pearson), float(spearman))
    return found


def finding(frame: pd.DataFrame, run: Run) -> str:
    """Correlations, and the two models that MACs mislead about most."""
    found = correlations(frame)
    speed = frame.macs / frame.ms / 1e6
    fast, slow = frame.name[speed.idxmax()], frame.name[speed.idxmin()]
    equivalent = frame.equivalent_macs / frame.ms / 1e6
    first = frame.iloc[0]
    if first.gain_low > 0:
        better = "better than plain MACs"
    elif first.gain_high < 0:
        better = "worse than plain MACs"
    else:
        better = "which these measurements do not tell from plain MACs"
    return (
        f"Over {len(frame)} models the logarithms of MACs and latency correlate with "
        f"{found['macs'][0]:.2f} (ranks: {found['macs'][1]:.2f}). One float MAC takes the time of "
        f"{frame.macs_ratio.iloc[0]:.1f} binary ones here; counted so, equivalent MACs correlate "
        f"with {found['equivalent_macs'][0]:.2f} (ranks: {found['equivalent_macs'][1]:.2f}), "
        f"{better}. MACs alone mislead: per "
        f"millisecond {fast} does {speed.max() / speed.min():.1f} times as many as {slow}. Even "
        f"of equivalent MACs the models do from {equivalent.min():.1f} to {equivalent.max():.1f} "
        "million per millisecond, because memory, element-wise ops and calls cost time that no "
        f"MAC counts.{run.left_out()}"
    )
