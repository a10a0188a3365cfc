"""Where threads wait: times that the delegate adds up, and what is made of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from bnn_lab.cli.main import app
from bnn_lab.errors import InputError
from bnn_lab.profiling.node_clock import NodeClock, set_inputs
from bnn_lab.profiling.partitions import made_up
from bnn_lab.profiling.thread_trace import ThreadTrace, TraceRow, trace_threads
from bnn_lab.tflite.op_files import residual_chain_file

CHAIN = residual_chain_file([(14, 64), (7, 128)], 2)


def row(**times: float) -> TraceRow:
    return TraceRow("n", "LceBconv2d", (1, 7, 7, 8), True, threads=2, **times)


def test_what_is_lost_has_parts() -> None:
    found = row(one_ms=1.0, ms=0.75, alone_ms=0.125, late_ms=0.25, idle_ms=0.0625)
    assert found.lost_ms == 0.5 and found.slower_ms == 0.0625
    assert found.speedup == pytest.approx(4 / 3) and found.keeps == "late threads"
    alone = row(one_ms=1.0, ms=1.0, alone_ms=1.0, late_ms=0.0, idle_ms=0.0)
    assert alone.keeps == "one thread alone" and alone.slower_ms == 0
    both = ThreadTrace((found, alone), 2, "scalar").sums([found, alone])
    assert (both.one_ms, both.ms, both.alone_ms) == (2.0, 1.75, 1.125)
    json.dumps(ThreadTrace((found,), 2, "scalar").as_dict())


@pytest.mark.parametrize("threads", [1, 2])
def test_the_delegate_clocks_its_passes(threads: int) -> None:
    clock = NodeClock(CHAIN, num_threads=threads, trace=True)
    details = clock.litert.get_input_details()
    set_inputs(clock.litert, [made_up(tuple(d["shape"]), np.dtype(d["dtype"])) for d in details])
    for _ in range(3):
        clock.run()
    groups = [group for node in clock.nodes for group in node.groups]
    passes = np.array(clock.passes)
    assert passes.shape == (3, len(groups), 4) and (passes >= 0).all()
    total, pool, late, idle = np.moveaxis(passes, 2, 0)
    assert (total > 0).all() and (pool <= total).all()
    assert (late + idle <= threads * pool + 1e-9).all()
    assert pool.any() == (threads > 1)
    # What the passes take is within what their nodes take.
    assert total.sum() <= np.sum(clock.totals)


def test_without_trace_nothing_is_noted() -> None:
    clock = NodeClock(CHAIN)
    details = clock.litert.get_input_details()
    set_inputs(clock.litert, [made_up(tuple(d["shape"]), np.dtype(d["dtype"])) for d in details])
    clock.run()
    assert clock.passes == []


def test_trace_of_a_file(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    found = trace_threads(CHAIN, rounds=2)
    ours = [r for r in found.rows if r.ours]
    assert ours and all(r.ms > 0 and r.one_ms > 0 for r in found.rows)
    for r in ours:
        parts = r.alone_ms + r.late_ms + r.idle_ms + r.slower_ms
        assert parts == pytest.approx(2 * r.ms - r.one_ms)
    path, out = tmp_path / "chain.tflite", tmp_path / "t.json"
    path.write_bytes(CHAIN)
    words = ["profile", str(path), "--trace", "--rounds", "1", "--json", str(out)]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code != 0 and "--threads 2" in str(refused.exception or refused.output)
    result = CliRunner().invoke(app, [*words, "--threads", "2"])
    assert result.exit_code == 0, (result.output, result.exception)
    assert "1 and 2 threads" in result.output and "bnn_lab's" in result.output
    stored = json.loads(out.read_text())
    assert stored["schema"] == "bnn_lab.trace/1" and len(stored["rows"]) == len(found.rows)


@pytest.mark.parametrize("threads", [1, True, 2.0])
def test_one_thread_waits_for_nobody(threads) -> None:
    with pytest.raises(InputError, match="2 or more"):
        trace_threads(CHAIN, num_threads=threads)


@pytest.mark.parametrize("width", [80, 140])
def test_tables_fit(width: int) -> None:
    found = row(one_ms=1.0, ms=0.75, alone_ms=0.125, late_ms=0.25, idle_ms=0.0625)
    console = Console(width=width)
    with console.capture() as capture:
        console.print(ThreadTrace((found,), 2, "scalar"))
    lines = capture.get().splitlines()
    (shown,) = [line for line in lines if "LceBconv2d" in line]
    assert "late threads" in shown and max(map(len, lines)) <= width
    assert ("1x7x7x8" in shown) == (width > 100)
