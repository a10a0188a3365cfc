"""`python -m bnn_lab.bench`: benchmarks in the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bnn_lab import __version__, kernels
from bnn_lab.bench import kernels as kernel_bench
from bnn_lab.bench.host import busy_warning, describe_host, pin_to_cpu
from bnn_lab.bench.kernels import (
    CONVS,
    DENSE,
    FLOAT,
    INT8,
    LCE_DEFAULT,
    LCE_INDIRECT,
    KernelResult,
    ours,
)
from bnn_lab.errors import BnnLabError, InputError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure speed.")


@app.callback()
def _group() -> None:
    """Measure speed."""


@app.command("kernels")
def kernels_command(
    rounds: Annotated[int, typer.Option(min=1, help="Samples of each peer.")] = 30,
    threads: Annotated[int, typer.Option(min=1, max=256, help="Threads of each peer.")] = 1,
    pin: Annotated[int | None, typer.Option(help="Keep the process on this CPU.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
    float_peers: Annotated[
        bool, typer.Option(help="Also time float32 and int8 TFLite (needs TensorFlow).")
    ] = True,
) -> None:
    """Binary convolution on each backend, beside LCE and float and int8 TFLite."""
    console = Console()
    try:
        if pin is not None:
            if threads > 1:
                raise InputError("--pin keeps all threads on one CPU; use it with --threads 1")
            pin_to_cpu(pin)
        warning = busy_warning(threads)
        if warning:
            console.print(f"[yellow]warning:[/] {warning}")
        results = [
            (kernel_bench.bench_dense if case is DENSE else kernel_bench.bench_conv)(
                case,  # type: ignore[arg-type]
                rounds=rounds,
                num_threads=threads,
                float_peers=float_peers,
            )
            for case in track([*CONVS, DENSE], "measuring", console=console, transient=True)
        ]
        bitpack = kernel_bench.bench_bitpack(rounds=rounds)
    except BnnLabError as error:
        console.print(f"[red]error:[/] {error}", highlight=False)
        raise typer.Exit(1) from None
    _print(console, results, bitpack, threads)
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(_report(results, bitpack, threads, warning), indent=1))
        console.print(f"figures written to {json_file}")


def _report(
    results: list[KernelResult], bitpack: dict[str, float], threads: int, warning: str | None
) -> dict[str, Any]:
    return {
        "schema": "bnn_lab.bench.kernels/1",
        "bnn_lab": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": describe_host(),
        "warning": warning,
        "num_threads": threads,
        "active_backend": kernels.active_backend(),
        "layers": [result.as_dict() for result in results],
        "bitpack_gb_per_s": bitpack,
    }


def _print(
    console: Console, results: list[KernelResult], bitpack: dict[str, float], threads: int
) -> None:
    host = describe_host()
    console.print(f"{host['cpu']}, {threads} thread(s), active: {kernels.active_backend()}")
    table = Table(title="Layers: median ms (min) and 10⁹ MAC/s", title_justify="left")
    table.add_column("peer")
    for result in results:
        table.add_column(result.case.name, justify="right")
    names = dict.fromkeys(name for result in results for name in result.table.names)
    for name in names:
        table.add_row(name, *(_cell(result, name) for result in results))
    best = kernels.active_backend()
    for peer in (INT8, FLOAT, LCE_DEFAULT, LCE_INDIRECT):
        if peer in names:
            cells = [
                f"{result.table.speedup(ours(best), over=peer):.1f}x"
                if peer in result.table.names
                else "-"
                for result in results
            ]
            table.add_row(f"{ours(best)} over {peer}", *cells, style="bold")
    for backend, ceiling in results[0].ceilings.items():
        cells = [
            f"{100 * result.best_gmacs(ours(backend)) / result.ceilings[backend]:.0f}%"
            for result in results
        ]
        table.add_row(f"{ours(backend)}, of its ceiling ({ceiling:.0f})", *cells)
    console.print(table)
    console.print(
        "ceiling: xor, popcount and add on registers alone; best round over best round of the same "
        "run; the lookup of avx2 has none"
    )
    speeds = ", ".join(f"{name} {speed:.0f}" for name, speed in bitpack.items())
    console.print(f"bitpack float32, in-cache, GB/s read: {speeds}")


def _cell(result: KernelResult, name: str) -> str:
    if name not in result.table.names:
        return "-"
    timing = result.table[name]
    times = f"{timing.median * 1e3:.3f} ({timing.minimum * 1e3:.3f})"
    return f"{times}\n{result.gmacs(name):.0f}"
