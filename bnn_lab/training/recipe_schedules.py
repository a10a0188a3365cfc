"""Hyper-parameters of a recipe that change with the step, as its file writes them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from bnn_lab.training.schedules import (
    exponential_decay,
    linear_decay,
    step_decay,
    warmup_cosine,
    warmup_steps,
)


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: other keys than its fields are refused."""


class _Schedule(Section, tag_field="schedule"):
    """A hyper-parameter that changes with the step; see `bnn_lab.training.schedules`."""


class Step(_Schedule, tag="step"):
    """Multiplied by `factor` after every `every_epochs` epochs."""

    start: float
    factor: float
    every_epochs: Annotated[float, msgspec.Meta(gt=0)]

    def build(self, steps: int, total: int) -> Any:
        """The schedule, for this many steps in an epoch and altogether."""
        return step_decay(self.start, self.factor, max(1, round(self.every_epochs * steps)))


class Linear(_Schedule, tag="linear"):
    """From `start` to `end`, straight, over the whole training."""

    start: float
    end: float

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        return linear_decay(self.start, self.end, total)


class Exponential(_Schedule, tag="exponential"):
    """From `start` to `end` by the same factor in each step, over the whole training."""

    start: float
    end: float

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        return exponential_decay(self.start, self.end, total)


class WarmupCosine(_Schedule, tag="warmup_cosine"):
    """From 0 to `peak` in `warmup_epochs`, then down to 0 as a cosine."""

    peak: float
    warmup_epochs: Annotated[float, msgspec.Meta(ge=0)]

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        warmup = min(max(1, round(self.warmup_epochs * steps)), max(1, total - 1))
        return warmup_cosine(self.peak, warmup, max(total, warmup + 1))


class WarmupSteps(_Schedule, tag="warmup_steps"):
    """From 0 to `peak` in `warmup_epochs`, then multiplied by `factor` at each of `at_epochs`."""

    peak: float
    warmup_epochs: Annotated[float, msgspec.Meta(ge=0)]
    factor: float
    at_epochs: list[float]

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        falls = [round(epoch * steps) for epoch in self.at_epochs]
        return warmup_steps(
            self.peak, max(1, round(self.warmup_epochs * steps)), self.factor, falls
        )


Value = float | Step | Linear | Exponential | WarmupCosine | WarmupSteps
