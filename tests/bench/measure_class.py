"""How long 30 reports take to read and to draw: `python tests/bench/measure_class.py`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bnn_lab.bench.collect import collect, rename
from bnn_lab.bench.report import EXAMPLE, read_report, write_report
from bnn_lab.widgets.latency_explorer import LatencyExplorer

if __name__ == "__main__":
    example = read_report(EXAMPLE)
    LatencyExplorer(name="")  # what is loaded once
    with tempfile.TemporaryDirectory() as folder:
        for number in range(30):
            write_report(rename(example, f"student {number}"), Path(folder) / f"{number}.json")
        for what, call in (
            ("reading 30 reports", lambda: collect([folder])),
            ("reading and drawing them", lambda: LatencyExplorer(folder, name="")),
        ):
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{what}: {wall:.2f} s, {cpu:.2f} s of CPU time")
