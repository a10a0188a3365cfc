"""Float `.tflite` files that others exported, such as litert-torch: to binary ones."""

from __future__ import annotations

from pathlib import Path

from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.pipeline import make_pipeline, run_pipeline
from bnn_lab.convert.stages import require_binary
from bnn_lab.convert.torch_words import translated
from bnn_lab.errors import InputError


def convert_tflite(model: bytes | str | Path, *, lce_compatible: bool = True) -> bytes:
    """Make what can be binary in a float `.tflite` file binary.

    Signs and ±1 filters are found by what they compute, so it does not matter who wrote the file:
    litert-torch does from a PyTorch module. TensorFlow is not needed.

    Args:
        model: the file's contents or its path.
        lce_compatible: see `bnn_lab.convert_keras_model`.

    Returns:
        The `.tflite` file's contents. Inputs and outputs stay as they are.

    Raises:
        InputError: there is no such file.
        ModelFileError: the file is corrupt.
        NoBinaryLayerError: nothing in it can be binary; says why.
    """
    name = "the file"
    if not isinstance(model, bytes):
        path = Path(model)
        if not path.is_file():
            raise InputError(f"there is no file '{path}'. Fix: check the path")
        model, name = path.read_bytes(), path.name
    module = import_model(model)
    results = translated(
        run_pipeline(module, make_pipeline(lce_compatible=lce_compatible, of_torch=True))
    )
    require_binary(module, results, name)
    return export_model(module)
