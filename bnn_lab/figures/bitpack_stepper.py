"""One window of a binary convolution, word by word: signs, bits, XOR, popcount, accumulator.

Source: LCE paper, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab.controls import check_state, choice, slider
from bnn_lab.errors import InputError
from bnn_lab.figures import theme

SIZE = 8  # height and width of the image, pixels
CHANNELS = 32  # so that each pixel is one word
FILTERS = 8
KERNEL = 3
WORDS = KERNEL * KERNEL
DEPTH = WORDS * CHANNELS

ONES, ZEROS = "+1", "0, corrected"

_BIT_0, _BIT_1, _DIFFER = "#767676", theme.BLUE, theme.VERMILION
_HERE = "#F0E442"  # Okabe and Ito's yellow: only ever on the dark colours above
# Cuts of the image itself: at these pixels the first filters match it perfectly.
_CUT_AT = ((3, 3), (1, 5), (5, 2), (6, 5))


@dataclass(frozen=True)
class StepperState:
    """Which word of which window is looked at; rows and columns count from 0."""

    row: int = slider(2, low=0, high=SIZE - 1, label="window row", help="Of the output pixel.")
    column: int = slider(
        2, low=0, high=SIZE - 1, label="window column", help="Of the output pixel."
    )
    word: int = slider(
        4, low=0, high=WORDS - 1, label="word in the window", help="Left to right, top to bottom."
    )
    output_channel: int = slider(
        0, low=0, high=FILTERS - 1, label="output channel", help="Which filter is applied."
    )
    channel: int = slider(
        0, low=0, high=CHANNELS - 1, label="channel = bit", help="Which bit the image shows."
    )
    padding: str = choice(
        ONES, options=(ONES, ZEROS), label="padding with", help="What surrounds the image."
    )

    def __post_init__(self) -> None:
        check_state(self)


@dataclass(frozen=True)
class Scene:
    """A ±1 image and filters.

    Attributes:
        image: int8 of ±1, shape (8, 8, 32).
        filters: int8 of ±1, OHWI, shape (8, 3, 3, 32).

    Raises:
        InputError: a shape does not fit, or a value is not ±1.
    """

    image: NDArray[np.int8]
    filters: NDArray[np.int8]

    def __post_init__(self) -> None:
        for name, values, shape in (
            ("image", self.image, (SIZE, SIZE, CHANNELS)),
            ("filters", self.filters, (FILTERS, KERNEL, KERNEL, CHANNELS)),
        ):
            if np.shape(values) != shape or not np.isin(values, (-1, 1)).all():
                raise InputError(
                    f"Scene: {name} must be +1 and -1 of shape {shape}; it has shape "
                    f"{np.shape(values)}. Take np.where(x < 0, -1, 1) of the real values."
                )


@dataclass(frozen=True)
class Window:
    """What the kernel sees at one output pixel.

    Attributes:
        image_bits: bool (9, 32), one row per word; True is a -1.
        filter_bits: bool (9, 32).
        outside: bool (9,), words that lie in the padding.
        popcounts: int (9,), of the XOR of each word.
        correction: what zero-padding adds to the sum; 0 with one-padding.
        accumulator: of this pixel and output channel.
        output: int (8, 8), accumulators of all pixels of this output channel.
    """

    image_bits: NDArray[np.bool_]
    filter_bits: NDArray[np.bool_]
    outside: NDArray[np.bool_]
    popcounts: NDArray[np.int64]
    correction: int
    accumulator: int
    output: NDArray[np.int32]

    @property
    def differ(self) -> NDArray[np.bool_]:
        """The XOR, bool (9, 32)."""
        return self.image_bits ^ self.filter_bits


@lru_cache
def example_scene() -> Scene:
    """A handwritten digit seen through 32 small edge detectors, and eight filters.

    The first four filters are cut out of the image, the other four are random.
    """
    from bnn_lab.data import load_digits

    digit = load_digits().test_images[0, ..., 0]
    rng = np.random.default_rng(3)
    # Pixels are eighths, so with whole numbers all sums are exact, whatever their order.
    detectors = rng.integers(-3, 4, (CHANNELS, KERNEL, KERNEL)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(digit, 1, mode="edge"), (3, 3))
    seen = np.einsum("hwij,cij->hwc", windows, detectors)
    image = np.where(seen < np.median(seen, axis=(0, 1)), -1, 1).astype(np.int8)
    filters = rng.choice(np.array([-1, 1], np.int8), (FILTERS, KERNEL, KERNEL, CHANNELS))
    for number, (row, column) in enumerate(_CUT_AT):
        filters[number] = image[row - 1 : row + 2, column - 1 : column + 2]
    return Scene(image, filters)


def compute_window(scene: Scene, state: StepperState) -> Window:
    """All numbers of one window.

    Args:
        scene: image and filters.
        state: where to look.

    Returns:
        Bits, popcounts and the accumulator.
    """
    padded = np.pad(scene.image < 0, ((1, 1), (1, 1), (0, 0)))
    bits = padded[state.row : state.row + KERNEL, state.column : state.column + KERNEL]
    kernel = scene.filters[state.output_channel]
    inside = np.pad(np.ones((SIZE, SIZE), bool), 1)
    inside = inside[state.row : state.row + KERNEL, state.column : state.column + KERNEL]
    popcounts = (bits ^ (kernel < 0)).sum(axis=-1).reshape(-1)
    zeros = state.padding == ZEROS
    correction = -int(kernel[~inside].sum()) if zeros else 0
    return Window(
        image_bits=bits.reshape(WORDS, CHANNELS),
        filter_bits=(kernel < 0).reshape(WORDS, CHANNELS),
        outside=~inside.reshape(-1),
        popcounts=popcounts,
        correction=correction,
        accumulator=DEPTH - 2 * int(popcounts.sum()) + correction,
        output=_output(scene, state.output_channel, 0 if zeros else 1),
    )


def next_word(state: StepperState, steps: int = 1) -> StepperState:
    """Words on, through the window and then to the next windows, row by row and round again.

    Args:
        state: where to start.
        steps: how many words; negative goes back.

    Returns:
        The state there.
    """
    place = (state.row * SIZE + state.column) * WORDS + state.word + steps
    pixel, word = divmod(place % (SIZE * SIZE * WORDS), WORDS)
    row, column = divmod(pixel, SIZE)
    return replace(state, row=row, column=column, word=word)


def stepper_figure(scene: Scene, state: StepperState) -> go.Figure:
    """The image with the window, the output, the popcounts and the chosen word's bits.

    Args:
        scene: image and filters.
        state: where to look.

    Returns:
        A figure of four panels.
    """
    window = compute_window(scene, state)
    figure = go.Figure()
    _draw_image(figure, scene, state)
    _draw_output(figure, window, state)
    _draw_popcounts(figure, window, state)
    _draw_words(figure, window, state)
    figure.update_layout(
        **theme.layout(_formula(window).capitalize()),
        height=490,
        margin={"l": 10, "r": 10, "t": 50, "b": 5},
    )
    titles = (
        (0.0, 1.0, f"the image's signs, channel {state.channel}"),
        (0.36, 1.0, f"output channel {state.output_channel}: accumulators"),
        (0.73, 1.0, "popcount of each word"),
        (0.0, 0.36, f"word {state.word} of the window, bit 0 at the left; blue 1 is a −1"),
    )
    for x, y, text in titles:
        figure.add_annotation(
            x=x, y=y, xref="paper", yref="paper", text=text, showarrow=False,
            xanchor="left", yanchor="bottom", font={"size": 13},
        )  # fmt: skip
    return figure


def describe_stepper(scene: Scene, state: StepperState) -> str:
    """The figure in words, as alternative text.

    Args:
        scene: image and filters.
        state: where to look.

    Returns:
        A few sentences with the words in hexadecimal.
    """
    window = compute_window(scene, state)
    image, kernel = (
        int(reference.pack_bits(bits[state.word]).view(np.uint32)[0])
        for bits in (window.image_bits, window.filter_bits)
    )
    text = (
        f"Window at row {state.row}, column {state.column}, output channel "
        f"{state.output_channel}, word {state.word}: image 0x{image:08x}, filter 0x{kernel:08x}, "
        f"XOR 0x{image ^ kernel:08x} with popcount {window.popcounts[state.word]}. "
        f"The {_formula(window)}."
    )
    outside = int(window.outside.sum())
    if outside:
        text += f" {outside} of the 9 words lie in the padding, which is stored as +1: all bits 0."
    if outside and state.padding == ZEROS:
        text += f" The correction {window.correction:+d} takes out what they added."
    return text


def _formula(window: Window) -> str:
    total = int(window.popcounts.sum())
    correction = f" {'−' if window.correction < 0 else '+'} {abs(window.correction)}"
    return (
        f"accumulator = {DEPTH} − 2 × popcount {total}{correction if window.correction else ''}"
        f" = {window.accumulator}"
    ).replace("= -", "= −")


@lru_cache(maxsize=64)
def _cached_output(image: bytes, filters: bytes, pad_values: int) -> NDArray[np.int32]:
    signs = np.frombuffer(image, np.int8).reshape(1, SIZE, SIZE, CHANNELS)
    kernel = np.frombuffer(filters, np.int8).reshape(1, KERNEL, KERNEL, CHANNELS)
    return reference.bconv2d_accumulators(
        reference.pack_bits(signs < 0),
        reference.pack_bits(kernel < 0),
        channels_in=CHANNELS,
        padding="same",
        pad_values=pad_values,
    )[0, ..., 0]


def _output(scene: Scene, channel: int, pad_values: int) -> NDArray[np.int32]:
    kernel = scene.filters[channel].astype(np.int8)
    return _cached_output(scene.image.astype(np.int8).tobytes(), kernel.tobytes(), pad_values)


def _axes(figure: go.Figure, number: str, x: list[float], y: list[float], **more: Any) -> None:
    plain = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": ""}
    figure.layout[f"xaxis{number}"] = {**plain, "domain": x, "anchor": f"y{number}"}
    figure.layout[f"yaxis{number}"] = {
        **plain,
        "domain": y,
        "anchor": f"x{number}",
        "autorange": "reversed",
        **more,
    }


def _box(
    figure: go.Figure, axis: str, x: float, y: float, size: float, colour: str, width: float
) -> None:
    figure.add_shape(
        type="rect", xref=f"x{axis}", yref=f"y{axis}", x0=x - 0.5, y0=y - 0.5,
        x1=x - 0.5 + size, y1=y - 0.5 + size, line={"color": colour, "width": width},
    )  # fmt: skip


def _draw_image(figure: go.Figure, scene: Scene, state: StepperState) -> None:
    ring = np.pad((scene.image[..., state.channel] < 0).astype(int), 1)
    inside = np.pad(np.ones((SIZE, SIZE), int), 1)
    outside = {ONES: "+", ZEROS: "0"}[state.padding]
    signs = np.where(inside == 0, outside, np.where(ring == 1, "−", "+"))
    figure.add_heatmap(
        z=ring.tolist(),
        x=list(range(-1, SIZE + 1)),
        y=list(range(-1, SIZE + 1)),
        text=signs.tolist(),
        texttemplate="%{text}",
        textfont={"color": "white", "size": 12},
        colorscale=[[0, _BIT_0], [1, _BIT_1]],
        zmin=0,
        zmax=1,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="row %{y}, column %{x}: %{text}<extra></extra>",
    )
    _axes(figure, "", [0, 0.33], [0.46, 1], scaleanchor="x", constrain="domain")
    figure.layout.xaxis.range = [-1.6, SIZE + 0.6]  # the boxes' lines must fit
    # The padding stays pale.
    for x0, y0, x1, y1 in ((-1.5, -1.5, 8.5, -0.5), (-1.5, 7.5, 8.5, 8.5),
                           (-1.5, -0.5, -0.5, 7.5), (7.5, -0.5, 8.5, 7.5)):  # fmt: skip
        figure.add_shape(
            type="rect", x0=x0, y0=y0, x1=x1, y1=y1, line={"width": 0},
            fillcolor="rgba(160, 160, 160, 0.55)",
        )  # fmt: skip
    _box(figure, "", state.column - 1, state.row - 1, KERNEL, theme.VERMILION, 4)
    tap_row, tap_column = divmod(state.word, KERNEL)
    _box(figure, "", state.column - 1 + tap_column, state.row - 1 + tap_row, 1, _HERE, 3)


def _draw_output(figure: go.Figure, window: Window, state: StepperState) -> None:
    figure.add_heatmap(
        z=window.output.tolist(),
        text=[[str(value).replace("-", "−") for value in row] for row in window.output.tolist()],
        texttemplate="%{text}",
        textfont={"color": "white", "size": 10},
        colorscale=[[0, theme.BLUE], [0.5, _BIT_0], [1, theme.VERMILION]],
        zmin=-DEPTH,
        zmax=DEPTH,
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate="row %{y}, column %{x}: %{z}<extra></extra>",
        xaxis="x2",
        yaxis="y2",
    )
    _axes(figure, "2", [0.36, 0.69], [0.46, 1], scaleanchor="x2", constrain="domain")
    _box(figure, "2", state.column, state.row, 1, _HERE, 3)


def _draw_popcounts(figure: go.Figure, window: Window, state: StepperState) -> None:
    names = [f"{word}" for word in range(WORDS)]
    figure.add_bar(
        x=window.popcounts.tolist(),
        y=names,
        orientation="h",
        text=[
            f"{count}{' (padding)' if outside else ''}"
            for count, outside in zip(window.popcounts, window.outside, strict=True)
        ],
        textposition="outside",
        cliponaxis=False,
        marker_color=[_DIFFER if word == state.word else _BIT_0 for word in range(WORDS)],
        hovertemplate="word %{y}: %{x} bits differ<extra></extra>",
        xaxis="x3",
        yaxis="y3",
    )
    _axes(figure, "3", [0.76, 0.93], [0.46, 0.99])
    figure.layout.xaxis3.range = [0, CHANNELS]
    figure.layout.yaxis3.update(showticklabels=True, ticksuffix=" ", type="category", dtick=1)


def _draw_words(figure: go.Figure, window: Window, state: StepperState) -> None:
    rows = [window.image_bits[state.word], window.filter_bits[state.word]]
    bits = np.array([*rows, rows[0] ^ rows[1]]).astype(int)
    shown = bits.copy()
    shown[2] *= 2  # the XOR has a colour of its own
    figure.add_heatmap(
        z=shown.tolist(),
        y=["image", "filter", "XOR"],
        text=bits.tolist(),
        texttemplate="%{text}",
        textfont={"color": "white", "size": 12},
        colorscale=[[0, _BIT_0], [0.5, _BIT_1], [1, _DIFFER]],
        zmin=0,
        zmax=2,
        showscale=False,
        xgap=2,
        ygap=6,
        hovertemplate="%{y}, bit %{x}: %{text}<extra></extra>",
        xaxis="x4",
        yaxis="y4",
    )
    _axes(figure, "4", [0.07, 1], [0.07, 0.34])
    figure.layout.yaxis4.update(showticklabels=True, ticksuffix=" ")
    figure.layout.xaxis4.update(showticklabels=True, dtick=4)
    figure.add_shape(
        type="rect", xref="x4", yref="y4", x0=state.channel - 0.5, x1=state.channel + 0.5,
        y0=-0.5, y1=2.5, line={"color": theme.TEXT, "width": 2},
    )  # fmt: skip
