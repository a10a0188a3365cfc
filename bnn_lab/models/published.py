"""Published figures of the networks, and how ours are counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import BnnLabError
from bnn_lab.models.alexnet import binary_alexnet, dorefanet, xnornet
from bnn_lab.models.binarynet import binarynet
from bnn_lab.models.birealnet import birealnet
from bnn_lab.models.densenet import binary_densenet28, binary_densenet37, binary_densenet45
from bnn_lab.models.meliusnet import meliusnet22
from bnn_lab.models.quicknet import quicknet, quicknet_large, quicknet_small
from bnn_lab.models.real_to_binary import real_to_binary

if TYPE_CHECKING:
    import pandas as pd

_ZOO = "larq-zoo 2.4, documentation"


@dataclass(frozen=True)
class Counts:
    """Size and work of one network, for one image.

    Attributes:
        parameters: all weights, also moving averages.
        summary_parameters: as `larq.models.summary` counts: without moving variances, which are
            folded into scales.
        binary_macs: multiply-accumulates of ±1 with ±1.
        macs: all multiply-accumulates.
    """

    parameters: int
    summary_parameters: int
    binary_macs: int
    macs: int


@dataclass(frozen=True)
class Published:
    """A network and what has been published about it.

    Attributes:
        name: as larq-zoo calls it; file names of its weights begin so.
        build: our function.
        parameters: published number.
        in_summary: whether it was counted as `Counts.summary_parameters`.
        top1: published ImageNet top-1 accuracy in percent (CIFAR-10 for BinaryNet).
        source: of these figures.
        macs: (binary, all) of larq-zoo's network, as `larq.models.summary` counts; its
            documentation shows them rounded.
        operations: (binary operations, binary / 64 + float operations) that papers report, to
            three digits; None if not reported.
        operations_source: of the latter.
    """

    name: str
    build: Callable[[], Any]
    parameters: int
    in_summary: bool
    top1: float
    source: str
    macs: tuple[int, int]
    operations: tuple[float, float | None] | None = None
    operations_source: str = ""


_REACT = "arXiv:2003.03488, table of comparison with state of the art"

PUBLISHED = (
    Published(
        "binarynet",
        binarynet,
        14_033_566,
        False,
        89.85,
        "arXiv:1602.02830: layers in section 2, accuracy in table 1; parameters follow from them",
        (613_427_200, 616_966_144),
    ),
    Published(
        "binary_alexnet", binary_alexnet, 61_859_192, False, 36.3, _ZOO, (768_512_000, 841_367_552)
    ),
    Published("xnornet", xnornet, 62_396_768, False, 44.96, _ZOO, (1_025_744_896, 1_139_124_224)),
    Published("dorefanet", dorefanet, 62_403_912, False, 53.39, _ZOO, (0, 3_049_637_888)),
    Published(
        "birealnet",
        birealnet,
        11_699_112,
        False,
        57.47,
        _ZOO,
        (1_676_279_808, 1_814_073_344),
        (1.68e9, 1.63e8),
        _REACT,
    ),
    Published(
        "binary_densenet_28",
        binary_densenet28,
        5_150_504,
        False,
        60.91,
        _ZOO,
        (3_587_383_296, 3_789_867_520),
    ),
    Published(
        "binary_densenet_37",
        binary_densenet37,
        8_734_120,
        False,
        62.89,
        _ZOO,
        (4_506_808_320, 4_706_546_688),
    ),
    Published(
        "binary_densenet_45",
        binary_densenet45,
        13_939_240,
        False,
        64.59,
        _ZOO,
        (6_430_556_160, 6_674_659_584),
    ),
    Published(
        "r2b",
        real_to_binary,
        11_995_624,
        False,
        65.01,
        _ZOO,
        (1_676_279_808, 1_814_367_744),
        (1.68e9, None),
        _REACT,
    ),
    Published(
        "meliusnet22",
        meliusnet22,
        6_944_584,
        True,
        62.4,
        _ZOO,
        (4_624_220_160, 4_760_608_768),
        (4.62e9, 2.08e8),
        _REACT,
    ),
    Published(
        "quicknet_small",
        quicknet_small,
        12_655_688,
        True,
        59.4,
        _ZOO,
        (1_156_055_040, 1_171_996_160),
    ),
    Published("quicknet", quicknet, 13_234_088, True, 63.3, _ZOO, (1_849_688_064, 1_879_339_776)),
    Published(
        "quicknet_large",
        quicknet_large,
        23_342_248,
        True,
        66.9,
        _ZOO,
        (3_699_376_128, 3_729_027_840),
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
    )


def models_table() -> pd.DataFrame:
    """Build every network and set its counts beside the published figures (half a minute).

    Returns:
        `pandas.DataFrame`: name, parameters, published_parameters, binary_macs, macs, top1, source.

    Raises:
        BnnLabError: TensorFlow or pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise BnnLabError('pandas is not installed. Fix: pip install "bnn-lab[train]"') from error
    rows = []
    for entry in PUBLISHED:
        counts = count(entry.build())
        rows.append(
            {
                "name": entry.name,
                "parameters": counts.summary_parameters if entry.in_summary else counts.parameters,
                "published_parameters": entry.parameters,
                "binary_macs": counts.binary_macs,
                "macs": counts.macs,
                "published_top1": entry.top1,
                "source": entry.source,
            }
        )
    return pandas.DataFrame(rows)
