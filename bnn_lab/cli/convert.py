"""`bnn-lab convert`: a Keras model, SavedModel or float file to a binary `.tflite` file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from bnn_lab._files import write_whole
from bnn_lab.cli.terminal import check_targets, console, say, write_file
from bnn_lab.errors import InputError

_OF_TORCH = (".onnx", ".pt", ".pt2", ".pth")


def convert_command(
    model: Annotated[
        Path, typer.Argument(help="A .keras, .h5 or float .tflite file or SavedModel/.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .tflite file to write.")],
    report: Annotated[bool, typer.Option(help="Print what became of each layer.")] = False,
    report_json: Annotated[Path | None, typer.Option(help="Write the report as JSON.")] = None,
    representative: Annotated[
        Path | None,
        typer.Option(help="A .npy or .npz file of samples (N, ...): int8 where not binary."),
    ] = None,
    input_type: Annotated[str, typer.Option(help="float32 or int8.")] = "float32",
    output_type: Annotated[str, typer.Option(help="float32 or int8.")] = "float32",
    lce_compatible: Annotated[
        bool, typer.Option(help="Use only ops that LCE's interpreter knows.")
    ] = True,
    trits_per_byte: Annotated[
        int | None,
        typer.Option(help="Ternary weights in a byte of the file: 4 (the default) or 5."),
    ] = None,
    signature: Annotated[
        str | None, typer.Option(help="Which signature of a SavedModel; default serving_default.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run code that the model's file holds: Lambda layers.")
    ] = False,
) -> None:
    """Convert a larq model to a .tflite file with binary ops."""
    if output.suffix != ".tflite":
        raise InputError(f"the output '{output}' does not end in .tflite. Fix: add .tflite to it")
    if not output.parent.is_dir():
        raise InputError(
            f"there is no directory '{output.parent}' for the output. Fix: make it first"
        )
    check_targets(output, report_json)
    samples = None if representative is None else load_samples(representative)
    chosen: dict[str, Any] = {"lce_compatible": lce_compatible}
    if trits_per_byte is not None:
        chosen["trits_per_byte"] = trits_per_byte
    with console().status("loading TensorFlow") as status:
        # Late: `bnn-lab --help` must not wait for TensorFlow.
        from bnn_lab.convert.exported import convert_tflite
        from bnn_lab.convert.files import convert_saved_model, is_keras_saved_model

        if signature is not None and not model.is_dir():
            raise InputError(
                f"'{model.name}' is not a SavedModel, so it has no signatures. Fix: leave "
                "--signature out"
            )
        if model.suffix in _OF_TORCH:
            raise InputError(
                f"'{model.name}' cannot be read. Fix: convert the module in Python, "
                "bnn_lab.convert_torch_module(module, example_inputs), or export it with "
                "litert-torch and pass the .tflite file"
            )
        if model.suffix == ".tflite":
            plain = input_type == output_type == "float32" and trits_per_byte is None
            if report or report_json or samples is not None or trust or not plain:
                raise InputError(
                    "a .tflite file is only searched for signs and ±1 weights, so of all options "
                    "just --output and --lce-compatible apply. Fix: leave the others out"
                )
            status.update(f"converting {model.name}")
            tflite, made = convert_tflite(model, lce_compatible=lce_compatible), None
        elif model.is_dir() and (signature is not None or not is_keras_saved_model(model)):
            if report or report_json:
                raise InputError(
                    f"a report lists Keras layers, and a signature of the SavedModel '{model}' "
                    "has none. Fix: pass the .keras or .h5 file, or leave --report out"
                )
            status.update("converting the SavedModel")
            if signature is not None:
                chosen["signature"] = signature
            made = None
            tflite = convert_saved_model(
                model,
                representative_dataset=samples,
                inference_input_type=input_type,
                inference_output_type=output_type,
                trust=trust,
                **chosen,
            )
        else:
            types = (samples, input_type, output_type)
            tflite, made = _convert_keras(model, types, chosen, trust, status.update)
    write_whole(output, tflite)
    say(f"{output}: {len(tflite):,} bytes")
    if made is not None and (report or report_json):
        with console().status("writing the report"):
            found = made()
        if report:
            console().print(found)
        if report_json is not None:
            write_file(report_json, found.to_json(), "report")


def _convert_keras(
    path: Path,
    types: tuple[Any, str, str],
    chosen: dict[str, Any],
    trust: bool,
    progress: Callable[[str], None],
) -> tuple[bytes, Callable[[], Any]]:
    from bnn_lab.convert.files import load_keras_model
    from bnn_lab.convert.keras import convert_with_progress
    from bnn_lab.convert.pipeline import make_pipeline
    from bnn_lab.convert.stock import Quantization

    progress(f"loading {path.name}")
    model = load_keras_model(path, trust=trust)
    return convert_with_progress(
        model,
        make_pipeline(**chosen),
        Quantization(*types),
        require=True,
        progress=progress,
    )


def load_samples(path: Path) -> Any:
    """Samples for calibration.

    Args:
        path: a ``.npy`` file for a model of one input, a ``.npz`` with one array an input, in the
            inputs' order.

    Returns:
        What `convert_keras_model` takes as `representative_dataset`.

    Raises:
        InputError: the file is missing or of another kind.
    """
    import numpy as np

    from bnn_lab._arrays import read_arrays  # both only where samples are read

    fix = "write it with numpy.save or savez"
    arrays = read_arrays(path, None, what="a file of NumPy arrays", fix=fix)
    return [array.astype(np.float32) for array in arrays.values()]
