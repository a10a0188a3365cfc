"""Figures that others have published, each with its source: never mixed with measurements."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError

CITED_FILE = Path(__file__).parent / "data" / "cited.json"


@dataclass(frozen=True)
class CitedTraining:
    """What a paper's training reached.

    Attributes:
        recipe: the recipe of bnn_lab with the same settings and network.
        network: as the source calls it.
        data: as the source calls it.
        top1: top-1 test accuracy in percent.
        source: where it was published.
    """

    recipe: str
    network: str
    data: str
    top1: float
    source: str


@dataclass(frozen=True)
class CitedClaim:
    """A published statement with figures that a page or a lesson repeats.

    Attributes:
        source: where it was published.
        says: the statement, in words of our own.
        numbers: its figures, in the units of the statement.
    """

    source: str
    says: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class CitedSpeedup:
    """How many times faster than others a publication found binary convolutions.

    Attributes:
        name: device.
        runtime: what ran the binary ones.
        over: "float32" or "int8".
        low: least, None where only the greatest was published.
        high: greatest.
        layers: names of the convolutions, as in reports of `bnn-lab bench`.
        source: where it was published.
    """

    name: str
    runtime: str
    over: str
    low: float | None
    high: float
    layers: tuple[str, ...]
    source: str


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(CITED_FILE.read_text(encoding="utf-8"))
    return content


def cited_latencies() -> dict[str, Any]:
    """Published latencies: ``source``, and ``devices``, a list of ``name``, ``runtime`` and
    ``latency_ms``, by number of threads and then by network.
    """
    latencies: dict[str, Any] = _content()["latency"]
    return latencies


def cited_layers() -> list[dict[str, Any]]:
    """Published latencies of single layers on one thread: ``name``, ``runtime``, ``source`` and
    ``latency_ms``, by name of the layer in reports.
    """
    layers: list[dict[str, Any]] = _content()["layers"]
    return layers


def cited_speedups() -> list[CitedSpeedup]:
    """Published speed-ups of single layers."""
    found = _content()["speedups"]
    return [CitedSpeedup(**{**entry, "layers": tuple(entry["layers"])}) for entry in found]


def cited_trainings() -> list[CitedTraining]:
    """Published results of the recipes."""
    return [CitedTraining(**entry) for entry in _content()["training"]]


def cited_training(recipe: str) -> CitedTraining | None:
    """The published result of one recipe, None if there is none."""
    return next((entry for entry in cited_trainings() if entry.recipe == recipe), None)


def cited_claims() -> list[CitedClaim]:
    """Published statements that pages and lessons repeat."""
    return [
        CitedClaim(entry["source"], entry["says"], tuple(entry["numbers"]))
        for entry in _content()["claims"]
    ]


def cited_claim(source: str) -> CitedClaim:
    """The first published statement from a source.

    Args:
        source: part of the source's name, such as "microsoft/BitNet".

    Raises:
        InputError: there is none.
    """
    for claim in cited_claims():
        if source in claim.source:
            return claim
    raise InputError(f"no statement is cited from {source!r}")
