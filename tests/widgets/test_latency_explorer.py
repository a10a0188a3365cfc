"""The latency explorer's widgets, driven by their traits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures.latency_points import AXES, RUNTIMES
from bnn_lab.widgets.latency_explorer import LatencyExplorer

_path = Path(__file__).parents[1] / "bench" / "reports.py"
_spec = importlib.util.spec_from_file_location("reports", _path)
assert _spec and _spec.loader
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)


@pytest.fixture
def shown(tmp_path: Path) -> LatencyExplorer:
    paths = []
    for device in ("A", "B"):
        models = [made_up.model("quicknet"), made_up.model("quicknet_small", times=0.5)]
        paths.append(tmp_path / f"{device}.json")
        paths[-1].write_text(json.dumps(made_up.content(device, models=models)))
    return LatencyExplorer(*paths, name="")


def test_controls_move_the_figure(shown: LatencyExplorer) -> None:
    assert [len(trace.x or ()) for trace in shown.figure.data][:6] == [2, 2, 4, 3, 3, 1]
    shown.inputs["cited"].value = False
    assert [len(trace.x or ()) for trace in shown.figure.data][:6] == [2, 2, 0, 0, 0, 0]
    shown.devices.value = ("B",)
    assert [len(trace.x or ()) for trace in shown.figure.data][:2] == [0, 2]
    shown.models.value = ("quicknet_small",)
    assert list(shown.figure.data[1].x) == [0.5]
    shown.devices.value = ()
    assert list(shown.figure.data[0].x) == [0.5]
    assert shown.errors.outputs == ()


def test_every_choice_is_drawn(shown: LatencyExplorer) -> None:
    for value in AXES:
        shown.inputs["x"].value = shown.inputs["y"].value = value
    for value in RUNTIMES:
        shown.inputs["runtime"].value = value
        assert value in shown.words.value
    shown.inputs["threads"].value = "8"
    assert "No model was measured" in shown.words.value
    assert shown.errors.outputs == ()


def click(shown: LatencyExplorer, trace: int, point: int) -> None:
    """As the browser tells of it."""
    shown.plot._on_message(None, {"kind": "click", "points": [[trace, point]]}, None)


def test_a_click_and_the_list_show_a_models_ops(shown: LatencyExplorer) -> None:
    assert "Click a filled point" in shown.ops_words.value
    click(shown, 1, 1)
    assert shown.pick.value == ("B", "quicknet_small")
    assert list(shown.ops.figure.data[0].x) == [300]
    assert "quicknet_small: 500 µs for one inference, in 2 ops" in shown.ops_words.value
    shown.pick.value = ("A", "quicknet")
    assert "quicknet: 1.00 ms for one inference" in shown.ops_words.value
    click(shown, 2, 0)
    assert "is a cited figure" in shown.ops_words.value
    shown.pick.value = ("", "")
    assert "Click a filled point" in shown.ops_words.value
    assert shown.errors.outputs == ()


def test_state_is_kept_for_the_same_devices_only(tmp_path: Path) -> None:
    def make(device: str) -> LatencyExplorer:
        report = made_up.report(device, models=[made_up.model("quicknet")])
        return LatencyExplorer(name="kept", reports=[report])

    first = make("A")
    first.devices.value = ("A",)
    first.pick.value = ("A", "quicknet")
    again = make("A")
    assert again.devices.value == ("A",) and again.pick.value == ("A", "quicknet")
    assert "quicknet: 1.00 ms for one inference" in again.ops_words.value
    assert make("B").devices.value == ()


def test_the_example_needs_no_files() -> None:
    shown = LatencyExplorer(name="")
    assert len(shown.figure.data[0].x) >= 3
    assert shown.static().figure.layout.title.text.startswith("top-1 accuracy")


def test_wrong_files(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="not a benchmark report"):
        LatencyExplorer(tmp_path / "x.json")
    with pytest.raises(InputError, match="exclude each other"):
        LatencyExplorer(tmp_path / "x.json", reports=[])


def test_no_reports_are_not_replaced_by_the_example() -> None:
    empty = LatencyExplorer(name="", reports=[])
    assert empty.reports == [] and empty.devices.options == ()
    assert "No model was measured" in empty.words.value and empty.errors.outputs == ()


def test_dropped_reports_join_and_what_is_none_is_named(shown: LatencyExplorer) -> None:
    def drop(name: str, content: bytes) -> None:
        """As the browser sends it."""
        shown.drop._on_message(None, {"kind": "file", "name": name}, [memoryview(content)])

    shown.devices.value = ("B",)
    shown.pick.value = ("B", "quicknet")
    new = made_up.content("C", models=[made_up.model("mine")])
    drop("c.json", json.dumps(new).encode())
    assert shown.devices.options == ("A", "B", "C") and shown.devices.value == ("B",)
    assert "mine" in shown.models.options and ("mine, C", ("C", "mine")) in shown.pick.options
    assert shown.pick.value == ("B", "quicknet") and "C is shown" in shown.drop.note
    nan = json.dumps(new).replace('"macs": 2000000', '"macs": NaN')
    for name, content, problem in (
        ("cat.png", b"\x89PNG", "cat.png is not JSON"),
        ("other.json", b"[]", "other.json is not a benchmark report"),
        ("new.json", b'{"schema": "bnn_lab.bench/99"}', "a newer bnn_lab wrote it"),
        ("nan.json", nan.encode(), "not a complete benchmark report"),
    ):
        drop(name, content)
        assert problem in shown.drop.note and problem in shown.words.value
    message = {"kind": "too large", "name": "film.json", "size": 5e8}
    shown.drop._on_message(None, message, [])
    assert "film.json has 500 MB" in shown.words.value
    drop("c.json", json.dumps(new).encode())
    assert "2 reports of C measured the same; the newest counts" in shown.words.value
    assert shown.devices.options == ("A", "B", "C") and shown.errors.outputs == ()


def test_folders_patterns_and_labels(tmp_path: Path) -> None:
    content = json.dumps(made_up.content("Xeon", models=[made_up.model("quicknet")]))
    for name in ("ann", "ben"):
        (tmp_path / f"{name}.json").write_text(content)
    (tmp_path / "notes.json").write_text("{}")
    shown = LatencyExplorer(tmp_path, name="")
    assert shown.devices.options == ("Xeon",) and "notes.json" in shown.words.value
    names = {name: tmp_path / f"{name}.json" for name in ("ann", "ben")}
    assert LatencyExplorer(names, name="").devices.options == ("ann", "ben")
