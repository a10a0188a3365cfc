"""What "Measure your device" needs besides its scripts: files of the layers for LiteRT.js, and one
JSON file that names the layers, the recorded devices and the peers. Git ignores all of it.

The page times the layers of `bnn-lab bench`, so they are listed there alone.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sphinx.application import Sphinx

from bnn_lab import __version__
from bnn_lab._files import write_whole
from bnn_lab.bench import report
from bnn_lab.bench.kernels import DENSE, PAPER_CONVS
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import FLOAT32, INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.options import builtin
from bnn_lab.tflite.writer import GraphWriter

STATIC = Path(__file__).resolve().parents[1] / "_static" / "measure"
LAYERS = STATIC / "layers"
CASES = (*PAPER_CONVS, DENSE)
# Weights repeat a short stretch of random ones: as dense as any for the time they take, and a file
# of 64 MB is a few kilobytes when it is compressed.
STRETCH = 4099  # a prime, so that no two rows are alike
_VERSION_WITH_INT8 = {"CONV_2D": 3, "FULLY_CONNECTED": 4, "QUANTIZE": 1, "DEQUANTIZE": 2}


def file_name(case: Any, dtype: str) -> str:
    """Of a layer's file."""
    shape = case.layer()
    sizes = [shape.height, shape.channels_in, shape.channels_out]
    return f"{shape.kind}_{'_'.join(map(str, sizes))}_{dtype}.tflite.gz"


def layer_file(shape: LayerShape, dtype: str) -> bytes:
    """A file with one convolution or dense layer, float outside; int8 inside if asked for.

    LiteRT.js takes no int8 tensors, so the int8 layer stands between QUANTIZE and DEQUANTIZE.

    Args:
        shape: the layer.
        dtype: `FLOAT32` or `INT8`.
    """
    writer = GraphWriter()
    dense = shape.kind == kinds.DENSE
    x_shape: tuple[int, ...] = (1, shape.height, shape.width, shape.channels_in)
    y_shape: tuple[int, ...] = (1, shape.out_height, shape.out_width, shape.channels_out)
    if dense:
        x_shape, y_shape = (1, shape.channels_in), (1, shape.channels_out)
    op = "FULLY_CONNECTED" if dense else "CONV_2D"
    window = {"padding": shape.padding, "strideH": shape.stride, "strideW": shape.stride}
    undilated = {"dilationHFactor": 1, "dilationWFactor": 1}
    options = (
        builtin("FullyConnectedOptions")
        if dense
        else builtin("Conv2DOptions", **window, **undilated)
    )
    random = np.random.default_rng(0)
    channels = shape.channels_out
    x = writer.input(x_shape, np.float32)
    y = writer.output(y_shape, np.float32)
    if dtype == FLOAT32:
        weights = _repeated(random.normal(size=STRETCH).astype(np.float32), shape.filter_shape)
        operands = [writer.constant(weights), writer.constant(np.zeros(channels, np.float32))]
        writer.op(op, [x, *operands], [y], options)
        return writer.finish()
    scales = np.full(channels, 0.01, np.float32)
    weights = _repeated(random.integers(-127, 128, STRETCH, dtype=np.int8), shape.filter_shape)
    bias = writer.constant(np.zeros(channels, np.int32), scale=scales * np.float32(0.05))
    q, r = (writer.tensor(size, np.int8, scale=0.05) for size in (x_shape, y_shape))
    version = _VERSION_WITH_INT8
    writer.op("QUANTIZE", [x], [q], builtin("QuantizeOptions"), version=version["QUANTIZE"])
    weight = writer.constant(weights, scale=scales, axis=0)
    writer.op(op, [q, weight, bias], [r], options, version=version[op])
    writer.op("DEQUANTIZE", [r], [y], builtin("DequantizeOptions"), version=version["DEQUANTIZE"])
    return writer.finish()


def _repeated(values: Any, shape: tuple[int, ...]) -> Any:
    return np.resize(values, shape)


def recorded() -> list[dict[str, Any]]:
    """Devices whose reports come with bnn_lab: name, and their layers' fastest times by name."""
    example = report.read_report(report.EXAMPLE)
    return [
        {
            "device": example.device,
            "layers": {
                layer.name: {times.name: times.min_s for times in layer.times}
                for layer in example.layers
                if layer.num_threads == 1
            },
        }
    ]


def make_files(app: Sphinx) -> None:
    """Called before Sphinx copies static files."""
    LAYERS.mkdir(parents=True, exist_ok=True)
    layers = []
    for case in CASES:
        files = {}
        for dtype in (FLOAT32, INT8):
            files[dtype] = file_name(case, dtype)
            path = LAYERS / files[dtype]
            if not path.exists():
                write_whole(path, gzip.compress(layer_file(case.layer(), dtype), 6, mtime=0))
        shape = asdict(case.layer())
        layers.append({"name": case.name, "macs": case.macs, "shape": shape, "files": files})
    peers = STATIC / "peers" / "peers.json"
    content = {
        "version": __version__,
        "schema": report.SCHEMA,
        "layers": layers,
        "recorded": recorded(),
        "peers": json.loads(peers.read_text()) if peers.exists() else None,
    }
    write_whole(STATIC / "site.json", f"{json.dumps(content)}\n".encode())


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("builder-inited", make_files)
    return {"parallel_read_safe": True}
