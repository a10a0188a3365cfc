"""Instant checks of the lessons' exercises, one module a topic.

A `review_*` function tries a student's answer on fixed cases and returns a `Feedback`; the
`check_*` function beside it prints that. A wrong answer gets a hint that fits the mistake, never a
traceback.
"""

from bnn_lab.lab.exercises.bits import check_binary_dot, review_binary_dot
from bnn_lab.lab.exercises.feedback import Feedback

__all__ = ["Feedback", "check_binary_dot", "review_binary_dot"]
