from __future__ import annotations

import pytest

from bnn_lab import figures
from bnn_lab.figures import draw_profile
from bnn_lab.profiling.model_profile import Profile, ProfileRow


def row(kind: str, ms: float, binary: bool, macs: int | None = None) -> ProfileRow:
    return ProfileRow(f"{kind} result", kind, (1, 8, 8, 64), ms, ms / 0.5, macs, binary, False)


@pytest.fixture
def profile() -> Profile:
    rows = (
        row("CONV_2D", 0.1, False, 10**6),
        row("LceBconv2d", 0.3, True, 3 * 10**8),
        row("LceBconv2d", 0.099, True, 10**8),
        row("SOFTMAX", 0.001, False),
    )
    return Profile(rows, 0.51, "scalar", 1, 30)


def test_bars_stand_in_the_order_of_running(profile: Profile) -> None:
    figure = draw_profile(profile).figure
    binary, other = figure.data
    assert list(binary.x) == pytest.approx([399])
    assert list(binary.y) == ["2–3. binary convolution"]
    assert list(other.y) == ["1. convolution", "4. softmax"]
    assert binary.marker.color != other.marker.color
    assert list(figure.layout.yaxis.categoryarray) == [
        "1. convolution",
        "2–3. binary convolution",
        "4. softmax",
    ]
    assert binary.customdata[0][0] == "2 × LceBconv2d<br>1x8x8x64"
    assert other.customdata[1][0] == "SOFTMAX<br>SOFTMAX result (1x8x8x64)"
    assert figure.layout.title.text == "510 µs for one inference"
    assert [a.text for a in figure.layout.annotations] == ["20%", "80%", "0%"]
    assert draw_profile(profile, "mine").figure.layout.title.text.startswith("mine: 510 µs")


def test_the_dispatcher_makes_the_same_figure(profile: Profile) -> None:
    assert figures.draw(profile) == draw_profile(profile)


def test_words(profile: Profile) -> None:
    assert draw_profile(profile).words == (
        "510 µs for one inference, in 4 ops. Binary ops take 80%; the longest bar is "
        "2–3. binary convolution with 80%. By kind: binary convolution 80%, convolution 20%."
    )


def test_no_rows() -> None:
    figure = draw_profile(Profile((), 0.0, "scalar", 1, 1)).figure
    assert all(not trace.x for trace in figure.data)
