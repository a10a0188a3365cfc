"""Training binarized networks and watching their weights flip.

Names load on first use: the simulator needs NumPy alone, the rest TensorFlow. They are listed in
``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
