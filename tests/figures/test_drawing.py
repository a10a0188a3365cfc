"""One protocol: whatever draws returns a `Drawing`, and `draw` knows every type of result."""

from __future__ import annotations

import ast
import typing
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from bnn_lab import figures
from bnn_lab.errors import InputError
from bnn_lab.figures import Drawing, draw_latency
from bnn_lab.figures.dispatch import _DRAWN
from bnn_lab.figures.drawing import small_print
from bnn_lab.measure.timing import Timing, TimingTable

FOLDER = Path(figures.__file__).parent


def public_functions() -> list[str]:
    return [name for name in figures.__all__ if name.startswith("draw")]


@pytest.mark.parametrize("name", public_functions())
def test_every_function_that_draws_returns_a_drawing(name: str) -> None:
    assert typing.get_type_hints(getattr(figures, name))["return"] is Drawing


def test_no_public_function_returns_a_bare_figure_and_each_is_exported() -> None:
    drawn = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                returns = ast.unparse(node.returns) if node.returns else ""
                assert "go." not in returns, node.name
                if returns == "Drawing":
                    drawn.add(node.name)
    inner = {"draw_models", "draw_speedups", "draw_latencies", "draw_ops"}  # of reports
    inner |= {"draw_ternary", "draw_generation", "draw_ways", "draw_padding"}  # of one study each
    inner |= {"draw_grid", "draw_macs", "draw_pareto"}
    inner |= {"draw_breakdown", "draw_shortcuts", "draw_threads"}
    assert drawn - inner == set(public_functions())


@pytest.mark.parametrize("kind", _DRAWN, ids=lambda kind: kind.__name__)
def test_draw_takes_the_first_argument_of_each_function(kind: type) -> None:
    function = _DRAWN[kind]
    first = next(iter(typing.get_type_hints(function).values()))
    assert first is kind and figures.draw.dispatch(kind) is function


def test_results_without_a_figure_are_refused_by_type() -> None:
    with pytest.raises(
        InputError, match=r"no figure of a dict\. Fix: pass one of these: ExperimentResult, "
    ):
        figures.draw({})


def test_options_reach_the_function_that_draws() -> None:
    seconds = np.full(5, 1e-3)
    table = TimingTable((Timing("a", seconds, 1), Timing("b", 2 * seconds, 1)))
    plain, other = figures.draw(table), figures.draw(table, highlight="b")
    assert plain.words == draw_latency(table).words != other.words


def test_a_notebook_shows_the_figure_and_the_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = Drawing(go.Figure(go.Bar(y=[1])), "one bar")
    assert drawing.figure.layout.meta["alt"] == "one bar"
    shown: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "_ipython_display_", lambda figure: shown.append(figure))
    drawing._ipython_display_()
    assert shown == [drawing.figure] and capsys.readouterr().out == "one bar\n"
    bundle = drawing.bundle()
    assert bundle["text/plain"] == "one bar"
    assert bundle["application/vnd.plotly.v1+json"]["layout"]["meta"] == {"alt": "one bar"}
    assert repr(drawing) == "Drawing(words='one bar')"


def test_words_are_no_markup() -> None:
    text = small_print("a_b_ *c* $d$ <e>\n[f](g) `h` ~i~ \\j")
    assert text.startswith('<small class="figure-words">a&#95;b&#95; &#42;c&#42; &#36;d&#36; &lt;')
    assert "<br>" in text and not set("_*$[]`~\\") & set(text.split(">", 1)[1])
