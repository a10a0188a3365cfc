"""Which backend runs if none is named: the default, or what was measured to be faster on this CPU.

Tiles (amx) beat popcounts on a core of their own and lose to them beside a busy hyperthread, so no
flag of the CPU tells which to take. `bnn-lab calibrate` measures it (`measure/backend_duel.py`) and
stores the answer; it is looked up once in a process, and only on a CPU that has the choice.
"""

from __future__ import annotations

import os
import stat
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from bnn_lab import __version__, _native
from bnn_lab._files import cache_dir
from bnn_lab.kernels._checks import call
from bnn_lab.kernels.choice_file import Cpu, Duel, parse

VARIABLE = "BNN_LAB_BACKEND"
BY_MEASUREMENT = frozenset({"amx"})  # the default only where they were measured to be faster
FIX = "bnn-lab calibrate --backend-only"
_MOST_BYTES = 1_000_000  # of a file; one entry is some 500


@dataclass(frozen=True)
class BackendChoice:
    """Which backend runs if none is named, and why.

    Attributes:
        name: of the backend.
        source: "environment" if BNN_LAB_BACKEND names it, "measured" if a calibration of this CPU
            decided, "default" otherwise.
        reason: in words.
        fix: what to do if something is wrong with that, or "".
        problem: why a stored calibration was not taken, or "".
    """

    name: str
    source: Literal["environment", "measured", "default"]
    reason: str
    fix: str = ""
    problem: str = ""


def choice_path() -> Path:
    """Where `bnn-lab calibrate` stores what it measured."""
    return cache_dir() / "backend.json"


@lru_cache(maxsize=1)
def this_cpu() -> Cpu | None:
    """The CPU that this process runs on; None where no instruction tells."""
    identity = Cpu(*_native.cpu_identity())
    return identity if identity.vendor else None


@lru_cache(maxsize=1)
def contestants() -> tuple[str, str] | None:
    """The default backend of this CPU and the one that may be faster; None without a choice."""
    names = [name for name, *_, available in _native.all_backends() if available]
    rivals = [name for name in names[:-1] if name in BY_MEASUREMENT]
    return (names[-1], rivals[-1]) if rivals and this_cpu() else None


def backend_choice() -> BackendChoice:
    """Which backend runs if none is named, and why.

    Raises:
        BackendError: BNN_LAB_BACKEND names a backend that is unknown or that this CPU lacks.
    """
    active = call("backend", _native.select_backend, "")
    if not os.environ.get(VARIABLE):
        return _unforced(active)
    unforced = _unforced([name for name, *_, available in _native.all_backends() if available][-1])
    same = unforced.name == active
    fix = "" if same else f"unset {VARIABLE} to use {unforced.name}: {unforced.reason}"
    return BackendChoice(active, "environment", f"{VARIABLE} names it", fix)


def _unforced(default: str) -> BackendChoice:
    if contestants() is None:
        return BackendChoice(default, "default", "the default of this CPU")
    return _measured()


def unnamed_backend() -> str:
    """What the compiled module takes where no backend is named: "" for its own default.

    A calibration that cannot be taken is warned of, once in a process.
    """
    if contestants() is None or os.environ.get(VARIABLE):
        return ""
    return _chosen()


def forget() -> None:
    """Look again when next asked: the file was written, or the environment is another one."""
    for function in (this_cpu, contestants, _chosen, _measured):
        function.cache_clear()


@lru_cache(maxsize=1)
def _chosen() -> str:
    choice = _measured()
    if choice.problem:
        text = f"{choice.problem}; {choice.name}, the default, is used. Fix: {choice.fix}"
        warnings.warn(text, RuntimeWarning, stacklevel=4)
    return choice.name


@lru_cache(maxsize=1)
def _measured() -> BackendChoice:
    """The choice by what is stored."""
    cpu, pair = this_cpu(), contestants()
    assert cpu is not None and pair is not None
    default, rival = pair
    try:
        file = choice_path()
        content = read_file(file)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        what = error.strerror if isinstance(error, OSError) else error
        return _default(f"the stored choice of a backend cannot be read: {what}")
    if content is None:
        reason = f"the default of this CPU; whether {rival} is faster was not measured"
        return BackendChoice(default, "default", reason, FIX)

    found = parse(content, str(file))
    if isinstance(found, str):
        return _default(found)
    return _of(found, cpu, file)


def _of(duels: list[Duel], cpu: Cpu, file: Path) -> BackendChoice:
    pair = contestants()
    assert pair is not None
    mine = [duel for duel in duels if duel.cpu == cpu]
    if not mine:
        others = "; ".join(str(duel.cpu) for duel in duels) or "no CPU"
        return _default(f"{file} holds measurements of {others}, not of this CPU, {cpu}")
    duel = mine[-1]
    if duel.bnn_lab != __version__:
        return _default(f"{file} was measured with bnn_lab {duel.bnn_lab}, not {__version__}")
    if (duel.default, duel.rival) != pair:
        return _default(
            f"{file} compares {duel.rival} with {duel.default}; here it is {pair[1]} and {pair[0]}"
        )
    return BackendChoice(duel.chosen, "measured", duel.reason())


def _default(problem: str) -> BackendChoice:
    pair = contestants()
    assert pair is not None
    return BackendChoice(pair[0], "default", "the default of this CPU", FIX, problem)


def read_file(file: Path) -> bytes | None:
    """What the file holds; None if there is none. A pipe or a device is not waited for.

    Raises:
        OSError: it cannot be read, or is not a regular file.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, f"{file} is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            return opened.read(_MOST_BYTES)
    finally:
        os.close(descriptor)
