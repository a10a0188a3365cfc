"""What the speed of a layer depends on: its kind, its sizes and what is fused into it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.reference import word_count
from bnn_lab.tflite.macs import op_macs

BINARY_CONV = "binary_conv"
QUANTIZE = "quantize"
BINARY_MAX_POOL = "binary_max_pool"
CONV = "conv"
DEPTHWISE_CONV = "depthwise_conv"
DENSE = "dense"
MAX_POOL = "max_pool"
AVERAGE_POOL = "average_pool"
ADD = "add"
MUL = "mul"
RELU = "relu"
CONCAT = "concat"
SOFTMAX = "softmax"

KINDS = (
    BINARY_CONV,
    QUANTIZE,
    BINARY_MAX_POOL,
    CONV,
    DEPTHWISE_CONV,
    DENSE,
    MAX_POOL,
    AVERAGE_POOL,
    ADD,
    MUL,
    RELU,
    CONCAT,
    SOFTMAX,
)
WINDOWED = (BINARY_CONV, BINARY_MAX_POOL, CONV, DEPTHWISE_CONV, MAX_POOL, AVERAGE_POOL)
WEIGHTED = (BINARY_CONV, CONV, DENSE)
_COUNTED_AS = {
    BINARY_CONV: "CONV_2D",
    CONV: "CONV_2D",
    DEPTHWISE_CONV: "DEPTHWISE_CONV_2D",
    DENSE: "FULLY_CONNECTED",
}
KEEPS_CHANNELS = tuple(kind for kind in KINDS if kind not in WEIGHTED and kind != CONCAT)


@dataclass(frozen=True)
class LayerShape:
    """One layer on one sample.

    Attributes:
        kind: one of `KINDS`. `relu` stands for every cheap element-wise op of one operand, `mul`
            for those of two.
        height: height of the input, pixels; 1 for `dense`.
        width: width of the input, pixels; 1 for `dense`.
        channels_in: channels of the input; of `concat`, of all inputs together.
        channels_out: channels of the output; 0 takes `channels_in`.
        kernel: height and width of the window; ignored by kinds that have none.
        stride: along both axes.
        padding: "same" or "valid".
        groups: number of groups of a convolution.
        shortcuts: additions of another tensor that run inside the binary convolution.
        quantize: the binary convolution also writes the signs of its floats, for the next one.
        bits_only: the binary convolution writes bits and no floats.

    Raises:
        InputError: an unknown kind, or a size out of range.
    """

    kind: str
    height: int = 1
    width: int = 1
    channels_in: int = 1
    channels_out: int = 0
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "same"
    groups: int = 1
    shortcuts: int = 0
    quantize: bool = False
    bits_only: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(
                f"LayerShape: unknown kind {self.kind!r}. Fix: use one of {', '.join(KINDS)}."
            )
        if isinstance(self.kernel, int):
            object.__setattr__(self, "kernel", (self.kernel, self.kernel))
        if not self.channels_out:
            object.__setattr__(self, "channels_out", self.channels_in)
        numbers = {
            "height": self.height,
            "width": self.width,
            "channels_in": self.channels_in,
            "channels_out": self.channels_out,
            "kernel": min(self.kernel),
            "stride": self.stride,
            "groups": self.groups,
        }
        for name, value in numbers.items():
            if value < 1:
                raise InputError(
                    f"LayerShape({self.kind}): {name} must be at least 1, not {value}."
                )
        if self.shortcuts < 0:
            raise InputError("LayerShape: shortcuts must be at least 0.")
        if self.padding not in ("same", "valid"):
            raise InputError(
                f"LayerShape: padding must be 'same' or 'valid', not {self.padding!r}."
            )
        if self.kind in KEEPS_CHANNELS and self.channels_out != self.channels_in:
            raise InputError(
                f"LayerShape({self.kind}): has as many channels out as in, not "
                f"{self.channels_in} and {self.channels_out}."
            )
        if self.channels_in % self.groups or self.channels_out % self.groups:
            raise InputError(
                f"LayerShape({self.kind}): {self.groups} groups do not divide {self.channels_in} "
                f"and {self.channels_out} channels."
            )
        _ = self._out  # refuses a window that does not fit

    @cached_property
    def _out(self) -> tuple[int, int]:
        rows, columns = self.kernel
        return self._side(self.height, rows), self._side(self.width, columns)

    def _side(self, side: int, size: int) -> int:
        if self.kind not in WINDOWED:
            return side
        if self.padding == "same":
            return -(-side // self.stride)
        if size > side:
            raise InputError(
                f"LayerShape({self.kind}): a window of {size} does not fit {side} pixels without "
                "padding; use padding='same'."
            )
        return (side - size) // self.stride + 1

    @property
    def out_height(self) -> int:
        """Height of the output, pixels."""
        return self._out[0]

    @property
    def out_width(self) -> int:
        """Width of the output, pixels."""
        return self._out[1]

    @property
    def pixels(self) -> int:
        """Pixels of the output."""
        return self._out[0] * self._out[1]

    @property
    def in_elements(self) -> int:
        """Values of the input, each bit of a packed one counted."""
        return self.height * self.width * self.channels_in

    @property
    def out_elements(self) -> int:
        """Values of the output, each bit of a packed one counted."""
        return self.pixels * self.channels_out

    @property
    def window(self) -> int:
        """Pixels of the window."""
        return math.prod(self.kernel) if self.kind in WINDOWED else 1

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding counted; 0 where they are not defined."""
        if self.filter_shape == ():
            return 0
        image = (1, self.height, self.width, self.channels_in)
        output = (1, *self._out, self.channels_out)
        # A binary convolution as one of floats: packing changes shapes, not the work.
        return op_macs(_COUNTED_AS[self.kind], (image, self.filter_shape), output) or 0

    @property
    def filter_shape(self) -> tuple[int, ...]:
        """Of the weights as floats: OHWI, 1HWO if depthwise, OI if dense; empty if none."""
        if self.kind in (BINARY_CONV, CONV):
            return (self.channels_out, *self.kernel, self.channels_in // self.groups)
        if self.kind == DEPTHWISE_CONV:
            return (1, *self.kernel, self.channels_out)
        return (self.channels_out, self.channels_in) if self.kind == DENSE else ()

    @property
    def weights(self) -> int:
        """Weights, biases not counted."""
        return math.prod(self.filter_shape) if self.filter_shape else 0

    @property
    def weight_bytes(self) -> int:
        """Memory of the weights: bits packed into words, or float32."""
        if self.kind == BINARY_CONV:
            *outer, depth = self.filter_shape
            return 4 * math.prod(outer) * word_count(depth)
        return 4 * self.weights

    @property
    def binary(self) -> bool:
        """Whether bnn_lab's kernels run it."""
        return self.kind in (BINARY_CONV, QUANTIZE, BINARY_MAX_POOL)

    @property
    def name(self) -> str:
        """Such as "binary_conv 3x3 /2 56x56,64→128 + add + quantize"."""
        text = self.kind
        if self.kind in WINDOWED:
            text += f" {self.kernel[0]}x{self.kernel[1]}"
            text += f" /{self.stride}" if self.stride > 1 else ""
        text += f" {self.height}x{self.width},{self.channels_in}"
        if self.channels_out != self.channels_in:
            text += f"→{self.channels_out}"
        text += " + add" * self.shortcuts
        if self.quantize:
            text += " + quantize"
        return text + (" to bits" if self.bits_only else "")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; `LayerShape(**values)` makes it again."""
        values = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {**values, "kernel": list(self.kernel)}
