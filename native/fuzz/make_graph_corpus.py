"""Writes valid graphs as seeds for fuzz_graph: python native/fuzz/make_graph_corpus.py [FOLDER]."""

from __future__ import annotations

import struct
from typing import Any

from make_corpus import BOOL, FLOAT, INT8, INT32, NAMES, write

from bnn_lab.reference import word_count
from bnn_lab.tflite.options import encode

BUILTINS = [
    "ADD",
    "MUL",
    "RELU",
    "RELU_N1_TO_1",
    "RELU6",
    "MEAN",
    "AVERAGE_POOL_2D",
    "SUB",
    "PRELU",
    "LEAKY_RELU",
    "CONV_2D",
    "CONCATENATION",
    "MAX_POOL_2D",
]
CONV = {"padding": "same", "pad_values": 1}


def constant(kind: int) -> int:
    """A flags byte that is a constant of this type."""
    return 0x80 | kind


class Graph:
    """Collects tensors and nodes; `bytes()` is what fuzz_graph reads."""

    def __init__(
        self,
        channels: int = 64,
        size: tuple[int, int] = (9, 7),
        threads: int = 2,
        backend: int = 2,
    ) -> None:
        self.channels, self.image = channels, (1, *size)
        self.threads, self.backend = threads, backend  # of those that the CPU supports
        self.words = word_count(channels)
        self.tensors: list[bytes] = []
        self.nodes: list[bytes] = []
        self.x = self.tensor(FLOAT, *self.image, channels)

    def tensor(self, flags: int, *shape: int) -> int:
        """Of one of the types above; its number."""
        grown = 0b011001
        head = bytes([flags, len(shape), *shape, grown, 8, 3])
        self.tensors.append(head)
        return len(self.tensors) - 1

    def node(
        self, name: str, inputs: list[int], output: int, fields: bytes = b"", **pool: int
    ) -> int:
        """`fields`: options of a custom op; `pool`: of a builtin op. The output."""
        if name in NAMES:
            body = bytes([NAMES.index(name), len(fields)]) + fields
        else:
            keys = ("padding", "stride_width", "stride_height", "filter_width", "filter_height")
            body = bytes([6 + BUILTINS.index(name)])
            body += bytes([*(pool.get(key, 0) for key in keys), pool.get("activation", 0)])
        self.nodes.append(body + bytes([len(inputs), *inputs, output]))
        return output

    def quantize(self, x: int) -> int:
        """The signs of `x`."""
        return self.node("LceQuantize", [x], self.tensor(INT32, *self.image, self.words))

    def conv(self, bits: int, output: int = FLOAT, kernel: int = 3, **changes: Any) -> int:
        """An LceBconv2d with constants of its own."""
        c, w = self.channels, self.words
        filters = self.tensor(constant(INT32), c, kernel, kernel, w)
        if output == INT32:
            operands = [255, 255, self.tensor(constant(INT32), c)]
            y = self.tensor(INT32, *self.image, w)
        else:
            operands = [self.tensor(constant(FLOAT), c), self.tensor(constant(FLOAT), c), 255]
            y = self.tensor(output, *self.image, c)
        fields = encode("LceBconv2d", channels_in=c, **{**CONV, **changes})
        return self.node("LceBconv2d", [bits, filters, *operands], y, fields)

    def float_op(self, name: str, *inputs: int, **pool: int) -> int:
        """A builtin op on whole images."""
        return self.node(name, list(inputs), self.tensor(FLOAT, *self.image, self.channels), **pool)

    def bytes(self, *outputs: int) -> bytes:
        """The input for the fuzz target."""
        head = bytes([self.backend, self.threads - 1]) + struct.pack(">I", 12345)
        return b"".join(
            [
                head,
                bytes([len(self.tensors) - 1]),
                *self.tensors,
                bytes([len(self.nodes)]),
                *self.nodes,
                bytes([len(outputs), *outputs]),
            ]
        )


def residual(threads: int, channels: int = 64, blocks: int = 3, **changes: Any) -> bytes:
    graph = Graph(channels, threads=threads)
    x = graph.x
    for _ in range(blocks):
        y = graph.conv(graph.quantize(x), **changes)
        x = graph.float_op("ADD", graph.float_op("RELU", y), x)
    return graph.bytes(x)


def channel_ops(backend: int) -> bytes:
    graph = Graph(backend=backend)
    y = graph.conv(graph.quantize(graph.x))
    y = graph.float_op("MUL", y, graph.tensor(constant(FLOAT), 64))
    y = graph.float_op("SUB", y, graph.tensor(constant(FLOAT), 1))
    y = graph.float_op("PRELU", y, graph.tensor(constant(FLOAT), 1, 1, 64))
    y = graph.float_op("LEAKY_RELU", y)
    y = graph.float_op("ADD", y, graph.tensor(constant(FLOAT), 64), activation=1)
    mean = graph.tensor(FLOAT, 1, 64)
    graph.node("MEAN", [y, graph.tensor(constant(INT32), 2)], mean)
    return graph.bytes(mean, y)


def transition(threads: int, size: tuple[int, int], channels: int = 16) -> bytes:
    """A dense block of two layers that double the channels, scaled and pooled."""
    graph = Graph(channels, size, threads=threads)
    x = graph.x
    for _ in range(2):
        new = graph.conv(graph.quantize(x))
        graph.channels *= 2
        graph.words = word_count(graph.channels)
        x = graph.float_op("CONCATENATION", x, new, padding=3)  # the axis
    scaled = graph.float_op("MUL", x, graph.tensor(constant(FLOAT), graph.channels))
    height, width = (-(-n // 2) for n in size)
    pooled = graph.tensor(FLOAT, 1, height, width, graph.channels)
    window = {"stride_width": 2, "stride_height": 2, "filter_width": 2, "filter_height": 2}
    graph.node("MAX_POOL_2D", [scaled], pooled, padding=1, activation=1, **window)
    return graph.bytes(pooled)


def cases() -> dict[str, bytes]:
    """File name to contents."""
    made = {f"residual_{threads}": residual(threads) for threads in (1, 2, 3)}
    made["residual_zero_padding"] = residual(2, pad_values=0)
    made["residual_40"] = residual(3, channels=40, dilation_width_factor=2)

    for backend in range(3):
        made[f"channel_ops_{backend}"] = channel_ops(backend)

    made["transition_1"] = transition(1, (8, 6))
    made["transition_2"] = transition(2, (9, 7))

    graph = Graph()
    bits = graph.quantize(graph.x)
    inner = graph.conv(bits, INT32)
    a, b = graph.conv(inner), graph.conv(inner, kernel=5)
    total = graph.float_op("ADD", a, b)
    last = graph.conv(graph.quantize(total), INT8)
    made["two_paddings"] = graph.bytes(last, total)

    graph = Graph(size=(7, 7))
    pooled = graph.tensor(INT32, *graph.image, 2)
    bits = graph.quantize(graph.x)
    fields = encode("LceBMaxPool2d", filter_height=2, filter_width=2, padding="same")
    graph.node("LceBMaxPool2d", [bits], pooled, fields)
    plain = graph.tensor(BOOL, *graph.image, 64)
    graph.node("LceDequantize", [pooled], plain)
    average = graph.tensor(FLOAT, 1, 1, 1, 64)
    window = {"stride_width": 1, "stride_height": 1, "filter_width": 7, "filter_height": 7}
    y = graph.conv(pooled)
    graph.node("AVERAGE_POOL_2D", [y], average, padding=2, **window)
    made["pools"] = graph.bytes(plain, average, y)
    return made


if __name__ == "__main__":
    write(cases(), "corpus_graph")
