"""Data sets by name, for settings that must be text: experiments, recipes, the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from bnn_lab.data.cifar10 import load_cifar10
from bnn_lab.data.digits import load_digits
from bnn_lab.data.fashion_mnist import load_fashion_mnist
from bnn_lab.data.images import ImageData
from bnn_lab.data.mnist5k import load_mnist5k
from bnn_lab.data.synthetic import load_synthetic
from bnn_lab.errors import InputError

LOADERS: dict[str, Callable[[], ImageData]] = {
    "digits": load_digits,
    "mnist5k": load_mnist5k,
    "fashion_mnist": load_fashion_mnist,
    "synthetic": load_synthetic,
    "cifar10": load_cifar10,
}


@lru_cache(maxsize=2)
def load_named(name: str) -> ImageData:
    """Load a data set that fits into memory.

    Args:
        name: a key of `LOADERS`.

    Returns:
        The images; the last two data sets are kept, so do not write into the arrays.

    Raises:
        InputError: there is no such data set.
        BnnLabError: it is not available here.
    """
    if name not in LOADERS:
        raise InputError(f"there is no data set {name!r}. Fix: use one of {', '.join(LOADERS)}.")
    return LOADERS[name]()
