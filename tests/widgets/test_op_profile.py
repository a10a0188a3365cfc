from __future__ import annotations

import pytest

from bnn_lab.controls import controls
from bnn_lab.errors import InputError
from bnn_lab.figures.profile_figure import (
    BY_KIND,
    ProfileState,
    draw_profiles,
    profile_bars,
)
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.widgets import OpProfile, base


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_left_in", {})


def profile(*rows: tuple[str, float, bool]) -> Profile:
    total = sum(ms for _, ms, _ in rows)
    made = tuple(
        ProfileRow(f"t{i}", kind, (1, 4), ms, ms / total, None, binary, False)
        for i, (kind, ms, binary) in enumerate(rows)
    )
    return Profile(made, total, "scalar", 1, 3)


PROFILES = {
    "binary": profile(
        ("CONV_2D", 1.0, False),
        ("LceBconv2d", 3.0, True),
        ("LceBconv2d", 5.0, True),
        ("MEAN", 0.6, False),
        ("SOFTMAX", 0.4, False),
    ),
    "float": profile(("CONV_2D", 40.0, False), ("SOFTMAX", 0.4, False)),
}


def test_bars_op_by_op_and_by_kind() -> None:
    bars = profile_bars(PROFILES["binary"])
    assert [bar.label for bar in bars][:2] == ["1. convolution", "2. binary convolution"]
    kinds = profile_bars(PROFILES["binary"], BY_KIND)
    assert (kinds[0].label, kinds[0].ms, kinds[0].binary) == ("binary convolution", 8.0, True)
    assert sum(bar.ms for bar in bars) == pytest.approx(sum(bar.ms for bar in kinds))


def test_small_ops_are_joined_and_nothing_is_lost() -> None:
    bars = profile_bars(PROFILES["binary"], least=7.0)
    assert [bar.label for bar in bars] == [
        "1. convolution",
        "2. binary convolution",
        "3. binary convolution",
        "the rest",
    ]
    assert bars[-1].ms == pytest.approx(1.0)
    alone = profile_bars(PROFILES["float"], least=5.0)
    assert [bar.label for bar in alone] == ["1. convolution", "2. softmax"]  # one needs no joining


def test_the_files_have_scales_of_their_own_or_share_one() -> None:
    ends = {
        (file, same): draw_profiles(
            PROFILES, ProfileState(file, same_scale=same)
        ).figure.layout.xaxis.range[1]
        for file in PROFILES
        for same in (True, False)
    }
    assert ends["binary", True] == ends["float", True] == ends["float", False] > 40
    assert 5 < ends["binary", False] < 6
    quick = {"quick": profile(("CONV_2D", 0.2, False))}
    axis = draw_profiles(quick, ProfileState("quick")).figure.layout.xaxis
    assert axis.title.text == "time, µs" and 200 < axis.range[1] < 240
    shares = draw_profiles(PROFILES, ProfileState("binary")).figure.layout.annotations
    assert [note.text for note in shares] == ["10%", "30%", "50%", "6%", "4%"]


def test_in_words() -> None:
    text = draw_profiles(PROFILES, ProfileState("binary")).words
    assert "10.0 ms for one inference, in 5 ops. Binary ops take 80%" in text
    assert "longest bar is 3. binary convolution with 50%" in text
    with pytest.raises(InputError, match="there are: binary, float"):
        draw_profiles(PROFILES, ProfileState("int8"))


def test_every_control_changes_the_figure() -> None:
    shown = OpProfile(PROFILES)
    for field, control in controls(ProfileState).items():
        start, seen = getattr(shown.state, field), []
        for value in control.extremes():
            shown.inputs[field].value = value
            seen.append(str(shown.figure.to_plotly_json()))
            assert shown.errors.outputs == ()
        assert seen[0] != seen[1], field
        shown.inputs[field].value = start
    shown.inputs["file"].value = "float"
    assert shown.figure.layout.title.text.startswith("float: 40.4 ms")
    assert not shown.errors.outputs
    with pytest.raises(InputError, match="no profiles"):
        OpProfile({})
