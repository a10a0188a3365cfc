"""Measuring speed: peers side by side, in the same process and the same moments."""

from bnn_lab.bench.timing import Timing, TimingTable, measure

__all__ = ["Timing", "TimingTable", "measure"]
