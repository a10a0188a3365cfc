"""Where a model's time goes: one bar per op in the order in which they run, or one per kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

import plotly.graph_objects as go

from bnn_lab.controls import check_state, choice, slider, toggle
from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.op_names import plain
from bnn_lab.measure.units import format_seconds
from bnn_lab.profiling.model_profile import Profile, ProfileRow

BY_OP, BY_KIND, BY_RUN = "op by op", "kinds of ops", "alike neighbors together"
_LEAST = 1.0  # percent; what takes less is joined where a figure is for reading
_REST = "the rest"


@dataclass(frozen=True)
class ProfileState:
    """What of some files' profiles is shown.

    Attributes:
        file: name of a profile.
    """

    file: str
    grouping: str = choice(BY_OP, options=(BY_OP, BY_RUN, BY_KIND), label="show")
    least: float = slider(
        0.0, low=0.0, high=20.0, step=0.5, label="join ops below, %", help="Of the whole time."
    )
    same_scale: bool = toggle(
        False, label="one scale for all files", help="Otherwise each file fills the figure."
    )

    def __post_init__(self) -> None:
        check_state(self)


@dataclass(frozen=True)
class Bar:
    """One bar of the figure.

    Attributes:
        label: plain and unique, with its number where ops are shown one by one.
        ms: milliseconds per inference.
        binary: whether bnn_lab's kernels run it.
        detail: more about it, for the hover text.
    """

    label: str
    ms: float
    binary: bool
    detail: str


def profile_bars(profile: Profile, grouping: str = BY_OP, least: float = 0.0) -> list[Bar]:
    """The bars: one for each op or kind; small ones joined in a last one.

    Args:
        profile: from `bnn_lab.profile`.
        grouping: `BY_OP`, `BY_KIND`, or `BY_RUN`: one bar for ops of one kind that follow each
            other.
        least: two and more bars below this percentage of the sum are joined.

    Returns:
        Bars whose times add up to the profile's sum.
    """
    if grouping == BY_OP:
        bars = [
            Bar(f"{number}. {plain(row.kind)}", row.ms, row.binary, _detail(row))
            for number, row in enumerate(profile.rows, start=1)
        ]
    elif grouping == BY_RUN:
        bars = _runs(profile)
    else:
        kinds = {row.kind: row.binary for row in profile.rows}
        counts = {kind: sum(row.kind == kind for row in profile.rows) for kind in kinds}
        bars = [
            Bar(plain(kind), ms, kinds[kind], f"{counts[kind]} × {kind}")
            for kind, ms in profile.by_kind().items()
        ]
    total = profile.sum_ms or 1.0
    small = [bar for bar in bars if bar.ms / total < least / 100]
    if len(small) < 2:
        return bars
    ms = sum(bar.ms for bar in small)
    rest = Bar(_REST, ms, False, f"{len(small)} small ones, binary or not")
    return [*(bar for bar in bars if bar not in small), rest]


def _runs(profile: Profile) -> list[Bar]:
    bars: list[Bar] = []
    numbered = enumerate(profile.rows, start=1)
    for (kind, binary), run in groupby(numbered, lambda one: (one[1].kind, one[1].binary)):
        ops = list(run)
        (first, row), last = ops[0], ops[-1][0]
        numbers = f"{first}" if first == last else f"{first}–{last}"
        detail = _detail(row) if first == last else _of_run(kind, [each for _, each in ops])
        ms = sum(each.ms for _, each in ops)
        bars.append(Bar(f"{numbers}. {plain(kind)}", ms, binary, detail))
    return bars


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
    return _draw(profile, name, profile_bars(profile, BY_RUN, _LEAST))


def draw_profiles(profiles: Mapping[str, Profile], state: ProfileState) -> Drawing:
    """One of several files' profiles, on a time scale of its own or on one that all files share.

    Args:
        profiles: name of a file to its profile.
        state: the file to show, and how to show it.

    Returns:
        A figure and words as of `draw_profile`.

    Raises:
        InputError: there is no such file.
    """
    if state.file not in profiles:
        raise InputError(
            f"there is no profile of {state.file!r}; there are: {', '.join(profiles)}."
        )
    bars = {
        name: profile_bars(profile, state.grouping, state.least)
        for name, profile in profiles.items()
    }
    longest = max((bar.ms for of_file in bars.values() for bar in of_file), default=0.0)
    chosen = profiles[state.file], state.file, bars[state.file]
    return _draw(*chosen, longest=longest if state.same_scale else None)


def _draw(profile: Profile, name: str, bars: list[Bar], *, longest: float | None = None) -> Drawing:
    if longest is None:
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
