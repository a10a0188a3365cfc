"""The strip's design is Python's, and Python measures it when the page asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.errors import InputError
from bnn_lab.lessons.designer import Design, Measured, cost_tables, design
from bnn_lab.widgets import FilmStrip


def pretend(state: Design, progress: Callable[[str, float], None]) -> Measured:
    progress("building the network", 0.0)
    progress("done", 1.0)
    return Measured(sum(state.blocks) / 10, 4_000_000)


def test_default_costs_are_the_shipped_machines() -> None:
    assert FilmStrip.schema["fields"]["costs"]["default"] == cost_tables(CostModel.load(SHIPPED))


def test_fields_are_the_designs_with_its_defaults_and_ranges() -> None:
    assert FilmStrip().design == Design()
    mine = design((1, 12, 3, 4), (32, 512, 64, 96), 64, "none")
    assert FilmStrip(mine).design == mine
    with pytest.raises(InputError, match="blocks_1=13"):
        FilmStrip(blocks_1=13)


def test_the_page_asks_and_gets_rows() -> None:
    told: list[str] = []
    shown = FilmStrip(measure=pretend)
    shown.observe(lambda change: told.append(change["new"]), "doing")
    fields = {name: getattr(shown, name) for name in Design.__dataclass_fields__}
    shown._asked(shown, {"measure": {**fields, "blocks_2": 9}}, [])
    shown._asked(shown, {"other": 1}, [])
    (row,) = shown.measured
    assert row["blocks_2"] == 9 and row["ms"] == 2.1 and row["bytes"] == 4_000_000
    assert 0.5 < row["estimate"] < 5
    assert told == ["building the network ...", ""]


def test_a_failure_is_said_in_the_page() -> None:
    def fail(state: Design, progress: Any) -> Measured:
        raise InputError("no TensorFlow here")

    shown = FilmStrip(measure=fail)
    with pytest.raises(InputError):
        shown.measure()
    assert shown.doing == "This could not be measured: no TensorFlow here"
    with pytest.raises(InputError, match="no design"):
        shown._asked(shown, {"measure": {"blocks_1": 1}}, [])


def test_words_compare_with_quicknet() -> None:
    text = FilmStrip(blocks_1=12).describe()
    assert "QuickNet takes" in text and "million MACs" in text and "as shipped" in text
