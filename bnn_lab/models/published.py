"""Published figures of the networks, and how ours are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import require_pandas
from bnn_lab.models.alexnet import binary_alexnet, dorefanet, xnornet
from bnn_lab.models.binarynet import binarynet
from bnn_lab.models.birealnet import birealnet
from bnn_lab.models.densenet import binary_densenet28, binary_densenet37, binary_densenet45
from bnn_lab.models.meliusnet import meliusnet22
from bnn_lab.models.quicknet import quicknet, quicknet_large, quicknet_small
from bnn_lab.models.real_to_binary import real_to_binary

if TYPE_CHECKING:
    import pandas as pd

_ZOO = "larq-zoo 2.4, docstring of the network; size: larq documentation, Larq Zoo, table of models"


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


@dataclass(frozen=True)
class Published:
    """A network and what has been published about it.

    Attributes:
        name: as larq-zoo calls it; file names of its weights begin so.
        build: our function.
        parameters: published number; None for none.
        in_summary: whether it was counted as `Counts.summary_parameters`.
        top1: published ImageNet top-1 accuracy in percent; None for none.
        size: published size in MiB, two digits; None for none.
        source: of these figures.
        macs: (binary, all). Not printed anywhere to the last digit: these are what
            `larq.models.summary` counts on larq-zoo 2.4's own network, which an optional test
            repeats (BinaryNet: on ours).
        operations: published binary / 64 + float operations, to three digits; None for none.
        rounded_macs: published (all MACs, share of binary ones); None for none.
        more_sources: of the last two.
    """

    name: str
    build: Callable[[], Any]
    parameters: int | None
    in_summary: bool
    top1: float | None
    size: float | None
    source: str
    macs: tuple[int, int]
    operations: float | None = None
    rounded_macs: tuple[float, float] | None = None
    more_sources: str = ""


def _zoo(
    name: str,
    build: Callable[[], Any],
    parameters: int,
    top1: float,
    size: float,
    macs: tuple[int, int],
    *,
    in_summary: bool = False,
    **more: Any,
) -> Published:
    return Published(name, build, parameters, in_summary, top1, size, _ZOO, macs, **more)


PUBLISHED = (
    Published(
        "binarynet",
        binarynet,
        None,
        False,
        None,
        None,
        "own build of the layers in arXiv:1602.02830, whose counts are not published",
        (613_427_200, 616_966_144),
    ),
    _zoo("binary_alexnet", binary_alexnet, 61_859_192, 36.3, 7.45, (768_512_000, 841_367_552)),
    _zoo("xnornet", xnornet, 62_396_768, 44.96, 22.77, (1_025_744_896, 1_139_124_224)),
    _zoo("dorefanet", dorefanet, 62_403_912, 53.39, 22.80, (0, 3_049_637_888)),
    _zoo(
        "birealnet",
        birealnet,
        11_699_112,
        57.47,
        4.00,
        (1_676_279_808, 1_814_073_344),
        operations=1.63e8,
        more_sources="operations: README of the code of arXiv:2003.03488 (ReActNet)",
    ),
    _zoo(
        "binary_densenet_28",
        binary_densenet28,
        5_150_504,
        60.91,
        4.04,
        (3_587_383_296, 3_789_867_520),
    ),
    _zoo(
        "binary_densenet_37",
        binary_densenet37,
        8_734_120,
        62.89,
        5.13,
        (4_506_808_320, 4_706_546_688),
    ),
    _zoo(
        "binary_densenet_45",
        binary_densenet45,
        13_939_240,
        64.59,
        7.35,
        (6_430_556_160, 6_674_659_584),
        rounded_macs=(6.67e9, 0.9634),
        more_sources="MACs: summary in larq/docs, pull request 85",
    ),
    # The code of arXiv:2003.03488 reports 1.83e8 operations for the authors' own network, 12 % more
    # than the MACs of larq-zoo's make; what else it counts is not said.
    _zoo("r2b", real_to_binary, 11_995_624, 65.01, 5.13, (1_676_279_808, 1_814_367_744)),
    _zoo(
        "meliusnet22",
        meliusnet22,
        6_944_584,
        62.4,
        3.88,
        (4_624_220_160, 4_760_608_768),
        in_summary=True,
    ),
    _zoo(
        "quicknet_small",
        quicknet_small,
        12_655_688,
        59.4,
        4.00,
        (1_156_055_040, 1_171_996_160),
        in_summary=True,
    ),
    _zoo(
        "quicknet",
        quicknet,
        13_234_088,
        63.3,
        4.17,
        (1_849_688_064, 1_879_339_776),
        in_summary=True,
    ),
    _zoo(
        "quicknet_large",
        quicknet_large,
        23_342_248,
        66.9,
        5.40,
        (3_699_376_128, 3_729_027_840),
        in_summary=True,
    ),
)


def count(model: Any) -> Counts:
    """Count a built Keras model's parameters and multiply-accumulates.

    Args:
        model: with larq layers or without.

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
    """Build every network and set its counts beside the published figures (half a minute).

    Returns:
        `pandas.DataFrame`: name, parameters, published_parameters, size (MiB), published_size,
        binary_macs, macs, published_top1, source.

    Raises:
        BnnLabError: TensorFlow or pandas is not installed.
    """
    pandas = require_pandas()
    rows = []
    for entry in PUBLISHED:
        counts = count(entry.build())
        rows.append(
            {
                "name": entry.name,
                "parameters": counts.summary_parameters if entry.in_summary else counts.parameters,
                "published_parameters": entry.parameters,
                "size": round(counts.size, 2),
                "published_size": entry.size,
                "binary_macs": counts.binary_macs,
                "macs": counts.macs,
                "published_top1": entry.top1,
                "source": "; ".join(filter(None, (entry.source, entry.more_sources))),
            }
        )
    return pandas.DataFrame(rows)
