"""What all commands have in common: a quick start, one way to fail, any terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bnn_lab import __version__
from bnn_lab.cli import terminal
from bnn_lab.cli.main import main
from bnn_lab.errors import InputError
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file

SLOW = {"tensorflow", "ai_edge_litert", "xdsl", "plotly", "larq", "pandas", "numpy", "IPython"}
RUN = "from bnn_lab.cli.main import main; main(sys.argv[1:])"


def run(*words: str, code: str = RUN, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; {code}", *words],
        env={**os.environ, **env},
        capture_output=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "words",
    [["--help"], ["--version"], ["bench", "--help"], ["bench", "suite", "--help"]],
    ids=" ".join,
)
def test_help_loads_nothing_slow(words: list[str]) -> None:
    at_the_end = "import atexit; atexit.register(lambda: print('LOADED', *sys.modules)); "
    done = run(*words, code=at_the_end + RUN)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.decode().partition("LOADED")[2].split()
    assert "bnn_lab.cli.main" in loaded
    assert not SLOW & set(loaded)


def test_importing_the_package_loads_nothing_slow() -> None:
    done = run(code="import bnn_lab; print(*sys.modules)")
    loaded = set(done.stdout.decode().split())
    assert "bnn_lab" in loaded and not SLOW & loaded


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"bnn-lab {__version__}\n"


def test_shell_completion() -> None:
    # Named, not found among the parents of this process.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    shown = run("--show-completion", "bash", **named).stdout.decode()
    assert "_BNN_LAB_COMPLETE=complete_bash" in shown
    words = {"COMP_WORDS": "bnn-lab bench st", "COMP_CWORD": "2"}
    code = "sys.argv[0] = 'bnn-lab'; " + RUN
    assert run(code=code, _BNN_LAB_COMPLETE="complete_bash", **words).stdout.split() == [b"study"]


@pytest.mark.parametrize(
    ("command", "option"),
    [("profile", "file"), ("inspect", "file"), ("train", "--recipe"), ("bench model", "model")],
)
def test_a_missing_file_is_one_line(command: str, option: str, tmp_path: Path) -> None:
    path = tmp_path / "[bold]missing[/].tflite"
    words = [*command.split(), *([option] if option.startswith("--") else []), str(path)]
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: ") and done.stderr.count(b"\n") == 1
    assert b"[bold]missing[/]" in done.stderr


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    file = tmp_path / "[red]layer.tflite"
    file.write_bytes(layer_file(LayerShape(kinds.BINARY_CONV, 8, 8, 32, 32, (3, 3))))
    return file


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
@pytest.mark.parametrize(
    "words",
    [["--help"], ["profile", "--rounds", "1"], ["inspect", "--ir"], ["bench", "study"]],
    ids=" ".join,
)
def test_any_terminal_can_show_it(words: list[str], encoding: str, layer: Path) -> None:
    file = [str(layer)] if words[0] in ("profile", "inspect") else []
    done = run(*words, *file, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    done.stdout.decode(encoding)


def test_characters_that_the_terminal_lacks_become_question_marks() -> None:
    code = "from bnn_lab.cli.terminal import say, show_anything; show_anything(); say('π→é')"
    assert run(code=code, PYTHONIOENCODING="latin-1").stdout == b"??\xe9\n"


def test_inspect_as_json(layer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def shown(*more: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as stop:
            main(["inspect", str(layer), "--json", *more])
        assert stop.value.code == 0
        return json.loads(capsys.readouterr().out)

    found = shown()
    assert set(found) == {"schema", "file", "bytes", "inputs", "outputs", "ops"}
    assert (found["schema"], found["file"]) == ("bnn_lab.inspect/1", str(layer))
    assert found["bytes"] == layer.stat().st_size
    (image,), (result,) = found["inputs"], found["outputs"]
    assert (image["shape"], result["shape"]) == ([1, 8, 8, 1], [1, 8, 8, 32])
    assert image["type"] == "tensor<1x8x8x1xi32>"
    (conv,) = found["ops"]
    assert (conv["op"], conv["count"]) == ("lq.Bconv2d", 1)
    assert conv["constant_bytes"] >= 32 * 9 * 4
    more = shown("--passes", "--ir")
    assert "lq.Bconv2d" in more["ir"]
    assert {"name", "summary", "outcomes"} == set(more["passes"][0])


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "[b]figures.json"
    terminal.write_file(path, "π", "figures")
    assert path.read_bytes() == "π".encode()
    assert capsys.readouterr().out == f"figures written to {path}\n"
    with pytest.raises(InputError, match=r"cannot write .*File exists"):
        terminal.write_file(path / "below", "x", "figures")
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="cannot write"):
        terminal.write_file(folder, "x", "figures")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "new"]  # no part is left


@pytest.mark.parametrize(
    "words",
    [
        ["profile", "m.tflite", "--json", "taken"],
        ["experiment", "noise", "--csv", "taken"],
        ["experiment", "noise", "--html", "taken"],
        ["convert", "m.tflite", "-o", "out.tflite", "--report-json", "taken"],
        ["calibrate", "--output", "taken"],
        ["course", "report", "--csv", "taken"],
    ],
    ids=" ".join,
)
def test_results_have_a_place_before_the_work_begins(
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """None of the files that these commands read is there, and nobody comes to miss them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    with pytest.raises(SystemExit) as done:
        main(words)
    assert done.value.code == 1
    assert "error: cannot write taken: " in capsys.readouterr().err


def test_no_command_has_its_own_way_to_fail() -> None:
    """Commands raise; `terminal` prints."""
    import bnn_lab.cli

    for file in Path(bnn_lab.cli.__file__).parent.glob("*.py"):
        if file.name != "terminal.py":
            text = file.read_text()
            assert not re.search(r"sys\.exit|stderr=True\)\.print|Console\(", text), file.name
