"""The one place that makes TensorFlow use legacy Keras, which larq needs."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import ModuleType

from bnn_lab._quiet import without_native_chatter
from bnn_lab.errors import BnnLabError, LegacyKerasError

_VARIABLE = "TF_USE_LEGACY_KERAS"
_FIX = (
    f"set the environment variable {_VARIABLE}=1 before TensorFlow is imported, or import "
    "bnn_lab first; in a notebook, restart the kernel and run `import bnn_lab` in the first cell"
)


# larq's metadata ask for NumPy 1, which has no wheel for Python 3.13: a command of its own there.
LARQ = "pip install --no-deps larq==0.14.0"
# TensorFlow has no wheel from here on.
NO_TENSORFLOW = (3, 14)


def install_training(python: tuple[int, ...] = sys.version_info[:2]) -> str:
    """How one gets TensorFlow and larq on a Python of this version, such as (3, 13)."""
    if python >= NO_TENSORFLOW:
        return "use Python 3.11 to 3.13; TensorFlow has no wheel for Python " + ".".join(
            map(str, python)
        )
    return 'pip install "bnn-lab[train]"' + (f" && {LARQ}" if python >= (3, 13) else "")


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() in ("1", "true")


def choose_legacy_keras() -> None:
    """Set `TF_USE_LEGACY_KERAS=1`; called when bnn_lab is imported.

    Raises:
        LegacyKerasError: TensorFlow was already imported without it, or the user turned it off.
    """
    value = os.environ.get(_VARIABLE)
    if "tensorflow" in sys.modules:
        if not _is_on(value):
            raise LegacyKerasError(
                f"TensorFlow was imported before bnn_lab and without {_VARIABLE}=1, so it uses "
                f"Keras 3, on which larq does not work. Fix: {_FIX}."
            )
    elif value is not None and not _is_on(value):
        raise LegacyKerasError(
            f"{_VARIABLE}={value} asks for Keras 3, on which larq does not work. "
            f"Fix: unset it, or set {_VARIABLE}=1."
        )
    os.environ[_VARIABLE] = "1"
    # TensorFlow's start-up notes would fill the first cell of every notebook.
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def require_tensorflow() -> ModuleType:
    """Import TensorFlow and make sure that its `tf.keras` is legacy Keras.

    Returns:
        The `tensorflow` module.

    Raises:
        BnnLabError: TensorFlow, tf_keras or larq is not installed.
        LegacyKerasError: `tf.keras` is Keras 3.
    """
    choose_legacy_keras()
    try:
        with without_native_chatter():
            import tensorflow as tf
            import tf_keras

            # Looking for devices here keeps CUDA's complaints about a missing GPU inside.
            tf.config.list_physical_devices()
    except ImportError as error:
        raise BnnLabError(
            f"{error.name or error} is not installed; training and conversion need TensorFlow. "
            f"Fix: {install_training()}"
        ) from error
    if find_spec("larq") is None:
        raise BnnLabError(f"larq is not installed. Fix: {install_training()}")
    if tf.keras.Model is not tf_keras.Model:
        raise LegacyKerasError(f"tf.keras is Keras {tf.keras.__version__}. Fix: {_FIX}.")
    return tf
