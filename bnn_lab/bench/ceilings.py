"""The rate of a backend's inner instructions on registers alone, timed beside its kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bnn_lab import _native, kernels
from bnn_lab.measure.noise import NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable

_LOOP_MACS = 10**8  # some tenths of a millisecond


def measure_with_ceilings(
    calls: Mapping[str, Callable[[], object]], watch: NoiseWatch | None = None, **options: Any
) -> tuple[TimingTable, dict[str, float]]:
    """Time calls and, in the same rounds, the ceiling loop of each backend of this CPU.

    Args:
        calls: name to callable.
        watch: looks at the machine's noise meanwhile.
        **options: of `bnn_lab.measure.measure`.

    Returns:
        The times of the calls; and backend to 10^9 multiply-accumulates a second of its loop, best
        round. A backend may have no such loop.
    """
    loops: dict[str, Callable[[], object]] = {}
    macs: dict[str, int] = {}
    for backend in kernels.available_backends():
        if each := _native.peak(1, backend):
            repeats = int(_LOOP_MACS // each)
            macs[backend] = repeats * int(each)
            loops[f"ceiling {backend}"] = _loop(repeats, backend)
    table = measure_watched({**calls, **loops}, watch, **options)
    ceilings = {
        backend: count / table[f"ceiling {backend}"].minimum / 1e9
        for backend, count in macs.items()
    }
    return table.only(calls), ceilings


def _loop(repeats: int, backend: str) -> Callable[[], object]:
    return lambda: _native.peak(repeats, backend)
