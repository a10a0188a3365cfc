"""Measured kernels as small JSON: what `KernelLadder` and `Roofline` show, here and on the site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.bench.kernels import DenseCase, KernelResult
from bnn_lab.bench.machine import Machine
from bnn_lab.measure.host import describe_host
from bnn_lab.measure.units import significant

_DIGITS = 5  # significant ones; a measurement has no more


def run_of(
    results: Sequence[KernelResult], machine: Machine | None = None, name: str = ""
) -> dict[str, Any]:
    """A run of one machine.

    Args:
        results: the results of `bnn_lab.bench.backend_comparison.measure_backends`.
        machine: what one thread can do at best.
        name: of the machine; default this one's CPU.

    Returns:
        ``machine``; ``layers``, each with its sizes, ``rows`` of [name, seconds of the fastest
        round, of the median one] and ``ceilings``, backend to GMAC/s; and ``roof``, the fields of
        `Machine`, or None.
    """
    return {
        "machine": name or describe_host().cpu,
        "layers": [_layer(result) for result in results],
        "roof": None
        if machine is None
        else {
            "ceilings": _short(machine.ceilings),
            "float_best": significant(machine.float_best, _DIGITS),
            "bandwidths": _short(machine.bandwidths),
        },
    }


def _layer(result: KernelResult) -> dict[str, Any]:
    case = result.case
    size, kernel = (1, 1) if isinstance(case, DenseCase) else (case.size, case.kernel)
    return {
        "name": case.name,
        "size": size,
        "channels_in": case.channels_in,
        "channels_out": case.channels_out,
        "kernel": kernel,
        "macs": case.macs,
        "rows": [
            [
                timing.name,
                significant(timing.minimum, _DIGITS),
                significant(timing.median, _DIGITS),
            ]
            for timing in result.table.timings
        ],
        "ceilings": _short(result.ceilings),
    }


def _short(figures: dict[str, float]) -> dict[str, float]:
    return {name: significant(figure, _DIGITS) for name, figure in figures.items()}
