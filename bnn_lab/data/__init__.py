"""Small data sets that need no download."""

from bnn_lab.data.digits import Digits, load_digits

__all__ = ["Digits", "load_digits"]
