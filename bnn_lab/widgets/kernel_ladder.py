"""`KernelLadder`: the measured speed of one convolution in ever wider instructions."""

from __future__ import annotations

from collections.abc import Sequence

from bnn_lab.bench.kernels import KernelResult
from bnn_lab.controls import Control
from bnn_lab.errors import InputError
from bnn_lab.figures.kernel_ladder import LadderState, draw_ladder
from bnn_lab.widgets.base import Explorer


class KernelLadder(Explorer[LadderState]):
    """Dots of NumPy, each backend of this CPU, float32 and int8 TFLite, for measured layers.

    Args:
        results: the results of `bnn_lab.bench.backend_comparison.measure_backends`, with the same
            rungs.
        name: see `Explorer`.

    Raises:
        InputError: there are no results.
    """

    def __init__(self, results: Sequence[KernelResult], name: str = "kernel-ladder") -> None:
        if not results:
            raise InputError("KernelLadder: no results; measure some with measure_backends.")
        self.results = list(results)
        cases = tuple(result.case.name for result in results)
        super().__init__(
            LadderState(cases[0]),
            lambda state: draw_ladder(self.results, state),
            name,
            {"case": Control("choice", "layer: size, channels", options=cases)},
        )
