"""Reports: their schema, what is refused, merging, comparing, and the page."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from bnn_lab.bench import report as report_module
from bnn_lab.bench.compare import agreement, compare_reports
from bnn_lab.bench.report import (
    EXAMPLE,
    SCHEMA_FILE,
    EmulatedError,
    make_report,
    merge_reports,
    read_report,
    write_report,
)
from bnn_lab.cli.bench import app
from bnn_lab.cli.page import write_page
from bnn_lab.errors import InputError

_spec = importlib.util.spec_from_file_location("reports", Path(__file__).parent / "reports.py")
assert _spec and _spec.loader
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)

SCHEMA = json.loads(SCHEMA_FILE.read_text())


def test_schema_is_one_and_is_strict() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    good = made_up.report()
    jsonschema.validate(good, SCHEMA)
    for change in (
        {"schema": "bnn_lab.bench/0"},
        {"unknown": 1},
        {"layers": [{"name": "x"}]},
        {"host": {**good["host"], "emulated": "qemu"}},
        {"host": {**good["host"], "core_latency_ns": 0}},
        {"models": [{**made_up.model(), "peers": []}]},
        {"models": [{**made_up.model(), "macs": -1}]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **change}, SCHEMA)


def test_reports_may_say_how_far_apart_cores_are(tmp_path: Path) -> None:
    old = made_up.report()  # lacks it, as reports of earlier versions do
    for latency in (29.5, None):
        new = {**old, "host": {**old["host"], "core_latency_ns": latency}}
        jsonschema.validate(new, SCHEMA)
        write_report(new, tmp_path / "r.json")
        assert read_report(tmp_path / "r.json") == new


def test_every_object_of_the_schema_is_described_or_obvious() -> None:
    """Whoever reads the schema alone must learn the units."""
    peer = SCHEMA["$defs"]["peer"]["properties"]
    assert all("econds" in peer[key]["description"] for key in ("min_s", "median_s", "p90_s"))
    assert "ms" in SCHEMA["$defs"]["profile"]["properties"]["rows"]["items"]["properties"]


def test_shipped_example_is_a_measured_report() -> None:
    example = read_report(EXAMPLE)
    jsonschema.validate(example, SCHEMA)
    assert {"quicknet_small", "quicknet", "quicknet_large"} <= {
        model["name"] for model in example["models"]
    }


def test_written_reports_are_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "r.json"
    write_report(made_up.report(), path)
    assert read_report(path) == made_up.report()
    assert [p.name for p in path.parent.iterdir()] == ["r.json"]
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_report(made_up.report(), blocked / "r.json")


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(InputError, match="cannot read"):
        read_report(path)
    for content, problem in (
        ("{", "is not JSON"),
        ("[]", "not a benchmark report"),
        ('{"schema": "other/1"}', "but 'other/1'"),
        ('{"schema": "bnn_lab.bench/1"}', "lacks host, device"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=problem):
            read_report(path)
    bad = made_up.report(models=[{"name": "half"}])
    path.write_text(json.dumps(bad))
    with pytest.raises(InputError, match="entry 'half' is incomplete"):
        read_report(path)
    bad = made_up.report()
    bad["host"]["emulated"] = "by qemu"
    path.write_text(json.dumps(bad))
    with pytest.raises(InputError, match="emulated CPU"):
        read_report(path)


def test_an_emulated_cpu_gets_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    host = {**made_up.report()["host"], "emulated": "by qemu"}
    monkeypatch.setattr(report_module, "describe_host", lambda: host)
    with pytest.raises(EmulatedError, match="its times are not those of a device"):
        make_report(["bench", "kernels"])


def test_merging_keeps_devices_apart_and_takes_the_newest() -> None:
    old = made_up.report(time="2026-01-01T00:00:00+00:00")
    new = made_up.report(
        time="2026-01-02T00:00:00+00:00", layers=[], models=[made_up.model(times=2.0)]
    )
    other = made_up.report("Board B")
    first, second = merge_reports([new, other, old])
    assert (first["device"], second["device"]) == ("Board A", "Board B")
    assert first["time"] == new["time"]
    assert [layer["name"] for layer in first["layers"]] == ["3x3 56,64"]  # only the old one has it
    assert first["models"] == new["models"]


def test_comparison_of_known_reports() -> None:
    first, second = made_up.report(), made_up.report("Board B")
    for peer in second["layers"][0]["peers"]:
        peer["median_s"] *= 3  # a slower machine: same ratios
    second["models"][0]["speedup_over"]["int8 TFLite"] = 6.0
    rows = compare_reports(first, second)
    assert len(rows) == 12
    assert all(row.time_ratio == pytest.approx(3) for row in rows if row.name == "3x3 56,64")
    changes = {(r.name, r.peer): r.ratio_change for r in rows if r.ratio_change}
    assert changes == {("quicknet", "int8 TFLite"): pytest.approx(0.2)}
    assert agreement(rows) == (
        "Of 10 ratios 9 agree within 10%; the median change is 0.0%, the largest 20.0%."
    )
    with pytest.raises(InputError, match="in common"):
        compare_reports(first, made_up.report(layers=[], models=[made_up.model("other")]))


def files(folder: Path) -> list[str]:
    paths = [folder / "a.json", folder / "b.json"]
    write_report(made_up.report(), paths[0])
    write_report(made_up.report("Board B"), paths[1])
    return list(map(str, paths))


def test_compare_and_merge_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    paths = files(tmp_path)
    result = CliRunner().invoke(app, ["compare", *paths])
    assert result.exit_code == 0, result.output
    assert "different devices: Board A and Board B" in result.output
    assert "1.00" in result.output and "20.00 → 20.00" in result.output
    page, tables = tmp_path / "all.html", tmp_path / "all.md"
    words = ["merge", *paths, "--json", str(tmp_path / "merged"), "--html", str(page)]
    words += ["--markdown", str(tables)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    assert {p.name for p in (tmp_path / "merged").iterdir()} == {"board-a.json", "board-b.json"}
    text = page.read_text()
    assert "<h2>Board A</h2>" in text and "<h2>Board B</h2>" in text
    lines = tables.read_text().splitlines()
    assert lines.count("### Models, 1 thread(s): median ms") == 2
    assert "| float32 TFLite | 20.000 |" in lines
    assert "| **bnn_lab avx2 over int8 TFLite** | 5.0× |" in lines
    assert "| of it, ops that are not bnn_lab's | 0.400 |" in lines


def test_page_is_whole_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    evil: Any = made_up.report("<script>alert(1)</script>")
    evil["noise"]["problems"] = ["too <noisy>"]
    write_page([evil], path)
    text = path.read_text()
    assert "<script>alert(1)" not in text and "&lt;script&gt;alert(1)" in text
    assert "too &lt;noisy&gt;" in text
    assert text.count("plotly.js v") == 1  # inlined, once
    assert "<script src" not in text and "<link" not in text and "<img" not in text
    assert text.count('<div role="img" aria-label="') == 3  # models, layers, ops
    assert "20 times faster than float32 TFLite" in text
    with pytest.raises(InputError, match="no reports"):
        write_page([], path)
