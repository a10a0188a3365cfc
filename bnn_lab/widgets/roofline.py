"""`Roofline`: what bounds a layer's speed on this machine, arithmetic or memory."""

from __future__ import annotations

from collections.abc import Sequence

from bnn_lab.bench.kernels import KernelResult
from bnn_lab.bench.machine import Machine
from bnn_lab.figures.roofline import RooflineState, draw_roofline
from bnn_lab.widgets.base import Explorer


class Roofline(Explorer[RooflineState]):
    """Measured roofs and layers, and the bound of a layer that the reader chooses.

    Args:
        machine: the result of `bnn_lab.bench.machine.measure_machine`.
        results: the results of `bnn_lab.bench.backend_comparison.measure_backends`, shown as
            points.
        name: see `Explorer`.
    """

    def __init__(
        self, machine: Machine, results: Sequence[KernelResult] = (), name: str = "roofline"
    ) -> None:
        self.machine, self.results = machine, list(results)
        super().__init__(
            RooflineState(),
            lambda state: draw_roofline(self.machine, self.results, state),
            name,
        )
