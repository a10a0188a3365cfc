"""TensorFlow without its start-up chatter, for everything that builds or trains networks."""

from __future__ import annotations

from types import ModuleType

from bnn_lab._keras import require_tensorflow
from bnn_lab._quiet import without_native_chatter


def quiet_tensorflow() -> ModuleType:
    """Import TensorFlow with legacy Keras, and let it look for devices, in silence.

    TensorFlow writes notes about missing GPUs straight to the process's stderr, before its own log
    level counts; in a notebook they would fill the first cells.

    Returns:
        The `tensorflow` module.

    Raises:
        BnnLabError: TensorFlow or tf_keras is not installed.
        LegacyKerasError: `tf.keras` is Keras 3.
    """
    with without_native_chatter():
        tf = require_tensorflow()
        tf.config.list_physical_devices()  # the first look for a GPU complains if there is none
    return tf
