"""`BitpackStepper`: walk through a binary convolution word by word."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from bnn_lab.figures.bitpack_stepper import (
    WORDS,
    Scene,
    StepperState,
    describe_stepper,
    example_scene,
    next_word,
    stepper_figure,
)
from bnn_lab.widgets.base import Explorer


class BitpackStepper(Explorer[StepperState]):
    """One window of a binary convolution: its words, their XOR and popcount, the accumulator.

    Args:
        scene: image and filters; default a handwritten digit.
        name: see `Explorer`.

    Attributes:
        back: button, one word back.
        step: button, one word on.
        window: button, one window on.
    """

    def __init__(self, scene: Scene | None = None, name: str = "bitpack-stepper") -> None:
        self.scene = scene or example_scene()
        self.back = _button("◀ word back", self._mover(-1))
        self.step = _button("next word ▶", self._mover(1))
        self.window = _button("next window ▶▶", self._mover(WORDS))
        super().__init__(
            StepperState(),
            lambda state: stepper_figure(self.scene, state),
            lambda state: describe_stepper(self.scene, state),
            name,
        )

    def _rows(self) -> list[ipywidgets.Widget]:
        return [*super()._rows(), ipywidgets.HBox([self.back, self.step, self.window])]

    def _mover(self, steps: int) -> Callable[[ipywidgets.Button], None]:
        def move(button: ipywidgets.Button) -> None:
            there = next_word(self.state, steps)
            self.set(row=there.row, column=there.column, word=there.word)

        return move


def _button(label: str, pressed: Callable[[ipywidgets.Button], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=label, tooltip=label)
    button.on_click(pressed)
    return button
