"""`BopExplorer`: weights under Bop and a noisy gradient, with sliders."""

from __future__ import annotations

from bnn_lab.figures.bop_explorer import BopState, draw_bop
from bnn_lab.widgets.base import Explorer


class BopExplorer(Explorer[BopState]):
    """Sliders for gamma, tau, drift and noise; closed forms are drawn beside the simulation.

    Args:
        name: see `Explorer`.
        **start: fields of `BopState` that start at another value.

    Raises:
        InputError: a value is out of range.
    """

    def __init__(self, name: str = "bop", **start: float | str) -> None:
        state = BopState(**start)  # type: ignore[arg-type]
        super().__init__(state, draw_bop, name)
