"""`bnn-lab bench predict`: what the cost model says of a file, beside a measurement."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import console, say, warn


def predict_command(
    model: Annotated[str, typer.Argument(help="A .tflite file, or a network's name.")],
    threads: Annotated[int, typer.Option(min=1, max=256, help="Of the interpreter.")] = 1,
    calibration: Annotated[
        Path | None, typer.Option(help="A file of bnn-lab calibrate. Default this machine's.")
    ] = None,
    measure: Annotated[bool, typer.Option(help="Also profile the file here, to compare.")] = True,
) -> None:
    """Predict the latency of each op of a model from its shape, and compare with a measurement."""
    from rich.table import Table

    from bnn_lab._words import counted
    from bnn_lab.bench import runs
    from bnn_lab.costmodel.model import CostModel
    from bnn_lab.profiling.model_profile import profile
    from bnn_lab.tflite.forms import BINARY

    cost = CostModel.load(calibration, num_threads=threads)
    with console().status("") as status:
        name, files = runs.files_of(
            model, kinds=[BINARY], progress=lambda text: status.update(text)
        )
    frame = cost.predict_file(files[BINARY])
    found = profile(files[BINARY], num_threads=threads) if measure else None
    title = f"{name}, {counted(threads, 'thread')}"
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("op", "sum")
    table.add_column("layer", "")
    table.add_column("predicted ms", f"{frame.ms.sum():.3f}", justify="right")
    if found is not None:
        table.add_column("measured ms", f"{found.sum_ms:.3f}", justify="right")
    rows = [row.ms for row in found.rows] if found else [0.0] * len(frame)
    for row, ms in zip(frame.itertuples(), rows, strict=False):
        cells = [row.kind, row.shape, f"{row.ms:.4f}"]
        table.add_row(*cells, *([f"{ms:.4f}"] if found else []))
    console().print(table)
    say(cost.origin)
    if unknown := sorted(set(frame.kind[frame.ms.isna()])):
        say(f"not predicted: {', '.join(unknown)}")
    if found is not None:
        say(
            f"predicted {frame.ms.sum() / found.end_to_end_ms:.2f} of the measured "
            f"{found.end_to_end_ms:.3f} ms: layers were timed alone, with their weights in cache"
        )
        if found.warning:
            warn(found.warning, "noisy")
