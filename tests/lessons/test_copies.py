from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bnn_lab.cli.main import main
from bnn_lab.errors import InputError
from bnn_lab.lessons import copies
from bnn_lab.lessons.copies import START, shipped_lessons, trust, write_lessons

NAMES = [path.name for path in shipped_lessons()]
CHANGED = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@pytest.fixture(autouse=True)
def signatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures of notebooks go to a folder of the test's own."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def bnn_lab(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    try:
        main(["lessons", *map(str, arguments)])
    except SystemExit as end:
        assert not end.code, capsys.readouterr().err
    return capsys.readouterr().out


def test_all_lessons_and_the_start_page_are_written(tmp_path: Path) -> None:
    written = write_lessons(tmp_path / "a" / "b")
    assert written.new == NAMES and NAMES[0] == START and len(NAMES) >= 6
    for source in shipped_lessons():
        assert (tmp_path / "a" / "b" / source.name).read_bytes() == source.read_bytes()


def test_a_second_time_nothing_is_written(tmp_path: Path) -> None:
    write_lessons(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.ipynb")}
    assert write_lessons(tmp_path).same == NAMES
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.ipynb")} == before


def test_what_a_learner_changed_is_kept(tmp_path: Path, capsys) -> None:
    write_lessons(tmp_path)
    (tmp_path / NAMES[2]).write_bytes(CHANGED)
    (tmp_path / NAMES[3]).unlink()
    written = write_lessons(tmp_path)
    assert (written.kept, written.new) == ([NAMES[2]], [NAMES[3]])
    assert (tmp_path / NAMES[2]).read_bytes() == CHANGED
    shown = bnn_lab(capsys, tmp_path, "--app", "none")
    assert f"kept, because you changed them: {NAMES[2]}" in shown


def test_options_that_no_jupyter_would_read_are_refused(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["lessons", str(tmp_path / "new"), "--app", "none", "--", "--port=8890"])
    assert "--app none starts no Jupyter" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "new").exists()


def test_another_file_of_the_same_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / START).write_bytes(CHANGED)
    assert write_lessons(tmp_path).kept == [START]
    assert write_lessons(tmp_path).kept == [START]
    assert (tmp_path / START).read_bytes() == CHANGED


def test_force_keeps_both(tmp_path: Path, capsys) -> None:
    write_lessons(tmp_path)
    target = tmp_path / START
    for content, mine in (
        (CHANGED, "00_start_here.mine.ipynb"),
        (b"2", "00_start_here.mine2.ipynb"),
    ):
        target.write_bytes(content)
        assert f"yours is now {mine}" in bnn_lab(capsys, tmp_path, "--force", "--app", "none")
        assert (tmp_path / mine).read_bytes() == content
        assert target.read_bytes() == shipped_lessons()[0].read_bytes()


def test_a_newer_bnn_lab_updates_what_was_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("00_start_here.ipynb", "01_a.ipynb", "02_b.ipynb"):
        (old / name).write_text(name)
    monkeypatch.setattr(copies, "shipped_lessons", lambda: sorted(old.glob("*.ipynb")))
    mine = tmp_path / "mine"
    write_lessons(mine)
    (mine / "02_b.ipynb").write_text("worked in")
    for path in old.glob("*.ipynb"):
        path.write_text(path.name + " as of the next version")
    written = write_lessons(mine)
    assert written.updated == ["00_start_here.ipynb", "01_a.ipynb"]
    assert written.kept == ["02_b.ipynb"]
    assert (mine / "02_b.ipynb").read_text() == "worked in"


@pytest.mark.parametrize("record", ["", "[]", "{", '{"00_start_here.ipynb": 3}'])
def test_a_broken_record_loses_nothing(tmp_path: Path, record: str) -> None:
    write_lessons(tmp_path)
    (tmp_path / START).write_bytes(CHANGED)
    (tmp_path / copies.RECORD).write_text(record)
    assert write_lessons(tmp_path).kept == [START]
    assert START not in json.loads((tmp_path / copies.RECORD).read_text()) or record[-1:] == "}"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make the folder"):
        write_lessons(tmp_path / "file" / "lessons")
    (tmp_path / "taken" / START).mkdir(parents=True)
    with pytest.raises(InputError, match="is not a file"):
        write_lessons(tmp_path / "taken")


@pytest.mark.parametrize(("app", "module"), [("lab", "jupyterlab"), ("notebook", "notebook")])
def test_jupyter_opens_the_start_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, app: str, module: str
) -> None:
    calls = []
    monkeypatch.chdir(tmp_path)  # and back at the end

    def started(program, command):
        calls.append((command, Path.cwd()))
        raise SystemExit(0)

    monkeypatch.setattr("os.execv", started)
    bnn_lab(capsys, tmp_path / "mine", "--app", app, "--no-browser", "--", "--port=8890")
    ((command, folder),) = calls
    assert command[1:4] == ["-m", module, START] and folder == tmp_path / "mine"
    assert {"--no-browser", "--port=8890"} <= set(command)
    assert ("--allow-root" in command) == (os.geteuid() == 0)


def test_without_jupyter_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr("bnn_lab.cli.lessons.find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(["lessons", str(tmp_path / "x")])
    assert 'pip install "bnn-lab[train,notebooks]"' in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_copies_are_signed_and_changed_ones_are_not(tmp_path: Path) -> None:
    import nbformat
    from nbformat.sign import NotebookNotary

    copies = write_lessons(tmp_path / "lessons")
    first, second = (copies.folder / name for name in copies.new[:2])
    trust([first])
    notebooks = [nbformat.read(path, 4) for path in (first, second)]
    notary = NotebookNotary(data_dir=str(tmp_path / "jupyter"))
    assert [notary.check_signature(notebook) for notebook in notebooks] == [True, False]
    notebooks[0].cells[0].source += "changed"
    assert not notary.check_signature(notebooks[0])
    notary.store.close()
