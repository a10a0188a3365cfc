"""What a check says to a student: a cue of success, or a hint; never a traceback."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feedback:
    """What a check says.

    Attributes:
        passed: the answer is right.
        message: praise, or a hint towards the next step.
    """

    passed: bool
    message: str

    def __str__(self) -> str:
        return f"{'✓ Right.' if self.passed else '✗ Not yet.'} {self.message}"
