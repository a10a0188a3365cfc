"""The cost model: fits what it should, predicts by shape and by file, and says what it cannot."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn_lab import kernels
from bnn_lab.costmodel import fit as cost_fit
from bnn_lab.costmodel import model as cost_model
from bnn_lab.costmodel.features import features
from bnn_lab.costmodel.file_layers import file_layers
from bnn_lab.costmodel.model import CostModel, calibrate, save_calibration
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.runtime import Interpreter
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import KINDS, LayerShape
from bnn_lab.tflite.op_files import HAS_INT8, INT8, layer_file
from bnn_lab.tflite.ops import ModelOps

CONV = LayerShape(kinds.CONV, 8, 6, 16, 24, (3, 3), stride=2)

SHAPES = [
    CONV,
    LayerShape(kinds.CONV, 9, 9, 8, 8, (3, 3), padding="valid"),
    LayerShape(kinds.BINARY_CONV, 8, 6, 40, 24, (3, 3)),
    LayerShape(kinds.BINARY_CONV, 8, 6, 64, 32, (3, 3), stride=2, bits_only=True),
    LayerShape(kinds.BINARY_CONV, 8, 6, 64, 64, (3, 3), shortcuts=1, quantize=True),
    LayerShape(kinds.BINARY_CONV, 8, 6, 32, 32, (1, 1), shortcuts=1),
    LayerShape(kinds.QUANTIZE, 8, 6, 40),
    LayerShape(kinds.BINARY_MAX_POOL, 8, 6, 64, kernel=(2, 2), stride=2),
    LayerShape(kinds.DEPTHWISE_CONV, 8, 6, 16, kernel=(3, 3), stride=2),
    LayerShape(kinds.DENSE, channels_in=40, channels_out=10),
    LayerShape(kinds.MAX_POOL, 8, 6, 16, kernel=(2, 2)),
    LayerShape(kinds.AVERAGE_POOL, 7, 7, 16, kernel=(7, 7), padding="valid"),
    LayerShape(kinds.ADD, 8, 6, 16),
    LayerShape(kinds.MUL, 8, 6, 16),
    LayerShape(kinds.RELU, 8, 6, 16),
    LayerShape(kinds.CONCAT, 8, 6, 16),
    LayerShape(kinds.SOFTMAX, channels_in=100),
]


# --- shapes and files ----------------------------------------------------------------------------


def test_all_kinds_are_covered() -> None:
    assert {shape.kind for shape in SHAPES} == set(KINDS) == set(cost_fit.COUNTS)


def test_sizes() -> None:
    assert (CONV.out_height, CONV.out_width, CONV.pixels) == (4, 3, 12)
    assert CONV.macs == 12 * 24 * 9 * 16
    assert CONV.weights == 24 * 9 * 16
    assert LayerShape(kinds.CONV, 9, 8, 4, kernel=(3, 2), padding="valid").pixels == 7 * 7
    assert LayerShape(kinds.CONV, 8, 8, 8, 8, (3, 3), groups=4).macs == 64 * 8 * 9 * 2
    assert CONV.name == "conv 3x3 /2 8x6,16→24"
    assert LayerShape(**CONV.as_dict() | {"kernel": tuple(CONV.as_dict()["kernel"])}) == CONV


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"kind": "magic"}, "unknown kind 'magic'"),
        ({"kind": kinds.ADD, "height": 0}, "height must be at least 1"),
        ({"kind": kinds.ADD, "channels_in": 2, "channels_out": 3}, "as many channels out as in"),
        ({"kind": kinds.CONV, "channels_in": 6, "groups": 4}, "groups do not divide"),
        ({"kind": kinds.CONV, "padding": "full"}, "padding must be"),
        ({"kind": kinds.CONV, "kernel": (3, 3), "padding": "valid"}, "does not fit"),
        ({"kind": kinds.BINARY_CONV, "shortcuts": -1}, "shortcuts"),
    ],
)
def test_wrong_shapes(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        LayerShape(**options)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_files_run_and_are_read_back(shape: LayerShape) -> None:
    content = layer_file(shape)
    interpreter = Interpreter(content)
    arrays = [
        np.zeros(s, t)
        for s, t in zip(interpreter.input_shapes, interpreter.input_types, strict=True)
    ]
    interpreter.predict(arrays)
    (found,) = file_layers(content)
    assert found.known and found.binary is shape.binary
    assert found.layers == (shape,)
    assert sum(op.macs or 0 for op in ModelOps(content).ops) == shape.macs


def test_a_convolution_of_the_file_is_the_oracles() -> None:
    """The file's numbers: so it is the op that is timed, not something that looks like it."""
    from bnn_lab import reference

    shape = LayerShape(kinds.BINARY_CONV, 5, 4, 40, 7, (3, 3))
    words = reference.pack_bits(np.random.default_rng(0).random((1, 5, 4, 40)) < 0.5)
    got = Interpreter(layer_file(shape)).predict(words)
    plain = Interpreter(layer_file(shape), use_reference=True).predict(words)
    np.testing.assert_array_equal(got, plain)
    assert got.shape == (1, 5, 4, 7) and len(np.unique(got)) > 10


@pytest.mark.parametrize("kind", HAS_INT8)
def test_int8_files_run(kind: str) -> None:
    shape = next(shape for shape in SHAPES if shape.kind == kind)
    interpreter = Interpreter(layer_file(shape, INT8))
    (size,), (dtype,) = interpreter.input_shapes, interpreter.input_types
    assert dtype == np.int8
    values = np.random.default_rng(0).integers(-128, 128, size, dtype=np.int8)
    assert len(np.unique(interpreter.predict(values))) > 2
    with pytest.raises(InputError, match="no int8 form of add"):
        layer_file(LayerShape(kinds.ADD, 4, 4, 4), INT8)


# --- fitting -------------------------------------------------------------------------------------


def test_known_weights_are_found_again() -> None:
    layers = cost_fit.layers_to_measure(kinds.CONV, 60)
    weights = {"call": 1e-6, "macs_1x1": 1e-11, "macs_window": 2e-11, "values_written": 1e-10}
    seconds = [cost_fit.weighted_sum(weights, layer) for layer in layers]
    found = cost_fit.fit_kind(kinds.CONV, layers, seconds)
    assert found["median_error"] < 0.01
    assert found["fitted_to"] == 40 and len(found["held_out"]) == 20
    assert all(weight > 0 for weight in found["weights"].values())


def test_a_few_disturbed_measurements_bend_nothing() -> None:
    layers = cost_fit.layers_to_measure(kinds.RELU, 30)
    weights = {"call": 1e-6, "values": 1e-10}
    seconds = [cost_fit.weighted_sum(weights, layer) for layer in layers]
    draw = random.Random(0)
    for index in draw.sample(range(30), 4):
        seconds[index] *= 8
    assert cost_fit.fit_kind(kinds.RELU, layers, seconds)["median_error"] < 0.02


def test_layers_are_many_and_always_the_same() -> None:
    for kind, count in cost_fit.COUNTS.items():
        layers = cost_fit.layers_to_measure(kind, count)
        assert len(set(layers)) == len(layers) == count, kind
        assert layers == cost_fit.layers_to_measure(kind, count)
        names = {name for layer in layers for name in features(layer)}
        assert names and all(min(features(layer).values()) >= 0 for layer in layers)


def test_nothing_to_fit() -> None:
    with pytest.raises(InputError, match="no layers"):
        cost_fit.fit_weights([], [])


# --- the model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calibration() -> dict[str, Any]:
    """A real but hasty calibration: for structure, not for its errors."""
    backends = list(dict.fromkeys([kernels.active_backend(), "scalar"]))
    return calibrate(backends=backends, rounds=2, share=0.05)


def test_calibration_is_found_by_itself(calibration: dict[str, Any]) -> None:
    assert CostModel.load().shipped
    assert "as shipped" in CostModel.load().origin
    path = save_calibration(calibration)
    assert path == cost_model.calibration_path()
    try:
        model = CostModel.load()
        assert not model.shipped and model.backend == kernels.active_backend()
        assert set(model.kinds) == set(KINDS)
        assert model.host["cpu"] in model.origin
        assert CostModel.load(backend="scalar").backend == "scalar"
        with pytest.raises(InputError, match="not neon with 1"):
            CostModel.load(backend="neon")
        with pytest.raises(InputError, match="bnn-lab calibrate --threads 3"):
            CostModel.load(num_threads=3)
    finally:
        path.unlink()


def test_calibration_is_plain_json(calibration: dict[str, Any], tmp_path: Path) -> None:
    path = save_calibration(calibration, tmp_path / "deep" / "c.json")
    assert json.loads(path.read_text()) == calibration
    model = CostModel.load(path)
    for shape in SHAPES:
        assert model.predict(shape) > 0
        assert model.error(shape.kind) >= 0
    assert math.isfinite(model.median_error)


def test_shipped_calibration_predicts_what_it_was_measured_on() -> None:
    model = CostModel.load(cost_model.SHIPPED)
    assert model.median_error <= 0.15
    small = model.predict_op("binary_conv", height=14, width=14, channels_in=64, kernel=(3, 3))
    large = model.predict_op("binary_conv", height=28, width=28, channels_in=256, kernel=3)
    assert large > 10 * small > 0
    floating = model.predict_op("conv", height=28, width=28, channels_in=256, kernel=3)
    assert floating > 5 * large


def test_layers_as_a_table() -> None:
    frame = CostModel.load(cost_model.SHIPPED).predict_layers(SHAPES)
    assert list(frame.columns) == ["name", "kind", "ms", "macs", "binary", "error"]
    assert len(frame) == len(SHAPES) and (frame.ms > 0).all()


def test_file_as_a_table() -> None:
    model = CostModel.load(cost_model.SHIPPED)
    shape = LayerShape(kinds.BINARY_CONV, 8, 6, 64, 64, (3, 3), shortcuts=1, quantize=True)
    content = layer_file(shape)
    (fused,) = model.predict_file(content).itertuples()
    assert fused.kind == "LceBconv2d + ADD + LceQuantize"
    assert fused.ms == pytest.approx(model.predict(shape) * 1e3)
    assert fused.macs == shape.macs and fused.binary
    single = model.predict_file(content, fuse=False)
    assert list(single.kind) == ["LceBconv2d", "ADD", "LceQuantize"]
    assert single.ms.sum() > fused.ms


def test_errors(tmp_path: Path) -> None:
    model = CostModel.load(cost_model.SHIPPED)
    with pytest.raises(InputError, match="unknown kind"):
        model.predict_op("magic")
    with pytest.raises(InputError, match="see LayerShape"):
        model.predict_op("conv", colour=3)
    with pytest.raises(ModelFileError, match="cannot read"):
        model.predict_file(tmp_path / "missing.tflite")
    with pytest.raises(InputError, match="cannot read"):
        CostModel.load(tmp_path / "missing.json")
    for content in ("{", "{}", "[]"):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(InputError, match="calibration"):
            CostModel.load(tmp_path / "bad.json")
    with pytest.raises(InputError, match="share"):
        calibrate(share=0)
