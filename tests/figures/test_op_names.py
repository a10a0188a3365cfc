from __future__ import annotations

import json

from bnn_lab.bench.report import EXAMPLE
from bnn_lab.figures.op_names import plain


def test_names() -> None:
    assert plain("CONV_2D") == "convolution"
    assert plain("LceQuantize + LceBconv2d + ADD") == (
        "floats to bits + binary convolution + addition"
    )
    assert plain("SPACE_TO_DEPTH") == "space to depth"


def test_no_op_of_a_measured_network_keeps_a_technical_name() -> None:
    kinds = set()

    def collect(value) -> None:
        for inner in value.values() if isinstance(value, dict) else value:
            if isinstance(value, dict) and isinstance(value.get("kind"), str):
                kinds.add(value["kind"])
            if isinstance(inner, dict | list):
                collect(inner)

    collect(json.loads(EXAMPLE.read_text()))
    assert len(kinds) > 5
    for kind in kinds:
        assert "Lce" not in plain(kind) and "_" not in plain(kind), kind
