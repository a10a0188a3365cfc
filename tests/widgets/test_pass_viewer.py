from __future__ import annotations

import dataclasses
import itertools
from html.parser import HTMLParser

import pytest

from bnn_lab.convert import trace_keras_model
from bnn_lab.errors import InputError
from bnn_lab.figures.pass_viewer import WHOLE, describe_pass, pass_html, pass_views
from bnn_lab.models import digits_bnn
from bnn_lab.training import set_binary_signs
from bnn_lab.widgets import PassViewer, pass_viewer


@pytest.fixture(scope="module")
def trace():
    model = digits_bnn(64)
    set_binary_signs(model)
    return trace_keras_model(model)


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pass_viewer, "_left_at", {})


def ops(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


def test_each_pass_starts_where_the_last_one_ended(trace) -> None:
    whole, *passes = pass_views(trace)
    assert whole.title == WHOLE
    assert passes[0].before == whole.before
    assert passes[-1].after == whole.after
    for one, following in itertools.pairwise(passes):
        assert ops(one.after) == ops(following.before)
    assert ops(whole.after).count("lq.Bconv2d") == 3
    assert "lq.Bconv2d" not in ops(whole.before)


def test_marks_tell_what_went_and_what_came(trace) -> None:
    sign = next(view for view in pass_views(trace) if "recognize_sign" in view.title)
    assert {op.split()[0] for mark, op in sign.rows if mark == "−"} == {"tfl.sign", "tfl.add"}
    assert {op.split()[0] for mark, op in sign.rows if mark == "+"} == {
        "lq.Quantize",
        "lq.Dequantize",
    }
    assert len(sign.applied) == 3 and not sign.refused
    assert "9 went and 6 came" in describe_pass(sign)


def test_refusals_come_with_reason_and_advice(trace) -> None:
    binarize = next(view for view in pass_views(trace) if "binarize_conv" in view.title)
    (refused,) = binarize.refused
    assert refused.startswith("conv_1_float_input: its input 'image' is not binary")
    assert "To change it: use input_quantizer" in refused


def test_html_holds_all_ops_in_their_columns(trace) -> None:
    class Cells(HTMLParser):
        columns: tuple[list[str], list[str]] = ([], [])
        column, inside = -1, False

        def handle_starttag(self, tag, attrs):
            self.column = -1 if tag == "tr" else self.column + (tag == "td")
            self.inside = tag == "td" or (tag == "b" and self.inside)

        def handle_endtag(self, tag):
            self.inside = self.inside and tag != "td"

        def handle_data(self, data):
            if self.inside and data.strip(" −+\xa0"):
                self.columns[self.column].append(data.strip(" −+\xa0"))

    for view in pass_views(trace):
        cells = Cells()
        cells.columns = ([], [])
        cells.feed(pass_html(view))
        assert cells.columns == (view.before, view.after)
        assert cells.columns != ([], [])


def test_the_viewer_walks_through_the_passes(trace) -> None:
    shown = PassViewer(trace)
    titles = [view.title for view in shown.views]
    assert shown.pick.value == WHOLE == titles[0]
    assert len(PassViewer(trace, all_passes=True, name="all").views) > len(titles)
    seen = set()
    for title in titles:
        assert shown.view.title == title
        assert title in shown.words.value
        seen.add(shown.graph.value)
        shown.next.click()
    assert len(seen) == len(titles)
    assert shown.view.title == titles[0]
    shown.back.click()
    assert shown.view.title == titles[-1] == PassViewer(trace).view.title
    assert shown.errors.outputs == ()


def test_only_changes_hides_what_stays(trace) -> None:
    shown = PassViewer(trace, name="other")
    shown.pick.value = next(v.title for v in shown.views if "emit_bits" in v.title)
    whole = shown.graph.value
    shown.only_changes.value = True
    assert len(shown.graph.value) < len(whole)
    assert "tfl.fully_connected" in whole and "tfl.fully_connected" not in shown.graph.value
    shown.only_changes.value = False
    assert shown.graph.value == whole


def test_documents_get_markdown(trace, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = PassViewer(trace, name="")
    assert "text/markdown" not in shown._repr_mimebundle_()
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    text = shown._repr_mimebundle_()["text/markdown"]
    assert "```diff" in text and "\n- tfl.sign" in text and "\n+ lq.Bconv2d" in text


def test_a_trace_without_graphs_is_refused(trace) -> None:
    bare = [dataclasses.replace(result, before="", after="") for result in trace.passes]
    with pytest.raises(InputError, match="snapshots=True"):
        pass_views(dataclasses.replace(trace, passes=bare))
