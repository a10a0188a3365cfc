"""Instant checks of the lessons' exercises, one module a topic.

`check_*` tries a student's answer on fixed cases and prints the verdict: praise, or a hint that
fits the mistake, never a traceback. ``check_x.review(answer)`` returns the same as a `Feedback`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
