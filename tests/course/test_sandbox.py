"""What student code can reach from the sandbox: nothing. Needs bubblewrap."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from bnn_lab.course import sandbox as sandbox_module
from bnn_lab.course.folder import CourseFolder
from bnn_lab.course.grading import Limits, grade
from bnn_lab.course.nbgrader_commands import nbgrader
from bnn_lab.course.sandbox import Quota, require_bubblewrap, sandbox
from bnn_lab.course.seccomp import call_filter
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
    rows = grade(own_tiny, limits=Limits(6, 120))
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


def in_jail(code: str, quota: Quota, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    """Run Python in the sandbox, without Jupyter: the limit it met, and the dictionary `got`."""
    beside = tmp_path / "data.csv"
    beside.write_text("1,2\n")
    with sandbox([beside], quota, []) as place:
        data = Path(place.environment["JUPYTER_PATH"].split(":")[0])
        description = (data / "kernels" / sandbox_module.KERNEL / "kernel.json").read_text()
        argv = json.loads(description)["argv"]
        target = Path(place.environment["JUPYTER_RUNTIME_DIR"], "got")
        end = f"\nimport json\nopen({str(target)!r}, 'w').write(json.dumps(got))"
        argv[argv.index("-m") :] = ["-I", "-c", f"got = {{}}\n{code}{end}"]
        run = subprocess.run(
            argv, capture_output=True, timeout=100, env={"SECRET_TOKEN": "x", "PATH": ""}
        )
        assert run.stdout == run.stderr == b""  # whatever it writes past Python
        log = data / f"{sandbox_module.KERNEL}.log"
        got = json.loads(target.read_text()) if target.exists() else {}
        return (log.read_text() if log.exists() else ""), got


WAYS_OUT = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    got[name] = "worked" if result >= 0 else errno.errorcode[ctypes.get_errno()]
call("memfd_create", b"x", 0)
call("shmget", 0, 4096, 0o1600)
call("msgget", 0, 0o1600)
call("unshare", 0x10000000)
call("mount", b"x", b"/tmp", b"tmpfs", 0, None)
for path in ("/sys/fs/cgroup/x", "/proc/sys/kernel/core_pattern", "/etc/passwd", "/input/x"):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        got[path] = "worked"
    except OSError as error:
        got[path] = errno.errorcode[error.errno]
got["environment"] = sorted(os.environ)
got["first"] = open("/proc/1/environ").read()
got["processes"] = len([p for p in os.listdir("/proc") if p.isdigit()])
os.write(1, b"a line of a log\\n")
os.write(2, b"[AutogradeApp | ERROR] forged\\n")
"""


def test_ways_past_the_limits_are_closed(
    need_bubblewrap: Callable[[], None], tmp_path: Path
) -> None:
    need_bubblewrap()
    log, got = in_jail(WAYS_OUT, Quota(), tmp_path)
    assert log == ""
    for name in ("memfd_create", "shmget", "msgget", "unshare", "mount"):
        assert got[name] == "EPERM", got
    assert {value for name, value in got.items() if name.startswith("/")} <= {
        "EROFS",
        "ENOENT",
        "EACCES",
    }, got
    expected = {"PATH", "HOME", "LANG", "TF_CPP_MIN_LOG_LEVEL", "IPYTHONDIR", "PWD"}
    assert set(got["environment"]) - {"BNN_LAB_BACKEND", "LC_CTYPE"} == expected
    assert got["first"] == "" and got["processes"] <= 3


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        (
            "import mmap\nm = mmap.mmap(-1, 2**28)\nfor n in range(2**16): m[n << 12] = 1",
            "MemoryLimit",
        ),
        ("for n in range(60_000): open(f'/tmp/{n}', 'w').close()", "DiskLimit"),
        ("import os\nfor _ in range(90):\n  if os.fork() == 0: time.sleep(9)", "ProcessLimit"),
    ],
    ids=["shared memory", "many files", "processes"],
)
def test_what_no_limit_of_a_single_process_sees(
    need_bubblewrap: Callable[[], None], tmp_path: Path, code: str, limit: str
) -> None:
    need_bubblewrap()
    code = f"import time\n{code}\ntime.sleep(30)"
    assert in_jail(code, Quota(memory=128, processes=20, disk=64), tmp_path) == (limit, {})


def test_a_sandbox_ends_with_the_one_who_started_it(tmp_path: Path) -> None:
    """nbgrader is killed at its limit of time, and can then end nothing itself."""
    jail = Path(sandbox_module.__file__).with_name("jail.py")
    limits = json.dumps({"memory": 1 << 30, "processes": 9, "file": 1 << 20})
    program = ["sh", "-c", "echo $$ > pid; sleep 60; true"]
    argv = [sys.executable, "-I", str(jail), limits, "log", str(tmp_path), "--", *program]
    start = f"import subprocess, time; subprocess.Popen({argv!r}, start_new_session=True)"
    wait = "import os\nwhile not (os.path.exists('pid') and open('pid').read()): time.sleep(0.05)"
    subprocess.run([sys.executable, "-c", f"{start}\n{wait}"], cwd=tmp_path, timeout=60, check=True)
    pid = int((tmp_path / "pid").read_text())
    for _ in range(200):
        if not psutil.pid_exists(pid):
            return
        time.sleep(0.05)
    pytest.fail("the program lives on")


def test_other_machines_have_no_filter() -> None:
    assert call_filter("riscv64") == b""
    assert len(call_filter("x86_64")) == len(call_filter("aarch64")) > 100


def test_nbgrader_itself_has_a_limit_of_memory(tmp_path: Path) -> None:
    """A student's kernel may send it messages as long as it likes."""
    assert nbgrader("--version", folder=tmp_path).code == 0
    # Python does not always say that memory is what it lacks.
    assert nbgrader("--version", folder=tmp_path, memory=10 << 20).code != 0
