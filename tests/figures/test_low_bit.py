"""Figures of ternary weights in training, and of the memory's bound on writing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bnn_lab import figures
from bnn_lab.experiments.training import ExperimentResult, LowBitText, recorded_low_bit_text
from bnn_lab.training.ternary_flips import LayerMoves


def test_the_stored_runs_are_those_of_the_settings() -> None:
    frame, settings = recorded_low_bit_text(), LowBitText()
    assert set(frame.form) == set(settings.forms)
    assert set(frame.step) == set(range(settings.every, settings.steps + 1, settings.every))
    assert settings.width in set(frame.width)
    assert frame.test_loss.between(0.3, 3.5).all()


def test_loss_against_bytes_has_the_end_of_each_run() -> None:
    frame = recorded_low_bit_text()
    drawing = figures.draw_loss_against_bytes(frame)
    for trace in drawing.figure.data:
        rows = frame[(frame.form == trace.name) & (frame.step == frame.step.max())]
        assert list(trace.x) == rows.weight_bytes.tolist()
        assert list(trace.y) == pytest.approx(rows.test_loss.tolist())
    assert len(drawing.figure.data) == 3


def test_curves_have_a_line_for_each_form() -> None:
    frame = recorded_low_bit_text()
    one = frame[frame.width == 32]
    drawing = figures.draw(ExperimentResult(LowBitText(), one))
    assert {trace.name for trace in drawing.figure.data} == set(one.form)
    assert "At the end: " in drawing.words


def test_moves_are_averaged_and_told() -> None:
    moves = np.zeros((40, 3), np.int64)
    moves[:20, 0], moves[20:, 1] = 3, 1
    totals = LayerMoves(100, moves, np.full(40, 25), 60, np.full(100, 0.25, np.float32))
    drawing = figures.draw_ternary_moves(totals, every=10)
    into, out, across = drawing.figure.data[:3]
    assert list(into.y) == pytest.approx([3, 3, 0, 0]) and list(out.y) == pytest.approx(
        [0, 0, 1, 1]
    )
    assert not any(across.y)
    assert "75% go into the dead zone" in drawing.words and "60% have never moved" in drawing.words


def test_the_roofline_puts_work_a_byte_on_its_axis() -> None:
    rows = [
        {"samples": samples, "name": name, "gb_per_s": gb, "gmacs_per_s": gmacs}
        for samples, name, gb, gmacs in (
            (1, "reading", 30.0, 0.0),
            (1, "ternary x", 25.0, 100.0),
            (32, "ternary x", 2.0, 256.0),
        )
    ]
    drawing = figures.draw_token_roofline(pd.DataFrame(rows))
    roof, one, many, _line = drawing.figure.data
    assert (one.x[0], one.y[0]) == (4.0, 100.0)
    assert (many.x[0], many.y[0]) == (128.0, 256.0)
    assert roof.y[0] / roof.x[0] == pytest.approx(30.0)
    assert "30.0 GB/s" in drawing.words
