from __future__ import annotations

import pytest

from bnn_lab.errors import InputError
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.widgets import OpProfile
from bnn_lab.widgets.op_profile import pack_profiles


def profile(*rows: tuple[str, float, bool], warning: str | None = None) -> Profile:
    total = sum(ms for _, ms, _ in rows)
    made = tuple(
        ProfileRow(f"t{i}", kind, (1, 4), ms, ms / total, 10**6 if binary else None, binary, False)
        for i, (kind, ms, binary) in enumerate(rows)
    )
    return Profile(made, total, "scalar", 1, 3, warning)


PROFILES = {
    "binary": profile(
        ("CONV_2D", 1.0, False),
        ("LceBconv2d", 3.0, True),
        ("LceBconv2d", 5.0, True),
        ("MEAN", 0.6, False),
        ("SOFTMAX", 0.4, False),
    ),
    "float": profile(("CONV_2D", 40.0, False), ("SOFTMAX", 0.4, False), warning="much else ran"),
}


def test_profiles_as_small_json() -> None:
    binary, other = pack_profiles(PROFILES)
    assert binary["rows"][0] == ["convolution", "1×4", 1.0, False, None]
    assert binary["rows"][1] == ["binary convolution", "1×4", 3.0, True, 0.3333]
    assert (binary["ms"], binary["warning"]) == (10.0, "")
    assert (other["name"], other["warning"]) == ("float", "much else ran")


def test_in_words() -> None:
    shown = OpProfile(PROFILES)
    text = shown.describe()
    assert "10.0 ms for one inference, in 5 ops. Binary ops take 80%" in text
    assert "longest bar is 3. binary convolution with 50%" in text
    assert "By kind: binary convolution 80%, convolution 10%, average 6.0%, softmax 4.0%." in text
    shown.grouping = "kinds of ops"
    assert "longest bar is binary convolution with 80%" in shown.describe()
    shown.file = 1
    assert shown.describe().startswith("float: 40.4 ms")
    assert "Disturbed: much else ran." in shown.describe()


def test_without_profiles_it_shows_recorded_ones() -> None:
    assert "quicknet" in OpProfile().describe()
    with pytest.raises(InputError, match="no profiles"):
        OpProfile({})
    nothing = OpProfile({"empty": Profile((), 0.0, "scalar", 1, 1)})
    assert "in 0 ops" in nothing.describe() and "<svg" in nothing.static().data
