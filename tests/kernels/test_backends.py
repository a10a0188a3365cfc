"""Choice of the backend."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bnn_lab import kernels

KNOWN = ["scalar", "avx2", "avx512vpopcntdq", "neon"]


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


PRINT_ACTIVE = "from bnn_lab import kernels; print(kernels.active_backend())"


def test_default_is_the_fastest(monkeypatch):
    monkeypatch.delenv("BNN_LAB_BACKEND", raising=False)
    assert kernels.active_backend() == kernels.available_backends()[-1]


def test_scalar_is_always_there():
    assert kernels.available_backends()[0] == "scalar"


@pytest.mark.parametrize("name", kernels.available_backends())
def test_environment_variable_forces(name):
    assert run(PRINT_ACTIVE, BNN_LAB_BACKEND=name).stdout.strip() == name


@pytest.mark.parametrize("name", [n for n in KNOWN if n not in kernels.available_backends()])
def test_unsupported_backend_is_refused(name):
    result = run(PRINT_ACTIVE, BNN_LAB_BACKEND=name)
    assert result.returncode != 0
    assert "BackendError: environment variable BNN_LAB_BACKEND" in result.stderr
    assert name in result.stderr and "available here: scalar" in result.stderr


def test_unknown_backend_is_refused():
    result = run(PRINT_ACTIVE, BNN_LAB_BACKEND="turbo")
    assert "BackendError" in result.stderr
    assert "unknown kernel backend 'turbo'" in result.stderr
