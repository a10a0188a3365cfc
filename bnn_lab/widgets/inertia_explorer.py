"""`InertiaExplorer`: latent weights under a noisy gradient, with sliders."""

from __future__ import annotations

from bnn_lab.figures.inertia_explorer import InertiaState, draw_inertia
from bnn_lab.widgets.base import Explorer


class InertiaExplorer(Explorer[InertiaState]):
    """Sliders for learning rate, initial magnitude, drift, noise and clipping of latent weights.

    Args:
        name: see `Explorer`.
        **start: fields of `InertiaState` that start at another value.

    Raises:
        InputError: a value is out of range.
    """

    def __init__(self, name: str = "inertia", **start: float | bool | str) -> None:
        state = InertiaState(**start)  # type: ignore[arg-type]
        super().__init__(state, draw_inertia, name)
