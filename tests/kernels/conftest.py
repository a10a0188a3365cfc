"""Runs every kernel test on each backend; tests/conftest.py fails a run that left one out."""

from __future__ import annotations

import pytest

from bnn_lab import kernels


@pytest.fixture(params=kernels.available_backends())
def backend(request: pytest.FixtureRequest, backends_run: set[str]) -> str:
    backends_run.add(request.param)
    return request.param
