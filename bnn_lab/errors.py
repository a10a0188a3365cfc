"""Exceptions of bnn_lab. Each message names the op, tensor or layer and the fix.

All derive from `BnnLabError`, so a caller can catch the whole family; each also derives from the
built-in exception that Python users would expect.
"""


class BnnLabError(Exception):
    """Base of every exception that bnn_lab raises on purpose."""


class InputError(BnnLabError, ValueError):
    """An argument has a wrong shape, dtype or value."""


class BackendError(BnnLabError, RuntimeError):
    """A kernel backend is unknown, was not built, or is not supported by this CPU."""


class ModelFileError(BnnLabError, ValueError):
    """A `.tflite` file is corrupt, truncated, or uses what this runtime cannot run."""


class ConversionError(BnnLabError, ValueError):
    """A model cannot be converted."""


class NoBinaryLayerError(ConversionError):
    """Conversion found no binary layer, so the result would be a plain model.

    Attributes:
        tflite: that model's file, for who wants it nevertheless; None if it was not made.
    """

    tflite: bytes | None = None


class LegacyKerasError(BnnLabError, ImportError):
    """TensorFlow runs Keras 3, on which larq does not work."""
