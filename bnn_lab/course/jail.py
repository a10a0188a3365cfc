"""Limits around a program: run as ``python -I jail.py LIMITS LOG FOLDER -- PROGRAM ...``.

Each process gets the kernel's own limits; of all together a look ten times a second sees memory,
number, and what they write to FOLDER, the one place of the host that they may write to. What goes
too far is killed, and LOG says why. Loads nothing of bnn_lab: it stands between nbgrader and the
sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

LOOK = 0.1  # seconds
FOLDER_BYTES, FOLDER_FILES = 1 << 20, 64


def main(arguments: list[str]) -> int:
    """Run the program; returns its exit code."""
    limits, log, folder, _, *program = arguments
    wanted = json.loads(limits)
    for name, value in (
        ("RLIMIT_DATA", wanted["memory"]),
        ("RLIMIT_FSIZE", wanted["file"]),
        ("RLIMIT_CORE", 0),
    ):
        resource.setrlimit(getattr(resource, name), (value, value))
    # The sandbox has this file's process as its parent, and ends with it.
    with subprocess.Popen(program, env={}) as process:
        while process.poll() is None:
            if reason := too_much(process.pid, wanted, Path(folder)):
                Path(log).write_text(reason)
                process.kill()
                process.wait()
                return 1
            time.sleep(LOOK)
    return process.returncode


def too_much(pid: int, wanted: dict[str, Any], folder: Path) -> str:
    """What of its limits the program and its children exceed, "" for nothing."""
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children(recursive=True)
        if len(children) > wanted["processes"]:
            return "ProcessLimit"
        if sum(map(_own_bytes, children)) > wanted["memory"]:
            return "MemoryLimit"
    with contextlib.suppress(OSError):
        sizes = [os.lstat(entry).st_size for entry in os.scandir(folder)]
        if len(sizes) > FOLDER_FILES or sum(sizes) > FOLDER_BYTES:
            return "DiskLimit"
    return ""


def _own_bytes(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - memory.shared)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
