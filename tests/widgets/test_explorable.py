"""Explorables from Python's side: traits, their checks, and what a notebook stores."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from bnn_lab import widgets
from bnn_lab.errors import InputError
from bnn_lab.widgets import BallAndLamp, bundle
from bnn_lab.widgets.base import STATIC
from bnn_lab.widgets.explorable import MIME, Explorable

CLASSES = [
    made
    for made in (getattr(widgets, name) for name in widgets.__all__)
    if isinstance(made, type) and issubclass(made, Explorable)
]


@pytest.fixture(params=CLASSES, ids=lambda made: made.module)
def made(request: pytest.FixtureRequest) -> type[Explorable]:
    return request.param


def extremes(shape: dict[str, Any]) -> list[Any]:
    if shape["kind"] == "number":
        return [shape["low"], shape["high"], *([None] if shape.get("optional") else [])]
    if shape["kind"] == "toggle":
        return [True, False]
    return list(shape.get("options", []))


def test_every_module_has_its_class() -> None:
    assert {made.module for made in CLASSES} == set(bundle.explorables())


def test_every_field_is_a_trait_that_takes_its_extremes(made: type[Explorable]) -> None:
    shown = made()
    assert shown.state == {name: f["default"] for name, f in made.schema["fields"].items()}
    for name, shape in made.schema["fields"].items():
        assert shown.has_trait(name) and shown.trait_metadata(name, "sync")
        for value in extremes(shape):
            setattr(shown, name, value)
            assert shown.state[name] == value
        assert f"{name}: " in (made.__doc__ or "")


def test_values_out_of_range_are_refused_by_name(made: type[Explorable]) -> None:
    shown = made()
    for name, shape in made.schema["fields"].items():
        wrong: list[Any] = {"number": ["1", True, float("nan")], "toggle": [1, None]}.get(
            shape["kind"], ["no such"]
        )
        if shape["kind"] == "data":
            continue
        if shape["kind"] == "number":
            wrong += [shape["low"] - 1e-3, shape["high"] + 1e-3]
            wrong += [] if shape.get("optional") else [None]
            wrong += [shape["low"] + 0.5] if shape.get("whole") else []
        before = shown.state
        for value in wrong:
            with pytest.raises(InputError, match=rf"{made.__name__}\({name}="):
                setattr(shown, name, value)
            with pytest.raises(InputError, match=rf"{made.__name__}\({name}="):
                made(**{name: value})
        assert shown.state == before


def test_an_unknown_setting_is_refused(made: type[Explorable]) -> None:
    with pytest.raises(InputError, match="no such setting"):
        made(colour="red")


def test_the_page_gets_one_script_that_imports_nothing(made: type[Explorable]) -> None:
    script = made().get_state()["_esm"]
    assert not re.search(r"^\s*import\b|\bimport\(", script, re.MULTILINE)
    assert "http://" not in script.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in script
    assert script.rstrip().endswith("export default { initialize, render };")


def test_the_page_learns_what_the_program_asked_for() -> None:
    shown = BallAndLamp(name="mine", drift=0.5)
    assert shown._name == "mine" and shown._start["drift"] == 0.5
    assert BallAndLamp()._name == "ball-and-lamp"
    shown.drift = 0.7  # a later change does not change the start
    assert shown._start["drift"] == 0.5


def test_changes_of_the_page_arrive() -> None:
    shown = BallAndLamp()
    heard = []
    shown.observe(lambda change: heard.append(change["new"]), names="learning_rate")
    shown.set_state({"learning_rate": 0.1, "clip": 1})
    assert shown.learning_rate == 0.1 and shown.clip == 1.0 and heard == [0.1]


def test_a_notebook_stores_a_picture_beside_the_widget(
    made: type[Explorable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(STATIC, raising=False)
    live, _ = made()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in live
    root = ElementTree.fromstring(live["image/svg+xml"])
    assert len(list(root.iter())) > 20
    told = live["text/plain"]
    heading = getattr(made(), "question", made.schema["title"])  # of a prediction
    assert told.startswith(heading) and "Run All Cells" in told
    assert " ".join(told.split()).endswith(" ".join(made().describe().split()))
    assert max(map(len, told.splitlines())) <= 84

    monkeypatch.setenv(STATIC, "1")
    stored = made()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" not in stored
    assert stored["image/svg+xml"] == live["image/svg+xml"]
    assert stored[MIME] == {"module": made.module, "name": made.schema["name"], "start": "{}"}
    assert len(stored["image/svg+xml"]) < 120_000


def test_the_picture_is_of_the_present_state() -> None:
    shown = BallAndLamp()
    first = shown.static().data
    shown.step, shown.clip = 200, 0.5
    assert shown.static().data != first
    assert "By step 200" in shown.describe()
    assert 'width="500"' in shown.static(500).data
