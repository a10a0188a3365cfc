"""In plain LiteRT nothing checks a file first: the delegate itself refuses what it would die of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn_lab import reference
from bnn_lab.runtime import delegate_path

CHANNELS = 64

# A child for all files of one setting; a file that ends the process is the last one it printed.
RUN = """
import sys
from pathlib import Path
import numpy as np
from ai_edge_litert.interpreter import Interpreter, load_delegate
library, folder, fuse = sys.argv[1:]
for path in sorted(Path(folder).glob("*.tflite")):
    content = path.read_bytes()
    print(path.stem, end=": ", flush=True)
    try:
        delegate = load_delegate(library, {"fuse": fuse})
        litert = Interpreter(model_content=content, experimental_delegates=[delegate])
        litert.allocate_tensors()
        for tensor in litert.get_input_details():
            litert.set_tensor(tensor["index"], np.ones(tensor["shape"], tensor["dtype"]))
        for _ in range(3):
            litert.invoke()
        print("ran")
    except (ValueError, RuntimeError) as error:
        print(" ".join(str(error).split()))
    assert content == path.read_bytes(), path.stem
"""


class Graph:
    """x -> q -> conv -> + x -> signs -> second conv -> its own signs, and changes of that."""

    def __init__(self, tensor: Any, op: Any, conv_fields: dict[str, int]) -> None:
        self.tensor, self.op = tensor, op
        filters = np.random.default_rng(0).normal(size=(CHANNELS, 3, 3, CHANNELS))
        image, bits = (1, 8, 8, CHANNELS), (1, 8, 8, CHANNELS // 32)
        self.tensors = {
            "x": tensor(image),
            "filter": tensor.constant(reference.quantize(filters)),
            "one": tensor.constant(np.ones(CHANNELS, np.float32)),
            "q": tensor(bits, "int32"),
            "conv": tensor(image),
            "sum": tensor(image),
            "signs": tensor(bits, "int32"),
            "y": tensor(image),
            "last": tensor(bits, "int32"),
        }
        fields = {"channels_in": CHANNELS, **conv_fields}
        weights = ["filter", "one", "one", None]
        self.ops = [
            op("LceQuantize", ["x"], ["q"]),
            op("LceBconv2d", ["q", *weights], ["conv"], fields),
            op("ADD", ["conv", "x"], ["sum"]),
            op("LceQuantize", ["sum"], ["signs"]),
            op("LceBconv2d", ["signs", *weights], ["y"], fields),
            op("LceQuantize", ["y"], ["last"]),
        ]
        self.outputs = ["y", "last", "sum"]


def write_to(position: int, name: str) -> Any:
    return lambda g: setattr(g.ops[position], "outputs", [name])


def of_type(name: str, dtype: str) -> Any:
    # An int8 tensor of this shape is a quarter of the words that would be written to it.
    return lambda g: setattr(g.tensors[name], "dtype", dtype)


def holds_data(name: str) -> Any:
    def edit(g: Graph) -> None:
        spec = g.tensors[name]
        g.tensors[name] = g.tensor.constant(np.zeros(spec.shape, spec.dtype))

    return edit


def pool_into_itself(g: Graph) -> None:
    size = {"stride_width": 1, "stride_height": 1, "filter_width": 2, "filter_height": 2}
    g.ops.insert(1, g.op("LceBMaxPool2d", ["q"], ["q"], {"padding": 0, **size}))


def out_of_order(g: Graph) -> None:
    g.ops.insert(0, g.ops.pop(3))


def two_averages(g: Graph) -> None:
    g.tensors["axes"] = g.tensor.constant(np.array([1, 2], np.int32))
    g.tensors["mean"] = g.tensor((1, CHANNELS))
    g.ops += [g.op("MEAN", [name, "axes"], ["mean"]) for name in ("y", "sum")]


WORDS = "must be int32"
TWICE = "which an op before it has written already"
CASES = {
    "whole": (lambda g: None, "ran"),
    "int8 signs of a sum": (of_type("signs", "int8"), WORDS),
    "int8 signs": (of_type("last", "int8"), f"LceQuantize (output 'last'): the output {WORDS}"),
    "bool signs": (of_type("last", "bool"), f"LceQuantize (output 'last'): the output {WORDS}"),
    "float signs": (of_type("last", "float32"), f"(output 'last'): the output {WORDS}"),
    "int64 signs": (of_type("last", "int64"), f"(output 'last'): the output {WORDS}"),
    "signs twice": (write_to(5, "signs"), f"LceQuantize writes tensor 'signs', {TWICE}"),
    "signs into the result": (write_to(5, "y"), f"LceQuantize writes tensor 'y', {TWICE}"),
    "convolution twice": (write_to(4, "conv"), f"LceBconv2d writes tensor 'conv', {TWICE}"),
    "sum into a later result": (write_to(2, "y"), f"LceBconv2d writes tensor 'y', {TWICE}"),
    "convolution onto the input": (write_to(4, "x"), "LceBconv2d writes tensor 'x', which is read"),
    "pool into itself": (pool_into_itself, f"LceBMaxPool2d writes tensor 'q', {TWICE}"),
    "out of order": (out_of_order, "ADD writes tensor 'sum', which is read before"),
    "averages": (two_averages, f"MEAN writes tensor 'mean', {TWICE}"),
    "into data": (holds_data("last"), "LceQuantize writes tensor 'last', which is a constant"),
    # Without fusing the sum is XNNPACK's.
    "sum into data": (holds_data("sum"), ("'sum', which is a constant", "XNNPack delegate failed")),
}


@pytest.mark.parametrize("fuse", ["0", "1"])
def test_files_that_nothing_checked(build_model, specs, conv_fields, tmp_path: Path, fuse: str):
    for name, (edit, _) in CASES.items():
        graph = Graph(*specs, conv_fields)
        edit(graph)
        content = build_model(graph.tensors, graph.ops, ["x"], graph.outputs)
        (tmp_path / f"{name}.tflite").write_bytes(content)
    command = [sys.executable, "-c", RUN, str(delegate_path()), str(tmp_path), fuse]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.stdout[-500:], done.stderr[-2000:])
    outcome = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert set(outcome) == set(CASES)
    for name, (_, message) in CASES.items():
        any_of = (message,) if isinstance(message, str) else message
        assert any(text in outcome[name] for text in any_of), (name, outcome[name])
