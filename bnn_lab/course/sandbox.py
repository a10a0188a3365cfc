"""Student code in a sandbox: bubblewrap around the kernel, and around nothing else.

nbgrader runs as the teacher, with the gradebook; the Python process that executes a student's cells
runs in namespaces of its own. It has no network, sees the system and bnn_lab read-only, and may
write to a scratch copy of the student's files alone, which lies in memory: not to the course, not
to the home folder. The two talk through sockets in a folder that they share (Jupyter's "ipc"
transport). `jail.py` stands between them with limits of memory, processes and files.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

import bnn_lab
from bnn_lab.course.jail import FILTER
from bnn_lab.course.seccomp import call_filter
from bnn_lab.errors import BnnLabError, InputError

KERNEL, CHECK_KERNEL = "bnn-lab-sandbox", "bnn-lab-checks"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt/conda")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "fonts")
_SCRATCH, _INPUT = "/scratch", "/input"
_NO_SANDBOX = (
    "or grade with --no-sandbox, in a container or virtual machine that has nothing to lose"
)


@dataclass(frozen=True)
class Sandbox:
    """What nbgrader needs to run a kernel in the sandbox.

    Attributes:
        arguments: arguments of the nbgrader command.
        environment: variables for it.
    """

    arguments: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True)
class Quota:
    """What student code may use, all its processes together.

    Attributes:
        memory: MiB.
        processes: how many, the kernel included.
        disk: MiB of files in each of the scratch folder, /tmp and /dev/shm. They lie in memory.
    """

    memory: int = 4096
    processes: int = 32
    disk: int = 256

    def __post_init__(self) -> None:
        if min(self.memory, self.processes, self.disk) < 1:
            raise InputError(f"limits must be at least 1, not {self}")


def require_bubblewrap() -> str:
    """Path of bwrap, once it has shown that it can make a sandbox here.

    Raises:
        BnnLabError: it is not installed, or the kernel forbids namespaces.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise BnnLabError(f"bwrap is not installed. Fix: apt-get install bubblewrap, {_NO_SANDBOX}")
    command = [*_command(program, Quota(), []), "--", sys.executable, "-I", "-c", "pass"]
    with TemporaryFile() as filtered:
        filtered.write(call_filter())
        filtered.seek(0)
        if call_filter():
            command[1:1] = ["--seccomp", str(filtered.fileno())]
        tried = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={},
            pass_fds=[filtered.fileno()],
        )
    if tried.returncode:
        raise BnnLabError(
            f"bubblewrap cannot make a sandbox here: {tried.stderr.strip() or tried.returncode}. "
            "Fix: allow user namespaces (on Debian: sysctl kernel.unprivileged_userns_clone=1; on "
            f"Ubuntu 24.04: an AppArmor profile for bwrap), {_NO_SANDBOX}"
        )
    return program


@contextmanager
def sandbox(files: list[Path], quota: Quota, check_files: list[Path]) -> Iterator[Sandbox]:
    """Sandboxes for one submission: for the student's code, and for the checks.

    The checks see the sockets of the student's kernel; that one sees nothing of theirs.

    Args:
        files: copied into the scratch folder, where the student's code runs.
        quota: what it may use; and again what the checks may.
        check_files: copied to where the checks run.

    Yields:
        Arguments and variables for nbgrader.

    Raises:
        BnnLabError: see `require_bubblewrap`.
    """
    program = require_bubblewrap()
    # A short path: names of sockets end at 108 characters.
    with TemporaryDirectory(prefix="bnn-", dir="/tmp") as name:
        root = Path(name)
        runtime, checks = root / "run", root / "check"
        data = root / "data"
        for folder in (runtime, checks):
            folder.mkdir()
        log = _kernel(data, KERNEL, program, quota, files, runtime, [])
        _kernel(data, CHECK_KERNEL, program, quota, check_files, checks, [runtime])
        paths = [str(data), os.environ.get("JUPYTER_PATH", "")]
        yield Sandbox(
            arguments=(
                f"--LimitedExecute.kernel_name={KERNEL}",
                f"--LimitedExecute.check_kernel_name={CHECK_KERNEL}",
                f"--LimitedExecute.check_connection={checks / 'kernel.json'}",
                f"--LimitedExecute.jail_log={log}",
                "--KernelManager.transport=ipc",
                # Both sides must find the file; the sockets lie beside it.
                f"--KernelManager.connection_file={runtime / 'kernel.json'}",
            ),
            environment={
                "JUPYTER_PATH": os.pathsep.join(path for path in paths if path),
                "JUPYTER_RUNTIME_DIR": str(runtime),
            },
        )


def _kernel(
    data: Path,
    name: str,
    program: str,
    quota: Quota,
    files: list[Path],
    runtime: Path,
    seen: list[Path],
) -> Path:
    """Write a kernel's specification to a folder of Jupyter's data; gives the jail's log."""
    specification = data / "kernels" / name
    given, log = data / name, data / f"{name}.log"
    for folder in (specification, given):
        folder.mkdir(parents=True)
    for file in files:
        copy = shutil.copytree if file.is_dir() else shutil.copy
        copy(file, given / file.name)
    binds = ["--ro-bind", str(given), _INPUT, "--bind", str(runtime), str(runtime)]
    binds += [word for folder in seen for word in ("--ro-bind", str(folder), str(folder))]
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    shell = ["/bin/sh", "-c", f'cp -R {_INPUT}/. {_SCRATCH} && exec "$@"', "start"]
    filter_file = data / "calls.bpf"
    filter_file.write_bytes(call_filter())
    filtered = filter_file.stat().st_size > 0
    limits = {
        "filter": str(filter_file) if filtered else "",
        "memory": quota.memory << 20,
        "processes": quota.processes + 3,  # two of bwrap, and the shell until it is Python
        "file": quota.disk << 20,
    }
    command = _command(program, quota, binds)
    if filtered:
        command[1:1] = ["--seccomp", str(FILTER)]
    jail = [sys.executable, "-I", str(Path(__file__).with_name("jail.py")), json.dumps(limits)]
    jail += [str(log), str(runtime), "--"]
    description = {
        "argv": [*jail, *command, "--", *shell, *start],
        "display_name": "Python 3 in a sandbox",
        "language": "python",
        # A signal would reach bwrap; a message reaches Python.
        "interrupt_mode": "message",
    }
    (specification / "kernel.json").write_text(json.dumps(description))
    return log


def _command(program: str, quota: Quota, more: list[str]) -> list[str]:
    command = [program, "--unshare-all", "--die-with-parent", "--clearenv"]
    command += ["--cap-drop", "ALL"]
    for path in _SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            command += ["--ro-bind", path, path]
    for entry in _ETC:
        command += ["--ro-bind-try", f"/etc/{entry}", f"/etc/{entry}"]
    # The kernel's settings ask for the user's number alone, and root's is enough to write them.
    command += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]
    for path in ("/dev/shm", "/tmp", _SCRATCH):
        command += ["--size", str(quota.disk << 20), "--tmpfs", path]
    for path in _python_folders():
        command += ["--ro-bind", path, path]
    hidden = Path(__file__).parent / "source"  # solutions that came with the wheel
    if hidden.is_dir():
        command += ["--tmpfs", str(hidden), "--remount-ro", str(hidden)]
    settings = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "IPYTHONDIR": "/tmp/ipython",
    }
    if backend := os.environ.get("BNN_LAB_BACKEND"):
        settings["BNN_LAB_BACKEND"] = backend
    for name, value in settings.items():
        command += ["--setenv", name, value]
    # Both are file systems in memory, without a limit of their own.
    return [*command, *more, "--chdir", _SCRATCH, "--remount-ro", "/dev", "--remount-ro", "/"]


def _python_folders() -> list[str]:
    """Folders that Python and bnn_lab are loaded from, none inside another, none of the system."""
    wanted = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *bnn_lab.__path__]
    paths = sorted({os.path.realpath(path) for path in wanted} | {os.path.abspath(sys.prefix)})
    kept: list[str] = []
    for path in paths:
        inside = any(path == p or path.startswith(p + "/") for p in [*_SYSTEM, *kept])
        if os.path.isdir(path) and not inside:
            kept.append(path)
    return kept
