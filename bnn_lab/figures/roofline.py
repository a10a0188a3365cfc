"""The roofline: how fast a layer can be at most, given this machine's arithmetic and its memory.

Source: Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bnn_lab.bench.backend_comparison import NUMPY_FLOAT
from bnn_lab.bench.baselines import baseline, ours
from bnn_lab.bench.kernels import ConvCase, DenseCase, KernelResult
from bnn_lab.bench.machine import IN_CACHE, IN_MEMORY, Machine, conv_bytes
from bnn_lab.controls import check_state, choice, slider
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.tflite.forms import FLOAT32, INT8

BINARY_FLOATS = "binary, writes floats"
BINARY_BITS = "binary, writes bits"
FLOATS = "float32"
_BITS = {BINARY_FLOATS: (1, 32), BINARY_BITS: (1, 1), FLOATS: (32, 32)}
_INTENSITIES = (1.0, 1e4)  # multiply-accumulates a byte


@dataclass(frozen=True)
class RooflineState:
    """A layer of one's own, and where its data is."""

    size: int = slider(28, low=1, high=112, label="image size, pixels", help="Height and width.")
    channels: int = slider(128, low=32, high=2048, step=32, label="channels in and out")
    kernel: str = choice("3x3", options=("1x1", "3x3", "5x5"), label="filter")
    values: str = choice(
        BINARY_FLOATS, options=(BINARY_FLOATS, BINARY_BITS, FLOATS), label="values"
    )
    place: str = choice(
        IN_MEMORY, options=(IN_MEMORY, IN_CACHE), label="data comes from", help="And goes there."
    )

    def __post_init__(self) -> None:
        check_state(self)

    @property
    def case(self) -> ConvCase:
        """The layer."""
        return ConvCase(self.size, self.channels, self.channels, int(self.kernel[0]))


@dataclass(frozen=True)
class Bound:
    """How fast a layer can be.

    Attributes:
        intensity: multiply-accumulates for each byte read or written.
        gmacs: most 10^9 multiply-accumulates a second.
        by_memory: whether bandwidth sets it, not arithmetic.
        macs: multiply-accumulates of the layer.
        bytes: number of bytes it reads and writes.
    """

    intensity: float
    gmacs: float
    by_memory: bool
    macs: int
    bytes: int


def bound_of(machine: Machine, state: RooflineState) -> Bound:
    """The bound of the state's layer: the smaller of intensity times bandwidth, and the ceiling.

    Args:
        machine: what was measured.
        state: the layer.

    Returns:
        The bound.
    """
    size = conv_bytes(state.case, *_BITS[state.values])
    intensity = state.case.macs / size
    ceiling = _ceiling(machine, state)
    limit = intensity * machine.bandwidths[state.place]
    return Bound(intensity, min(limit, ceiling), limit < ceiling, state.case.macs, size)


def draw_roofline(
    machine: Machine, results: Sequence[KernelResult], state: RooflineState
) -> Drawing:
    """Roofs, measured layers below them, and the bound of the state's layer.

    Args:
        machine: from `bnn_lab.bench.machine.measure_machine`.
        results: from `measure_backends`.
        state: a layer of one's own.

    Returns:
        A figure with logarithmic axes, and a few sentences about the bound.
    """
    figure = go.Figure()
    bandwidth = machine.bandwidths[state.place]
    low, high = _INTENSITIES
    roofs = list(machine.ceilings.items())
    roofs.append(("float32", machine.float_best))  # the best seen, of two libraries
    for name, ceiling in roofs:
        figure.add_scatter(
            name=f"roof of {name}",
            mode="lines",
            showlegend=False,
            x=(xs := [low, float(np.clip(ceiling / bandwidth, low, high)), high]),
            y=[min(x * bandwidth, ceiling) for x in xs],
            line={"color": theme.BLUE if name == "float32" else theme.VERMILION, "width": 2},
            hovertemplate=f"{name}: at most %{{y:,.0f}} GMAC/s at %{{x:,.0f}} MAC/byte"
            "<extra></extra>",
        )
        figure.add_annotation(
            x=np.log10(_INTENSITIES[1]), y=np.log10(ceiling), text=f"{name} {ceiling:,.0f}",
            showarrow=False, xanchor="right", yanchor="bottom", font={"size": 12},
        )  # fmt: skip
    for name, label, colour, symbol, bits in _groups(results):
        points = [(_intensity(r.case, bits), r.gmacs(name), r) for r in results]
        figure.add_scatter(
            name=label,
            mode="markers",
            x=[x for x, _, _ in points],
            y=[y for _, y, _ in points],
            marker={"color": colour, "size": 9, "symbol": symbol},
            customdata=[[r.case.name] for _, _, r in points],
            hovertemplate=f"{label}, %{{customdata[0]}}<br>%{{x:,.0f}} MAC/byte, "
            "%{y:,.0f} GMAC/s<extra></extra>",
        )
    bound = bound_of(machine, state)
    figure.add_scatter(
        name="your layer: at most",
        mode="markers",
        x=[bound.intensity],
        y=[bound.gmacs],
        marker={"color": theme.GREEN, "size": 18, "symbol": "star"},
        hovertemplate="your layer<br>%{x:,.1f} MAC/byte, at most %{y:,.0f} GMAC/s<extra></extra>",
    )
    highest = max(gmacs for _, gmacs in roofs)
    measured = [r.gmacs(name) for r in results for name in r.table.names]
    lowest = min([machine.float_best / 10, *measured])
    figure.update_layout(
        **theme.layout(
            f"Your layer: at most {bound.gmacs:,.0f} GMAC/s, set by "
            f"{'the ' + state.place if bound.by_memory else 'arithmetic'}",
            showlegend=True,
        ),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        height=520,
        margin={"l": 10, "r": 20, "t": 50, "b": 120},
    )
    log = {"type": "log", "dtick": 1, "exponentformat": "none", "separatethousands": True}
    figure.update_xaxes(
        theme.axis("intensity, MACs per byte read or written", **log), range=[0, 4.05]
    )
    figure.update_yaxes(
        theme.axis("GMAC/s", **log),
        range=[float(np.log10(lowest / 1.5)), float(np.log10(highest * 2.2))],
    )
    return Drawing(figure, _words(machine, state))


def _words(machine: Machine, state: RooflineState) -> str:
    bound = bound_of(machine, state)
    micro = bound.macs / bound.gmacs / 1e3
    reason = (
        f"the {state.place} brings {machine.bandwidths[state.place]:,.0f} GB/s, and the arithmetic "
        "would be faster"
        if bound.by_memory
        else f"the arithmetic reaches no more, and the {state.place} could feed it"
    )
    return (
        f"A {state.kernel} convolution of {state.size}×{state.size} pixels with {state.channels} "
        f"channels, {state.values}: {bound.macs / 1e6:,.1f} million MACs and "
        f"{bound.bytes / 1e3:,.0f} kB, so {bound.intensity:,.1f} MACs per byte. It runs at "
        f"{bound.gmacs:,.0f} GMAC/s at most, in {micro:,.1f} µs at least: {reason}."
    )


def _intensity(case: ConvCase | DenseCase, bits: tuple[int, int]) -> float:
    if isinstance(case, DenseCase):
        case = ConvCase(1, case.channels_in, case.channels_out, kernel=1)
    return case.macs / conv_bytes(case, *bits)


def _ceiling(machine: Machine, state: RooflineState) -> float:
    if state.values == FLOATS:
        return machine.float_best
    return max(machine.ceilings.values(), default=machine.float_best)


def _groups(
    results: Sequence[KernelResult],
) -> list[tuple[str, str, str, str, tuple[int, int]]]:
    """Peer, label, colour, symbol, bits of values and results."""
    names = results[0].table.names if results else ()
    symbols = iter(("circle-open", "diamond-open", "circle", "diamond", "square"))
    groups = [
        (name, name.removeprefix(ours("")), theme.VERMILION, next(symbols), (1, 32))
        for name in names
        if name.startswith(ours(""))
    ]
    for name, symbol, bits in (
        (baseline(INT8), "square", (8, 8)),
        (baseline(FLOAT32), "square-open", (32, 32)),
        (NUMPY_FLOAT, "x", (32, 32)),
    ):
        if name in names:
            colour = theme.PINK if name == baseline(INT8) else theme.BLUE
            groups.append((name, name, colour, symbol, bits))
    return groups
