"""What each experiment costs: stored for those that there are, measured from their own command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bnn_lab.cli.main import main
from bnn_lab.errors import BnnLabError
from bnn_lab.experiments.training import seconds
from bnn_lab.experiments.training.catalogue import EXPERIMENTS


def test_the_stored_seconds_are_of_experiments_and_listed(capsys) -> None:
    found = seconds.recorded_seconds()
    assert found and set(found) <= set(EXPERIMENTS) and min(found.values()) >= 1
    with pytest.raises(SystemExit):
        main(["experiment"])
    printed = capsys.readouterr().out
    assert "CPU s" in printed and f"{found['figure2']:g}" in printed


def test_child_processes_are_counted_and_stored(tmp_path, monkeypatch) -> None:
    work = "x = 0\nwhile __import__('time').process_time() < 0.3: x += 1"
    with seconds._children() as spent:
        subprocess.run([sys.executable, "-c", work], check=True)
    assert 0.25 < spent[0] < 5
    monkeypatch.setattr(seconds, "RECORDED", tmp_path / "seconds.csv")
    monkeypatch.setattr(seconds, "measure_seconds", lambda name: len(name) + 0.4)
    seconds.recorded_seconds.cache_clear()
    seconds.main(["noise"])
    seconds.main(["ends", "figure2"])
    lines = (tmp_path / "seconds.csv").read_text().splitlines()
    assert lines == ["experiment,cpu_seconds", "figure2,7", "ends,4", "noise,5"]
    seconds.recorded_seconds.cache_clear()


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(BnnLabError, match="experiment nothing failed"):
        seconds.measure_seconds("nothing")
