"""`LatencyExplorer`: models and devices side by side, and where each model's time goes."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Sequence
from typing import Any

import ipywidgets

from bnn_lab.bench.report import Report, merge_reports, read_report
from bnn_lab.figures.latency_explorer import (
    LatencyState,
    devices_of,
    draw_latencies,
    draw_ops,
    example_reports,
    models_of,
)
from bnn_lab.widgets.base import Explorer, show_error, spoken
from bnn_lab.widgets.live_figure import LiveFigure

_NONE = ("", "")


class LatencyExplorer(Explorer[LatencyState]):
    """A scatter plot of latency, accuracy, MACs and size; a click shows a model's ops.

    Args:
        files: reports of ``bnn-lab bench ... --json``, of any number of devices. None shows the
            measurements that come with bnn_lab.
        name: see `Explorer`.

    Attributes:
        devices: multiple choice of measured devices.
        models: multiple choice of models.
        pick: choice of the point whose ops are shown; a click on a point sets it.
        ops: `LiveFigure` of the chosen model's ops.

    Raises:
        InputError: a file is not a report.
    """

    def __init__(
        self,
        *files: str | os.PathLike[str],
        name: str = "latency",
        reports: Sequence[Report] | None = None,
    ) -> None:
        given = [read_report(file) for file in files] or list(reports or example_reports())
        self.reports = merge_reports(given)
        self.devices = _multiple("devices", devices_of(self.reports))
        self.models = _multiple("models", models_of(self.reports))
        points = [
            (f"{model}, {report.device}", (report.device, model))
            for report in self.reports
            for model in models_of([report])
        ]
        self.pick = ipywidgets.Dropdown(
            options=[("none", _NONE), *points],
            value=_NONE,
            description="ops of",
            style={"description_width": "190px"},
            layout=ipywidgets.Layout(width="620px"),
        )
        self.ops_words = ipywidgets.HTML()
        # An explorer of other files has other devices, whose choice must not be kept.
        devices = re.sub(r"\W+", "-", "-".join(devices_of(self.reports))).lower()
        key = f"{name}-{devices}" if name else ""
        super().__init__(
            LatencyState(),
            lambda state: draw_latencies(self.reports, state),
            key,
        )
        self.add_class("bnn-lab-latency")
        drawing = draw_ops(self.reports, self.state)
        self.ops = LiveFigure(drawing.figure)
        self.ops_words.value = spoken(drawing.words)
        self.devices.value, self.models.value = self.state.devices, self.state.models
        if self.state.profile_of in [value for _, value in self.pick.options]:
            self.pick.value = self.state.profile_of
        for field, box in (("devices", self.devices), ("models", self.models)):
            box.observe(self._on_change(field), names="value")
        self.pick.observe(self._on_change("profile_of"), names="value")
        self.plot.on_click(self._on_click)
        shown: Any = super().children
        self.children = [*shown, self.pick, self.ops, self.ops_words]

    def refresh(self) -> None:
        """Draw the present state again, and the ops if they are others."""
        super().refresh()
        drawing = draw_ops(self.reports, self.state)
        self.ops.show(drawing.figure)
        self.ops_words.value = spoken(drawing.words)

    def _rows(self) -> list[ipywidgets.Widget]:
        layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 24px")
        return [*super()._rows(), ipywidgets.Box([self.devices, self.models], layout=layout)]

    def _on_click(self, trace: int, point: int) -> None:
        try:
            device, model, _text = self.figure.data[trace].customdata[point]
            known = [value for _label, value in self.pick.options]
            if (device, model) in known:
                self.pick.value = (device, model)
                self.ops.into_view()
            else:  # a cited point: say so
                self._state = dataclasses.replace(self._state, profile_of=(device, model))
                self.refresh()
        except Exception:
            show_error(self.errors)


def _multiple(label: str, options: tuple[str, ...]) -> ipywidgets.SelectMultiple:
    return ipywidgets.SelectMultiple(
        options=options,
        rows=min(6, max(2, len(options))),
        description=label,
        tooltip=f"{label}; none chosen shows all",
        style={"description_width": "190px"},
        layout=ipywidgets.Layout(width="420px"),
    )
