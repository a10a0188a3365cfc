"""'Measure your device' in Chromium: to its end, its report, its link, and that nothing leaves."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bnn_lab.bench.report import (
    EXAMPLE,
    check_report,
    merge_reports,
    read_report,
    report_schema,
    write_report,
)
from bnn_lab.cli.main import app
from bnn_lab.figures.latency_points import (
    LATENCY,
    LAYERS_OF,
    OURS,
    PAGE_PEERS,
    LatencyState,
    devices_of,
    measured_points,
)

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("float32 LiteRT.js", "int8 LiteRT.js")


def _runner() -> Any:
    path = Path(__file__).with_name("run_measure_page.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUN = _runner()
PAGE = RUN.PAGE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(require_registry: None) -> Iterator[str]:
    """See `served`; skips where the npm index does not answer, which is no fault of ours."""
    if RUN.load(RUN.DOCS / "fetch_peers.py").main():
        pytest.skip("LiteRT.js cannot be fetched from the npm index")
    with RUN.served() as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Any, site: str) -> Iterator[Any]:
    """The page after a measurement of one round, with all requests and errors it made."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.seen, page.errors = [], []
    context.on("request", lambda request: page.seen.append(request.url))
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(f"{site}{PAGE}?rounds=1")
    page.wait_for_selector("#measure .primary")
    page.fill("#measure input[type=text]", "A test's device")
    page.focus("#measure .primary")
    page.keyboard.press("Enter")
    RUN.finish(page)
    yield page
    context.close()


@pytest.fixture(scope="module")
def saved(page: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that the page saves."""
    path = tmp_path_factory.mktemp("saved") / "report.json"
    with page.expect_download() as download:
        page.click("text=Save the report")
    assert download.value.suggested_filename == "a-test-s-device.json"
    download.value.save_as(path)
    return path


def text(page: Any, selector: str) -> str:
    return str(page.text_content(f"#measure {selector}"))


def test_it_runs_to_its_end_and_nothing_leaves(page: Any, site: str) -> None:
    assert text(page, ".status") == "Done." and text(page, ".notes") == ""
    assert page.errors == []
    assert any(url.endswith("litert_wasm_internal.wasm") for url in page.seen)
    assert [url for url in page.seen if not url.startswith((site, f"blob:{site}", "data:"))] == []


def test_it_measures_the_layers_of_the_bench(saved: Path) -> None:
    report = read_report(saved)
    recorded = {layer.name: layer for layer in read_report(EXAMPLE).layers}
    names = [layer.name for layer in report.layers]
    assert len(names) == 5 and set(names) <= set(recorded)
    for layer in report.layers:
        assert (layer.macs, layer.shape) == (recorded[layer.name].macs, recorded[layer.name].shape)
        timed = [times.name for times in layer.times]
        assert timed == ["bnn_lab wasm", "bnn_lab wasm_relaxed", *PEERS]
        assert layer.reference in timed[:2]
        assert set(layer.speedup_over) == set(timed) - {layer.reference}


def test_its_report_is_one_of_bnn_lab(saved: Path, tmp_path: Path) -> None:
    import jsonschema

    jsonschema.validate(json.loads(saved.read_text()), report_schema())
    report, example = read_report(saved), read_report(EXAMPLE)
    assert report.host.flags == ["simd128", "relaxed_simd"]
    merged = merge_reports([example, report])
    assert devices_of(merged) == (example.device, "A test's device")
    assert measured_points([report], LatencyState()) == []  # it has layers, no models
    assert measured_points(merged, LatencyState()) == measured_points([example], LatencyState())
    for runtime, name in ((OURS, report.layers[0].reference), *zip(PAGE_PEERS, PEERS, strict=True)):
        points = measured_points(merged, LatencyState(of=LAYERS_OF, runtime=runtime))
        here = [point for point in points if point.device == report.device]
        assert [point.model for point in here] == [layer.name for layer in report.layers]
        assert here[0].values[LATENCY] == 1e3 * report.layers[0].of(name).median_s
    write_report(report, tmp_path / "again.json")
    done = CliRunner().invoke(app, ["bench", "merge", str(saved), str(EXAMPLE)])
    assert done.exit_code == 0 and "A test's device" in done.output, done.output


def test_a_link_holds_the_report(page: Any, saved: Path) -> None:
    page.click("text=Copy a link")
    page.wait_for_function("location.hash.startsWith('#report=')")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("#measure .headline")
    assert text(other, ".headline") == text(page, ".headline")
    assert text(other, "table") == text(page, "table")
    assert "came with the link" in text(other, ".status")
    with other.expect_download() as download:
        other.click("text=Save the report")
    content = Path(download.value.path()).read_bytes()
    assert check_report(content, "the link's") == read_report(saved)
    other.close()


def test_dots_are_reached_by_keys(page: Any) -> None:
    page.mouse.move(0, 0)
    page.focus("#measure .dot[tabindex='0']")
    first = text(page, ".said")
    assert re.match(r"3x3 56,64, A test's device, .*: best", first)
    page.keyboard.press("ArrowRight")
    assert text(page, ".said") != first
    page.keyboard.press("End")
    assert re.match(r"dense 4096x4096, .*native, float32 TFLite: best", text(page, ".said"))
    page.check("#measure input[value='GMAC/s']")
    assert page.text_content("#measure .plot .unit") == "GMAC/s"


def test_dots_are_reached_by_the_pointer(page: Any) -> None:
    page.hover("#measure .dot >> nth=3")
    expected = page.get_attribute("#measure .dot >> nth=3", "aria-label")
    assert text(page, ".said") == expected
    page.mouse.move(0, 0)


def test_a_phone_sees_it_whole(page: Any) -> None:
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    fits = "box => box.firstChild.scrollWidth <= box.clientWidth"
    assert page.eval_on_selector("#measure .table", fits)


def test_it_can_be_cancelled_and_do_without_relaxed_simd(browser: Any, site: str) -> None:
    page = browser.new_page()
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    page.goto(f"{site}{PAGE}?rounds=100000")
    page.select_option("#measure select", "plain")
    page.click("#measure .primary")
    page.wait_for_function(
        "document.querySelector('#measure .status').textContent.includes('3x3 56,64')",
        timeout=RUN.HANG,
    )
    page.click("text=Cancel")
    assert text(page, ".status") == "Cancelled."
    assert page.is_enabled("#measure .primary") and page.is_hidden("#measure progress")
    loaded = {url.rsplit("/", 1)[-1] for url in seen}
    assert {"kernels.wasm", "litert_wasm_compat_internal.wasm"} <= loaded
    assert not {"kernels_relaxed.wasm", "litert_wasm_internal.wasm"} & loaded
    page.close()


DROP = """([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name));
  const options = { dataTransfer: files, bubbles: true, cancelable: true };
  document.body.dispatchEvent(new DragEvent("drop", options));
}"""


def test_odd_visitors(browser: Any, site: str) -> None:
    """Reports that are dropped, a damaged link, a second tab; none leaves the page or breaks it."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}{PAGE}#report=AAAA")
    status = page.locator("#measure .status").first
    expect = status.filter
    expect(has_text="cut off").wait_for()
    page.evaluate(DROP, ["x.json", "not JSON"])
    expect(has_text="not a report").wait_for()
    older = json.loads(EXAMPLE.read_text()) | {"schema": "bnn_lab.bench/1"}
    page.evaluate(DROP, ["x.json", json.dumps(older)])
    expect(has_text="has the form bnn_lab.bench/1").wait_for()
    assert page.is_hidden("#measure .results")
    page.evaluate(DROP, ["x.json", EXAMPLE.read_text()])
    expect(has_text="dropped").wait_for()
    assert "in native code" in text(page, ".headline")
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    other = context.new_page()
    other.goto(f"{site}{PAGE}")
    other.evaluate("navigator.locks.request('bnn-lab-measure', () => new Promise(() => {})), null")
    page.click("#measure .primary")
    expect(has_text="Another tab").wait_for()
    assert page.is_enabled("#measure .primary") and not errors
    context.close()


def test_every_recorded_case_in_chromium(browser: Any, site: str) -> None:
    vectors = ROOT / "build" / "page-vectors.bin"
    vectors.parent.mkdir(exist_ok=True)
    command = [sys.executable, str(ROOT / "native/tests/record_vectors.py"), str(vectors)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    page = browser.new_page()
    page.goto(f"{site}{PAGE}")
    lines = page.evaluate(
        """async () => {
          const { checkAll } = await import("/native/tests/oracle_vectors.mjs");
          const { loadKernels } = await import("/docs/_static/measure/kernels.js");
          const bytes = async (path) => (await fetch(path)).arrayBuffer();
          const vectors = await bytes("/build/page-vectors.bin");
          const read = (name) => bytes(`/docs/_static/measure/${name}`);
          const found = [];
          for (const relaxed of [false, true]) {
            const kernels = await loadKernels(read, relaxed);
            found.push(...checkAll(kernels, vectors).lines);
          }
          return found;
        }"""
    )
    page.close()
    assert len(lines) == 3, lines
    assert all(re.search(r": \d{3,} cases, \d+ left out$", line) for line in lines), lines
