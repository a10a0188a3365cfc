"""Instant checks of the lessons' exercises, one module a topic.

A `review_*` function tries a student's answer on fixed cases and returns a `Feedback`; the
`check_*` function beside it prints that. A wrong answer gets a hint that fits the mistake, never a
traceback.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
