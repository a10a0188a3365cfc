"""The `lq` dialect: binary ops of the Larq Compute Engine (LCE) file format, and two of our own.

Binary activations are int32 words of 32 channels, as `bnn_lab.reference` defines them. LCE has no
depthwise and no transposed binary convolution: `Depthwise2d` and `Transpose2d` stand in a file
under the names BnnLabDepthwise2d and BnnLabTranspose2d, which only bnn_lab's runtime knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.irdl import (
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from bnn_lab.convert.ir.attributes import PrintOnly
from bnn_lab.convert.ir.tfl_dialect import LabOp


class _LqOptions:
    """Base of the options: prints ``name = value, ...``."""

    def __str__(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in vars(self).items())


@dataclass(frozen=True)
class BconvOptions(_LqOptions):
    """Options of `Bconv2d`, named as in the file.

    Attributes:
        channels_in: input channels.
        stride_height: vertical stride.
        stride_width: horizontal stride.
        dilation_height_factor: vertical dilation.
        dilation_width_factor: horizontal dilation.
        padding: "same" or "valid".
        pad_values: what "same" pads with: 0, or 1 (a binary value).
        fused_activation_function: clamp of the raw accumulator, before multiplier and bias:
            "none", "relu", "relu_n1_to_1" or "relu6".
    """

    channels_in: int
    stride_height: int = 1
    stride_width: int = 1
    dilation_height_factor: int = 1
    dilation_width_factor: int = 1
    padding: str = "valid"
    pad_values: int = 0
    fused_activation_function: str = "none"


@dataclass(frozen=True)
class DepthwiseOptions(_LqOptions):
    """Options of `Depthwise2d`: those of `Bconv2d`, and `depth_multiplier` outputs per channel."""

    channels_in: int
    depth_multiplier: int = 1
    stride_height: int = 1
    stride_width: int = 1
    dilation_height_factor: int = 1
    dilation_width_factor: int = 1
    padding: str = "valid"
    pad_values: int = 0
    fused_activation_function: str = "none"


@dataclass(frozen=True)
class TransposeOptions(_LqOptions):
    """Options of `Transpose2d`: those of `Bconv2d` that apply, and the output's size."""

    channels_in: int
    output_height: int
    output_width: int
    stride_height: int = 1
    stride_width: int = 1
    padding: str = "valid"
    fused_activation_function: str = "none"


@dataclass(frozen=True)
class BpoolOptions(_LqOptions):
    """Options of `BMaxPool2d`, named as in the file; padding is "same" or "valid"."""

    filter_height: int
    filter_width: int
    stride_height: int
    stride_width: int
    padding: str = "valid"


@irdl_attr_definition
class LqOptions(PrintOnly):
    """Options of an op of this dialect."""

    name = "lq.options"


@irdl_op_definition
class Quantize(LabOp):
    """Signs of a float, int8 or bool tensor, bitpacked along the last axis (LceQuantize)."""

    name = "lq.Quantize"
    input = operand_def()
    output = result_def()
    traits = traits_def(Pure())


@irdl_op_definition
class Dequantize(LabOp):
    """Bits back to +1 / -1 values (LceDequantize)."""

    name = "lq.Dequantize"
    input = operand_def()
    output = result_def()
    traits = traits_def(Pure())


class BinaryConv(LabOp):
    """What the binary convolutions share.

    `filter` holds float +1/-1 values at first, int32 words once packed. `multiplier` and `bias`
    are float32 (O,), `threshold` int32 (O,); each may be a `NoValue`.
    """

    input = operand_def()
    filter = operand_def()
    multiplier = operand_def()
    bias = operand_def()
    threshold = operand_def()
    output = result_def()
    options = prop_def(LqOptions)

    def _shown(self) -> str:
        return str(self.options.data)


@irdl_op_definition
class Bconv2d(BinaryConv):
    """Binary convolution (LceBconv2d); the filter is OHWI."""

    name = "lq.Bconv2d"
    traits = traits_def(Pure())

    @property
    def conv(self) -> BconvOptions:
        """The options."""
        return self.options.data


@irdl_op_definition
class Depthwise2d(BinaryConv):
    """Binary depthwise convolution (BnnLabDepthwise2d); the filter is (1, kh, kw, C * m)."""

    name = "lq.Depthwise2d"
    traits = traits_def(Pure())

    @property
    def conv(self) -> DepthwiseOptions:
        """The options."""
        return self.options.data


@irdl_op_definition
class Transpose2d(BinaryConv):
    """Binary transposed convolution (BnnLabTranspose2d); the filter is OHWI."""

    name = "lq.Transpose2d"
    traits = traits_def(Pure())

    @property
    def conv(self) -> TransposeOptions:
        """The options."""
        return self.options.data


@irdl_op_definition
class BMaxPool2d(LabOp):
    """Max-pooling of bitpacked values (LceBMaxPool2d)."""

    name = "lq.BMaxPool2d"
    input = operand_def()
    output = result_def()
    options = prop_def(LqOptions)
    traits = traits_def(Pure())

    @property
    def pool(self) -> BpoolOptions:
        """The options."""
        return self.options.data

    def _shown(self) -> str:
        return str(self.options.data)
