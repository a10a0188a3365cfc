"""Which backend runs if none is named: a stored measurement of this very CPU, or the default.

Two backends of this machine stand for popcounts and tiles, and this CPU gets an invented name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bnn_lab
from bnn_lab import _native, kernels
from bnn_lab.errors import BackendError
from bnn_lab.kernels import choice

AVAILABLE = kernels.available_backends()
CPU = {"vendor": "GenuineFake", "name": "Fake 9000", "family": 6, "model": 143, "stepping": 8}
pytestmark = pytest.mark.skipif(len(AVAILABLE) < 2, reason="one backend is no choice")
DEFAULT, RIVAL = AVAILABLE[-1], AVAILABLE[-2] if len(AVAILABLE) > 1 else ""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the choice would be stored, on a CPU that leaves one."""
    monkeypatch.delenv("BNN_LAB_BACKEND", raising=False)
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(choice, "BY_MEASUREMENT", frozenset({RIVAL}))
    monkeypatch.setattr(_native, "cpu_identity", lambda: tuple(CPU.values()))
    choice.forget()
    yield choice.choice_path()
    monkeypatch.undo()
    choice.forget()


def stored(gain: float = 1.5, **other: Any) -> dict[str, Any]:
    duel = {
        "cpu": CPU,
        "bnn_lab": bnn_lab.__version__,
        "time": "2026-01-02T03:04:05+00:00",
        "default": DEFAULT,
        "rival": RIVAL,
        "lower_quartile": gain,
        "median": gain + 0.1,
        "upper_quartile": gain + 0.2,
        "rounds": 40,
        "chosen": RIVAL if gain >= 1.1 else DEFAULT,
        **other,
    }
    return {"schema": "bnn_lab.backend/1", "duels": [duel]}


def write(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content))
    choice.forget()


def test_what_was_measured_on_this_cpu_runs(file: Path) -> None:
    write(file, stored())
    assert kernels.active_backend() == RIVAL
    found = kernels.backend_choice()
    assert (found.name, found.source, found.fix) == (RIVAL, "measured", "")
    assert "measured 2026-01-02" in found.reason and "1.50 times" in found.reason
    filters = np.zeros((8, 1, 1, 1), np.int32)
    assert kernels.BConv2D(filters, channels_in=32).backend == RIVAL


def test_backend_arguments_and_the_variable_win(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, stored())
    filters = np.zeros((8, 1, 1, 1), np.int32)
    assert kernels.BConv2D(filters, channels_in=32, backend=DEFAULT).backend == DEFAULT
    assert kernels.resolve_backend(DEFAULT) == DEFAULT
    monkeypatch.setenv("BNN_LAB_BACKEND", DEFAULT)
    assert kernels.active_backend() == DEFAULT
    found = kernels.backend_choice()
    assert found.source == "environment" and f"to use {RIVAL}: measured" in found.fix
    monkeypatch.setenv("BNN_LAB_BACKEND", "turbo")
    for call in (kernels.active_backend, kernels.backend_choice):
        with pytest.raises(BackendError, match=r"variable BNN_LAB_BACKEND.*turbo"):
            call()


@pytest.mark.parametrize("gain", [0.7, 1.0999, 1.1, 1.7])
def test_only_a_clear_gain_counts(file: Path, gain: float) -> None:
    write(file, stored(gain))
    assert kernels.active_backend() == (RIVAL if gain >= 1.1 else DEFAULT)
    assert kernels.backend_choice().source == "measured"


def test_without_a_measurement_the_default_runs_and_nothing_is_said(file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels.active_backend() == DEFAULT
    found = kernels.backend_choice()
    assert "was not measured" in found.reason and found.fix == choice.FIX and not found.problem


def check_ignored(problem: str) -> None:
    """The default runs, and one warning says why."""
    with pytest.warns(RuntimeWarning, match=problem) as caught:
        assert kernels.active_backend() == DEFAULT
    assert len(caught) == 1 and "Fix: bnn-lab calibrate" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        assert kernels.active_backend() == DEFAULT
    found = kernels.backend_choice()
    assert found.problem and (found.name, found.source) == (DEFAULT, "default")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"cpu": CPU | {"vendor": "OtherFake"}}, "not of this CPU"),
        ({"cpu": CPU | {"name": "Fake 8000"}}, "measurements of Fake 8000.*not of.*Fake 9000"),
        ({"cpu": CPU | {"family": 7}}, "not of this CPU"),
        ({"cpu": CPU | {"model": 207}}, "not of this CPU"),
        ({"cpu": CPU | {"stepping": 4}}, "stepping 4.*not of.*stepping 8"),
        ({"bnn_lab": "0.0.1"}, "measured with bnn_lab 0.0.1"),
        ({"default": "sse", "chosen": RIVAL}, "here it is"),
        ({"rival": "tiles", "chosen": "tiles"}, "compares tiles with"),
    ],
)
def test_a_measurement_of_something_else_is_ignored(
    file: Path, change: dict[str, Any], problem: str
) -> None:
    write(file, stored(**change))
    check_ignored(problem)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe\x00",
        b'{"schema": "bnn_lab.backend/2", "duels": []}',
        json.dumps(stored(gain=-1, chosen=DEFAULT)).encode(),
        json.dumps(stored(chosen=DEFAULT)).encode(),  # contradicts its own figures
        json.dumps(stored(median=float("nan"))).encode(),
        json.dumps(stored(surplus=1)).encode(),
        json.dumps(stored(cpu=CPU | {"family": "six"})).encode(),
        json.dumps(stored())[:-9].encode(),
        b"[" * 100_000,
        b" " * 2_000_000,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_broken_file_is_ignored(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    check_ignored("is not what bnn-lab calibrate writes")


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to itself"])
def test_what_is_no_file_is_ignored(file: Path, kind: str) -> None:
    """A pipe is not waited for."""
    {"folder": file.mkdir, "pipe": lambda: os.mkfifo(file), "link to itself": lambda: loop(file)}[
        kind
    ]()
    check_ignored("cannot be read")


def loop(file: Path) -> None:
    file.symlink_to(file)


def test_without_a_home_the_default_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(choice, "cache_dir", homeless)
    check_ignored("Could not determine home directory")


def test_the_file_is_looked_at_once_and_only_if_it_matters(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    read: Callable[[Path], bytes | None] = choice.read_file
    monkeypatch.setattr(choice, "read_file", lambda path: (looks.append(path), read(path))[1])
    write(file, stored())
    for _ in range(3):
        kernels.resolve_backend(DEFAULT)
        kernels.bitpack(np.ones((1, 32), np.float32))
        kernels.active_backend()
    assert looks == [file]

    choice.forget()
    monkeypatch.setenv("BNN_LAB_BACKEND", DEFAULT)
    assert kernels.active_backend() == DEFAULT and looks == [file]
    monkeypatch.delenv("BNN_LAB_BACKEND")
    for nothing in ({"BY_MEASUREMENT": frozenset()}, {"BY_MEASUREMENT": frozenset({"tiles"})}):
        monkeypatch.setattr(choice, *next(iter(nothing.items())))
        choice.forget()
        assert kernels.active_backend() == DEFAULT and looks == [file]
        assert kernels.backend_choice().reason == "the default of this CPU"


def test_a_cpu_that_does_not_tell_its_name_has_no_choice(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, stored())
    monkeypatch.setattr(_native, "cpu_identity", lambda: ("", "", 0, 0, 0))
    choice.forget()
    assert choice.contestants() is None and kernels.active_backend() == DEFAULT


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="compares with /proc/cpuinfo")
def test_the_identity_is_that_of_the_system() -> None:
    info: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        info[key.strip()] = value.strip()
    found = _native.cpu_identity()
    if "cpu family" not in info:
        assert found == ("", "", 0, 0, 0)  # not an x86 CPU
        return
    numbers = (int(info["cpu family"]), int(info["model"]), int(info["stepping"]))
    assert found == (info["vendor_id"], info["model name"], *numbers)


# --- processes -----------------------------------------------------------------------------------

STAND_INS = f"""
from bnn_lab import _native, kernels
from bnn_lab.kernels import choice
choice.BY_MEASUREMENT = frozenset({{{RIVAL!r}}})
_native.cpu_identity = lambda: {tuple(CPU.values())!r}
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", STAND_INS + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_another_process_and_its_children_follow(file: Path) -> None:
    """A child of a fork has its parent's choice, whatever the file says by then."""
    write(file, stored())
    code = """
import os, sys
print(kernels.active_backend(), flush=True)
choice.choice_path().unlink()
if not os.fork():
    print(kernels.active_backend(), kernels.bitpack.__name__, flush=True)
    os._exit(0)
os.wait()
choice.forget()
print(kernels.active_backend())
"""
    done = run(code)
    assert done.stdout.split() == [RIVAL, RIVAL, "bitpack", DEFAULT], done.stderr
    assert not done.stderr


def test_another_process_warns_and_goes_on(file: Path) -> None:
    write(file, stored(cpu=CPU | {"stepping": 4}))
    done = run("print(kernels.active_backend()); print(kernels.active_backend())")
    assert done.stdout.split() == [DEFAULT, DEFAULT]
    assert done.stderr.count("RuntimeWarning") == 1 and "not of this CPU" in done.stderr
    quiet = run("print(kernels.active_backend())", BNN_LAB_BACKEND=RIVAL)
    assert (quiet.stdout.strip(), quiet.stderr) == (RIVAL, "")
