"""Binary convolutions: plain and grouped, depthwise, transposed."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import InputError
from bnn_lab.kernels import _checks as checks
from bnn_lab.kernels._convolution_options import (
    Transform,
    check_filters,
    check_input,
    native_options,
)
from bnn_lab.kernels.backends import backend_name
from bnn_lab.reference import Activation, Padding, Words, transposed_size


class BConv2D:
    """A binary convolution whose filters are packed once for a backend, to be called many times.

    Args:
        filters: int32 words, OHWI, shape (O, kh, kw, ceil(channels_in / groups / 32)).
        channels_in: input channels, at least 1.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with, 0 or 1.
        groups: divides `channels_in` and O.
        output_activation: "none", "relu", "relu_n1_to_1" or "relu6": clamps float32 output, after
            multiplier and bias.
        sum_activation: the same after the addition of a shortcut.
        backend: name of a backend, default the active one.
        **transform: see `Transform`.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """

    _op = "bconv2d"  # for messages

    def __init__(
        self,
        filters: Words,
        *,
        channels_in: int,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding = "valid",
        pad_values: int = 0,
        groups: int = 1,
        output_activation: Activation = "none",
        sum_activation: Activation = "none",
        backend: str | None = None,
        **transform: Unpack[Transform],
    ) -> None:
        op = self._op
        self.channels_in = checks.integer(op, "channels_in", channels_in)
        groups = checks.integer(op, "groups", groups)
        checked = checks.array(op, "filters", filters, np.int32, 4)
        if channels_in % groups or len(checked) % groups:
            raise InputError(
                f"{op}: groups = {groups} must divide channels_in = {channels_in} and the "
                f"{len(checked)} filters"
            )
        words = check_filters(op, checked, 4, channels_in // groups)
        options = native_options(
            op,
            channels=len(words),
            channels_in=self.channels_in,
            transform=transform,
            stride=stride,
            padding=padding,
            dilation=dilation,
            pad_values=pad_values,
            groups=groups,
            output_activation=output_activation,
            sum_activation=sum_activation,
        )
        self._conv = checks.call(op, _native.BConv2D, words, options, backend_name(backend))

    @property
    def backend(self) -> str:
        """Name of the backend that the filters are packed for."""
        return self._conv.backend

    def macs(self, height: int, width: int) -> int:
        """Binary multiply-accumulates for one image of this size (in pixels)."""
        return checks.call(
            self._op,
            self._conv.macs,
            checks.integer(self._op, "height", height, 0),
            checks.integer(self._op, "width", width, 0),
        )

    def __call__(
        self,
        x: Words,
        *,
        shortcut: NDArray[np.float32] | None = None,
        num_threads: int = 1,
    ) -> NDArray:
        """Convolve.

        Args:
            x: int32 words, NHWC, shape (N, H, W, ceil(channels_in / 32)).
            shortcut: float32, shape of the output: added to float32 output, last.
            num_threads: 1 to 256. Results do not depend on it.

        Returns:
            float32 or int8 of shape (N, out_h, out_w, O), or int32 words (.., ceil(O / 32)).

        Raises:
            InputError: wrong shape, dtype or number of threads.
        """
        return self._run(x, shortcut, False, num_threads)[0]

    def with_signs(
        self,
        x: Words,
        *,
        shortcut: NDArray[np.float32] | None = None,
        num_threads: int = 1,
    ) -> tuple[NDArray, Words]:
        """Convolve, and bitpack the float32 result in the same pass over memory.

        Args:
            x: as in a call.
            shortcut: as in a call.
            num_threads: as in a call.

        Returns:
            The result, and its signs as int32 words: what the next binary layer reads.

        Raises:
            InputError: wrong shape, dtype or number of threads, or no float32 output.
        """
        result, signs = self._run(x, shortcut, True, num_threads)
        assert signs is not None
        return result, signs

    def repeat(self, x: Words, repeats: int, *, num_threads: int = 1) -> None:
        """Convolve `repeats` times into the same memory, as a runtime does, and drop the result.

        For benchmarks: it shows the kernel without the cost of a call from Python.

        Args:
            x: as in a call.
            repeats: at least 1.
            num_threads: as in a call.

        Raises:
            InputError: wrong shape, dtype or number.
        """
        op = self._op
        checks.call(
            op,
            self._conv.repeat,
            check_input(op, x, self.channels_in),
            checks.integer(op, "repeats", repeats),
            checks.integer(op, "num_threads", num_threads, 1, 256),
        )

    def _run(
        self, x: Any, shortcut: Any, signs: bool, num_threads: Any
    ) -> tuple[NDArray, Words | None]:
        op = self._op
        if shortcut is not None:
            shortcut = checks.array(op, "shortcut", shortcut, np.float32, 4)
        return checks.call(
            op,
            self._conv.run,
            check_input(op, x, self.channels_in),
            shortcut,
            signs,
            checks.integer(op, "num_threads", num_threads, 1, 256),
        )


class BDepthwise2D:
    """A binary depthwise convolution: output channel c reads input channel c // m alone.

    Args:
        filters: int32 words, shape (kh, kw, ceil(channels_in * m / 32)).
        channels_in: input channels.
        depth_multiplier: m.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with, 0 or 1.
        backend: name of a backend, default the active one.
        **transform: see `Transform`; O is channels_in * m.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """

    def __init__(
        self,
        filters: Words,
        *,
        channels_in: int,
        depth_multiplier: int = 1,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding = "valid",
        pad_values: int = 0,
        backend: str | None = None,
        **transform: Unpack[Transform],
    ) -> None:
        op = "bdepthwise2d"
        self.channels_in = checks.integer(op, "channels_in", channels_in)
        depth_multiplier = checks.integer(op, "depth_multiplier", depth_multiplier)
        channels = self.channels_in * depth_multiplier
        words = check_filters(op, filters, 3, channels)
        options = native_options(
            op,
            channels=channels,
            channels_in=self.channels_in,
            transform=transform,
            stride=stride,
            padding=padding,
            dilation=dilation,
            pad_values=pad_values,
            depth_multiplier=depth_multiplier,
        )
        name = backend_name(backend)
        self._conv = checks.call(op, _native.BConv2D, words[None], options, name)

    @property
    def backend(self) -> str:
        """Name of the backend that the filters are packed for."""
        return self._conv.backend

    def __call__(self, x: Words, *, num_threads: int = 1) -> NDArray:
        """Convolve; arguments, result and errors as `BConv2D`, without a shortcut."""
        op = "bdepthwise2d"
        threads = checks.integer(op, "num_threads", num_threads, 1, 256)
        words = check_input(op, x, self.channels_in)
        return checks.call(op, self._conv.run, words, None, False, threads)[0]


class BTranspose2D:
    """A binary transposed convolution, in which an image grows by the stride.

    Args:
        filters: int32 words, shape (O, kh, kw, ceil(channels_in / 32)).
        channels_in: input channels.
        stride: (height, width).
        padding: "same" or "valid", of the convolution that this one transposes.
        backend: name of a backend, default the active one.
        **transform: see `Transform`.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """

    def __init__(
        self,
        filters: Words,
        *,
        channels_in: int,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = "valid",
        backend: str | None = None,
        **transform: Unpack[Transform],
    ) -> None:
        op = "btranspose2d"
        self.channels_in = checks.integer(op, "channels_in", channels_in)
        words = check_filters(op, filters, 4, self.channels_in)
        self._kernel = words.shape[1:3]
        self._stride = checks.pair(op, "stride", stride)
        self._padding: Padding = padding
        options = native_options(
            op,
            channels=len(words),
            channels_in=self.channels_in,
            transform=transform,
            stride=stride,
            padding=padding,
        )
        name = backend_name(backend)
        self._conv = checks.call(op, _native.BTransposeConv2D, words, options, name)

    @property
    def backend(self) -> str:
        """Name of the backend that the filters are packed for."""
        return self._conv.backend

    def __call__(
        self, x: Words, *, output_size: tuple[int, int] | None = None, num_threads: int = 1
    ) -> NDArray:
        """Convolve.

        Args:
            x: int32 words, NHWC.
            output_size: (height, width), default `reference.transposed_size`; its convolution must
                have the size of `x`.
            num_threads: 1 to 256.

        Returns:
            float32 or int8 of shape (N, *output_size, O), or int32 words (.., ceil(O / 32)).

        Raises:
            InputError: wrong shape, dtype, size or number of threads.
        """
        op = "btranspose2d"
        words = check_input(op, x, self.channels_in)
        if output_size is None:
            output_size = (
                transposed_size(words.shape[1], self._kernel[0], self._stride[0], self._padding),
                transposed_size(words.shape[2], self._kernel[1], self._stride[1], self._padding),
            )
        else:
            output_size = checks.pair(op, "output_size", output_size)
        threads = checks.integer(op, "num_threads", num_threads, 1, 256)
        return checks.call(op, self._conv.run, words, *output_size, threads)


def bconv2d(
    x: Words,
    filters: Words,
    *,
    shortcut: NDArray[np.float32] | None = None,
    num_threads: int = 1,
    **options: Any,
) -> NDArray:
    """Binary convolution in one call; see `BConv2D` for options, errors and the result."""
    return BConv2D(filters, **options)(x, shortcut=shortcut, num_threads=num_threads)


def bdepthwise2d(x: Words, filters: Words, *, num_threads: int = 1, **options: Any) -> NDArray:
    """Binary depthwise convolution in one call; see `BDepthwise2D`."""
    return BDepthwise2D(filters, **options)(x, num_threads=num_threads)


def btranspose2d(
    x: Words,
    filters: Words,
    *,
    output_size: tuple[int, int] | None = None,
    num_threads: int = 1,
    **options: Any,
) -> NDArray:
    """Binary transposed convolution in one call; see `BTranspose2D`."""
    return BTranspose2D(filters, **options)(x, output_size=output_size, num_threads=num_threads)
