"""Reports: their schema, what is refused, merging, comparing, and the page."""

from __future__ import annotations

import html
import importlib.util
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bnn_lab.bench import runs
from bnn_lab.bench.compare import agreement, compare_reports
from bnn_lab.bench.render import to_html, to_markdown, to_terminal
from bnn_lab.bench.report import (
    EXAMPLE,
    Report,
    check_report,
    make_report,
    merge_reports,
    read_report,
    report_schema,
    write_report,
)
from bnn_lab.bench.tables import Table, report_parts
from bnn_lab.cli.bench import app
from bnn_lab.cli.page import write_page
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure import host as host_module
from bnn_lab.measure.host import EmulatedError
from bnn_lab.tflite.forms import KINDS

_spec = importlib.util.spec_from_file_location("reports", Path(__file__).parent / "reports.py")
assert _spec and _spec.loader
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)

SCHEMA = report_schema()


def is_valid(content: Any) -> bool:
    """Whether schema and reader, which come from the same classes, take it."""
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(content)
    try:
        check_report(json.dumps(content).encode(), "made up")
    except InputError:
        assert not valid
        return False
    assert valid
    return True


def test_schema_is_one_and_is_strict() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    good = made_up.content()
    assert is_valid(good)
    for change in (
        {"schema": "bnn_lab.bench/1"},
        {"unknown": 1},
        {"layers": [{"name": "x"}]},
        {"host": {**good["host"], "core_latency_ns": 0}},
        {"models": [{**made_up.model(), "times": []}]},
        {"models": [{**made_up.model(), "macs": -1}]},
        {"models": [{**made_up.model(), "macs": "many"}]},
        {"models": [{**made_up.model(), "surplus": 1}]},
        {"layers": None},
    ):
        assert not is_valid({**good, **change}), change
    for key in good:
        if key != "bitpack_gb_per_s":
            assert not is_valid({k: v for k, v in good.items() if k != key}), key


def test_reports_may_say_how_far_apart_cores_are() -> None:
    old = made_up.content()  # lacks it, as reports of earlier versions do
    for latency in (29.5, None):
        assert is_valid({**old, "host": {**old["host"], "core_latency_ns": latency}})


def test_everything_of_the_schema_is_described() -> None:
    """Whoever reads the schema alone must learn the units."""
    assert set(SCHEMA["$defs"]) >= {"Report", "Host", "Noise", "Layer", "Model", "Times", "OpTimes"}
    for name, part in SCHEMA["$defs"].items():
        assert part["description"], name
        for field, kind in part["properties"].items():
            assert kind.get("description") or field == "schema", f"{name}.{field}"
    times = SCHEMA["$defs"]["Times"]["properties"]
    assert all("seconds" in times[key]["description"] for key in ("min_s", "median_s", "p90_s"))
    assert "fused" in SCHEMA["$defs"]["OpTime"]["description"]


def test_the_schema_command() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert json.loads(result.output) == json.loads(json.dumps(SCHEMA))


def test_shipped_example_is_a_measured_report() -> None:
    example = read_report(EXAMPLE)
    assert is_valid(json.loads(EXAMPLE.read_text()))
    assert set(runs.PUBLISHED) <= {model.name for model in example.models}
    assert {kind for model in example.models for kind in model.file_bytes} == set(KINDS)


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
        ('{"schema": "bnn_lab.bench/2"}', "missing required field `bnn_lab`"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=problem):
            read_report(path)
    bad = made_up.content(models=[{"name": "half"}])
    path.write_text(json.dumps(bad))
    with pytest.raises(
        InputError, match=r"not a complete benchmark report: .*`num_threads`.*models\[0\]"
    ):
        read_report(path)
    bad = made_up.content()
    bad["host"]["emulated"] = "by qemu"
    path.write_text(json.dumps(bad))
    with pytest.raises(InputError, match="emulated CPU"):
        read_report(path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            {"reference": "ghost"},
            r"3x3 56,64 on 1 thread has no times of.* reference 'ghost'",
        ),
        ({"speedup_over": {}}, "how many times faster it is than 'LCE indirect'"),
        ({"speedup_interval": {"ghost": [1.0, 2.0]}}, "a ratio over 'ghost', but no times"),
    ],
)
def test_names_in_a_report_are_found_in_it(change: dict[str, Any], problem: str) -> None:
    """So that nothing that reads one has to look for what is missing."""
    bad = made_up.content(layers=[{**made_up.layer(), **change}])
    with pytest.raises(
        InputError, match=rf"r\.json is not a complete .*{problem}.*Fix: measure again"
    ):
        check_report(json.dumps(bad).encode(), "r.json")


def test_a_report_names_its_device() -> None:
    for device in ("\n", "", "x" * 81):
        with pytest.raises(InputError, match=r"cannot name a device\. Fix: measure again"):
            check_report(json.dumps(made_up.content(device=device)).encode(), "r.json")


def test_an_emulated_cpu_gets_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    host = msgspec.structs.replace(made_up.report().host, emulated="by qemu")
    monkeypatch.setattr(host_module, "describe_host", lambda: host)
    with pytest.raises(EmulatedError, match="its times are not those of a device"):
        make_report(["bench", "kernels"])


def test_merging_keeps_devices_apart_and_takes_the_newest() -> None:
    old = made_up.report(time="2026-01-01T00:00:00+00:00")
    new = made_up.report(
        time="2026-01-02T00:00:00+00:00", layers=[], models=[made_up.model(times=2.0)]
    )
    other = made_up.report("Board B")
    first, second = merge_reports([new, other, old])
    assert (first.device, second.device) == ("Board A", "Board B")
    assert first.time == new.time
    assert [layer.name for layer in first.layers] == ["3x3 56,64"]  # only the old one has it
    assert first.models == new.models


def test_comparison_of_known_reports() -> None:
    first, second = made_up.report(), made_up.report("Board B")
    for times in second.layers[0].times:
        times.median_s *= 3  # a slower machine: same ratios
    second.models[0].speedup_over["int8 TFLite"] = 6.0
    rows = compare_reports(first, second)
    assert len(rows) == 12
    assert all(row.time_ratio == pytest.approx(3) for row in rows if row.name == "3x3 56,64")
    changes = {(r.name, r.runs_on): r.ratio_change for r in rows if r.ratio_change}
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
    assert "Different devices: Board A and Board B" in result.output
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
    assert lines.count("### Models, 1 thread") == 2
    assert "| float32 TFLite | 20 (18) |" in lines
    assert "| **over int8 TFLite** | 5.0× |" in lines
    assert "| float floor, ms | 0.4 |" in lines


EVIL = "<script>alert(1)</script> [bold]|x"


def evil_report() -> Report:
    """Markup of every kind wherever a report holds text."""
    layer, model = made_up.layer(EVIL), made_up.model(EVIL)
    for entry in (layer, model):
        entry["times"][0]["name"] = EVIL
        entry["speedup_over"][EVIL] = 2.0
    model["profile"]["rows"][0] |= {"name": EVIL, "kind": EVIL}
    model["file_bytes"][EVIL] = 1
    layer["ceiling_gmacs_per_s"][EVIL] = 1.0
    evil = made_up.content(EVIL, layers=[layer], models=[model])
    evil["noise"]["problems"] = [EVIL]
    evil["host"] |= {"flags": [EVIL], "system": EVIL, "packages": {EVIL: EVIL}}
    evil |= {"command": [EVIL], "bnn_lab": EVIL, "time": EVIL, "active_backend": EVIL}
    evil["bitpack_gb_per_s"] = {EVIL: 1.0}
    return msgspec.convert(evil, Report)


def test_page_is_whole_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page([evil_report()], path)
    text = path.read_text()
    body = re.sub(r"<script[^>]*>(?!alert).*?</script>", "", text, flags=re.DOTALL)  # plotly's
    assert "<script" not in body and "&lt;script&gt;alert(1)" in body
    assert text.count("plotly.js v") == 1  # inlined, once
    assert "<script src" not in text and "<link" not in text and "<img" not in text
    assert (
        text.count('<div role="img" aria-label="') == 6
    )  # three studies of it; models, layers, ops
    assert "20 times faster than float32 TFLite" in text
    with pytest.raises(InputError, match="no reports"):
        write_page([], path)


def test_three_renderings_show_the_same(tmp_path: Path) -> None:
    parts = report_parts(evil_report())
    console = Console(file=io.StringIO(), width=400, color_system=None)
    to_terminal(console, parts)
    shown = console.file.getvalue()
    page, words = html.unescape(to_html("T", parts)), to_markdown("T", parts)
    assert EVIL in shown and EVIL in page
    for part in parts:
        for row in part.rows if isinstance(part, Table) else ():
            for cell in row.cells:
                assert cell in shown and cell in page
                assert cell.replace("|", r"\|") in words
    tables = [part for part in parts if isinstance(part, Table)]
    lines = [line for line in words.splitlines() if line.startswith("| ")]
    assert len(lines) == sum(len(table.rows) + 1 for table in tables)
    for table in tables:
        assert {len(row.cells) for row in table.rows} == {len(table.columns)}


def test_rates_are_held_against_the_ceilings_of_all_threads() -> None:
    layer = made_up.layer(num_threads=2)
    (table,) = [
        p for p in report_parts(made_up.report(layers=[layer], models=[])) if isinstance(p, Table)
    ]
    found = {row.cells[0]: row.cells[1] for row in table.rows}
    # 2 million MACs in 3.6 ms are 0.556 of 2 * 5 GMAC/s.
    assert found["bnn_lab scalar, of its ceiling"] == "6%"
    assert found["bnn_lab avx2"] == "1 (0.9)" and found["over float32 TFLite"] == "20.0×"


def test_markdown_and_pages_need_jinja(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(BnnLabError, match="pip install"):
        to_markdown("T", [])
