"""Networks of the lessons."""

from bnn_lab.models.digits import digits_bnn

__all__ = ["digits_bnn"]
