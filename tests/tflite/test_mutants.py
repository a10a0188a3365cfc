"""Files that were damaged by their structure run the same on two backends, or are refused."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bnn_lab.tflite.options import builtin, encode
from bnn_lab.tflite.writer import GraphWriter

sys.path.insert(0, str(Path(__file__).parent))
import mutants  # a script beside this file

sys.path.pop(0)

RNG = np.random.default_rng(0)


def floats() -> bytes:
    """A depthwise convolution, a reshape and a softmax."""
    writer = GraphWriter()
    x = writer.input((1, 4, 4, 3), np.float32, "x")
    filters = RNG.normal(size=(1, 2, 2, 3)).astype(np.float32)
    operands = [x, writer.constant(filters, "filter"), writer.constant(filters[0, 0, 0], "bias")]
    made = writer.tensor((1, 3, 3, 3), np.float32, "conv")
    options = builtin("DepthwiseConv2DOptions", padding=1, strideW=1, strideH=1, depthMultiplier=1)
    writer.op("DEPTHWISE_CONV_2D", operands, [made], options)
    flat = writer.tensor((1, 27), np.float32, "flat")
    shape = writer.constant(np.array([1, 27], np.int32), "shape")
    writer.op("RESHAPE", [made, shape], [flat], builtin("ReshapeOptions", newShape=[1, 27]))
    y = writer.output((1, 27), np.float32, "y")
    writer.op("SOFTMAX", [flat], [y], builtin("SoftmaxOptions", beta=1.0))
    return writer.finish()


def words_and_bytes() -> bytes:
    """A binary convolution whose result is added in 8 bits."""
    writer = GraphWriter()
    x = writer.input((1, 4, 4, 40), np.float32, "x")
    bits = writer.tensor((1, 4, 4, 2), np.int32, "bits")
    writer.op("LceQuantize", [x], [bits], encode("LceQuantize"))
    filters = np.zeros((8, 1, 1, 2), np.int32)
    filters[..., 0] = RNG.integers(-(2**31), 2**31, (8, 1, 1))
    constants = [filters, np.ones(8, np.float32), np.zeros(8, np.float32)]
    operands = [writer.constant(value, f"constant {at}") for at, value in enumerate(constants)]
    conv = writer.tensor((1, 4, 4, 8), np.float32, "conv")
    options = encode("LceBconv2d", channels_in=40, padding="valid")
    writer.op("LceBconv2d", [bits, *operands, -1], [conv], options)
    small = writer.tensor((1, 4, 4, 8), np.int8, "small", scale=0.5)
    writer.op("QUANTIZE", [conv], [small], builtin("QuantizeOptions"))
    total = writer.tensor((1, 4, 4, 8), np.int8, "sum", scale=1.0)
    writer.op("ADD", [small, small], [total], builtin("AddOptions"))
    y = writer.output((1, 4, 4, 8), np.float32, "y")
    writer.op("DEQUANTIZE", [total], [y], builtin("DequantizeOptions"))
    return writer.finish()


@pytest.mark.parametrize("make", [floats, words_and_bytes])
def test_a_sample(make: object, tmp_path: Path) -> None:
    seed = tmp_path / "seed.tflite"
    seed.write_bytes(make())  # type: ignore[operator]
    outcomes, odd = mutants.count(seed, 0, 120)
    assert not odd
    assert set(outcomes) == {"ran", "refused ModelFileError"} and min(outcomes.values()) > 10


@pytest.mark.exhaustive
def test_twenty_thousand(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    for seed in mutants.make_seeds(tmp_path):
        outcomes, odd = mutants.count(seed, 0, 4000)
        fair = ("ran", "refused", "died, as plain LiteRT does")
        assert all(kind.startswith(fair) for kind in outcomes), odd
