"""`Fold`: a conversion as a graph of boxes that fold into each other, pass by pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bnn_lab.widgets.explorable import Explorable

if TYPE_CHECKING:
    from bnn_lab.convert.graph_steps import GraphSteps
    from bnn_lab.convert.keras import ConversionTrace
    from bnn_lab.convert.rewrite.base import Outcome


class Fold(Explorable, module="fold"):
    """Pull the knob along the converter's passes: boxes merge, move, or stay, and why.

        Fold(bnn_lab.convert.trace_keras_model(model))

    Without a trace it shows the conversion of `bnn_lab.models.digits_bnn`. ``graph`` is what
    `pack_steps` gives.

    Args:
        trace: from `bnn_lab.convert.trace_keras_model`, with snapshots.
        name: see `Explorable`.
        **start: see `Explorable`.

    Raises:
        InputError: the trace has no snapshots; see also `Explorable`.
    """

    def __init__(self, trace: ConversionTrace | None = None, name: str = "", **start: Any) -> None:
        if trace is not None:
            from bnn_lab.convert.graph_steps import graph_steps

            start = {"graph": pack_steps(graph_steps(trace)), **start}
        super().__init__(name, **start)


def pack_steps(found: GraphSteps) -> dict[str, Any]:
    """The steps of a conversion as small JSON for the page.

    Args:
        found: from `bnn_lab.convert.graph_steps.graph_steps`.

    Returns:
        ``boxes`` holds each op once, [op, type, bytes, bytes of constants, IR text]; a step names
        them by number: [number, row, reads, origins, mark].
    """
    numbers: dict[tuple[Any, ...], int] = {}
    steps = []
    for step in found.steps:
        boxes = []
        for box in step.boxes:
            key = (box.op, box.type, box.bytes, box.constants, box.text)
            number = numbers.setdefault(key, len(numbers))
            boxes.append([number, box.row, list(box.reads), list(box.origins), box.mark])
        steps.append(
            {
                "name": step.name,
                "summary": step.summary,
                "boxes": boxes,
                "applied": [_line(outcome) for outcome in step.applied],
                "refused": [[at, _line(outcome)] for at, outcome in step.refused],
                "quiet": list(step.quiet),
                "constants": step.constants,
                "moved": step.moved,
            }
        )
    return {
        "inputs": list(found.inputs),
        "rows": list(found.rows),
        "boxes": [list(key) for key in numbers],
        "steps": steps,
    }


def _line(outcome: Outcome) -> str:
    # Names of tensors repeat the model's name and the layer's.
    reason = re.sub(r"'[^']*/([^'/]+/[^'/]+)'", r"'\1'", outcome.reason)
    advice = f" To change it: {outcome.advice}." if outcome.advice else ""
    return f"{outcome.layer}: {reason}.{advice}"
