"""Marked regions of an instructor notebook's cells: solutions and hidden tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """What stands between two lines that hold these words, anywhere, as nbgrader looks for them."""

    begin: str
    end: str

    def marks(self, line: str) -> bool:
        """Whether a line begins or ends the region."""
        return self.begin in line or self.end in line


SOLUTION = Region("BEGIN SOLUTION", "END SOLUTION")
HIDDEN = Region("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
REGIONS = (SOLUTION, HIDDEN)
STUB = "# YOUR CODE HERE"


@dataclass(frozen=True)
class Line:
    """One line of a cell.

    Attributes:
        number: from 1.
        text: without the line end.
        region: in which it lies, its markers included; None outside.
        marker: whether it begins or ends a region.
    """

    number: int
    text: str
    region: Region | None
    marker: bool


def lines_of(source: str) -> Iterator[Line]:
    """The lines of a cell's source; a region that is not closed reaches to the end."""
    region: Region | None = None
    for number, text in enumerate(source.split("\n"), 1):
        marked = next((kind for kind in REGIONS if kind.marks(text)), None)
        if region is None and marked and marked.begin in text:
            region = marked
        yield Line(number, text, region or marked, marked is not None)
        if region and region.end in text:
            region = None


def stub_of(source: str) -> str:
    """What is left of a cell's code when its solutions are cleared, as nbgrader does it."""
    kept = []
    for line in lines_of(source):
        if line.region is not SOLUTION:
            kept.append(line.text)
        elif SOLUTION.begin in line.text:
            kept.append(line.text[: len(line.text) - len(line.text.lstrip())] + STUB)
    return "\n".join(kept)


def hidden_lines(source: str) -> dict[int, str]:
    """Lines of a cell that belong to hidden tests, their markers included, by number from 1."""
    return {line.number: line.text for line in lines_of(source) if line.region is HIDDEN}


def open_lines(source: str) -> list[str]:
    """Lines outside solutions and hidden tests."""
    return [line.text for line in lines_of(source) if line.region is None]
