"""`FlipMonitor`: watches weights flip while a network trains."""

from __future__ import annotations

import os
from typing import Any

import ipywidgets
import numpy as np
import plotly.graph_objects as go

from bnn_lab.errors import InputError
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.flip_monitor import (
    MOST_RUNS,
    MonitoredRun,
    draw_flip_monitor,
)
from bnn_lab.widgets.base import STATIC, show_error, spoken
from bnn_lab.widgets.live_figure import LiveFigure


class FlipMonitor(ipywidgets.VBox):
    """A figure of test accuracy and pi_t that grows with each epoch.

        monitor = FlipMonitor(epochs=20)
        monitor.show()
        model.fit(..., callbacks=[monitor.callback("γ = 0.01")])

    Each callback is one run. The last `MOST_RUNS` runs stay, to be compared.

    Args:
        epochs: how far the axis reaches at first.
        name: tells it from other monitors on the same page, for browser tests.

    Attributes:
        plot: the `LiveFigure` that shows the figure.
        words: the `ipywidgets.HTML` of the description.
        errors: an `ipywidgets.Output` that shows why the figure could not be drawn; training goes
            on nevertheless.
    """

    def __init__(self, epochs: int = 10, name: str = "flip-monitor") -> None:
        if epochs < 1:
            raise InputError(f"FlipMonitor({epochs=}): must be at least 1.")
        self.epochs = epochs
        self._runs: dict[int, MonitoredRun] = {}
        self._begun = 0
        drawing = self.static()
        self.plot = LiveFigure(drawing.figure)
        self.words, self.errors = ipywidgets.HTML(), ipywidgets.Output()
        self._handle: Any = None
        self.words.value = spoken(drawing.words)
        super().__init__([self.plot, self.words, self.errors])
        self.add_class("bnn-lab-explorer")
        self.add_class(f"bnn-lab-{name}")

    @property
    def figure(self) -> go.Figure:
        """The figure that is shown."""
        return self.plot.figure

    @property
    def runs(self) -> list[MonitoredRun]:
        """What is shown, oldest first."""
        return list(self._runs.values())

    def show(self) -> None:
        """Display it now, before a long cell goes on; a stored notebook keeps its last state."""
        from IPython.display import display

        self._handle = display(self, display_id=True)

    def callback(self, label: str = "") -> Any:
        """Begin a run.

        Args:
            label: short name in the legend; default "run 1" and so on.

        Returns:
            A Keras callback for one `fit`, which counts flips at every step and redraws after
            every epoch. It shows ``val_accuracy`` if `fit` has validation data, else the training
            accuracy; compile the model with ``metrics=["accuracy"]``.
        """
        return _make_callback(self, label)

    def static(self) -> Drawing:
        """The present state, for documents without widgets."""
        return draw_flip_monitor(self.runs, self.epochs)

    def begin(self, label: str = "") -> int:
        """Make room for a run and return its number; `callback` calls it."""
        self._begun += 1
        if len(self._runs) == MOST_RUNS:
            del self._runs[min(self._runs)]
        empty = np.zeros(0, np.int64)
        label = label or f"run {self._begun}"
        self._runs[self._begun] = MonitoredRun(label, empty, 1, np.zeros(0))
        return self._begun

    def update(self, number: int, flips: Any, weights: int, accuracy: list[float]) -> None:
        """Show a run as far as it has gone; one that has made room for others is left out.

        Args:
            number: of `begin`.
            flips: binary weights flipped at each step, int64 (steps,).
            weights: binary weights in all.
            accuracy: after each epoch, in 0..1.
        """
        if number not in self._runs:
            return
        try:
            label = self._runs[number].label
            self._runs[number] = MonitoredRun(
                label, np.asarray(flips), weights, np.array(accuracy, np.float64)
            )
            drawing = self.static()
            self.plot.show(drawing.figure)
            self.words.value = spoken(drawing.words)
            self.errors.outputs = ()
            if self._handle is not None and os.environ.get(STATIC) == "1":
                self._handle.update(self)
        except Exception:  # an exception in a callback would end the training
            show_error(self.errors)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if os.environ.get(STATIC) == "1":
            return self.static().bundle()
        return super()._repr_mimebundle_(**options)


def _make_callback(monitor: FlipMonitor, label: str) -> Any:
    from bnn_lab.training.flips import FlipRecorder  # loads TensorFlow

    class Watcher(FlipRecorder):
        def __init__(self) -> None:
            super().__init__()
            self.accuracy: list[float] = []
            self.number = 0

        def on_train_begin(self, logs: Any = None) -> None:
            super().on_train_begin(logs)
            if not self.number:
                self.number = monitor.begin(label)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            self.accuracy.append(_accuracy_of(logs or {}))
            flips = self.flips_per_step()
            monitor.update(self.number, flips, self.total_weights, self.accuracy)

    return Watcher()


def _accuracy_of(logs: dict[str, Any]) -> float:
    names = sorted((name for name in logs if "accuracy" in name), key=lambda n: "val_" not in n)
    if not names:
        raise InputError(
            "FlipMonitor: training reports no accuracy. Fix: model.compile(..., "
            'metrics=["accuracy"]).'
        )
    return float(logs[names[0]])
