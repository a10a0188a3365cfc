"""`Roofline`: what bounds a layer's speed on a machine, arithmetic or memory.

Source: Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnn_lab.widgets.explorable import Explorable
from bnn_lab.widgets.kernel_runs import run_of

if TYPE_CHECKING:
    from bnn_lab.bench.kernels import KernelResult
    from bnn_lab.bench.machine import Machine


class Roofline(Explorable, module="roofline"):
    """Measured roofs and layers, and the bound of a layer that the reader chooses.

    Without a machine it shows a recorded, named one.

    Args:
        machine: from `bnn_lab.bench.machine.measure_machine`.
        results: from `bnn_lab.bench.backend_comparison.measure_backends`, shown as points.
        name: see `Explorable`.
        **start: see `Explorable`.

    Raises:
        InputError: see `Explorable`.
    """

    def __init__(
        self,
        machine: Machine | None = None,
        results: Sequence[KernelResult] = (),
        name: str = "",
        **start: Any,
    ) -> None:
        if machine is not None:
            start = {"own": run_of(results, machine), **start}
        super().__init__(name, **start)
