"""`PassViewer`: the model's graph before and after each pass of the converter."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets

from bnn_lab.figures.pass_viewer import (
    WHOLE,
    PassView,
    describe_pass,
    pass_html,
    pass_markdown,
    pass_views,
)
from bnn_lab.widgets.base import STATIC, show_error, spoken

if TYPE_CHECKING:
    from bnn_lab.convert.keras import ConversionTrace

_left_at: dict[str, str] = {}


class PassViewer(ipywidgets.VBox):
    """A list of passes; the chosen one's ops before and after, and its outcomes.

    Args:
        trace: from `bnn_lab.convert.trace_keras_model`, with snapshots.
        all_passes: list also those that find nothing in this model.
        name: name of this viewer; one made later under the same name starts at the same pass.

    Attributes:
        views: the listed `PassView`s.
        pick: the dropdown.
        back: button, one pass back.
        next: button, one pass on.
        only_changes: checkbox that hides what stays.
        errors: `ipywidgets.Output` of what went wrong.

    Raises:
        InputError: the trace has no snapshots.
    """

    def __init__(
        self, trace: ConversionTrace, *, all_passes: bool = False, name: str = "pass-viewer"
    ) -> None:
        self._name = name
        self.views = [
            view
            for view in pass_views(trace)
            if all_passes or view.changes or view.applied or view.refused
        ]
        titles = [view.title for view in self.views]
        kept = _left_at.get(name, WHOLE)
        self.pick = ipywidgets.Dropdown(
            options=titles,
            value=kept if kept in titles else titles[0],
            description="pass",
            tooltip="the converter's passes in their order",
            layout=ipywidgets.Layout(width="420px"),
        )
        self.back = ipywidgets.Button(description="◀ back", tooltip="one pass back")
        self.next = ipywidgets.Button(description="next ▶", tooltip="one pass on")
        self.only_changes = ipywidgets.Checkbox(
            value=False, description="only what changes", indent=False
        )
        self.graph = ipywidgets.HTML()
        self.words = ipywidgets.HTML()
        self.errors = ipywidgets.Output()
        self.back.on_click(self._mover(-1))
        self.next.on_click(self._mover(1))
        self.pick.observe(self._changed, names="value")
        self.only_changes.observe(self._changed, names="value")
        self._show()
        layout = ipywidgets.Layout(flex_flow="row wrap")
        row = ipywidgets.Box([self.pick, self.back, self.next, self.only_changes], layout=layout)
        super().__init__([row, self.graph, self.words, self.errors])
        self.add_class("bnn-lab-explorer")
        self.add_class(f"bnn-lab-{name}")

    @property
    def view(self) -> PassView:
        """The pass that is shown."""
        return self.views[self.pick.index]

    def static(self) -> str:
        """The present view as Markdown, for documents without widgets."""
        return pass_markdown(self.view, only_changes=self.only_changes.value)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if os.environ.get(STATIC) == "1":
            return {"text/markdown": self.static(), "text/plain": describe_pass(self.view)}
        return super()._repr_mimebundle_(**options)

    def _mover(self, steps: int) -> Callable[[ipywidgets.Button], None]:
        def move(button: ipywidgets.Button) -> None:
            self.pick.index = (self.pick.index + steps) % len(self.views)

        return move

    def _changed(self, change: Any) -> None:
        try:
            self._show()
        except Exception:
            show_error(self.errors)

    def _show(self) -> None:
        self.graph.value = pass_html(self.view, only_changes=self.only_changes.value)
        self.words.value = spoken(describe_pass(self.view))
        self.errors.outputs = ()
        _left_at[self._name] = self.view.title
