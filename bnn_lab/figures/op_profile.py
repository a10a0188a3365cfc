"""Profiles of several files side by side: where each one's time goes, op by op or kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from bnn_lab.controls import check_state, choice, slider, toggle
from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.measure.units import format_seconds

if TYPE_CHECKING:
    from bnn_lab.profiling.profile import Profile

BY_OP, BY_KIND = "op by op", "kinds of ops"
_REST = "the rest"


@dataclass(frozen=True)
class ProfileState:
    """What of the profiles is shown.

    Attributes:
        file: name of a profile.
    """

    file: str
    grouping: str = choice(BY_OP, options=(BY_OP, BY_KIND), label="show")
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
        label: unique, with its number where ops are shown one by one.
        ms: milliseconds per inference.
        binary: whether bnn_lab's kernels run it.
        detail: more about it, for the hover text.
    """

    label: str
    ms: float
    binary: bool
    detail: str


def profile_bars(profile: Profile, state: ProfileState) -> list[Bar]:
    """The bars: one for each op or kind; small ones joined in a last one.

    Args:
        profile: from `bnn_lab.profile`.
        state: how to group.

    Returns:
        Bars whose times add up to the profile's sum.
    """
    if state.grouping == BY_OP:
        bars = [
            Bar(f"{number}. {row.kind}", row.ms, row.binary, row.name)
            for number, row in enumerate(profile.rows, start=1)
        ]
    else:
        kinds = {row.kind: row.binary for row in profile.rows}
        counts = {kind: sum(row.kind == kind for row in profile.rows) for kind in kinds}
        bars = [
            Bar(kind, ms, kinds[kind], f"{counts[kind]} of them")
            for kind, ms in profile.by_kind().items()
        ]
    total = profile.sum_ms or 1.0
    small = [bar for bar in bars if bar.ms / total < state.least / 100]
    if len(small) < 2:
        return bars
    ms = sum(bar.ms for bar in small)
    rest = Bar(_REST, ms, False, f"{len(small)} small ones, binary or not")
    return [*(bar for bar in bars if bar not in small), rest]


def op_profile_figure(profiles: Mapping[str, Profile], state: ProfileState) -> go.Figure:
    """Bars of one file's ops, on a time scale of its own or on one that all files share.

    Args:
        profiles: name of a file to its profile.
        state: which file, and how.

    Returns:
        A figure.

    Raises:
        InputError: there is no such file.
    """
    profile = _chosen(profiles, state)
    bars = profile_bars(profile, state)
    shown = profiles.values() if state.same_scale else [profile]
    longest = max(bar.ms for other in shown for bar in profile_bars(other, state))
    unit, size = ("ms", 1.0) if longest >= 1 else ("µs", 1e-3)
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
            customdata=[[bar.detail, f"{bar.ms / (profile.sum_ms or 1):.1%}"] for bar in chosen],
            hovertemplate=f"%{{y}}<br>%{{customdata[0]}}<br>%{{x:.3g}} {unit}, %{{customdata[1]}}"
            "<extra></extra>",
        )
    total = profile.sum_ms or 1.0
    for bar in bars:
        figure.add_annotation(
            x=bar.ms / size, y=bar.label, text=f"{bar.ms / total:.0%}", showarrow=False,
            xanchor="left", xshift=6, font={"size": 12},
        )  # fmt: skip
    figure.update_layout(
        **theme.layout(
            f"{state.file}: {format_seconds(profile.end_to_end_ms / 1e3)} for one inference",
            showlegend=True,
        ),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
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
        height=170 + 24 * len(bars),
        margin={"l": 10, "r": 30, "t": 80, "b": 50},
    )
    return figure


def describe_op_profile(profiles: Mapping[str, Profile], state: ProfileState) -> str:
    """The figure in words, as alternative text.

    Args:
        profiles: name of a file to its profile.
        state: which file, and how.

    Returns:
        The whole time, the binary part, and the longest bar.

    Raises:
        InputError: there is no such file.
    """
    profile = _chosen(profiles, state)
    total = profile.sum_ms or 1.0
    binary = sum(row.ms for row in profile.rows if row.binary)
    longest = max(profile_bars(profile, state), key=lambda bar: bar.ms)
    text = (
        f"{state.file}: {format_seconds(profile.end_to_end_ms / 1e3)} for one inference, in "
        f"{len(profile.rows)} ops. Binary ops take {binary / total:.0%}; the longest bar is "
        f"{longest.label} with {longest.ms / total:.0%}."
    )
    return text + (f" Disturbed: {profile.warning}." if profile.warning else "")


def _chosen(profiles: Mapping[str, Profile], state: ProfileState) -> Profile:
    if state.file not in profiles:
        raise InputError(
            f"there is no profile of {state.file!r}; there are: {', '.join(profiles)}."
        )
    return profiles[state.file]
