"""Runs `.tflite` files with binary layers: plain LiteRT plus the bnn_lab delegate.

Source of the design: LCE paper section 3 (custom ops in a TFLite file), with a LiteRT external
delegate in place of LCE's own build of the runtime.
"""

from bnn_lab.runtime.delegate import delegate_path, load_delegate
from bnn_lab.runtime.interpreter import Interpreter

__all__ = ["Interpreter", "delegate_path", "load_delegate"]
