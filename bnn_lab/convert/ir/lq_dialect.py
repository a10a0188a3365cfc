"""The `lq` dialect: binary ops of the Larq Compute Engine (LCE) file format, and three of our own.

Binary activations are int32 words of 32 channels, as `bnn_lab.reference` defines them. LCE has no
depthwise and no transposed binary convolution: `Depthwise2d` and `Transpose2d` stand in a file
under the names BnnLabDepthwise2d and BnnLabTranspose2d, which only bnn_lab's runtime knows. So does
`TernaryDense`, as BnnLabTernaryDense.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSetConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.traits import Pure

from bnn_lab.convert.ir.tfl_dialect import LabOp
from bnn_lab.tflite.options import CHOICES, CUSTOM_OPS


def _choice(name: str) -> Any:
    return prop_def(AttrSetConstraint(frozenset(_attribute(value) for value in CHOICES[name])))


def _attribute(value: Any) -> Attribute:
    return StringAttr(value) if isinstance(value, str) else IntAttr(int(value))


class LqOp(LabOp):
    """Base of the ops: options are properties, whose values stand plainly in the text.

    `CODE` is what a file calls the op; `bnn_lab.tflite.options` lists its options.
    """

    CODE: ClassVar[str]

    @classmethod
    def make(
        cls,
        operands: Sequence[SSAValue],
        result_type: Attribute,
        names: ArrayAttr[StringAttr] | None,
        **options: Any,
    ) -> Self:
        """New op.

        Args:
            operands: all of them.
            result_type: tensor type.
            names: names of the result's tensor.
            options: values of options; those left out have their defaults.
        """
        return cls.build(
            operands=list(operands),
            result_types=[result_type],
            properties={**cls._properties(options), "names": names},
        )

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Names of its options, as in a file."""
        return CUSTOM_OPS[cls.CODE].names

    @classmethod
    def _properties(cls, options: dict[str, Any]) -> dict[str, Attribute]:
        """Options as properties, with defaults; verifying the op finds what is missing."""
        if unknown := sorted(options.keys() - set(cls.option_names())):
            raise KeyError(f"{cls.name} has no option {', '.join(unknown)}")
        known = {**CUSTOM_OPS[cls.CODE].defaults, **options}
        return {name: _attribute(value) for name, value in known.items()}

    @property
    def options(self) -> dict[str, Any]:
        """Values of the options."""
        return {name: self.option(name) for name in self.option_names()}

    def option(self, name: str) -> Any:
        """Value of one option, an int or a name."""
        return self.properties[name].data  # type: ignore[attr-defined]

    def _shown(self) -> str:
        options = ", ".join(f"{name} = {value}" for name, value in self.options.items())
        return f"{{{options}}}" if options else ""

    @classmethod
    def _read(cls, parser: Parser) -> dict[str, Attribute]:
        values: dict[str, Any] = {}
        if parser.parse_optional_punctuation("{") is not None:
            while parser.parse_optional_punctuation("}") is None:
                name = parser.parse_identifier()
                if name not in cls.option_names():
                    parser.raise_error(f"{cls.name} has no option {name}")
                parser.parse_punctuation("=")
                word = parser.parse_optional_identifier()
                values[name] = parser.parse_integer() if word is None else word
                parser.parse_optional_punctuation(",")
        return cls._properties(values)


@irdl_op_definition
class Quantize(LqOp):
    """Signs of a float, int8 or bool tensor, bitpacked along the last axis (LceQuantize)."""

    name = "lq.Quantize"
    CODE: ClassVar[str] = "LceQuantize"
    input = operand_def()
    output = result_def()
    traits = traits_def(Pure())


@irdl_op_definition
class Dequantize(LqOp):
    """Bits back to +1 / -1 values (LceDequantize)."""

    name = "lq.Dequantize"
    CODE: ClassVar[str] = "LceDequantize"
    input = operand_def()
    output = result_def()
    traits = traits_def(Pure())


class BinaryConv(LqOp):
    """What the binary convolutions share.

    `filter` holds float +1/-1 values at first, int32 words once packed. `multiplier` and `bias`
    are float32 (O,), `threshold` int32 (O,); each may be a `NoValue`.

    Options, named as in the file: `channels_in` input channels, strides, `padding` "same" or
    "valid", and `fused_activation_function`, which clamps the raw accumulator before multiplier
    and bias: "none", "relu", "relu_n1_to_1" or "relu6".
    """

    input = operand_def()
    filter = operand_def()
    multiplier = operand_def()
    bias = operand_def()
    threshold = operand_def()
    output = result_def()
    channels_in = prop_def(IntAttr)
    stride_height = prop_def(IntAttr)
    stride_width = prop_def(IntAttr)
    padding = _choice("padding")
    fused_activation_function = _choice("fused_activation_function")


@irdl_op_definition
class Bconv2d(BinaryConv):
    """Binary convolution (LceBconv2d); the filter is OHWI.

    Further options: dilations, and `pad_values`, what "same" pads with: 0, or 1 (a binary value).
    """

    name = "lq.Bconv2d"
    CODE: ClassVar[str] = "LceBconv2d"
    traits = traits_def(Pure())
    dilation_height_factor = prop_def(IntAttr)
    dilation_width_factor = prop_def(IntAttr)
    pad_values = _choice("pad_values")


@irdl_op_definition
class Depthwise2d(BinaryConv):
    """Binary depthwise convolution (BnnLabDepthwise2d); the filter is (1, kh, kw, C * m).

    Options are those of `Bconv2d`, and `depth_multiplier`, m outputs per channel.
    """

    name = "lq.Depthwise2d"
    CODE: ClassVar[str] = "BnnLabDepthwise2d"
    traits = traits_def(Pure())
    depth_multiplier = prop_def(IntAttr)
    dilation_height_factor = prop_def(IntAttr)
    dilation_width_factor = prop_def(IntAttr)
    pad_values = _choice("pad_values")


@irdl_op_definition
class Transpose2d(BinaryConv):
    """Binary transposed convolution (BnnLabTranspose2d); the filter is OHWI.

    Further options: the output's height and width.
    """

    name = "lq.Transpose2d"
    CODE: ClassVar[str] = "BnnLabTranspose2d"
    traits = traits_def(Pure())
    output_height = prop_def(IntAttr)
    output_width = prop_def(IntAttr)


@irdl_op_definition
class BMaxPool2d(LqOp):
    """Max-pooling of bitpacked values (LceBMaxPool2d); options as in the file."""

    name = "lq.BMaxPool2d"
    CODE: ClassVar[str] = "LceBMaxPool2d"
    input = operand_def()
    output = result_def()
    traits = traits_def(Pure())
    filter_height = prop_def(IntAttr)
    filter_width = prop_def(IntAttr)
    stride_height = prop_def(IntAttr)
    stride_width = prop_def(IntAttr)
    padding = _choice("padding")


@irdl_op_definition
class TernaryDense(LqOp):
    """Dense layer of ternary weights on activations that it makes int8 (BnnLabTernaryDense).

    `input` is float32 (..., channels_in), `filter` int8 (O, ceil(channels_in / trits_per_byte)),
    four or five codes in a byte as `ternary_reference.PACK` has them, `scale` float32 (1,).
    """

    name = "lq.TernaryDense"
    CODE: ClassVar[str] = "BnnLabTernaryDense"
    input = operand_def()
    filter = operand_def()
    scale = operand_def()
    output = result_def()
    channels_in = prop_def(IntAttr)
    trits_per_byte = prop_def(IntAttr)
    traits = traits_def(Pure())
