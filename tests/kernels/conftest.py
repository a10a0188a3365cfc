"""Runs every kernel test on each backend, and fails the session if a supported one was left out."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from bnn_lab import kernels

_COVERED: set[str] = set()


def cpu_backends() -> set[str]:
    """Backends that this CPU must have, found independently of the code under test."""
    expected = {"scalar"}
    if platform.machine() == "aarch64":
        return expected | {"neon"}
    flags = set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":")[1].split())
            break
    if "avx2" in flags:
        expected.add("avx2")
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vpopcntdq"} <= flags:
        expected.add("avx512vpopcntdq")
    return expected


@pytest.fixture(params=kernels.available_backends())
def backend(request: pytest.FixtureRequest) -> str:
    _COVERED.add(request.param)
    return request.param


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    missing = cpu_backends() - _COVERED
    if _COVERED and missing and exitstatus == 0:
        print(f"\nkernel backends that this CPU supports but no test ran: {sorted(missing)}")
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter) -> None:
    if _COVERED:
        terminalreporter.write_line(f"kernel backends covered: {', '.join(sorted(_COVERED))}")
