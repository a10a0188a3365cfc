"""`LatencyExplorer`: the networks and layers of a class's devices side by side."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import ipywidgets

from bnn_lab.bench.collect import MOST_BYTES, Source, check_dropped, collect, gathered
from bnn_lab.bench.report import Report
from bnn_lab.errors import InputError
from bnn_lab.figures.latency_explorer import draw_latencies, draw_ops
from bnn_lab.figures.latency_points import LatencyState, devices_of, example_reports, models_of
from bnn_lab.widgets.base import Explorer, show_error, spoken
from bnn_lab.widgets.file_drop import FileDrop
from bnn_lab.widgets.live_figure import LiveFigure

_NONE = ("", "")


class LatencyExplorer(Explorer[LatencyState]):
    """A scatter plot of networks or layers; a click shows a network's ops.

    Reports that are dropped on it join those that are shown.

    Args:
        files: reports of ``bnn-lab bench ... --json``: paths, folders, patterns such as
            ``"class/*.json"``, or ``{"Alice": "alice.json"}`` to rename devices. None shows the
            measurements that come with bnn_lab.
        name: see `Explorer`.
        reports: in place of files.

    Attributes:
        reports: one per device.
        devices: multiple choice of measured devices.
        models: multiple choice of models.
        pick: choice of the point whose ops are shown; a click on a point sets it.
        ops: `LiveFigure` of the chosen model's ops.
        drop: `FileDrop` for more reports.

    Raises:
        InputError: a file that is named is not a report, see `collect`; or files and reports are
            both given.
    """

    def __init__(
        self,
        *files: Source,
        name: str = "latency",
        reports: Sequence[Report] | None = None,
    ) -> None:
        if files and reports is not None:
            raise InputError("LatencyExplorer: files and reports exclude each other. Fix: pass one")
        if files:
            found = collect(files)
        else:
            found = gathered(example_reports() if reports is None else list(reports))
        self._given = found.reports
        self._left_out = dict(found.left_out)
        self._remarks = found.remarks
        self.reports = found.reports
        self.drop = FileDrop(
            "Drop reports here", MOST_BYTES, arrived=self.add, refused=self._on_refused
        )
        self.drop.note = "or click to choose: JSON files of bnn-lab bench --json."
        self.devices = _multiple("devices", devices_of(self.reports))
        self.models = _multiple("models", models_of(self.reports))
        self.pick = ipywidgets.Dropdown(
            options=self._points(),
            value=_NONE,
            description="ops of",
            style={"description_width": "190px"},
            layout=ipywidgets.Layout(width="620px", max_width="100%"),
        )
        self.ops_words = ipywidgets.HTML()
        # An explorer of other files has other devices, whose choice must not be kept.
        devices = re.sub(r"\W+", "-", "-".join(devices_of(self.reports))).lower()
        key = f"{name}-{devices}" if name else ""
        super().__init__(
            LatencyState(),
            lambda state: draw_latencies(self.reports, state, self._remarks),
            key,
        )
        self.add_class("bnn-lab-latency")
        drawing = draw_ops(self.reports, self.state)
        self.ops = LiveFigure(drawing.figure)
        self.ops_words.value = spoken(drawing.words)
        self.devices.value, self.models.value = (
            tuple(name for name in chosen if name in box.options)
            for chosen, box in (
                (self.state.devices, self.devices),
                (self.state.models, self.models),
            )
        )
        if self.state.profile_of in [value for _, value in self.pick.options]:
            self.pick.value = self.state.profile_of
        for field, box in (("devices", self.devices), ("models", self.models)):
            box.observe(self._on_change(field), names="value")
        self.pick.observe(self._on_change("profile_of"), names="value")
        self.plot.on_click(self._on_click)
        shown: Any = super().children
        self.children = [*shown, self.pick, self.ops, self.ops_words, self.drop]

    def add(self, name: str, content: bytes) -> None:
        """Show another report as well; a file that is not one is named below the figure.

        Args:
            name: of the file.
            content: its JSON.
        """
        try:
            report = check_dropped(name, content)
        except InputError as error:
            self._on_refused(name, str(error))
            return
        self._given = [*self._given, report]
        self._left_out.pop(name, None)
        self._show_given()
        self.drop.note = f"{name}: {report.device} is shown."

    def _on_refused(self, name: str, reason: str) -> None:
        self._left_out[name] = reason
        self._show_given()
        self.drop.note = f"Left out: {reason}"

    def _show_given(self) -> None:
        """Draw all reports, and offer their devices and models."""
        try:
            found = gathered(self._given, self._left_out)
            self.reports, self._remarks = found.reports, found.remarks
            for box, options in (
                (self.devices, devices_of(self.reports)),
                (self.models, models_of(self.reports)),
            ):
                chosen = box.value
                box.options, box.rows = options, _rows_of(options)
                box.value = tuple(name for name in chosen if name in options)
            picked = self.pick.value
            self.pick.options = self._points()
            values = [value for _, value in self.pick.options]
            self.pick.value = picked if picked in values else _NONE
            self.refresh()
        except Exception:
            show_error(self.errors)

    def _points(self) -> list[tuple[str, tuple[str, str]]]:
        points = [
            (f"{model}, {report.device}", (report.device, model))
            for report in self.reports
            for model in models_of([report])
        ]
        return [("none", _NONE), *points]

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
        rows=_rows_of(options),
        description=label,
        tooltip=f"{label}; none chosen shows all",
        style={"description_width": "190px"},
        layout=ipywidgets.Layout(width="420px"),
    )


def _rows_of(options: tuple[str, ...]) -> int:
    return min(6, max(2, len(options)))
