"""What `bnn-lab calibrate` stores of backends: a measurement of each CPU that shares the file."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

SCHEMA: Literal["bnn_lab.backend/1"] = "bnn_lab.backend/1"
LEAST_GAIN = 1.1  # what the lower quartile must reach: below, noise decides

_Positive = Annotated[float, msgspec.Meta(gt=0)]


class Cpu(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What tells one type of CPU from another. Microcode, which updates change, is not in it.

    Attributes:
        vendor: as CPUID spells it, such as "GenuineIntel".
        name: the model's name.
        family: number of the family, extended part included.
        model: number of the model, extended part included.
        stepping: number of the stepping.
    """

    vendor: str
    name: str
    family: int
    model: int
    stepping: int

    def __str__(self) -> str:
        """Name and numbers, for messages."""
        numbers = f"family {self.family}, model {self.model}, stepping {self.stepping}"
        return f"{self.name or self.vendor} ({numbers})"


class Duel(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Two backends beside each other on one CPU.

    Attributes:
        cpu: that ran them.
        bnn_lab: version.
        time: when, ISO 8601.
        default: the backend that this CPU takes by default.
        rival: the one that may be faster.
        lower_quartile: of the default's time over the rival's, of the same round.
        median: of the same.
        upper_quartile: of the same.
        rounds: how many.
        chosen: one of the two.
    """

    cpu: Cpu
    bnn_lab: str
    time: str
    default: str
    rival: str
    lower_quartile: _Positive
    median: _Positive
    upper_quartile: _Positive
    rounds: Annotated[int, msgspec.Meta(ge=1)]
    chosen: str

    def __post_init__(self) -> None:
        """The choice follows from the figures.

        Raises:
            ValueError: it does not.
        """
        if self.chosen != chosen(self.default, self.rival, self.lower_quartile):
            raise ValueError(f"{self.chosen!r} does not follow from {self.lower_quartile=:g}")

    def reason(self) -> str:
        """Why it was chosen, in words."""
        if self.chosen == self.rival:
            verdict = f"at least {LEAST_GAIN:g} were asked for"
        else:
            verdict = f"less than {LEAST_GAIN:g}"
        return (
            f"measured {self.time[:10]}: {self.rival} is {self.median:.2f} times as fast as "
            f"{self.default} in the median round, {self.lower_quartile:.2f} times in the lower "
            f"quartile, {verdict}"
        )


class ChoiceFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The content of the file.

    Attributes:
        schema: of this form.
        duels: at most one of each CPU.
    """

    schema: Literal["bnn_lab.backend/1"]
    duels: list[Duel]


def chosen(default: str, rival: str, lower_quartile: float) -> str:
    """The backend that figures speak for.

    Args:
        default: name of the default.
        rival: name of the other one.
        lower_quartile: of the default's time over the rival's.

    Returns:
        The rival's name if even the lower quartile of rounds shows a gain worth having.
    """
    return rival if lower_quartile >= LEAST_GAIN else default


def parse(content: bytes, name: str) -> list[Duel] | str:
    """The measurements that a file holds.

    Args:
        content: of the file.
        name: of the file, for the message.

    Returns:
        The measurements, or what is wrong with the file, in words.
    """
    try:
        return msgspec.json.decode(content, type=ChoiceFile).duels
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return f"{name} is not what bnn-lab calibrate writes ({error})"
