"""The networks: each once, by one name, with its paper and what has been published about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import IMAGENET_SHAPE
from bnn_lab.models.alexnet import binary_alexnet, dorefanet, xnornet
from bnn_lab.models.binary_resnet20 import binary_resnet20
from bnn_lab.models.binarynet import binarynet, binarynet_small
from bnn_lab.models.birealnet import birealnet, birealnet_small
from bnn_lab.models.densenet import (
    binary_densenet28,
    binary_densenet37,
    binary_densenet37_dilated,
    binary_densenet45,
)
from bnn_lab.models.digits import digits_bnn
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.models.meliusnet import meliusnet22
from bnn_lab.models.quicknet import quicknet, quicknet_cifar, quicknet_large, quicknet_small
from bnn_lab.models.reactnet import reactnet_a
from bnn_lab.models.real_to_binary import real_to_binary
from bnn_lab.models.resnet import resnet18, resnet34
from bnn_lab.models.resnet_e import resnet_e18
from bnn_lab.models.variants import without_shortcuts

CIFAR_SHAPE = (32, 32, 3)

_ZOO = "larq-zoo 2.4, docstring of the network; size: larq documentation, Larq Zoo, table of models"


@dataclass(frozen=True)
class Published:
    """Published figures of a network.

    Attributes:
        macs: (binary, all). Not printed anywhere to the last digit: these are what
            `larq.models.summary` counts on larq-zoo 2.4's own network, which an optional test
            repeats (networks that larq-zoo lacks: on ours).
        source: source of these figures.
        zoo_name: larq-zoo's name, with which its weight files begin; "" if it has none.
        parameters: published number; None for none.
        in_summary: whether they were counted as `Counts.summary_parameters`.
        top1: published ImageNet top-1 accuracy in percent; None for none.
        size: published size in MiB, two digits; None for none.
        operations: published binary / 64 + float operations, to three digits; None for none.
        rounded_macs: published (all MACs, share of binary ones); None for none.
        more_sources: further sources of the last two.
    """

    macs: tuple[int, int]
    source: str = _ZOO
    zoo_name: str = ""
    parameters: int | None = None
    in_summary: bool = False
    top1: float | None = None
    size: float | None = None
    operations: float | None = None
    rounded_macs: tuple[float, float] | None = None
    more_sources: str = ""


@dataclass(frozen=True)
class Network:
    """A network that can be trained, converted and measured by its name.

    Attributes:
        name: name of the function that builds it, used everywhere else too.
        build: the function; all its arguments have defaults.
        family: networks of one design.
        paper: where it was published.
        input_shape: shape of one sample by default: (height, width, channels).
        latent: whether it can be trained by latent weights and straight-through signs.
        bop: whether it can be trained by Bop.
        published: figures; None for our own small networks and for variants.
        variant_of: the network that this one is a changed copy of, "" if none.
        teacher: whether it is a float network, which binary ones learn from.
    """

    name: str
    build: Callable[..., Any]
    family: str
    paper: str
    input_shape: tuple[int, ...] = IMAGENET_SHAPE
    latent: bool = True
    bop: bool = True
    published: Published | None = None
    variant_of: str = ""
    teacher: bool = False

    @property
    def imagenet(self) -> bool:
        """Whether it reads ImageNet's images, unless told otherwise."""
        return self.input_shape == IMAGENET_SHAPE


_QUICKNET = partial(Network, family="quicknet", paper="arXiv:2011.09398")
_BIREALNET = partial(Network, family="birealnet", paper="arXiv:1808.00278")
_BINARYNET = partial(Network, family="binarynet", paper="arXiv:1602.02830", input_shape=CIFAR_SHAPE)
_DENSENET = partial(Network, family="binary_densenet", paper="arXiv:1906.08637", bop=False)
_DIGITS = partial(Network, family="digits", paper="", latent=False)

_ALL = (
    _QUICKNET(
        "quicknet_small",
        quicknet_small,
        published=Published(
            (1_156_055_040, 1_171_996_160),
            zoo_name="quicknet_small",
            parameters=12_655_688,
            in_summary=True,
            top1=59.4,
            size=4.00,
        ),
    ),
    _QUICKNET(
        "quicknet",
        quicknet,
        published=Published(
            (1_849_688_064, 1_879_339_776),
            zoo_name="quicknet",
            parameters=13_234_088,
            in_summary=True,
            top1=63.3,
            size=4.17,
        ),
    ),
    _QUICKNET(
        "quicknet_large",
        quicknet_large,
        published=Published(
            (3_699_376_128, 3_729_027_840),
            zoo_name="quicknet_large",
            parameters=23_342_248,
            in_summary=True,
            top1=66.9,
            size=5.40,
        ),
    ),
    _BIREALNET(
        "birealnet",
        birealnet,
        published=Published(
            (1_676_279_808, 1_814_073_344),
            zoo_name="birealnet",
            parameters=11_699_112,
            top1=57.47,
            size=4.00,
            operations=1.63e8,
            more_sources="operations: README of the code of arXiv:2003.03488 (ReActNet)",
        ),
    ),
    # The code of arXiv:2003.03488 reports 1.83e8 operations for the authors' own network, 12 % more
    # than the MACs of larq-zoo's version; what else it counts is not said.
    Network(
        "real_to_binary",
        real_to_binary,
        "real_to_binary",
        "Martinez et al., ICLR 2020 (arXiv:2003.11535)",
        published=Published(
            (1_676_279_808, 1_814_367_744),
            zoo_name="r2b",
            parameters=11_995_624,
            top1=65.01,
            size=5.13,
        ),
    ),
    Network(
        "meliusnet22",
        meliusnet22,
        "meliusnet",
        "arXiv:2001.05936",
        published=Published(
            (4_624_220_160, 4_760_608_768),
            zoo_name="meliusnet22",
            parameters=6_944_584,
            in_summary=True,
            top1=62.4,
            size=3.88,
        ),
    ),
    _DENSENET(
        "binary_densenet28",
        binary_densenet28,
        published=Published(
            (3_587_383_296, 3_789_867_520),
            zoo_name="binary_densenet_28",
            parameters=5_150_504,
            top1=60.91,
            size=4.04,
        ),
    ),
    _DENSENET(
        "binary_densenet37",
        binary_densenet37,
        published=Published(
            (4_506_808_320, 4_706_546_688),
            zoo_name="binary_densenet_37",
            parameters=8_734_120,
            top1=62.89,
            size=5.13,
        ),
    ),
    _DENSENET(
        "binary_densenet37_dilated",
        binary_densenet37_dilated,
        published=Published(
            (7_774_470_144, 8_227_095_552),
            "larq documentation, Larq Zoo, table of models",
            zoo_name="binary_densenet_37_dilated",
            parameters=8_734_120,
            top1=64.34,
        ),
    ),
    _DENSENET(
        "binary_densenet45",
        binary_densenet45,
        published=Published(
            (6_430_556_160, 6_674_659_584),
            zoo_name="binary_densenet_45",
            parameters=13_939_240,
            top1=64.59,
            size=7.35,
            rounded_macs=(6.67e9, 0.9634),
            more_sources="MACs: summary in larq/docs, pull request 85",
        ),
    ),
    Network(
        "resnet_e18",
        resnet_e18,
        "resnet_e",
        "arXiv:1906.08637",
        published=Published(
            (1_676_279_808, 1_814_073_344),
            "larq-zoo 2.4, docstring of the network",
            zoo_name="resnet_e_18",
            parameters=11_699_368,
            top1=58.32,
        ),
    ),
    Network(
        "reactnet_a",
        reactnet_a,
        "reactnet",
        "arXiv:2003.03488",
        published=Published(
            (4_816_896_000, 4_828_758_016),
            "README of the code of arXiv:2106.11309, https://github.com/liuzechun/AdamBNN",
            top1=69.4,
            operations=8.7e7,
        ),
    ),
    _BINARYNET(
        "binarynet",
        binarynet,
        published=Published(
            (613_427_200, 616_966_144),
            "own build of the layers in arXiv:1602.02830, whose counts are not published",
        ),
    ),
    Network(
        "binary_alexnet",
        binary_alexnet,
        "alexnet",
        "Hubara et al., Binarized Neural Networks, NIPS 2016",
        published=Published(
            (768_512_000, 841_367_552),
            zoo_name="binary_alexnet",
            parameters=61_859_192,
            top1=36.3,
            size=7.45,
        ),
    ),
    Network(
        "xnornet",
        xnornet,
        "alexnet",
        "arXiv:1603.05279",
        published=Published(
            (1_025_744_896, 1_139_124_224),
            zoo_name="xnornet",
            parameters=62_396_768,
            top1=44.96,
            size=22.77,
        ),
    ),
    Network(
        "dorefanet",
        dorefanet,
        "alexnet",
        "arXiv:1606.06160",
        bop=False,
        published=Published(
            (0, 3_049_637_888),
            zoo_name="dorefanet",
            parameters=62_403_912,
            top1=53.39,
            size=22.80,
        ),
    ),
    _QUICKNET("quicknet_cifar", quicknet_cifar, input_shape=CIFAR_SHAPE),
    _BIREALNET("birealnet_small", birealnet_small, input_shape=CIFAR_SHAPE),
    _BINARYNET("binarynet_small", binarynet_small),
    Network(
        "binary_resnet20",
        binary_resnet20,
        "binary_resnet20",
        "arXiv:1909.10788 and arXiv:2103.12369",
        input_shape=CIFAR_SHAPE,
    ),
    _DIGITS("digits_bnn", digits_bnn, input_shape=(8, 8, 1)),
    _DIGITS("digits_mlp", digits_mlp, input_shape=(8, 8, 1)),
)


def _plain(base: Network) -> Network:
    """The same network without its shortcuts of floats, to compare speed: it is not trained."""
    return replace(
        base,
        name=f"{base.name}_no_shortcuts",
        build=lambda: without_shortcuts(base.build()),
        latent=False,
        bop=False,
        published=None,
        variant_of=base.name,
    )


_WITH_SHORTCUTS = (quicknet_small, quicknet, birealnet)
NETWORKS: dict[str, Network] = {
    entry.name: entry
    for entry in (*_ALL, *(_plain(entry) for entry in _ALL if entry.build in _WITH_SHORTCUTS))
}
# Float networks, which recipes know, but no table of binary ones.
_TEACHER = partial(
    Network, family="resnet", paper="arXiv:1512.03385", latent=False, bop=False, teacher=True
)
TEACHERS: dict[str, Network] = {
    entry.name: entry for entry in (_TEACHER("resnet18", resnet18), _TEACHER("resnet34", resnet34))
}


def network(name: str) -> Network:
    """Look a network up.

    Args:
        name: a key of `NETWORKS` or `TEACHERS`, also written with hyphens.

    Raises:
        InputError: there is none of this name.
    """
    known = {**NETWORKS, **TEACHERS}
    found = known.get(name.replace("-", "_"))
    if found is None:
        raise InputError(f"there is no network {name!r}. Fix: use one of {', '.join(known)}.")
    return found


def networks(
    *,
    family: str | None = None,
    imagenet: bool | None = None,
    published: bool | None = None,
    variants: bool = False,
) -> list[Network]:
    """Networks of a kind, in the registry's order; None takes either.

    Args:
        family: only this one.
        imagenet: whether they read ImageNet's images.
        published: whether there are published figures.
        variants: changed copies of other networks, or (by default) all others.
    """
    return [
        entry
        for entry in NETWORKS.values()
        if family in (None, entry.family)
        and imagenet in (None, entry.imagenet)
        and published in (None, entry.published is not None)
        and bool(entry.variant_of) is variants
    ]
