"""What the binary convolutions share: their options and operands, checked."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import InputError
from bnn_lab.kernels import _checks as checks
from bnn_lab.reference import ACTIVATION_RANGES, Activation, Output, Words, word_count

_MOST_PRODUCTS = 2**25  # twice what an accumulator that float32 holds exactly is made of


class Transform(TypedDict, total=False):
    """Options of the output transform, as in `reference.output_transform`.

    Attributes:
        activation: "none", "relu", "relu_n1_to_1" or "relu6"; clamps the accumulator. Not for bits,
            whose threshold stands for it.
        multiplier: float32 (O,), default ones. Not for bits.
        bias: float32 (O,), default zeros. Not for bits.
        threshold: int32 (O,), needed for bits and only for bits.
        output: "float32" (default), "int8" or "bits".
        output_scale: scale of int8 output, positive.
        output_zero_point: zero point of int8 output, in [-128, 127].
    """

    activation: Activation
    multiplier: NDArray[np.float32] | None
    bias: NDArray[np.float32] | None
    threshold: NDArray[np.int32] | None
    output: Output
    output_scale: float
    output_zero_point: int


def check_names(op: str, options: Transform) -> None:
    """Refuse options that `Transform` does not have."""
    unknown = set(options) - set(Transform.__annotations__)
    if unknown:
        raise InputError(f"{op}: unknown option {', '.join(sorted(unknown))}")


def _transform(op: str, channels: int, options: Transform) -> dict[str, Any]:
    """Checked options, with defaults, as the compiled module takes them."""
    check_names(op, options)
    output = checks.choice(
        op, "output", options.get("output", "float32"), ("float32", "int8", "bits")
    )
    activation = checks.choice(
        op, "activation", options.get("activation", "none"), tuple(ACTIVATION_RANGES)
    )
    constants = {
        name: _per_channel(op, name, options.get(name), dtype, channels)
        for name, dtype in (
            ("multiplier", np.float32),
            ("bias", np.float32),
            ("threshold", np.int32),
        )
    }
    if output == "bits":
        if constants["threshold"] is None:
            raise InputError(f"{op}: output='bits' needs a threshold")
        if (
            constants["multiplier"] is not None
            or constants["bias"] is not None
            or activation != "none"
        ):
            raise InputError(
                f"{op}: multiplier, bias and activation do not apply to output='bits', whose "
                "threshold stands for them"
            )
    elif constants["threshold"] is not None:
        raise InputError(f"{op}: threshold applies to output='bits' only, not {output!r}")
    scale, zero_point = options.get("output_scale", 1.0), options.get("output_zero_point", 0)
    scale = checks.number(op, "output_scale", scale)
    zero_point = checks.integer(op, "output_zero_point", zero_point, -128, 127)
    if output != "int8" and (scale != 1.0 or zero_point != 0):
        raise InputError(f"{op}: output_scale and output_zero_point apply to output='int8' only")
    if output == "int8":
        _check_scale(op, scale, constants["multiplier"], constants["bias"])
    return {
        **constants,
        "activation": activation,
        "output": output,
        "output_scale": scale,
        "output_zero_point": zero_point,
    }


def _check_scale(op: str, scale: float, multiplier: NDArray | None, bias: NDArray | None) -> None:
    """Refuse a scale through which float32 would overflow, where the result is no number."""
    if scale <= 0:
        raise InputError(f"{op}: output_scale must be positive, not {scale}")
    factor = 1.0 if multiplier is None else float(np.abs(multiplier).max())
    shift = 0.0 if bias is None else float(np.abs(bias).max())
    most = factor * _MOST_PRODUCTS + shift  # not finite: the kernel says whose fault it is
    if np.isfinite(most) and most / scale > np.finfo(np.float32).max:
        raise InputError(
            f"{op}: output_scale = {scale} is too small for this multiplier and bias: divided by "
            "it they exceed float32"
        )


def _per_channel(op: str, name: str, value: Any, dtype: Any, channels: int) -> NDArray | None:
    if value is None:
        return None
    array = checks.array(op, name, value, dtype, 1)
    if len(array) != channels:
        raise InputError(
            f"{op}: {name} must have one value for each of {channels} filters, not {len(array)}"
        )
    return array


def check_filters(op: str, filters: Any, rank: int, channels: int) -> Words:
    words: Words = checks.array(op, "filters", filters, np.int32, rank)
    if 0 in words.shape:
        raise InputError(f"{op}: filters must not be empty, but have shape {words.shape}")
    if words.shape[-1] != word_count(channels):
        raise InputError(
            f"{op}: filters of shape {words.shape} do not fit {channels} channels: the last "
            f"dimension must be {word_count(channels)} words"
        )
    checks.require_clean_words(op, "filters", words, channels)
    return words


def check_input(op: str, x: Any, channels_in: int) -> Words:
    words: Words = checks.array(op, "x", x, np.int32, 4)
    if words.shape[3] != word_count(channels_in):
        raise InputError(
            f"{op}: x of shape {words.shape} does not fit channels_in = {channels_in}: the last "
            f"dimension must be {word_count(channels_in)} words"
        )
    checks.require_clean_words(op, "x", words, channels_in)
    return words


def _window_options(
    op: str, stride: Any, dilation: Any, padding: Any, pad_values: Any
) -> dict[str, Any]:
    stride_height, stride_width = checks.pair(op, "stride", stride)
    dilation_height, dilation_width = checks.pair(op, "dilation", dilation)
    return {
        "stride_height": stride_height,
        "stride_width": stride_width,
        "dilation_height": dilation_height,
        "dilation_width": dilation_width,
        "padding": checks.choice(op, "padding", padding, ("same", "valid")),
        "pad_values": checks.integer(op, "pad_values", pad_values, 0, 1),
    }


def native_options(
    op: str,
    *,
    channels: int,
    channels_in: int,
    transform: Transform,
    stride: Any,
    padding: Any,
    dilation: Any = (1, 1),
    pad_values: Any = 0,
    groups: int = 1,
    depth_multiplier: int = 0,
    output_activation: Any = "none",
    sum_activation: Any = "none",
) -> Any:
    """Everything but the filters, as the compiled module takes it.

    Args:
        op: its name, for messages.
        channels: number of channels of the output.
        channels_in: channels of the input.
        transform: see `Transform`.
        stride: (height, width), unchecked like the options that follow.
        padding: "same" or "valid".
        dilation: (height, width).
        pad_values: 0 or 1.
        groups: a checked integer.
        depth_multiplier: a checked integer; 0: not depthwise.
        output_activation: see `BConv2D`.
        sum_activation: see `BConv2D`.

    Raises:
        InputError: an option is out of range or does not apply.
    """
    activations = tuple(ACTIVATION_RANGES)
    return checks.call(
        op,
        _native.Options,
        channels_in=channels_in,
        groups=groups,
        depth_multiplier=depth_multiplier,
        output_activation=checks.choice(op, "output_activation", output_activation, activations),
        sum_activation=checks.choice(op, "sum_activation", sum_activation, activations),
        **_window_options(op, stride, dilation, padding, pad_values),
        **_transform(op, channels, transform),
    )
