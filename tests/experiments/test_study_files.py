"""Files of studies: written, read, refused, and put together from several machines."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pandas as pd
import pytest
from typer.testing import CliRunner

from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.cli.bench import app
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import STUDIES
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.files import (
    RECORDED,
    merge_studies,
    one_per_device,
    read_study,
    recorded_study,
    study_schema,
    write_study,
)
from bnn_lab.experiments.latency.macs import correlations
from bnn_lab.experiments.latency.of_reports import FROM_REPORTS, study_frame
from bnn_lab.figures.studies import _DRAWN, draw_devices, draw_frame, draw_study

REPORT = read_report(EXAMPLE)
GRID = pd.DataFrame(
    [
        {
            "paper": kernel == 3 and size == 7, "kernel": kernel, "size": size, "channels": 64,
            "macs": (kernel * size * 64) ** 2, "binary_ms": 0.1 * slow, "float_ms": 1.0 * slow,
            "int8_ms": 0.4 * slow, "over_float": 10.0, "over_float_low": 9.0,
            "over_float_high": 11.0, "over_int8": 4.0, "over_int8_low": 3.5, "over_int8_high": 4.5,
        }
        for kernel in (1, 3)
        for size in (7, 14)
        for slow in (size * kernel,)
    ]
)  # fmt: skip


def study(device: str = "Ann", frame: pd.DataFrame = GRID, name: str = "speedup") -> Study:
    assert REPORT.noise is not None
    return Study(
        name=name, question=STUDIES[name].question, frame=frame, finding=f"Found by {device}.",
        noise=REPORT.noise, host=REPORT.host, uncertainty=0.1, device=device,
    )  # fmt: skip


def test_a_file_holds_the_study(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s.json"
    write_study(study(), path)
    content = json.loads(path.read_text())
    jsonschema.Draft202012Validator(study_schema()).validate(content)
    back = read_study(path)
    pd.testing.assert_frame_equal(back.frame, GRID)
    # Frames do not compare as a whole.
    assert dataclasses.replace(back, frame=None, time="") == dataclasses.replace(study(frame=None))
    assert json.loads(CliRunner().invoke(app, ["schema", "--study"]).output) == study_schema()
    hollow = GRID.assign(over_int8_low=float("nan"))  # null: it does not apply
    write_study(study(frame=hollow), path)
    assert read_study(path).frame.over_int8_low.isna().all()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("hello", "is not JSON"),
        ("[]", "not a study of this version"),
        ({"schema": None}, "not a study of this version"),
        ({"schema": "bnn_lab.study/7"}, "a newer bnn_lab wrote it"),
        ({"schema": "bnn_lab.bench/2"}, "not a study of this version"),
        ({"name": "nonsense"}, "there is no study 'nonsense'. Fix: .* speedup"),
        ({"rows": []}, "not a complete study"),
        ({"surplus": 1}, "not a complete study"),
        ({"rows": [{"macs": 1}]}, "lacks the columns binary_ms, channels"),
        ({"host": {**msgspec.to_builtins(REPORT.host), "emulated": "qemu"}}, "emulated CPU"),
        (("macs", "many"), "row 1: macs cannot be 'many'"),
        (("binary_ms", -1.0), "row 1: binary_ms cannot be -1.0"),
        (("binary_ms", None), "row 1: binary_ms is missing"),
        (("paper", 1), "row 1: paper cannot be 1"),
        (("over_int8_low", "3"), "row 1: over_int8_low cannot be '3'"),
        (("over_int8", True), "row 1: over_int8 cannot be True"),
        (("other", 1), "has other columns than the first row"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path: Path, change: Any, problem: str) -> None:
    path = tmp_path / "s.json"
    write_study(study(), path)
    content = json.loads(path.read_text())
    if isinstance(change, tuple):
        column, value = change
        rows = content["rows"]
        (rows[1] if column == "other" else rows[0])[column] = value
        path.write_text(json.dumps(content))
    else:
        path.write_text(change if isinstance(change, str) else json.dumps(content | change))
    with pytest.raises(InputError, match=problem):
        read_study(path)
    path.unlink()
    with pytest.raises(InputError, match="cannot read"):
        read_study(path)


def test_columns_that_no_figure_needs_are_of_one_kind(tmp_path: Path) -> None:
    """What a later version measures besides is kept, whatever it is called."""
    path = tmp_path / "s.json"
    more = GRID.assign(best=[True, False, True, True], cpu_name="a", watts=[1.0, 2, 3, 4])
    write_study(study(frame=more), path)
    pd.testing.assert_frame_equal(read_study(path).frame, more)
    content = json.loads(path.read_text())
    for column, value in (("best", "yes"), ("cpu_name", 1.0), ("watts", "many"), ("best", None)):
        rows = [dict(row) for row in content["rows"]]
        rows[2][column] = value
        path.write_text(json.dumps(content | {"rows": rows}))
        with pytest.raises(InputError, match=f"row 3: {column} cannot be {value!r}"):
            read_study(path)


def test_studies_of_several_machines_are_one() -> None:
    other_host = msgspec.structs.replace(REPORT.host, cpu="Board")
    ann, ben = study("Ann"), study("Ben", GRID.assign(binary_ms=1.0))
    same_label = dataclasses.replace(study("Ann"), host=other_host)
    later = dataclasses.replace(study("Ben", GRID.assign(binary_ms=2.0)), time="2026")
    singles = one_per_device([later, ann, ben, same_label])
    ann_label = f"Ann, {REPORT.host.cpu}"
    assert [s.device for s in singles] == [ann_label, "Ben", "Ann, Board"]
    (merged,) = merge_studies(singles)
    assert list(dict.fromkeys(merged.frame.device)) == [ann_label, "Ben", "Ann, Board"]
    assert set(merged.frame[merged.frame.device == "Ben"].binary_ms) == {2.0}
    assert merged.finding.startswith(f"{ann_label}: Found by Ann. Ben: Found by Ben.")
    (drawing,) = draw_devices(merged)
    controls = {c["name"]: c for c in drawing.figure.layout.meta["controls"]}
    labels = [option["label"] for option in controls["device"]["options"]]
    assert labels == ["all", ann_label, "Ben", "Ann, Board"]


def test_a_label_that_machines_share_is_the_same_machine_in_each_question() -> None:
    boards = [msgspec.structs.replace(REPORT.host, cpu="Board", cpus=n) for n in (2, 4, 8)]
    studies = [dataclasses.replace(study("Lab"), host=host) for host in boards]
    studies.append(dataclasses.replace(study("Lab", name="macs"), host=boards[2]))
    found = one_per_device(studies)
    assert [(s.name, s.device, s.host.cpus) for s in found] == [
        ("speedup", "Lab, Board", 2), ("speedup", "Lab, Board (2)", 4),
        ("speedup", "Lab, Board (3)", 8), ("macs", "Lab, Board (3)", 8),
    ]  # fmt: skip


def test_labels_that_are_spelled_alike_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for number, device in enumerate(("Ann's PC", "Ann s PC")):
        write_study(study(device), tmp_path / f"{number}.json")
    out = tmp_path / "merged"
    result = CliRunner().invoke(app, ["merge", str(tmp_path), "--json", str(out)])
    assert result.exit_code == 0, (result.output, result.exception)
    assert {read_study(path).device for path in out.iterdir()} == {"Ann's PC", "Ann s PC"}


def test_the_page_on_measuring_lists_every_study() -> None:
    page = Path(__file__).parents[2] / "docs" / "benchmarks.md"
    listed = re.findall(r"^\| `(\w+)` \| .*\? ?.*\|$", page.read_text(), re.MULTILINE)
    assert set(listed) == set(STUDIES)


def test_a_figure_for_one_device_is_drawn_for_each() -> None:
    frame = pd.DataFrame(
        [
            {"case": "3x3 7,512", "padding": padding, "ms": 1.0, "border": 0.5, "cost": 1.2}
            for padding in ("ones", "zeros", "none")
        ]
    )
    singles = [study(device, frame, "padding") for device in ("Ann", "Ben")]
    (merged,) = merge_studies(singles)
    drawings = draw_devices(merged)
    assert [d.figure.layout.title.text for d in drawings] == ["Ann", "Ben"]
    assert drawings[1].words.startswith("Ben: Zeros take 1.20")
    assert len(draw_devices(singles[0])) == 1


def test_merge_command_takes_both_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "class"
    for device in ("Ann", "Ben"):
        write_study(study(device), folder / f"{device}.json")
    (folder / "report.json").write_bytes(EXAMPLE.read_bytes())
    (folder / "cat.json").write_text('{"schema": "bnn_lab.study/1"}')
    page, out = tmp_path / "page.html", tmp_path / "merged"
    words = ["merge", str(folder), "--json", str(out), "--html", str(page)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "cat.json is not a complete study" in result.output
    names = sorted(path.name for path in out.iterdir())
    assert names == ["amd-epyc.json", "speedup-ann.json", "speedup-ben.json"]
    text = page.read_text()
    assert text.count("plotly.js v") == 1 and text.count("bnnLabControls = ") == 1
    # The front of a single device has nothing to choose.
    assert text.count("bnnLabControls(plot") == 1 + len(FROM_REPORTS) - 1
    for name in FROM_REPORTS:  # the same figures, of reports
        assert STUDIES[name].question in html.unescape(text)


def test_reports_have_what_four_studies_draw() -> None:
    for name in FROM_REPORTS:
        frame = study_frame(name, [REPORT])
        assert set(STUDIES[name].columns) <= set(frame.columns), name
        assert set(frame.device) == {REPORT.device}
        assert draw_frame(name, frame).figure.data
    frame = study_frame("macs", [REPORT])
    frame = frame.assign(
        equivalent_macs=frame.macs - frame.binary_macs + frame.binary_macs / frame.macs_ratio
    )
    assert correlations(frame)["equivalent_macs"][0] > correlations(frame)["macs"][0]
    with pytest.raises(InputError, match="reports hold macs"):
        study_frame("padding", [REPORT])
    bare = msgspec.structs.replace(REPORT, models=[])
    with pytest.raises(InputError, match="no report with what accuracy needs"):
        study_frame("accuracy", [bare])


def test_figures_show_their_first_choices_where_nothing_runs() -> None:
    drawing = draw_study(study())
    shown = [t.name for t in drawing.figure.data if t.visible is not False]
    assert shown == ["float32", "int8", "binary"]
    assert drawing.figure.layout.meta["alt"] == drawing.words
    names = [c["name"] for c in drawing.figure.layout.meta["controls"]]
    assert names == ["show", "kernel", "size"]  # one number of channels, one device: no choice
    cited = [t for t in drawing.figure.data if t.name.endswith("(cited)")]
    assert [t.y[0] for t in cited] == [17.0, 12.0]
    assert list(cited[0].error_y.arrayminus) == [5.0]
    assert set(_DRAWN) == set(STUDIES)


def test_studies_come_with_the_package() -> None:
    assert {"speedup", "shortcuts", "padding"} <= set(RECORDED)
    for name in RECORDED:
        study = recorded_study(name)
        assert study.name == name and study.finding
        assert study.noise.quiet_rounds and not study.noise.forced
        assert study.device == study.host.cpu  # no host's name
        draw_study(study)
    with pytest.raises(InputError, match="bnn-lab bench study generation"):
        recorded_study("generation")
    with pytest.raises(InputError, match=r"no study 'nothing'.*speedup.*bench study NAME"):
        recorded_study("nothing")
