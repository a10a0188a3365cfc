"""What a lesson claims, and whether it was so in this very run: one foldable line to display."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from bnn_lab._words import counted
from bnn_lab.errors import InputError

FACT, HERE, CITED = "fact", "here", "cited"
# Set while `notebooks/sync.py` stores a notebook, as in `bnn_lab.widgets.base`.
_STORED = "BNN_LAB_STATIC"


@dataclass(frozen=True)
class Claim:
    """One statement of a lesson.

    Attributes:
        statement: a sentence, without its full stop.
        kind: ``fact`` (true on every machine), ``here`` (depends on the machine and its load),
            ``cited`` (somebody else's result, not checked by the lesson).
        holds: it was so in this run; of a cited claim always True.
        source: of a cited claim.
    """

    statement: str
    kind: str
    holds: bool
    source: str = ""

    @property
    def line(self) -> str:
        """The statement with its mark."""
        if self.kind == CITED:
            return f"{self.statement} ({self.source})"
        if self.holds:
            return f"✓ {self.statement}"
        return f"✗ {self.statement}{': not in this run' if self.kind == HERE else ''}"


class Claims:
    """Some claims, shown as one line that unfolds to all of them."""

    def __init__(self, claims: Sequence[Claim], scope: str = "") -> None:
        self.claims = tuple(claims)
        self.scope = scope

    @property
    def title(self) -> str:
        """How many hold."""
        facts = [claim for claim in self.claims if claim.kind == FACT]
        kinds = Counter(claim.kind for claim in self.claims)
        holding = sum(claim.holds for claim in facts)
        parts = []
        if facts:
            of = "" if holding == len(facts) else f"{holding} of "
            verb = "holds" if len(facts) == 1 else "hold"
            parts.append(f"{of}{counted(len(facts), 'statement')}{self.scope} {verb}")
        if kinds[HERE]:
            parts.append(f"{kinds[HERE]} measured on this machine")
        if kinds[CITED]:
            parts.append(f"{kinds[CITED]} cited")
        mark = "✓" if all(claim.holds for claim in self.claims) else "✗"
        return f"{mark} Checked: {', '.join(parts) or 'nothing yet'}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        lines = [claim.line for claim in self.claims]
        items = "\n".join(f"* {escape(line, quote=False)}" for line in lines)
        folded = f"<details><summary>{escape(self.title)}</summary>\n\n{items}\n\n</details>"
        return {"text/markdown": folded, "text/plain": "\n".join([self.title, *lines])}


class Checked:
    """Collects a lesson's claims; a claim that fails is shown, and does not stop *Run All*.

        checked = Checked()
        checked("no binary weight ever differs", (first == second).all())
        checked.new()   # last in a section's cell: the claims since the last display
        checked.all()   # at the lesson's end, in a cell whose output nbval compares

    While a notebook is stored (`notebooks/sync.py --execute`) a false fact raises.
    """

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self._shown = 0

    def __call__(self, statement: str, holds: Any) -> None:
        """A fact: true on every machine.

        Args:
            statement: a sentence, without its full stop and without measured numbers.
            holds: whether it is so, one truth value.

        Raises:
            InputError: `holds` is not one truth value.
            AssertionError: it does not hold, and the notebook is being stored.
        """
        self._add(Claim(statement, FACT, _truth(statement, holds)))
        if not self.claims[-1].holds and os.environ.get(_STORED) == "1":
            raise AssertionError(f"this lesson makes a claim that does not hold: {statement}")

    def here(self, statement: str, holds: Any) -> None:
        """Something that need not be so on another machine, or on a busy one; never raises for it.

        Args:
            statement: as for a fact. Show it in a cell with the tag ``nbval-ignore-output``.
            holds: whether it was so.

        Raises:
            InputError: as for a fact.
        """
        self._add(Claim(statement, HERE, _truth(statement, holds)))

    def cited(self, statement: str, source: str) -> None:
        """A result of somebody else that the lesson tells and does not check.

        Args:
            statement: as for a fact, with the number that is cited.
            source: where it stands, as a reader would look it up.

        Raises:
            InputError: there is no source.
        """
        if not source.strip():
            raise InputError(f"Checked.cited({statement!r}): it needs a source.")
        self._add(Claim(statement, CITED, True, source))

    def new(self) -> Claims:
        """The claims since the last time, to display at a section's end."""
        since, self._shown = self.claims[self._shown :], len(self.claims)
        return Claims(since)

    def all(self) -> Claims:
        """All claims of the lesson; the verdict on what was measured here is left out."""
        same = [c if c.kind != HERE else Claim(c.statement, HERE, True) for c in self.claims]
        return Claims(same, " of this lesson")

    def _add(self, claim: Claim) -> None:
        # A cell that is run again replaces what it claimed.
        for number, known in enumerate(self.claims):
            if known.statement == claim.statement:
                del self.claims[number]
                self._shown -= number < self._shown
                break
        self.claims.append(claim)


def _truth(statement: str, holds: Any) -> bool:
    try:
        return bool(holds)
    except (TypeError, ValueError):
        raise InputError(
            f"Checked({statement!r}, ...): needs one truth value. Fix: end with .all() or .any()"
        ) from None
