"""`bnn-lab calibrate`: chooses the kernel backend of this CPU and fits the cost model to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import (
    check_targets,
    console,
    given_options,
    say,
    say_noise,
    warn,
    written,
)


def calibrate_command(
    context: typer.Context,
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
    backend_only: Annotated[
        bool, typer.Option("--backend-only", help="Choose the backend and fit nothing.")
    ] = False,
) -> None:
    """Choose the kernel backend, where the CPU leaves a choice, and fit the cost model (a minute).

    Where the CPU has tiles (amx), it runs a chain of layers on them and on popcounts for some
    seconds. What is faster becomes the default on this CPU; BNN_LAB_BACKEND and `backend=`
    override it. With --output nothing is chosen.
    """
    from bnn_lab import kernels
    from bnn_lab.costmodel.model import calibration_path

    if backend_only:
        _refuse_options_of_the_fit(context)
    else:
        for name in backend or ():
            kernels.resolve_backend(name)
        check_targets(output or calibration_path())
    if output is None:
        check_targets(kernels.choice.choice_path())
        _choose_backend(go_on=not backend_only)
    if not backend_only:
        _fit(threads, backend, rounds, output, force)


def _refuse_options_of_the_fit(context: typer.Context) -> None:
    if given := given_options(context, "backend_only"):
        raise typer.BadParameter(f"--backend-only fits no cost model; leave out {', '.join(given)}")


def _choose_backend(*, go_on: bool) -> None:
    from bnn_lab import kernels
    from bnn_lab.measure.backend_duel import measure_duel, save_duel
    from bnn_lab.measure.noise import NoisyMachineError

    duel = None
    try:
        with console().status("choosing the kernel backend"):
            duel = measure_duel()
    except NoisyMachineError as error:
        if not go_on:
            raise
        warn(str(error))
    if duel is not None:
        written(save_duel(duel), "choice of the kernel backend")
    choice = kernels.backend_choice()
    say(f"kernel backend: {choice.name} ({choice.reason})")
    if duel is not None and choice.source == "environment":
        say(f"without BNN_LAB_BACKEND: {duel.chosen} ({duel.reason()})")


def _fit(
    threads: list[int] | None,
    backend: list[str] | None,
    rounds: int,
    output: Path | None,
    force: bool,
) -> None:
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
