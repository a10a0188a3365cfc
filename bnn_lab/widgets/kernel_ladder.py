"""`KernelLadder`: the measured speed of one convolution in ever wider instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnn_lab.errors import InputError
from bnn_lab.widgets.explorable import Explorable
from bnn_lab.widgets.kernel_runs import run_of

if TYPE_CHECKING:
    from bnn_lab.bench.kernels import KernelResult


class KernelLadder(Explorable, module="kernel_ladder"):
    """Dots of NumPy, each backend of this CPU, float32 and int8 TFLite, for measured layers.

    Without results it shows recorded ones of a named machine. A button times three of the layers in
    the browser, with the kernels that the page has.

    Args:
        results: from `bnn_lab.bench.backend_comparison.measure_backends`.
        name: see `Explorable`.
        **start: see `Explorable`.

    Raises:
        InputError: there are no results; see also `Explorable`.
    """

    def __init__(
        self, results: Sequence[KernelResult] | None = None, name: str = "", **start: Any
    ) -> None:
        if results is not None:
            if not results:
                raise InputError("KernelLadder: no results; measure some with measure_backends.")
            start = {"own": run_of(results), **start}
        super().__init__(name, **start)
