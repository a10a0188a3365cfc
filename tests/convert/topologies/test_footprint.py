"""Memory of the converter's own stages, in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bnn_lab.convert import stock_tflite
from bnn_lab.convert.footprint import measure
from bnn_lab.errors import InputError


@pytest.mark.slow
def test_peak_memory_of_quicknet_large(networks, tmp_path):
    # The image's size changes no weight; a small one converts faster.
    model = networks.quick_net((6, 8, 12, 6), width=64, image=64, classes=1000)
    file = tmp_path / "stock.tflite"
    file.write_bytes(stock_tflite(model))
    command = [sys.executable, "-m", "bnn_lab.convert.footprint", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["file_bytes"] == file.stat().st_size > 90e6
    assert found["result_bytes"] < found["file_bytes"] / 10
    # Its bytes are read once: less would mean that nothing was measured.
    assert found["file_bytes"] < found["peak_bytes"] < 4 * found["file_bytes"]


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        measure(tmp_path / "missing.tflite")
