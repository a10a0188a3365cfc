"""The commands `bnn-lab convert` and `bnn-lab inspect`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bnn_lab.errors import InputError

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


def convert_command(
    model: Annotated[Path, typer.Argument(help="A .keras or .h5 file, or a SavedModel/.")],
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
    signature: Annotated[
        str | None, typer.Option(help="Which signature of a SavedModel; default serving_default.")
    ] = None,
) -> None:
    """Convert a larq model to a .tflite file with binary ops."""
    if output.suffix != ".tflite":
        raise InputError(f"the output '{output}' does not end in .tflite. Fix: name it so")
    if output.parent and not output.parent.is_dir():
        raise InputError(f"there is no directory '{output.parent}' for the output")
    samples = None if representative is None else load_samples(representative)
    console = Console()
    options: dict[str, Any] = {
        "representative_dataset": samples,
        "inference_input_type": input_type,
        "inference_output_type": output_type,
        "lce_compatible": lce_compatible,
    }
    with console.status("loading TensorFlow") as status:
        # Late: `bnn-lab --help` must not wait for TensorFlow.
        from bnn_lab.convert.files import convert_saved_model, is_keras_saved_model

        if signature is not None and not model.is_dir():
            raise InputError(
                f"'{model.name}' is no SavedModel, so it has no signatures. Fix: leave --signature "
                "out"
            )
        if model.is_dir() and (signature is not None or not is_keras_saved_model(model)):
            if report or report_json:
                raise InputError(
                    f"a report tells of Keras layers, and a signature of the SavedModel '{model}' "
                    "holds none. Fix: pass the .keras or .h5 file, or leave --report out"
                )
            status.update("converting the SavedModel")
            if signature is not None:
                options["signature"] = signature
            tflite, made = convert_saved_model(model, **options), None
        else:
            tflite, made = _convert_keras(model, options, status.update)
    output.write_bytes(tflite)
    console.print(f"{output}: {len(tflite):,} bytes", highlight=False)
    if made is not None and (report or report_json):
        with console.status("writing the report"):
            found = made()
        if report:
            console.print(found)
        if report_json is not None:
            report_json.write_text(found.to_json())


def _convert_keras(
    path: Path, options: dict[str, Any], progress: Callable[[str], None]
) -> tuple[bytes, Callable[[], Any]]:
    from bnn_lab.convert.files import load_keras_model
    from bnn_lab.convert.keras import convert_with_progress
    from bnn_lab.convert.pipeline import make_pipeline
    from bnn_lab.convert.stock import Quantization

    progress(f"loading {path.name}")
    model = load_keras_model(path)
    lce_compatible = options.pop("lce_compatible")
    return convert_with_progress(
        model,
        make_pipeline(lce_compatible=lce_compatible),
        Quantization(*options.values()),
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

    try:
        stored = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"'{path}' holds no NumPy arrays ({error}). Fix: write it with numpy.save or savez"
        ) from error
    arrays = [stored] if isinstance(stored, np.ndarray) else list(stored.values())
    return [array.astype(np.float32) for array in arrays]


def inspect_command(
    file: Annotated[Path, typer.Argument(help="A .tflite file.")],
    ir: Annotated[bool, typer.Option("--ir", help="Print the graph as text.")] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Run the converter's passes and print what they did.")
    ] = False,
) -> None:
    """Show inputs, outputs and ops of a .tflite file."""
    from bnn_lab.convert.ir.importer import import_model
    from bnn_lab.convert.pipeline import ir_text, run_pipeline

    if not file.is_file():
        raise InputError(f"there is no file '{file}'. Fix: check the path")
    data = file.read_bytes()
    module = import_model(data)
    console = Console()
    console.print(f"{file}: {len(data):,} bytes", highlight=False)
    console.print(_ends(module))
    console.print(_op_table(module))
    if passes:
        for result in run_pipeline(module):
            console.print(f"[bold]{result.name}[/]: {result.summary}", highlight=False)
            for outcome in result.outcomes:
                if outcome.pass_name != "remove_dead_ops":
                    console.print(f"    {outcome}", markup=False, highlight=False)
    if ir:
        console.print(ir_text(module), markup=False, highlight=False, soft_wrap=True)


def _ends(module: ModuleOp) -> Table:
    from xdsl.dialects.func import FuncOp

    from bnn_lab.convert.ir.dialect import name_of

    table = Table("", "name", "type", title="inputs and outputs", title_justify="left")
    for function in module.ops:
        if not isinstance(function, FuncOp) or function.body.block.last_op is None:
            continue
        block = function.body.block
        assert block.last_op is not None
        ends = (("input", block.args), ("output", block.last_op.operands))
        for end, values in ends:
            for value in values:
                table.add_row(f"{function.sym_name.data} {end}", name_of(value), str(value.type))
    return table


def _op_table(module: ModuleOp) -> Table:
    from bnn_lab.convert.ir.dialect import Const, LabOp, NoValue

    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for op in module.walk():
        if not isinstance(op, LabOp) or isinstance(op, Const | NoValue):
            continue
        counts[op.name] += 1
        constants = {operand.owner for operand in op.operands}
        sizes[op.name] += sum(c.value.values.nbytes for c in constants if isinstance(c, Const))
    table = Table("op", title="ops", title_justify="left")
    table.add_column("count", justify="right")
    table.add_column("bytes of constants", justify="right")
    for name, count in counts.most_common():
        table.add_row(name, str(count), f"{sizes[name]:,}")
    return table
