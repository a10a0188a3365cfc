"""What student code can reach from the sandbox: nothing. Needs bubblewrap."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnn_lab.course import sandbox as sandbox_module
from bnn_lab.course.folder import CourseFolder
from bnn_lab.course.grading import Limits, grade
from bnn_lab.course.sandbox import require_bubblewrap
from bnn_lab.errors import BnnLabError

NAME = "tiny"

SPY = """
import json, os, socket, sys
found = {"read": [], "written": [], "cwd": os.getcwd(), "beside": sorted(os.listdir("."))}
for path in READ:
    try:
        open(path, "rb").read(1)
        found["read"].append(path)
    except OSError:
        pass
for path in WRITE:
    try:
        open(path, "a").write("x")
        found["written"].append(path)
    except OSError:
        pass
try:
    socket.create_connection(("127.0.0.1", PORT), 2)
    found["network"] = True
except OSError:
    found["network"] = False
found["environment"] = "SECRET_TOKEN" in os.environ
found["processes"] = [p for p in os.listdir("/proc") if p.isdigit() and int(p) > 50]
print("FOUND " + json.dumps(found))
"""


def spy(
    hand_in: Any, cell: Any, course: CourseFolder, sandboxed: bool, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, Any], list[Any]]:
    """Grade a submission that looks around; returns what it found, and its rows."""
    folder = course.root.parent
    (course.source(NAME).parent / "data.csv").write_text("1,2\n")
    secret = folder / "secret.txt"
    secret.write_text("exam")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    inside = Path(sandbox_module.__file__)
    read = [secret, course.gradebook, course.source(NAME), Path(__file__), inside]
    write = [
        course.gradebook,
        course.source(NAME),
        course.root / "nbgrader_config.py",
        course.submitted("spy", NAME),
        folder / "new.txt",
        *([inside.parent / "new.py"] if sandboxed else []),
        Path("own.txt"),
    ]
    with socket.create_server(("127.0.0.1", 0)) as server:
        accept = threading.Thread(target=_accept, args=(server,), daemon=True)
        accept.start()
        values = {"READ": read, "WRITE": write, "PORT": server.getsockname()[1]}
        plain = json.loads(json.dumps(values, default=str))
        head = "\n".join(f"{name} = {value!r}" for name, value in plain.items())

        def edit(notebook: Any) -> None:
            cell(notebook, "double").source += f"\n{head}\n{SPY}"

        hand_in(course, NAME, "spy", edit)
        rows = grade(course, sandboxed=sandboxed, limits=Limits(20, 60))
    text = course.autograded("spy", NAME).read_text()
    outputs = [
        output.text
        for each in nbformat.reads(text, 4).cells
        for output in each.get("outputs", [])
        if output.get("text", "").startswith("FOUND ")
    ]
    return json.loads(outputs[0].removeprefix("FOUND ")), rows


def _accept(server: socket.socket) -> None:
    try:
        while True:
            server.accept()[0].close()
    except OSError:
        pass


@pytest.mark.slow
def test_student_code_reaches_nothing(
    need_bubblewrap: Callable[[], None],
    hand_in: Any,
    cell: Any,
    own_tiny: CourseFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need_bubblewrap()
    found, rows = spy(hand_in, cell, own_tiny, True, monkeypatch)
    assert found["read"] == [str(Path(sandbox_module.__file__))]  # bnn_lab itself may be read
    assert found["written"] == ["own.txt"]  # in the scratch folder
    assert found["cwd"] == "/scratch" and found["beside"] == ["data.csv"]
    assert found["network"] is False and found["environment"] is False
    assert found["processes"] == []
    assert not (own_tiny.root.parent / "new.txt").exists()
    assert [row.points for row in rows] == [2, 3, 0]  # and grading works all the same


@pytest.mark.slow
def test_without_a_sandbox_it_reaches_all(
    hand_in: Any, cell: Any, own_tiny: CourseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above can fail, and what the warning is about."""
    found, _ = spy(hand_in, cell, own_tiny, False, monkeypatch)
    folder = own_tiny.root.parent
    assert str(folder / "secret.txt") in found["read"]
    assert str(folder / "new.txt") in found["written"]
    assert found["network"] is True and found["environment"] is True


@pytest.mark.slow
def test_limits_hold_in_the_sandbox(
    need_bubblewrap: Callable[[], None], hand_in: Any, cell: Any, own_tiny: CourseFolder
) -> None:
    need_bubblewrap()

    def endless(notebook: Any) -> None:
        cell(notebook, "double").source = "def double(x):\n    while True:\n        pass"

    def crashed(notebook: Any) -> None:
        cell(notebook, "half").source = "import os\nos._exit(1)"

    hand_in(own_tiny, NAME, "endless", endless)
    hand_in(own_tiny, NAME, "crashed", crashed)
    rows = grade(own_tiny, limits=Limits(6, 60))
    points = {(row.student, row.exercise): row.points for row in rows}
    assert points[("endless", "check_double")] == 0 and points[("endless", "check_half")] == 3
    assert points[("crashed", "check_double")] == 2 and points[("crashed", "check_half")] == 0


def test_bubblewrap_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(BnnLabError, match="apt-get install bubblewrap"):
        require_bubblewrap()


def test_namespaces_are_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(fake))
    with pytest.raises(BnnLabError, match=r"Permission denied.*unprivileged_userns_clone"):
        require_bubblewrap()
