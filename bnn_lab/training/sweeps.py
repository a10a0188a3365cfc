"""Many runs at once on Dask: here, on a cluster, and on again after an interruption."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnn_lab._pandas import to_frame
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.training.results import Experiment, Point, run_points

if TYPE_CHECKING:
    import pandas as pd

# One thread each, or the workers' TensorFlows would fight for the cores.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}


def sweep(
    experiment: Experiment,
    grid: Mapping[str, Sequence[Any]] | Sequence[Point],
    client: Any = None,
    *,
    folder: str | Path | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Run an experiment for every point of a grid, in parallel.

    Each result is written to `folder` as it comes, so a sweep that was stopped resumes where it
    was. A point whose worker died runs again on another; a point that raises is tried twice more,
    then its exception is raised here.

    Args:
        experiment: a named function of an importable module (or of a notebook), called with the
            point as keyword arguments; returns numbers, text and lists by name.
        grid: name to values, for all combinations; or a list of points.
        client: None starts one worker process a core on this machine; the address of a scheduler,
            such as ``"tcp://10.0.0.1:8786"``; or a `distributed.Client`.
        folder: where results are kept; None keeps them in memory only.
        workers: processes, if this call starts them; default one a core.
        progress: show a bar and the dashboard's address.

    Returns:
        `pandas.DataFrame`, one row a point in the grid's order: settings and outcomes.

    Raises:
        InputError: the grid is empty, something cannot be stored, or `client` is neither a
            client nor an address.
        BnnLabError: Dask or pandas is not installed, or a point went down with its worker again
            and again.
    """
    points = grid_of(grid)
    if workers is not None and workers < 1:
        raise InputError(f"sweep({workers=}): must be at least 1.")
    with open_client(client, workers=workers, show=progress) as connected:
        rows = run_points(
            experiment,
            points,
            folder=folder,
            progress=progress,
            client=connected,
            label=getattr(experiment, "__name__", "sweep"),
        )
    return to_frame(rows)


def grid_of(grid: Mapping[str, Sequence[Any]] | Sequence[Point]) -> list[dict[str, Any]]:
    """All points of a grid.

    Args:
        grid: name to values, or a list of points, which is returned as it is.

    Returns:
        Keyword arguments of each run; the last name changes fastest.

    Raises:
        InputError: there are no points, or a value is not a list.
    """
    if isinstance(grid, Mapping):
        for name, values in grid.items():
            if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
                raise InputError(f"sweep: grid[{name!r}]={values!r}. Fix: write [{values!r}].")
        points = [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
    else:
        points = [dict(point) for point in grid]
    if not points or points == [{}]:
        raise InputError("sweep: the grid has no points.")
    return points


def _reach(address: str) -> None:
    """See that something speaks Dask's protocol at a scheduler's address.

    `Client` (distributed 2026.8) waits for ever for one that listens and says nothing. And one that
    fails in its constructor stays half built until the garbage collector finds it, and hangs where
    that happens while another one starts. So none is made for an address that cannot be right.

    Raises:
        ValueError: it is not an address.
        OSError: no answer in 3 s.
    """
    from distributed.comm import connect, parse_address
    from distributed.security import Security

    if parse_address(address)[0] == "inproc":
        return

    async def reach() -> None:
        options = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=3, **options), 3)
        await comm.close()

    # A thread, because notebooks have a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, reach()).result()


@contextlib.contextmanager
def open_client(client: Any = None, *, workers: int | None = None, show: bool = True) -> Any:
    """A Dask client for the time of a `with` block.

    Args:
        client: a client (left open), a scheduler's address, or None for processes on this machine.
        workers: number of processes in the last case; default one a core.
        show: print the dashboard's address.

    Yields:
        The `distributed.Client`.

    Raises:
        InputError: `client` is neither a client nor an address.
        BnnLabError: Dask is not installed, or there is no scheduler at the address.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise BnnLabError('Dask is not installed. Fix: pip install "bnn-lab[sweeps]"') from error
    with contextlib.ExitStack() as stack:
        if client is None:
            # A worker killed by the system is not the point's fault: try it again more often.
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 5}))
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers or os.cpu_count() or 1,
                    threads_per_worker=1,
                    processes=True,
                    env=WORKER_ENVIRONMENT,
                    dashboard_address="127.0.0.1:0",
                    # TensorFlow is slow to exit; do not warn that a worker had to be killed.
                    silence_logs=logging.ERROR,
                )
            )
            client = stack.enter_context(Client(cluster))
        elif isinstance(client, str):
            try:
                _reach(client)
                client = stack.enter_context(Client(client, timeout="3s"))
            except ValueError as error:
                raise InputError(
                    f"client={client!r} is not a scheduler's address ({error}). Fix: write it like "
                    "'tcp://10.0.0.1:8786'."
                ) from error
            except OSError as error:
                raise BnnLabError(
                    f"no Dask scheduler answers at {client}. Fix: start one with `dask scheduler`."
                ) from error
        elif not isinstance(client, Client):
            raise InputError(
                f"client={client!r} is neither a distributed.Client nor an address. Fix: pass one, "
                "or None for processes on this machine."
            )
        if show:
            print(f"Dask dashboard: {client.dashboard_link}")
        yield client
