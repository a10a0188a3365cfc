"""Frames of studies from reports of `bnn-lab bench suite`: the same figures for a whole class.

A report holds what four of the studies measure, of the same networks and on the same terms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import baseline
from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.report import Model, Report
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.breakdown import categories_of
from bnn_lab.models.registry import NETWORKS
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

if TYPE_CHECKING:
    import pandas as pd


def study_frame(name: str, reports: Sequence[Report]) -> pd.DataFrame:
    """The frame of a study, with a column `device`.

    Args:
        name: a key of `FROM_REPORTS`.
        reports: one per device, see `merge_reports`.

    Returns:
        The columns that its figure needs.

    Raises:
        InputError: reports never hold what this study measures, or none of these does.
    """
    if name not in FROM_REPORTS:
        known = ", ".join(FROM_REPORTS)
        raise InputError(
            f"study_frame: reports hold {known}, not {name!r}. Fix: bnn-lab bench study"
        )
    rows = [row | {"device": r.device} for r in reports for row in FROM_REPORTS[name](r)]
    if not rows:
        raise InputError(
            f"there is no report with what {name} needs. Fix: measure with bnn-lab bench suite"
        )
    return to_frame(rows)


def _single(report: Report) -> list[Model]:
    return [entry for entry in report.models if entry.num_threads == 1]


def _macs(report: Report) -> list[dict[str, Any]]:
    convs = sorted(
        layer.speedup_over[baseline(FLOAT32)]
        for layer in report.layers
        if layer.shape.kind == kinds.CONV
        and layer.num_threads == 1
        and baseline(FLOAT32) in layer.speedup_over
    )
    if not convs:
        return []
    ratio = convs[len(convs) // 2]
    return [
        {
            "name": entry.name,
            "macs": entry.macs,
            "binary_macs": entry.binary_macs,
            "ms": times.median_s * 1e3,
            "macs_ratio": ratio,
        }
        for entry in _single(report)
        if (times := entry.of(entry.reference)) is not None
    ]


def _breakdown(report: Report) -> list[dict[str, Any]]:
    return [
        row
        for entry in _single(report)
        if (profile := profile_of(entry)) is not None
        for row in categories_of(entry.name, [profile], fused=True)
    ]


def _accuracy(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": entry.name,
            "ms": times.median_s * 1e3,
            "top1": published.top1,
            "source": published.source,
        }
        for entry in _single(report)
        if (times := entry.of(entry.reference)) is not None
        and entry.name in NETWORKS
        and (published := NETWORKS[entry.name].published) is not None
        and published.top1 is not None
    ]


def _threads(report: Report) -> list[dict[str, Any]]:
    rows = []
    single = {entry.name: entry for entry in _single(report)}
    for entry in report.models:
        first = single.get(entry.name)
        if first is None:
            continue
        names = {BINARY: None, FLOAT32: baseline(FLOAT32), INT8: baseline(INT8)}
        for kind, name in names.items():
            times, one = entry.of(name or entry.reference), first.of(name or first.reference)
            if times is None or one is None:
                continue
            rows.append(
                {
                    "name": entry.name,
                    "kind": kind,
                    "threads": entry.num_threads,
                    "ms": times.median_s * 1e3,
                    "speedup": one.median_s / times.median_s,
                }
            )
    return rows


FROM_REPORTS: dict[str, Callable[[Report], list[dict[str, Any]]]] = {
    "macs": _macs,
    "breakdown": _breakdown,
    "accuracy": _accuracy,
    "threads": _threads,
}
