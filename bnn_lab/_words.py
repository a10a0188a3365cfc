"""Numbers of things in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number and what it counts, whose plural ends in s: "1 thread", "2 threads"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
