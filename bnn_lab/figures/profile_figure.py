"""Where a model's time goes: bars in the order in which the ops run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.op_names import plain
from bnn_lab.measure.units import format_seconds
from bnn_lab.profiling.model_profile import Profile, ProfileRow

_LEAST = 1.0  # percent; what takes less is joined
_REST = "the rest"


@dataclass(frozen=True)
class Bar:
    """One bar of the figure.

    Attributes:
        label: plain and unique, with the numbers of its ops.
        ms: milliseconds per inference.
        binary: whether bnn_lab's kernels run it.
        detail: more about it, for the hover text.
    """

    label: str
    ms: float
    binary: bool
    detail: str


def profile_bars(profile: Profile) -> list[Bar]:
    """The bars: ops of one kind that follow each other share one; small ones are joined in a last.

    Args:
        profile: from `bnn_lab.profile`.

    Returns:
        Bars whose times add up to the profile's sum.
    """
    bars: list[Bar] = []
    numbered = enumerate(profile.rows, start=1)
    for (kind, binary), run in groupby(numbered, lambda one: (one[1].kind, one[1].binary)):
        ops = list(run)
        (first, row), last = ops[0], ops[-1][0]
        numbers = f"{first}" if first == last else f"{first}–{last}"
        detail = _detail(row) if first == last else _of_run(kind, [each for _, each in ops])
        ms = sum(each.ms for _, each in ops)
        bars.append(Bar(f"{numbers}. {plain(kind)}", ms, binary, detail))
    total = profile.sum_ms or 1.0
    small = [bar for bar in bars if bar.ms / total < _LEAST / 100]
    if len(small) < 2:
        return bars
    ms = sum(bar.ms for bar in small)
    rest = Bar(_REST, ms, False, f"{len(small)} small ones, binary or not")
    return [*(bar for bar in bars if bar not in small), rest]


def _of_run(kind: str, rows: list[ProfileRow]) -> str:
    shapes = dict.fromkeys("x".join(map(str, row.output_shape)) for row in rows)
    return f"{len(rows)} × {kind}<br>{', '.join(shapes)}"


def draw_profile(profile: Profile, name: str = "") -> Drawing:
    """Bars in the order of running, binary ops in one color and the others in another.

    Ops of one kind that follow each other share a bar, and what takes less than 1 % is joined, so
    that a network of a hundred ops can be read. `OpProfile` shows each op.

    Args:
        profile: from `bnn_lab.profile`.
        name: name of the model, for the title.

    Returns:
        A static figure, and a few sentences: the whole time, the binary part, the longest bar and
        the kinds with at least 1 % of the time.
    """
    bars = profile_bars(profile)
    longest = max((bar.ms for bar in bars), default=0.0)
    unit, size = ("ms", 1.0) if longest >= 1 else ("µs", 1e-3)
    total = profile.sum_ms or 1.0
    figure = go.Figure()
    for label, binary, colour in (
        ("binary, on bnn_lab's kernels", True, theme.VERMILION),
        ("others, on LiteRT's", False, theme.BLUE),
    ):
        chosen = [bar for bar in bars if bar.binary is binary]
        figure.add_bar(
            name=label,
            x=[bar.ms / size for bar in chosen],
            y=[bar.label for bar in chosen],
            orientation="h",
            marker_color=colour,
            customdata=[[bar.detail, f"{bar.ms / total:.1%}"] for bar in chosen],
            hovertemplate=f"%{{y}}<br>%{{customdata[0]}}<br>%{{x:.3g}} {unit}, %{{customdata[1]}}"
            "<extra></extra>",
        )
    for bar in bars:
        figure.add_annotation(
            x=bar.ms / size, y=bar.label, text=f"{bar.ms / total:.0%}", showarrow=False,
            xanchor="left", xshift=6, font={"size": 12},
        )  # fmt: skip
    height = 200 + 24 * len(bars)
    title = f"{format_seconds(profile.end_to_end_ms / 1e3)} for one inference"
    figure.update_layout(
        **theme.layout(f"{name}: {title}" if name else title, showlegend=True),
        # Below, where it may take two lines; in pixels, since the height differs.
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -55 / (height - 150)},
        barmode="overlay",  # each row has a bar in one of the two traces only
        xaxis=theme.axis(f"time, {unit}", range=[0, 1.15 * longest / size or 1.0]),
        yaxis=theme.axis(
            "",
            autorange="reversed",
            categoryorder="array",
            categoryarray=[bar.label for bar in bars],
            ticksuffix="  ",
            showgrid=False,
            tickfont={"size": 11},
            dtick=1,
        ),
        height=height,
        margin={"l": 10, "r": 30, "t": 50, "b": 100},
    )
    return Drawing(figure, _words(profile, name, bars))


def _detail(row: ProfileRow) -> str:
    shape = "x".join(map(str, row.output_shape))
    speed = "" if row.gmacs_per_s is None else f"<br>{row.gmacs_per_s:.1f} GMAC/s"
    return f"{row.kind}<br>{row.name} ({shape}){speed}"


def _words(profile: Profile, name: str, bars: list[Bar]) -> str:
    total = profile.sum_ms or 1.0
    binary = sum(row.ms for row in profile.rows if row.binary)
    text = f"{name}: " if name else ""
    text += (
        f"{format_seconds(profile.end_to_end_ms / 1e3)} for one inference, in {len(profile.rows)} "
        f"ops. Binary ops take {binary / total:.0%}"
    )
    if bars:
        longest = max(bars, key=lambda bar: bar.ms)
        text += f"; the longest bar is {longest.label} with {longest.ms / total:.0%}"
    kinds = profile.by_kind().items()
    large = [f"{plain(kind)} {ms / total:.0%}" for kind, ms in kinds if ms / total >= 0.01]
    text += f". By kind: {', '.join(large)}." if large else "."
    return text + (f" Disturbed: {profile.warning}." if profile.warning else "")
