from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.lessons.checked import Checked


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> Checked:
    monkeypatch.delenv("BNN_LAB_STATIC", raising=False)
    return Checked()


def shown(claims) -> list[str]:
    return claims._repr_mimebundle_()["text/plain"].splitlines()


def test_what_holds_is_one_line_that_unfolds(checked: Checked) -> None:
    checked("one", True)
    checked("a < b", np.bool_(True))
    bundle = checked.new()._repr_mimebundle_()
    assert bundle["text/plain"] == "✓ Checked: 2 statements hold\n✓ one\n✓ a < b"
    assert bundle["text/markdown"] == (
        "<details><summary>✓ Checked: 2 statements hold</summary>\n\n"
        "* ✓ one\n* ✓ a &lt; b\n\n</details>"
    )


def test_a_section_shows_its_own_and_the_end_shows_all(checked: Checked) -> None:
    assert shown(checked.new()) == ["✓ Checked: nothing yet"]
    checked("one", True)
    checked.new()
    checked.cited("91.3 %", "arXiv:1906.02107")
    checked("two", True)
    assert shown(checked.new()) == [
        "✓ Checked: 1 statement holds, 1 cited",
        "91.3 % (arXiv:1906.02107)",
        "✓ two",
    ]
    assert shown(checked.all())[0] == "✓ Checked: 2 statements of this lesson hold, 1 cited"


def test_a_false_fact_is_seen_everywhere(checked: Checked) -> None:
    checked("one", True)
    checked("two", False)
    assert shown(checked.new()) == ["✗ Checked: 1 of 2 statements hold", "✓ one", "✗ two"]
    assert shown(checked.all())[0] == "✗ Checked: 1 of 2 statements of this lesson hold"


def test_a_false_fact_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    checked = Checked()
    checked.here("it is quick", False)
    checked("one", True)
    with pytest.raises(AssertionError, match="does not hold: two"):
        checked("two", False)


def test_what_was_measured_here_tells_its_verdict_in_its_section_alone(checked: Checked) -> None:
    checked.here("binary is quicker", False)
    checked("one", True)
    assert shown(checked.new()) == [
        "✗ Checked: 1 statement holds, 1 measured on this machine",
        "✗ binary is quicker: not in this run",
        "✓ one",
    ]
    slow = shown(checked.all())
    checked.here("binary is quicker", True)
    assert sorted(shown(checked.all())) == sorted(slow)  # nbval compares the two


def test_a_cell_that_is_run_again_claims_once(checked: Checked) -> None:
    for _ in range(2):
        checked("one", False)
        checked("two", True)
        checked.new()
    checked("one", True)
    assert shown(checked.new()) == ["✓ Checked: 1 statement holds", "✓ one"]
    assert len(checked.claims) == 2


@pytest.mark.parametrize("holds", [np.array([True, False]), np.zeros((2, 2))])
def test_an_array_is_no_truth_value(checked: Checked, holds) -> None:
    with pytest.raises(InputError, match=r"end with \.all"):
        checked("one", holds)


def test_a_citation_needs_its_source(checked: Checked) -> None:
    with pytest.raises(InputError, match="source"):
        checked.cited("91.3 %", " ")
