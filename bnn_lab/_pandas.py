"""The one place that asks for pandas, which inference does without."""

from __future__ import annotations

from types import ModuleType

from bnn_lab.errors import BnnLabError


def require_pandas() -> ModuleType:
    """Import pandas.

    Raises:
        BnnLabError: it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise BnnLabError('pandas is not installed. Fix: pip install "bnn-lab[train]"') from error
    return pandas
