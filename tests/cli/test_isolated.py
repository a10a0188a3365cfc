"""`bnn-lab inspect --isolated`: a child process with limits looks at a file from a stranger."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bnn_lab.cli.isolated import describe_isolated
from bnn_lab.cli.main import main
from bnn_lab.errors import ModelFileError
from bnn_lab.tflite.options import builtin
from bnn_lab.tflite.writer import GraphWriter


def a_file(size: int = 4) -> bytes:
    writer = GraphWriter()
    x = writer.input((1, size), np.float32, "x")
    y = writer.output((1, size), np.float32, "y")
    writer.op("ADD", [x, x], [y], builtin("AddOptions"))
    return writer.finish()


def test_a_good_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(a_file())
    main_ends("inspect", str(path), "--isolated", "--json")
    found = json.loads(capfd.readouterr().out)
    assert found["trial"] == "ran" and [op["op"] for op in found["ops"]] == ["tfl.add"]
    assert isinstance(found["network"], bool)


def test_refused_files() -> None:
    for content, problem in [
        (b"", "is not a .tflite model"),
        (a_file()[:-100], "corrupt|truncated|outside|more than"),
    ]:
        with pytest.raises(ModelFileError, match=problem):
            describe_isolated(content)


def test_too_much_memory() -> None:
    found = describe_isolated(a_file(200 << 20), megabytes=700)
    assert "memory" in found["trial"].lower() or "cannot be run" in found["trial"]


def test_a_child_that_dies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever ends it, the parent lives and says what it was."""
    for code, problem in [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV"),
        ("import time; time.sleep(60)", "too long"),
        ("raise SystemExit(3)", "ended with code 3"),
    ]:
        program = tmp_path / "python"
        program.write_text(f"#!{sys.executable}\n{code}\n")
        program.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(program))
            with pytest.raises(ModelFileError, match=problem):
                describe_isolated(a_file(), seconds=2)


LIMITS = """
import json, socket, sys
from pathlib import Path
from bnn_lab.cli import limited
cut = limited.without_network()
limited.limit(1 << 30, 2)
answer = {"cut": cut}
try:
    Path(sys.argv[1]).write_text("x")
    answer["file"] = True
except OSError:
    answer["file"] = False
try:
    bytearray(2 << 30)
    answer["memory"] = True
except MemoryError:
    answer["memory"] = False
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5).close()
    answer["network"] = True
except OSError:
    answer["network"] = False
print(json.dumps(answer), flush=True)
while True:
    pass
"""


def test_limits(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", LIMITS, str(tmp_path / "x"), port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    answer = json.loads(done.stdout)
    assert done.returncode < 0  # of the time
    assert not answer["file"] and not answer["memory"]
    assert answer["network"] is not answer["cut"]


def main_ends(*arguments: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert not end.value.code
