"""Reports of a class: labels, folders, and what is left out."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from bnn_lab.bench import labels
from bnn_lab.bench.collect import collect, gathered, rename
from bnn_lab.bench.report import EXAMPLE, make_report, merge_reports, read_report, write_report
from bnn_lab.cli.bench import app
from bnn_lab.errors import InputError

_spec = importlib.util.spec_from_file_location("reports", Path(__file__).with_name("reports.py"))
assert _spec and _spec.loader
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)


def test_two_students_with_one_cpu_stay_two_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the host's name stands before the CPU's; a name of one's own comes first."""
    devices = []
    for host in ("ann-laptop", "ben-laptop.example.org"):
        monkeypatch.setattr(labels.socket, "gethostname", lambda host=host: host)
        report = make_report(["bench", "kernels"])
        devices.append(report.device)
        assert report.device == f"{host.partition('.')[0]}, {report.host.cpu}"[: labels.LONGEST]
    assert len(set(devices)) == 2
    assert make_report(["bench"], label=" Ann ").device == "Ann"
    monkeypatch.setattr(labels.socket, "gethostname", lambda: "\x1b[31m")
    assert labels.default_label("CPU").isprintable()
    for wrong in ("", "  ", "two\nlines", "x" * 81, "\x1b[31mred"):
        with pytest.raises(InputError, match="cannot name a device"):
            make_report(["bench"], label=wrong)


def test_a_class_of_thirty(tmp_path: Path) -> None:
    """Copies of one report under 30 labels; `notebooks` of a teacher name a folder."""
    example = read_report(EXAMPLE)
    for number in range(30):
        write_report(rename(example, f"student {number:02}"), tmp_path / f"{number}.json")
    found = collect([tmp_path])
    assert [r.device for r in sorted(found.reports, key=lambda r: r.device)] == [
        f"student {number:02}" for number in range(30)
    ]
    assert found.remarks == "" and found.reports[0].models == example.models
    assert len(collect([str(tmp_path / "1*.json")]).reports) == 11


def test_same_label_on_other_machines(tmp_path: Path) -> None:
    one = made_up.report("Board A", models=[made_up.model("quicknet")])
    one = rename(one, "Lab PC")
    other_host = msgspec.structs.replace(one.host, cpu="Board B", cpus=4)
    two = msgspec.structs.replace(one, host=other_host)
    third = msgspec.structs.replace(two, host=msgspec.structs.replace(other_host, cpus=8))
    assert [r.device for r in merge_reports([one, two])] == [
        f"Lab PC, {one.host.cpu}", "Lab PC, Board B"
    ]  # fmt: skip
    assert [r.device for r in merge_reports([two, third])] == [
        "Lab PC, Board B", "Lab PC, Board B (2)"
    ]  # fmt: skip
    assert gathered([one, two]).remarks == ""
    assert "2 reports of Lab PC measured the same" in gathered([one, one]).remarks
    parts = msgspec.structs.replace(one, layers=[], models=[made_up_model("mine")])
    assert gathered([one, parts]).remarks == ""  # of one device, layers then networks


def made_up_model(name: str) -> object:
    return made_up.report(models=[made_up.model(name)]).models[0]


def test_what_is_no_report_is_left_out_of_folders_only(tmp_path: Path) -> None:
    good = tmp_path / "good.json"
    good.write_text(json.dumps(made_up.content("A")))
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    (tmp_path / "text.json").write_text("hello")
    (tmp_path / "folder.json").mkdir()
    found = collect([tmp_path])
    assert [r.device for r in found.reports] == ["A"]
    assert {Path(name).name for name in found.left_out} == {"bad.json", "text.json", "folder.json"}
    assert found.remarks.count("Left out: ") == 3 and "is not JSON" in found.remarks
    with pytest.raises(InputError, match=r"bad\.json is not a benchmark report"):
        collect([bad])
    good.unlink()
    with pytest.raises(InputError, match="none of these files is a report"):
        collect([tmp_path])
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"has no file \*.json"):
        collect([empty])
    with pytest.raises(InputError, match="no file matches"):
        collect([str(tmp_path / "nothing*.json")])
    with pytest.raises(InputError, match="cannot read"):
        collect([tmp_path / "nothing.json"])


def test_merge_takes_folders_and_names_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(made_up.content("A")))
    (tmp_path / "b.json").write_text(json.dumps(made_up.content("B")))
    (tmp_path / "c.json").write_text("[]")
    result = CliRunner().invoke(app, ["merge", str(tmp_path), "--json", str(tmp_path / "merged")])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "Left out" in result.output and "c.json" in result.output
    assert sorted(p.name for p in (tmp_path / "merged").iterdir()) == ["a.json", "b.json"]
