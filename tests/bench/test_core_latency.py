from __future__ import annotations

import os

import pytest

from bnn_lab import _native


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="CPUs cannot be chosen here")
def test_core_latency_leaves_the_thread_where_it_may_run() -> None:
    before = os.sched_getaffinity(0)
    latency = _native.core_latency_ns()
    assert os.sched_getaffinity(0) == before
    if len(before) < 2:
        assert latency == 0
    else:
        assert 1 < latency < 1e6  # nanoseconds: no figure of this machine


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="CPUs cannot be chosen here")
def test_core_latency_of_a_single_cpu_is_unknown() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert _native.core_latency_ns() == 0
    finally:
        os.sched_setaffinity(0, before)
