"""A converter pass seen as a change of the graph: ops before and after, and what it says.

Pure: from a `ConversionTrace` to `PassView`s, and from a view to HTML or Markdown.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from bnn_lab.errors import InputError
from bnn_lab.figures.ir import graph_ops

if TYPE_CHECKING:
    from bnn_lab.convert.keras import ConversionTrace
    from bnn_lab.convert.rewrite.base import Outcome

WHOLE = "whole conversion"
_MOST_OUTCOMES = 20

KEPT, REMOVED, ADDED = " ", "−", "+"


@dataclass(frozen=True)
class PassView:
    """One pass.

    Attributes:
        title: its number and name; unique.
        summary: one line about its rewrite.
        rows: one of " ", "−", "+" and an op, for all ops before (" " and "−") and after (" " and
            "+"), in their order.
        applied: what it rewrote, one line each.
        refused: what it left, and why.
    """

    title: str
    summary: str
    rows: tuple[tuple[str, str], ...]
    applied: tuple[str, ...]
    refused: tuple[str, ...]

    @property
    def changes(self) -> int:
        """How many ops went or came."""
        return sum(mark != KEPT for mark, _ in self.rows)

    @property
    def before(self) -> list[str]:
        """The ops in front of the pass."""
        return [op for mark, op in self.rows if mark != ADDED]

    @property
    def after(self) -> list[str]:
        """The ops behind it."""
        return [op for mark, op in self.rows if mark != REMOVED]


def pass_views(trace: ConversionTrace) -> list[PassView]:
    """The whole conversion, then every pass, in order.

    Cleaning passes are not shown: a pass itself removes what it leaves without readers.

    Args:
        trace: from `bnn_lab.convert.trace_keras_model`, with snapshots.

    Returns:
        One view each.

    Raises:
        InputError: the trace has no snapshots.
    """
    if any(not result.after for result in trace.passes):
        raise InputError(
            "pass_views: the trace holds no graphs of the passes; "
            "make it with trace_keras_model(model, snapshots=True)."
        )
    views = [
        PassView(
            WHOLE,
            "from TensorFlow's float graph to bits",
            _rows(trace.ir_before, trace.ir_after),
            tuple(_line(outcome) for outcome in trace.outcomes if outcome.applied),
            tuple(_line(outcome) for outcome in trace.refused),
        )
    ]
    shown = [result for result in trace.passes if not result.cleans]
    for number, result in enumerate(shown, start=1):
        views.append(
            PassView(
                f"{number}. {result.name}",
                result.summary,
                _rows(result.before, result.after),
                tuple(_line(outcome) for outcome in result.applied),
                tuple(_line(outcome) for outcome in result.refused),
            )
        )
    return views


def pass_html(view: PassView, *, only_changes: bool = False) -> str:
    """Two lists of ops side by side; marks and colours show what went and what came.

    Args:
        view: the pass.
        only_changes: leave out ops that stay, but for the neighbours of a change.

    Returns:
        HTML that reads in a light and in a dark theme.
    """
    pairs = _side_by_side(_shown(view, only_changes))
    table = "".join(f"<tr>{_cell(*left)}{_cell(*right)}</tr>" for left, right in pairs)
    if not table:
        table = '<tr><td colspan="2">This pass changes nothing in this graph.</td></tr>'
    return (
        # Jupyter's own lines stand far apart, and would push the reasons out of sight.
        '<div style="line-height:1.4">'
        f"<p><b>{escape(view.title)}</b>: {escape(view.summary)}.</p>"
        '<table style="width:100%;table-layout:fixed;font-family:monospace;font-size:12px;'
        'text-align:left;border-collapse:collapse"><thead><tr>'
        '<th scope="col" style="text-align:left">before</th>'
        '<th scope="col" style="text-align:left">after</th>'
        f"</tr></thead><tbody>{table}</tbody></table>"
        + _html_list("Applied", _listed(view))
        + _html_list("Refused, with the reason", view.refused)
        + "</div>"
    )


def pass_markdown(view: PassView, *, only_changes: bool = False) -> str:
    """The same as Markdown, for stored notebooks and documents.

    Args:
        view: the pass.
        only_changes: see `pass_html`.

    Returns:
        A heading line, a `diff` block, and lists.
    """
    signs = {KEPT: " ", REMOVED: "-", ADDED: "+"}
    lines = [f"{signs[mark]} {op}" for mark, op in _shown(view, only_changes)]
    parts = [f"**{view.title}**: {view.summary}.", "```diff", *lines, "```"]
    for title, entries in (
        ("Applied", _listed(view)),
        ("Refused, with the reason", view.refused),
    ):
        if entries:
            more = len(entries) - _MOST_OUTCOMES
            parts += [f"\n{title}:\n", *(f"* {entry}" for entry in entries[:_MOST_OUTCOMES])]
            parts += [f"* and {more} more"] if more > 0 else []
    return "\n".join(parts)


def describe_pass(view: PassView) -> str:
    """The view in one or two sentences.

    Args:
        view: the pass.

    Returns:
        Counts of ops, applications and refusals.
    """
    came = sum(mark == ADDED for mark, _ in view.rows)
    went = sum(mark == REMOVED for mark, _ in view.rows)
    return (
        f"{view.title}: {len(view.before)} ops before, {len(view.after)} after; {went} went and "
        f"{came} came. Applied {len(view.applied)} times, refused {len(view.refused)} times."
    )


def _listed(view: PassView) -> Sequence[str]:
    if view.title == WHOLE:
        return (f"{len(view.applied)} rewrites; each pass lists its own",)
    return view.applied


def _rows(before: str, after: str) -> tuple[tuple[str, str], ...]:
    old, new = graph_ops(before), graph_ops(after)
    rows: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for _, first, last, start, stop in matcher.get_opcodes():
        if old[first:last] == new[start:stop]:
            rows += [(KEPT, op) for op in old[first:last]]
        else:
            rows += [(REMOVED, op) for op in old[first:last]]
            rows += [(ADDED, op) for op in new[start:stop]]
    return tuple(rows)


def _shown(view: PassView, only_changes: bool) -> list[tuple[str, str]]:
    if not only_changes:
        return list(view.rows)
    near = {
        index + step
        for index, (mark, _) in enumerate(view.rows)
        if mark != KEPT
        for step in (-1, 0, 1)
    }
    return [row for index, row in enumerate(view.rows) if index in near]


_COLOURS = {REMOVED: "rgba(213, 94, 0, 0.25)", ADDED: "rgba(0, 114, 178, 0.28)"}
_WORDS = {REMOVED: "removed", ADDED: "added"}


_NOTHING = (KEPT, "")


def _side_by_side(
    rows: list[tuple[str, str]],
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """What came beside what went in its place."""
    pairs = []
    went: list[tuple[str, str]] = []
    came: list[tuple[str, str]] = []
    for row in [*rows, (KEPT, "")]:
        if row[0] == KEPT:
            pairs += list(zip_longest(went, came, fillvalue=_NOTHING))
            went, came = [], []
            pairs.append((row, row))
        else:
            (went if row[0] == REMOVED else came).append(row)
    return pairs[:-1]


def _cell(mark: str, op: str) -> str:
    style = "text-align:left;padding:1px 6px;overflow-wrap:anywhere"
    if not op:
        return f'<td style="{style}"></td>'
    if mark == KEPT:
        return f'<td style="{style}">&nbsp; {escape(op)}</td>'
    return (
        f'<td style="{style};background:{_COLOURS[mark]}">'
        f'<b role="img" aria-label="{_WORDS[mark]}">{mark}</b> {escape(op)}</td>'
    )


def _html_list(title: str, entries: Sequence[str]) -> str:
    if not entries:
        return f"<p><b>{title}:</b> none.</p>"
    items = "".join(f"<li>{escape(entry)}</li>" for entry in entries[:_MOST_OUTCOMES])
    more = len(entries) - _MOST_OUTCOMES
    items += f"<li>and {more} more</li>" if more > 0 else ""
    return f"<p style='margin-bottom:0'><b>{title}:</b></p><ul style='margin-top:0'>{items}</ul>"


def _line(outcome: Outcome) -> str:
    # Names of tensors repeat the model's name and the layer's.
    reason = re.sub(r"'[^']*/([^'/]+/[^'/]+)'", r"'\1'", outcome.reason)
    advice = f" To change it: {outcome.advice}." if outcome.advice else ""
    return f"{outcome.layer}: {reason}.{advice}"
