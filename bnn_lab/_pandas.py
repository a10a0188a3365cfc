"""The one place that asks for pandas, which inference does without."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from bnn_lab.errors import BnnLabError

if TYPE_CHECKING:
    import pandas as pd


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


def to_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a `pandas.DataFrame`.

    Raises:
        BnnLabError: pandas is not installed.
    """
    return require_pandas().DataFrame(rows)
