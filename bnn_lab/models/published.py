"""How our networks' parameters and multiply-accumulates compare with the published figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.models.registry import networks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Counts:
    """Size and work of one network, for one image.

    Attributes:
        parameters: all weights, also moving averages.
        summary_parameters: as `larq.models.summary` counts: without moving variances, which are
            folded into scales.
        binary_macs: multiply-accumulates of ±1 with ±1.
        macs: all multiply-accumulates.
        size: MiB with binary weights in a bit each, other weights in float32.
    """

    parameters: int
    summary_parameters: int
    binary_macs: int
    macs: int
    size: float


def count(model: Any) -> Counts:
    """Count a built Keras model's parameters and multiply-accumulates.

    Args:
        model: any, with larq layers or without.

    Returns:
        The counts; MACs are for one input.
    """
    require_tensorflow()
    import larq as lq

    profile = lq.models.ModelProfile(model)
    return Counts(
        parameters=int(model.count_params()),
        summary_parameters=int(profile.weight_count()),
        binary_macs=int(profile.op_count("mac", 1)),
        macs=int(profile.op_count("mac")),
        size=profile.memory / 2**23,
    )


def models_table() -> pd.DataFrame:
    """Build every published network and set its counts beside the figures (half a minute).

    Returns:
        `pandas.DataFrame`: name, parameters, published_parameters, size (MiB), published_size,
        binary_macs, macs, published_top1, paper, source.

    Raises:
        BnnLabError: TensorFlow or pandas is not installed.
    """
    rows = []
    for entry in networks(published=True):
        counts, figures = count(entry.build()), entry.published
        assert figures is not None
        rows.append(
            {
                "name": entry.name,
                "parameters": counts.summary_parameters
                if figures.in_summary
                else counts.parameters,
                "published_parameters": figures.parameters,
                "size": round(counts.size, 2),
                "published_size": figures.size,
                "binary_macs": counts.binary_macs,
                "macs": counts.macs,
                "published_top1": figures.top1,
                "paper": entry.paper,
                "source": "; ".join(filter(None, (figures.source, figures.more_sources))),
            }
        )
    return to_frame(rows)
