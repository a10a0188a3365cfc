"""Measuring time: several things side by side in one process, and how quiet the machine is."""

from bnn_lab.measure.timing import Timing, TimingTable, measure

__all__ = ["Timing", "TimingTable", "measure"]
