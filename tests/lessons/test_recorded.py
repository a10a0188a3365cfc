from __future__ import annotations

import pytest

from bnn_lab.errors import InputError
from bnn_lab.lessons import recorded


def test_times_are_kept_in_the_order_of_their_measurement() -> None:
    digits = recorded.seconds(recorded.DIGITS)
    assert next(iter(digits)) == "binary" and len(digits) == 4
    assert all(0 < value < 0.1 for value in digits.values())
    text = recorded.sentence(recorded.DIGITS)
    assert (
        text.startswith("Recorded on another day, best rounds of a long run (")
        and "float32 TFLite" in text
    )
    ratio = digits["float32 TFLite"] / digits["binary"]
    assert f"(× {ratio:.0f})" in text or f"(× {ratio:.1f})" in text


def test_findings_are_kept_as_sentences() -> None:
    assert "Zero-padding takes" in recorded.sentence(recorded.PADDING)
    with pytest.raises(InputError, match="kept as a sentence"):
        recorded.seconds(recorded.PADDING)
    for ask in (recorded.seconds, recorded.sentence):
        with pytest.raises(InputError, match="no run 'nothing' was recorded; there are digits"):
            ask("nothing")
