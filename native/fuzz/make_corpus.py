"""Writes valid ops as seeds for the fuzzer: python native/fuzz/make_corpus.py [FOLDER]."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

from bnn_lab.tflite.options import CUSTOM_OPS, encode

NAMES = list(CUSTOM_OPS)  # the targets number them in this order
TERNARY = 239  # but for this one, which came later
FLOAT, INT32, INT8, BOOL, ABSENT = range(5)


def constant(kind: int) -> int:
    """A flags byte that is a constant of this type: flags % 5 == kind and the top bit is set."""
    return next(flags for flags in range(0x80, 0x100) if flags % 5 == kind)


def tensor(flags: int, *shape: int) -> bytes:
    return bytes([flags, len(shape), *shape]) + struct.pack(">f", 0.5) + bytes([3, 0])


def case(name: str, fields: bytes, tensors: list[bytes], fuse: bytes = b"\0") -> bytes:
    kind = TERNARY if name == "BnnLabTernaryDense" else NAMES.index(name)
    head = bytes([kind, 2]) + struct.pack(">I", len(fields)) + fields + fuse
    return head + bytes([len(tensors) - 1]) + b"".join(tensors) + bytes(range(256)) * 4


def cases() -> dict[str, bytes]:
    """File name to contents."""
    window: dict[str, Any] = {"padding": "same", "stride_width": 2}
    conv = {**window, "dilation_width_factor": 2, "fused_activation_function": "relu"}
    f, i = constant(FLOAT), constant(INT32)
    scale = [tensor(f, 8), tensor(f, 8), tensor(ABSENT)]
    bits = [tensor(ABSENT), tensor(ABSENT), tensor(i, 8)]
    x, filters = tensor(INT32, 1, 5, 6, 2), tensor(i, 8, 3, 2, 2)
    made = {
        f"quantize_{kind}": case(
            "LceQuantize", b"", [tensor(kind, 2, 3, 35), tensor(INT32, 2, 3, 2)]
        )
        for kind in (FLOAT, INT8, BOOL)
    }
    made |= {
        f"dequantize_{kind}": case(
            "LceDequantize", b"", [tensor(INT32, 2, 3, 2), tensor(kind, 2, 3, 35)]
        )
        for kind in (FLOAT, INT8, BOOL)
    }
    for output in (FLOAT, INT8, INT32):
        operands = bits if output == INT32 else scale
        made[f"conv_{output}"] = case(
            "LceBconv2d",
            encode("LceBconv2d", channels_in=40, **conv),
            [x, filters, *operands, tensor(output, 1, 5, 3, 8)],
        )
        made[f"transpose_{output}"] = case(
            "BnnLabTranspose2d",
            encode("BnnLabTranspose2d", channels_in=40, output_height=5, output_width=12, **window),
            [x, filters, *operands, tensor(output, 1, 5, 12, 8)],
        )
        made[f"depthwise_{output}"] = case(
            "BnnLabDepthwise2d",
            encode("BnnLabDepthwise2d", channels_in=8, **conv),
            [
                tensor(INT32, 1, 5, 6, 1),
                tensor(i, 1, 3, 2, 1),
                *operands,
                tensor(output, 1, 5, 3, 8),
            ],
        )
    made["conv_fused"] = case(
        "LceBconv2d",
        encode("LceBconv2d", channels_in=40, **conv),
        [x, filters, *scale, tensor(FLOAT, 1, 5, 3, 8)],
        fuse=b"\1\3",
    )
    made["conv_groups"] = case(
        "LceBconv2d",
        encode("LceBconv2d", channels_in=64, **conv),
        [x, tensor(i, 8, 3, 2, 1), *bits, tensor(INT32, 1, 5, 3, 1)],
    )
    made["maxpool"] = case(
        "LceBMaxPool2d",
        encode("LceBMaxPool2d", filter_height=2, filter_width=3, **window),
        [x, tensor(INT32, 1, 5, 3, 2)],
    )
    for trits_per_byte, width in ((4, 3), (5, 2)):
        made[f"ternary_{trits_per_byte}"] = case(
            "BnnLabTernaryDense",
            encode("BnnLabTernaryDense", channels_in=10, trits_per_byte=trits_per_byte),
            [
                tensor(FLOAT, 2, 3, 10),
                tensor(constant(INT8), 5, width),
                tensor(f, 1),
                tensor(FLOAT, 2, 3, 5),
            ],
        )
    return made


def write(made: dict[str, bytes], default: str) -> None:
    """To the folder that the command line names, or `default` beside this script."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / default)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    write(cases(), "corpus")
