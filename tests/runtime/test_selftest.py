"""The self-test passes here, and refuses a LiteRT that computes something else."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import load_delegate, reference
from bnn_lab.errors import BnnLabError
from bnn_lab.runtime import selftest
from bnn_lab.tflite import op_files


@pytest.fixture(autouse=True)
def not_yet_passed(monkeypatch):
    monkeypatch.setattr(selftest, "_PASSED", False)


def test_passes_once_and_is_not_repeated(monkeypatch):
    calls = []
    real = selftest._check
    monkeypatch.setattr(selftest, "_check", lambda make: (calls.append(1), real(make)))
    load_delegate()
    load_delegate()
    assert calls == [1]


def test_wrong_results_are_refused(monkeypatch):
    real = reference.bconv2d
    monkeypatch.setattr(selftest.reference, "bconv2d", lambda *a, **k: real(*a, **k) + 1)
    with pytest.raises(BnnLabError, match=r"ai-edge-litert .* gives wrong results"):
        load_delegate()
    with pytest.raises(BnnLabError, match="wrong results"):  # a failure is not remembered as passed
        load_delegate()


def test_delegate_that_litert_refuses(monkeypatch):
    corrupt = b"\0\0\0\0TFL3" + np.zeros(64, np.uint8).tobytes()
    monkeypatch.setattr(op_files, "conv_file", lambda *a, **k: corrupt)
    with pytest.raises(BnnLabError, match="does not run the bnn_lab delegate"):
        load_delegate()
