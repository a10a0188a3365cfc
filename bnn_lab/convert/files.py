"""Models in files: Keras files and SavedModels to binary `.tflite` models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._quiet import without_native_chatter
from bnn_lab.convert.code_in_files import refuse_code
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.pipeline import make_pipeline, run_pipeline
from bnn_lab.convert.stages import SIGNATURE, import_stock, require_binary
from bnn_lab.convert.stock import FixedFunction, Quantization, RepresentativeData
from bnn_lab.errors import ConversionError, InputError
from bnn_lab.ternary_reference import TRITS_OF_2BIT

_KERAS_METADATA = "keras_metadata.pb"
# A Sequential model says the third where others say the first.
_UNKNOWN_CLASS = ("Unknown layer", "Could not locate class", "must be an instance of class Layer")
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")


def load_keras_model(path: str | Path, *, trust: bool = False) -> Any:
    """Load a Keras model, larq's layers among them.

    Args:
        path: a ``.keras`` or ``.h5`` file, or a SavedModel directory that Keras wrote.
        trust: also one that holds code of its own (a Lambda layer, an op that reads or writes
            files): it runs with your rights.

    Returns:
        The tf_keras model.

    Raises:
        InputError: there is no such file, it is of another kind, or holds code that is not
            trusted.
        ConversionError: it cannot be loaded; names a layer class that is unknown.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"there is no '{path}'. Fix: check the path")
    if path.is_dir() and not is_keras_saved_model(path):
        raise InputError(
            f"the directory '{path}' is not a SavedModel written by Keras. Fix: save the model "
            "with model.save(), or use convert_saved_model for any other SavedModel"
        )
    if path.is_file() and path.suffix not in (".keras", ".h5", ".hdf5"):
        raise InputError(
            f"'{path.name}' does not end like the name of a Keras model. Fix: "
            "pass a .keras or .h5 file or a SavedModel directory"
        )
    if not trust:
        refuse_code(path)
    tf = require_tensorflow()
    import larq  # noqa: F401  registers its layers with Keras

    # Of `.keras` files Keras looks itself; h5 files know no such argument.
    safe = {"safe_mode": not trust} if path.suffix == ".keras" else {}
    try:
        with without_native_chatter():
            return tf.keras.models.load_model(path, compile=False, **safe)
    except Exception as error:
        message = str(error)
        unknown = any(hint in message for hint in _UNKNOWN_CLASS)
        fix = (
            "load it in Python with custom_objects={...} and pass the model to convert_keras_model"
            if unknown
            else "check that the file is whole and was written by tf_keras (legacy Keras)"
        )
        first = message.strip().splitlines()[0] if message.strip() else type(error).__name__
        raise ConversionError(f"Keras cannot load '{path}': {first} Fix: {fix}") from error


def is_keras_saved_model(path: Path) -> bool:
    """Whether a directory is a SavedModel with Keras's own description of the layers."""
    return path.is_dir() and (path / _KERAS_METADATA).exists()


def convert_saved_model(
    path: str | Path,
    *,
    signature: str = SIGNATURE,
    representative_dataset: RepresentativeData | None = None,
    inference_input_type: str = "float32",
    inference_output_type: str = "float32",
    lce_compatible: bool = True,
    trits_per_byte: int = TRITS_OF_2BIT,
    trust: bool = False,
) -> bytes:
    """Convert a signature of a SavedModel to a `.tflite` model with binary ops.

    The graph is all that is looked at, so it does not matter what wrote it.

    Args:
        path: the SavedModel's directory.
        signature: key of the signature; its dimensions are fixed, except the batch.
        representative_dataset: see `convert_keras_model`.
        inference_input_type: see `convert_keras_model`.
        inference_output_type: see `convert_keras_model`.
        lce_compatible: see `convert_keras_model`.
        trits_per_byte: see `convert_keras_model`.
        trust: see `load_keras_model`.

    Returns:
        The `.tflite` file's contents.

    Raises:
        InputError: `path` is not a SavedModel or has no such signature, or holds code that is not
            trusted.
        ConversionError: a dimension is dynamic, or TensorFlow's converter rejects the graph.
        NoBinaryLayerError: nothing in it can be binary; says why.
    """
    path = Path(path)
    quantization = Quantization(representative_dataset, inference_input_type, inference_output_type)
    _, module = import_stock(_signature_function(path, signature, trust), path.name, quantization)
    pipeline = make_pipeline(lce_compatible=lce_compatible, trits_per_byte=trits_per_byte)
    results = run_pipeline(module, pipeline)
    require_binary(module, results, path.name)
    return export_model(module)


def _signature_function(path: Path, key: str, trust: bool) -> FixedFunction:
    """A signature as a concrete function with batch 1."""
    if not any((path / name).exists() for name in _SAVED_MODEL):
        raise InputError(
            f"'{path}' is not a SavedModel: it holds no {_SAVED_MODEL[0]}. Fix: pass the directory "
            "that model.save() or tf.saved_model.save() wrote"
        )
    if not trust:
        refuse_code(path)
    tf = require_tensorflow()
    try:
        with without_native_chatter():
            loaded = tf.saved_model.load(str(path))
    except Exception as error:
        raise ConversionError(f"TensorFlow cannot load '{path}': {error}") from error
    if key not in loaded.signatures:
        known = ", ".join(sorted(loaded.signatures)) or "none"
        raise InputError(f"'{path}' has no signature {key!r}; it has: {known}")
    function = loaded.signatures[key]
    specs = []
    for name, spec in function.structured_input_signature[1].items():
        shape = spec.shape.as_list() if spec.shape.rank is not None else None
        if not shape or None in shape[1:]:
            raise ConversionError(
                f"input '{name}' of signature {key!r} has the shape {spec.shape}, but only the "
                "batch may be unknown. Fix: save the model with a fixed shape"
            )
        specs.append(tf.TensorSpec([1, *shape[1:]], spec.dtype, name=name))
    names = [spec.name for spec in specs]
    outputs = list(function.structured_outputs)

    def call(*tensors: Any) -> list[Any]:
        results = function(**dict(zip(names, tensors, strict=True)))
        return [results[name] for name in outputs]

    fixed = tf.function(call, autograph=False).get_concrete_function(*specs)
    # The variables live as long as the loaded object does.
    fixed.bnn_lab_loaded = loaded
    inputs = [(spec.name, tuple(spec.shape.as_list())) for spec in specs]
    return FixedFunction(fixed, inputs, outputs)
