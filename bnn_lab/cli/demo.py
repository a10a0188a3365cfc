"""`bnn-lab demo`: the whole path in the terminal: train, convert, run, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bnn_lab.cli import terminal
from bnn_lab.errors import BnnLabError

if TYPE_CHECKING:
    from rich.table import Table

    from bnn_lab.bench.model_bench import ModelResult
    from bnn_lab.convert import ConversionTrace
    from bnn_lab.data import ImageData
    from bnn_lab.training import EpochResult

LOGIT_TOLERANCE = 1e-4


class ParityError(BnnLabError, AssertionError):
    """The converted model does not give Keras's answers."""


def demo_command(
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of initialisation and shuffling.")] = 0,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Of every measurement.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Timing samples of each form.")] = 30,
) -> None:
    """Train a small BNN on digits, convert it, check it and time it (under two minutes)."""
    run(epochs=epochs, seed=seed, num_threads=threads, rounds=rounds)


def run(
    console: Console | None = None,
    *,
    epochs: int = 10,
    seed: int = 0,
    num_threads: int = 1,
    rounds: int = 30,
) -> None:
    """Show training, conversion, parity and latency of the digits network.

    Args:
        console: where to print, default the terminal.
        epochs: number of epochs of training, at least 1.
        seed: seed of initialisation and shuffling.
        num_threads: threads of every measurement.
        rounds: timing samples of each form of the network.

    Raises:
        ParityError: a converted prediction differs from Keras'.
        InputError: an argument is out of range.
        BnnLabError: something is not installed or cannot run.
    """
    # Everything is imported late: `bnn-lab --help` must not wait for TensorFlow. What can be wrong
    # with the set-up is found out before the training, not after it.
    from bnn_lab import kernels
    from bnn_lab.runtime.delegate import check_threads

    check_threads(num_threads)
    backend = kernels.active_backend()
    console = console or terminal.console()
    from bnn_lab.tflite.forms import BINARY

    with console.status("Loading TensorFlow ..."):
        from bnn_lab.bench.model_bench import bench_model
        from bnn_lab.bench.network_files import model_files
        from bnn_lab.convert import trace_keras_model
        from bnn_lab.data import load_digits

    _heading(console, "1. Data")
    data = load_digits()
    console.print(
        f"scikit-learn digits: {len(data.train_images)} training and {len(data.test_images)} test "
        f"images, {data.input_shape[0]}×{data.input_shape[1]} pixels, {data.classes} classes"
    )

    _heading(console, "2. Training with Bop")
    model, results = _train(console, epochs, seed)
    console.print(training_table(results))

    _heading(console, "3. Conversion")
    with console.status("Converting ..."):
        trace = trace_keras_model(model, snapshots=False)
    console.print(layer_table(trace))

    _heading(console, "4. Same answers as Keras?")
    available = ", ".join(kernels.available_backends())
    console.print(f"kernel backend: {backend} (available: {available})")
    check_parity(console, model, trace.tflite, data)

    _heading(console, "5. Latency")
    with console.status("Measuring ..."):
        result = bench_model(
            "digits",
            {**model_files(model, data.train_images), BINARY: trace.tflite},
            data.test_images[0],
            num_threads=num_threads,
            rounds=rounds,
            backends=(),
            unfused=False,
            with_profile=False,
        )
    console.print(latency_table(result))
    console.print(
        f"{rounds} interleaved rounds, one image at a time, {num_threads} "
        f"{'thread' if num_threads == 1 else 'threads'}"
    )


def _heading(console: Console, text: str) -> None:
    from rich.text import Text

    console.rule(Text(text, "bold"))


def _train(console: Console, epochs: int, seed: int) -> tuple[Any, list[EpochResult]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from bnn_lab.training import train_digits

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=max(1, epochs))

        def show(result: EpochResult) -> None:
            text = f"epoch {result.epoch}: test accuracy {result.test_accuracy:.1%}"
            progress.update(task, completed=result.epoch, description=text)

        model, history = train_digits(epochs=epochs, seed=seed, on_epoch=show)
    return model, history.epochs


def training_table(results: list[EpochResult]) -> Table:
    """One row per epoch: accuracy and flips."""
    from rich.table import Table

    table = Table()
    for heading in ("epoch", "training acc.", "test acc.", "flips", "flip measure π", "time"):
        table.add_column(heading, justify="right")
    for result in results:
        table.add_row(
            str(result.epoch),
            f"{result.train_accuracy:.1%}",
            f"{result.test_accuracy:.1%}",
            f"{result.flips:,}",
            f"{result.pi:.2f}",
            f"{result.seconds:.1f} s",
        )
    return table


def layer_table(trace: ConversionTrace) -> Table:
    """Which layers became binary, which stayed float and why, and the files' sizes."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_footer=True)
    before, after = len(trace.stock), len(trace.tflite)
    table.add_column("layer", footer="file")
    table.add_column("runs as", footer=f"{after / 1000:,.0f} kB")
    table.add_column("because", footer=f"{before / after:.0f}× less than {before / 1000:,.0f} kB")
    for layer, binary, reason in layer_verdicts(trace):
        kind = Text("binary", "bold green") if binary else "float"
        table.add_row(Text(layer), kind, Text(reason))
    return table


def layer_verdicts(trace: ConversionTrace) -> list[tuple[str, bool, str]]:
    """What became of every layer that could have been binary.

    Args:
        trace: the trace of a conversion.

    Returns:
        (layer, is binary, reason), in model order. A layer of several operations has one entry for
        each. A binary layer without some optimisation is still binary.
    """
    verdicts: dict[tuple[str, str], tuple[str, bool, str]] = {}
    for outcome in trace.outcomes:
        key = outcome.layer, outcome.tensor
        if outcome.makes_binary:
            verdicts[key] = outcome.layer, True, outcome.reason
        elif outcome.says_why_float and not verdicts.get(key, ("", False, ""))[1]:
            verdicts[key] = outcome.layer, False, outcome.reason
    return list(verdicts.values())


def check_parity(console: Console, model: Any, tflite: bytes, data: ImageData) -> None:
    """Compare the converted model with Keras on all test images, and say so.

    Args:
        console: where to print.
        model: the Keras model.
        tflite: the converted file's contents.
        data: its test images are used.

    Raises:
        ParityError: a class differs, or a logit by 1e-4 or more.
    """
    import numpy as np

    from bnn_lab.runtime import Interpreter

    expected = model.predict(data.test_images, verbose=0)
    logits = np.asarray(Interpreter(tflite).predict(data.test_images))
    same = int(np.sum(logits.argmax(-1) == expected.argmax(-1)))
    difference = float(np.abs(logits - expected).max())
    count = len(expected)
    if same != count or not difference < LOGIT_TOLERANCE:
        raise ParityError(
            f"the converted model disagrees with Keras: {count - same} of {count} classes differ, "
            f"largest difference of a logit {difference:.2g}. Fix: please report this."
        )
    accuracy = float(np.mean(logits.argmax(-1) == data.test_labels))
    console.print(
        f"yes: {same} of {count} classes equal, logits within {difference:.1e}; "
        f"test accuracy {accuracy:.1%}",
        style="green",
    )


def latency_table(result: ModelResult) -> Table:
    """One row per runtime: times, ratio to ours, file size."""
    from rich.table import Table

    from bnn_lab.bench.baselines import baseline
    from bnn_lab.measure.units import format_factor, format_seconds
    from bnn_lab.tflite.forms import BINARY, KINDS

    table = Table()
    table.add_column("runs on")
    for heading in ("min", "median", "p90", "time / ours", "file"):
        table.add_column(heading, justify="right")
    kinds = {baseline(kind): kind for kind in KINDS}
    for timing in result.table.timings:
        size = result.file_bytes[kinds.get(timing.name, BINARY)]
        table.add_row(
            timing.name,
            format_seconds(timing.minimum),
            format_seconds(timing.median),
            format_seconds(timing.p90),
            f"{format_factor(result.table.speedup(result.reference, over=timing.name))}×",
            f"{size / 1000:,.0f} kB",
            style="bold green" if timing.name == result.reference else None,
        )
    return table
