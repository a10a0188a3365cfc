"""Pure functions from data to plotly figures and short texts; listed in ``__init__.pyi``.

`draw` takes any result. Each function that draws returns a `Drawing`: the figure and its words.
"""

from importlib.util import find_spec

import lazy_loader

from bnn_lab.errors import BnnLabError

if find_spec("plotly") is None:
    raise BnnLabError('plotly is not installed. Fix: pip install "bnn-lab[notebooks]"')

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
