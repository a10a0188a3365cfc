"""Fitting the cost model: which layers are measured, and how weights follow from their times."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bnn_lab.costmodel.features import features
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure.noise import NoiseWatch, measure_watched
from bnn_lab.measure.units import significant
from bnn_lab.profiling.node_clock import open_litert, set_inputs
from bnn_lab.profiling.partitions import made_up
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file

COUNTS = {
    kinds.BINARY_CONV: 120,
    kinds.QUANTIZE: 40,
    kinds.BINARY_MAX_POOL: 24,
    kinds.CONV: 150,
    kinds.DEPTHWISE_CONV: 45,
    kinds.DENSE: 45,
    kinds.MAX_POOL: 40,
    kinds.AVERAGE_POOL: 40,
    kinds.ADD: 30,
    kinds.MUL: 30,
    kinds.RELU: 30,
    kinds.CONCAT: 30,
    kinds.SOFTMAX: 12,
}
HELD_OUT_EVERY = 3

_SIZES = (7, 8, 14, 16, 28, 32, 56, 112)
_CHANNELS = (16, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512)
_MOST_VALUES = 1_700_000  # of an input or output; a 112x112x128 image
_MOST_MACS = {kinds.BINARY_CONV: 4e8, kinds.CONV: 1.2e8, kinds.DENSE: 1.7e7}
_TOLERANCE = 0.03  # relative errors below count as one: the clock is no more precise
_REWEIGHTINGS = 20


def layers_to_measure(kind: str, count: int, seed: int = 0) -> list[LayerShape]:
    """Different layers of one kind as networks have them, drawn at random.

    Args:
        kind: one of `layer_shapes.KINDS`.
        count: how many; fewer if there are not as many.
        seed: seed of the draw.

    Returns:
        The layers.
    """
    draws = _draws(kind, random.Random(f"{kind} {seed}"))
    found: dict[str, LayerShape] = {}
    for _ in range(100 * count):
        shape = next(draws)
        small = max(shape.in_elements, shape.out_elements) <= _MOST_VALUES
        if small and shape.macs <= _MOST_MACS.get(kind, np.inf):
            found[shape.name] = shape
        if len(found) == count:
            break
    return list(found.values())


def _draws(kind: str, draw: random.Random) -> Iterator[LayerShape]:
    while True:
        size, channels = draw.choice(_SIZES), draw.choice(_CHANNELS)
        image: dict[str, Any] = {"height": size, "width": size, "channels_in": channels}
        if kind == kinds.BINARY_CONV:
            window = draw.choice((1, 3, 3, 3, 5))
            fused = draw.choice(
                (
                    {},
                    {"bits_only": True},
                    {"shortcuts": 1},
                    {"shortcuts": 1, "quantize": True},
                    {"quantize": True},
                )
            )
            image["channels_out"] = draw.choice((channels, draw.choice(_CHANNELS)))
            stride = draw.choice((1, 1, 1, 2))
            yield LayerShape(kind, **image, kernel=(window, window), stride=stride, **fused)
        elif kind == kinds.CONV:
            window, stride = draw.choice((1, 1, 1, 3, 3)), draw.choice((1, 1, 2))
            image["channels_out"] = draw.choice((channels, draw.choice(_CHANNELS)))
            if draw.random() < 0.2:  # a first layer
                size = draw.choice((28, 32, 56, 112, 224))
                image = {"height": size, "width": size, "channels_in": draw.choice((1, 3))}
                image["channels_out"] = draw.choice((8, 16, 32, 64))
                window, stride = draw.choice((3, 3, 5, 7)), draw.choice((1, 2))
            yield LayerShape(kind, **image, kernel=(window, window), stride=stride)
        elif kind == kinds.DENSE:
            wide = (*_CHANNELS, 1024, 2048, 4096)
            outputs = draw.choice((10, 100, 256, 1000, 1000, 1024, 4096))
            yield LayerShape(kind, channels_in=draw.choice(wide), channels_out=outputs)
        elif kind == kinds.SOFTMAX:
            yield LayerShape(kind, channels_in=draw.choice((10, 100, 1000, draw.randint(2, 2000))))
        elif kind == kinds.AVERAGE_POOL and draw.random() < 0.4:  # over the whole image
            size = min(size, 16)
            image |= {"height": size, "width": size}
            yield LayerShape(kind, **image, kernel=(size, size), padding="valid")
        elif kind in kinds.WINDOWED:
            window = draw.choice((3, 3, 5) if kind == kinds.DEPTHWISE_CONV else (2, 2, 3))
            stride = draw.choice((1, 2))
            yield LayerShape(kind, **image, kernel=(window, window), stride=stride)
        else:
            yield LayerShape(kind, **image)


def time_layers(
    layers: Sequence[LayerShape],
    *,
    num_threads: int = 1,
    backend: str | None = None,
    rounds: int = 15,
    watch: NoiseWatch | None = None,
) -> list[float]:
    """Median seconds of each layer alone inside LiteRT, all of them interleaved.

    Args:
        layers: what to time.
        num_threads: threads of the interpreter.
        backend: kernel backend of binary layers, default the active one.
        rounds: samples of each.
        watch: takes only rounds that the machine was quiet in; None takes all.

    Returns:
        Seconds, in the order of `layers`.

    Raises:
        BackendError: the backend is unknown or not supported by this CPU.
        NoisyMachineError: no round was quiet.
    """
    calls: dict[str, Callable[[], object]] = {}
    for index, layer in enumerate(layers):
        litert = open_litert(layer_file(layer), num_threads=num_threads, backend=backend)
        details = litert.get_input_details()
        set_inputs(litert, [made_up(tuple(t["shape"]), np.dtype(t["dtype"])) for t in details])
        calls[str(index)] = litert.invoke
    table = measure_watched(calls, watch, rounds=rounds, round_seconds=3e-4)
    return [timing.median for timing in table.timings]


def fit_weights(layers: Sequence[LayerShape], seconds: Sequence[float]) -> dict[str, float]:
    """Seconds per unit of each feature: the weights, none below 0, with the least relative errors.

    Absolute relative errors are made small (by reweighting), so that a few disturbed measurements
    do not bend the rest.

    Args:
        layers: layers of one kind, at least one.
        seconds: measured.

    Returns:
        Feature to weight.

    Raises:
        InputError: there is nothing to fit to.
        BnnLabError: SciPy is not installed.
    """
    try:
        from scipy.optimize import nnls  # type: ignore[import-untyped]
    except ImportError as error:
        raise BnnLabError('SciPy is not installed. Fix: pip install "bnn-lab[train]"') from error
    if not layers:
        raise InputError("fit_weights: no layers were measured.")
    rows = [features(layer) for layer in layers]
    names = sorted({name for row in rows for name in row})
    values = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    times = np.array(seconds, np.float64)
    scale = np.maximum(values.max(axis=0), 1.0)
    relative = values / scale / times[:, None]
    ones = np.ones(len(times))
    weights = nnls(relative, ones)[0]
    for _ in range(_REWEIGHTINGS):
        off = np.sqrt(np.maximum(np.abs(relative @ weights - 1), _TOLERANCE))
        weights = nnls(relative / off[:, None], ones / off)[0]
    return {
        name: float(weight / size)
        for name, weight, size in zip(names, weights, scale, strict=True)
        if weight > 0
    }


def weighted_sum(weights: Mapping[str, float], layer: LayerShape) -> float:
    """Predicted seconds of a layer."""
    return sum(weights.get(name, 0.0) * value for name, value in features(layer).items())


def fit_kind(kind: str, layers: Sequence[LayerShape], seconds: Sequence[float]) -> dict[str, Any]:
    """Fit one kind on two thirds of the layers, and try it on the third that it has not seen.

    Args:
        kind: kind of all layers.
        layers: measured layers.
        seconds: seconds of each.

    Returns:
        Plain values for a calibration file: kind, weights, fitted_to (number of layers), held_out
        (a list of layer, measured_s, predicted_s), median_error and p90_error (relative, of the
        held-out ones).
    """
    known = [i for i in range(len(layers)) if i % HELD_OUT_EVERY]
    unseen = [i for i in range(len(layers)) if i % HELD_OUT_EVERY == 0]
    weights = fit_weights([layers[i] for i in known], [seconds[i] for i in known])
    held_out = [
        {
            "layer": layers[i].name,
            "measured_s": significant(seconds[i], 4),
            "predicted_s": significant(weighted_sum(weights, layers[i]), 4),
        }
        for i in unseen
    ]
    errors = [abs(row["predicted_s"] / row["measured_s"] - 1) for row in held_out]  # type: ignore[operator]
    return {
        "kind": kind,
        "weights": weights,
        "fitted_to": len(known),
        "median_error": float(np.median(errors)),
        "p90_error": float(np.percentile(errors, 90)),
        "held_out": held_out,
    }
