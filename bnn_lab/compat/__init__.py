"""Other projects' Python interfaces on bnn_lab's converter and runtime."""

from __future__ import annotations

import importlib
import sys

from bnn_lab.errors import BnnLabError

_NAME = "larq_compute_engine"
_MODULES = (
    "",
    ".mlir",
    ".mlir.python",
    ".mlir.python.converter",
    ".mlir.python.util",
    ".tflite",
    ".tflite.python",
    ".tflite.python.interpreter",
)

__all__ = ["install_as_larq_compute_engine"]


def install_as_larq_compute_engine() -> None:
    """Make `import larq_compute_engine` give bnn_lab's stand-in, in this process.

    Scripts written for the Larq Compute Engine (LCE) then run unchanged on bnn_lab's converter and
    kernels, whether or not LCE is installed. Call it once, before anything imports LCE; calling it
    again does nothing.

    Raises:
        BnnLabError: LCE itself has already been imported.
    """
    ours = {
        _NAME + suffix: importlib.import_module(f"{__name__}.{_NAME}{suffix}")
        for suffix in _MODULES
    }
    foreign = [
        name
        for name, module in sys.modules.items()
        if name.split(".")[0] == _NAME and module is not ours.get(name)
    ]
    if foreign:
        raise BnnLabError(
            f"{foreign[0]} has already been imported, and its users hold on to it. Fix: call "
            "bnn_lab.compat.install_as_larq_compute_engine() at the top of the program, before "
            "any import of larq_compute_engine; in a notebook, restart the kernel first."
        )
    sys.modules.update(ours)
