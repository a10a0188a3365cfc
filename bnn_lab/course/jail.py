"""Limits around a program: run as ``python -I jail.py LIMITS LOG FOLDER -- PROGRAM ...``.

Each process gets the kernel's own limits; of all together a look ten times a second sees memory,
number, and what they write to FOLDER, the one place of the host that they may write to, and to
SCRATCH, their own. What goes too far is killed, and LOG says why. Loads nothing of bnn_lab: it
stands between nbgrader and the sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

LOOK = 0.1  # seconds
FOLDER_BYTES, FOLDER_FILES = 1 << 20, 64
SCRATCH, SCRATCH_FILES = ("/scratch", "/tmp", "/dev/shm"), 20_000
# Where the program finds its filter of system calls (bwrap --seccomp).
FILTER = 99
# What belongs to a process alone, and what it has mapped that others may have too.
_MEMORY = re.compile(r"^(?:RssAnon|RssShmem):\s+(\d+) kB$", re.MULTILINE)
# The same, but memory that several have is divided among them.
_SHARES = re.compile(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB$", re.MULTILINE)


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
    if wanted.get("filter"):
        os.dup2(os.open(wanted["filter"], os.O_RDONLY), FILTER)
    # What it writes past Python would fill the memory of nbgrader's caller, or look like a log.
    null, passed = subprocess.DEVNULL, (FILTER,) if wanted.get("filter") else ()
    # The sandbox has this file's process as its parent, and ends with it; this one ends with
    # nbgrader, which may be killed at its own limit of time.
    parent = os.getppid()
    with subprocess.Popen(
        program, env={}, stdin=null, stdout=null, stderr=null, pass_fds=passed
    ) as process:
        while process.poll() is None:
            if os.getppid() != parent:
                process.kill()
                return 1
            if reason := too_much(process.pid, wanted, Path(folder)):
                Path(log).write_text(reason)
                process.kill()
                process.wait()
                return 1
            time.sleep(LOOK)
    return process.returncode


def too_much(pid: int, wanted: dict[str, Any], folder: Path) -> str:
    """What of its limits the program and its children exceed, "" for nothing."""
    children = []
    with contextlib.suppress(psutil.Error):
        children = [child.pid for child in psutil.Process(pid).children(recursive=True)]
    if len(children) > wanted["processes"]:
        return "ProcessLimit"
    # What forked processes share counts once; to find that out takes the system longer.
    if sum(map(_memory, children)) > wanted["memory"] and (
        sum(map(_own_memory, children)) > wanted["memory"]
    ):
        return "MemoryLimit"
    with contextlib.suppress(OSError):
        sizes = [os.lstat(entry).st_size for entry in os.scandir(folder)]
        if len(sizes) > FOLDER_FILES or sum(sizes) > FOLDER_BYTES:
            return "DiskLimit"
    most = max((_files(child, wanted["file"]) for child in children[-2:]), default=0)
    return "DiskLimit" if most > SCRATCH_FILES else ""


def _memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return sum(int(number) << 10 for number in _MEMORY.findall(status))


def _own_memory(pid: int) -> int:
    """Like `_memory`, but of memory that n processes share, each has an n-th."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return _memory(pid)
    own = _SHARES.findall(rollup)
    return sum(int(number) << 10 for number in own) if own else _memory(pid)


def _files(pid: int, size: int) -> int:
    """Files and folders in a scratch folder of a process, which take memory; 0 if unknown."""
    counts = [0]
    for path in SCRATCH:
        with contextlib.suppress(OSError):
            system = os.statvfs(f"/proc/{pid}/root{path}")
            # Of another size it is the host's: the sandbox is not made yet.
            if system.f_blocks * system.f_frsize == size:
                counts.append(system.f_files - system.f_ffree)
    return max(counts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
