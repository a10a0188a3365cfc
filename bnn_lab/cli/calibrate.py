"""`bnn-lab calibrate`: fits the cost model to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import console, say, say_noise, written


def calibrate_command(
    threads: Annotated[
        list[int] | None,
        typer.Option(min=1, max=256, help="Threads to calibrate for; may be repeated. Default 1."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(help="Kernel backend; may be repeated. Default all of this CPU."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Timing samples of each layer.")] = 15,
    output: Annotated[
        Path | None, typer.Option(help="Write here instead of where bnn_lab looks for it.")
    ] = None,
    force: Annotated[bool, typer.Option(help="Write it even if no round was quiet.")] = False,
) -> None:
    """Measure layers of many shapes and fit the cost model to this machine (about a minute)."""
    import msgspec
    from rich.table import Table

    from bnn_lab.costmodel.model import CostModel, calibrate, save_calibration
    from bnn_lab.measure.noise import NoiseWatch

    watch = NoiseWatch(max(threads or [1]), force=force)
    say_noise(watch.before())
    with console().status("calibrating") as status:
        content = calibrate(
            threads=tuple(threads or [1]),
            backends=backend,
            rounds=rounds,
            watch=watch,
            progress=lambda text: status.update(f"calibrating: {text}"),
        )
    content["noise"] = msgspec.to_builtins(watch.after())
    file = save_calibration(content, output)
    table = Table(title="Error on layers that were not fitted", title_justify="left")
    for column in ("kind", "backend", "threads", "layers", "median", "90 % below"):
        table.add_column(column, justify="left" if column in ("kind", "backend") else "right")
    for entry in content["entries"]:
        for fit in entry["kinds"]:
            table.add_row(
                fit["kind"],
                entry["backend"] or "float",
                str(entry["num_threads"]),
                str(len(fit["held_out"])),
                f"{fit['median_error']:.1%}",
                f"{fit['p90_error']:.1%}",
            )
    console().print(table)
    model = CostModel.load(file, num_threads=(threads or [1])[0])
    say(f"all kinds together, {model.backend}: median error {model.median_error:.1%}")
    written(file, "calibration")
