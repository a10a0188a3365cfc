"""When an explicit padding in front of a VALID convolution is SAME padding."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bnn_lab.reference import window_axis


def same_padding_mismatch(
    widths: NDArray,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> str | None:
    """Compare explicit padding with what SAME would pad.

    SAME pads total = max((ceil(in / s) - 1) * s + (k - 1) * d + 1 - in, 0) per axis, total // 2 of
    it before. Counting only the total, or assuming it symmetric, shifts the image (with a 3x3
    window of stride 2 on an even size, SAME pads 0 before and 1 after).

    Args:
        widths: int (4, 2), NHWC, elements before and after.
        size: height and width before padding.
        kernel: height and width.
        stride: height and width.
        dilation: height and width.

    Returns:
        None if they agree, else the difference in words.
    """
    if widths.shape != (4, 2) or len(size) != 2 or len(kernel) != 2:
        return "it does not pad a 4-dimensional image"
    if widths[0].any() or widths[3].any():
        return "it pads the batch or channel axis"
    for axis, title in enumerate(("height", "width")):
        if size[axis] < 0:
            return f"the {title} is dynamic"
        want = window_axis(size[axis], kernel[axis], stride[axis], dilation[axis], "same")
        before, after = (int(width) for width in widths[axis + 1])
        if (before, after) != (want.before, want.after):
            return (
                f"it pads the {title} by {before} before and {after} after, where SAME pads "
                f"{want.before} and {want.after} ({size[axis]} in, kernel {kernel[axis]}, "
                f"stride {stride[axis]}, dilation {dilation[axis]})"
            )
    return None


def same_pads_nothing(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> bool:
    """Whether SAME equals VALID for this geometry."""
    if min(size) < 0:
        return False
    windows: list[Any] = [
        window_axis(size[axis], kernel[axis], stride[axis], dilation[axis], "same")
        for axis in (0, 1)
    ]
    return all(window.before == window.after == 0 for window in windows)
