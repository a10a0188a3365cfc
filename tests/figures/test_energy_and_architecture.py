"""Figures of lesson 5: energy by a cited table, and accuracy with and without shortcuts."""

from __future__ import annotations

import pandas as pd
import pytest

from bnn_lab.bench.energy import BITS_OUT, CACHE_BYTE, FLOAT, FLOATS_OUT, INT8, conv_energy
from bnn_lab.bench.kernels import PAPER_CONVS, ConvCase
from bnn_lab.experiments.latency.ways import DIRECT, IM2COL, INDIRECT, bytes_of
from bnn_lab.figures import draw_bytes, draw_energy, draw_inner_loops, draw_shortcuts_and_ends
from bnn_lab.figures.still import still


def test_energy_of_a_convolution_by_hand() -> None:
    case = ConvCase(4, 32, 32, kernel=1)  # 16 pixels: 16,384 MACs
    work, data = conv_energy(case, FLOAT, 1.0)
    assert work == pytest.approx(16384 * 4.6 / 1e6)
    assert data == pytest.approx((16 * 32 + 32 * 32 + 16 * 32) * 4 / 1e6)
    assert conv_energy(case, INT8, 1.0)[0] == pytest.approx(16384 * 0.3 / 1e6)
    work, data = conv_energy(case, BITS_OUT, 1.0)
    assert work == pytest.approx(16384 / 32 * 0.3 / 1e6)
    assert data == pytest.approx((16 + 32 + 16) * 4 / 1e6)
    assert conv_energy(case, FLOATS_OUT)[1] > data * 160
    assert conv_energy(case, FLOAT, CACHE_BYTE)[1] == pytest.approx(1.25 * 2048 * 4 / 1e6)


def test_bytes_of_each_way_by_hand() -> None:
    case = ConvCase(4, 40, 8)  # two words a pixel
    image, filters, output = 16 * 8, 8 * 9 * 8, 16 * 8 * 4
    assert bytes_of(case, IM2COL) == {
        "image": image, "copy": 2 * 16 * 9 * 8, "addresses": 0, "filters": filters,
        "output": output,
    }  # fmt: skip
    assert bytes_of(case, INDIRECT)["addresses"] == 16 * 9 * 8
    assert bytes_of(case, DIRECT)["copy"] == 2 * 36 * 8


def test_the_figures_and_their_words() -> None:
    energy = draw_energy(PAPER_CONVS[0])
    assert "3×3 convolution of 56×56 pixels and 64 channels in float32" in energy.words
    assert "takes 491 times the energy of bits for its arithmetic" in energy.words
    moved = draw_bytes(PAPER_CONVS[0])
    assert "im2col 1,284 kB, indirect 1,058 kB, direct 886 kB" in moved.words
    loops = draw_inner_loops()
    assert "67% to 100%" in loops.words
    frame = pd.DataFrame({"variant": ["a", "a", "b"], "accuracy": [0.9, 1.0, 0.5]})
    accuracy = draw_shortcuts_and_ends(frame)
    assert accuracy.words.endswith("A: 95.0 %, b: 50.0 %.")
    for drawing in (energy, moved, loops, accuracy):
        assert still(drawing.figure).startswith("<svg")
