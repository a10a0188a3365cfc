"""`make docs-serve`: opens the site, ends by Ctrl-C, and says which port is taken."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "serve.py"


def hear_interrupts() -> None:
    """A shell that runs the tests in the background has them, and their children, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def start(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SCRIPT), str(folder), str(port)]
    with subprocess.Popen(
        command,
        env=os.environ | {"BROWSER": "true"},  # the program of that name
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    ) as run:
        try:
            yield run
        finally:
            run.kill()  # does nothing to one that has ended


def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the front page")
    with start(tmp_path, 0) as run:
        assert run.stdout is not None
        address = run.stdout.readline().split()[0]
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.read() == b"the front page"
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 0
    assert out.strip() == err == ""


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with start(tmp_path, port) as run:
            out, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert out == ""
    assert err.startswith(f"error: port {port} of 127.0.0.1 cannot be used: Address already in use")
    assert "make docs-serve DOCS_PORT=" in err and "Traceback" not in err
    with start(tmp_path, 99_999) as run:
        assert "port 99999" in run.communicate(timeout=60)[1]
