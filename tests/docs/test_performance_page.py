from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bnn_lab.bench.tables import int8_unit

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_tables_are_those_of_the_reports() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "make_performance.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["avx512_vnni", "amx_int8"], "AMX tiles here"),
        (["avx_vnni"], "VNNI here, no AMX"),
        (["avx2"], "no instructions of its own"),
        (["asimddp", "i8mm"], "I8MM"),
        (["asimddp"], "SDOT"),
    ],
)
def test_the_unit_of_the_int8_peer_is_named(flags: list[str], words: str) -> None:
    assert words in int8_unit(flags)
