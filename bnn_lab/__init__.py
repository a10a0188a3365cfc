"""bnn_lab: binarized neural networks you can see.

Importing this package is cheap: TensorFlow and the compiled kernels load on first use. Public names
are listed in ``__init__.pyi``.
"""

from importlib.metadata import version

import lazy_loader

from bnn_lab._keras import choose_legacy_keras

choose_legacy_keras()

__version__ = version("bnn-lab")  # of pyproject.toml

__getattr__, __dir__, _exported = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*_exported, "__version__"]
