from __future__ import annotations

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.training.results import run_points
from bnn_lab.training.sweeps import WORKER_ENVIRONMENT, grid_of, open_client, sweep

pytest.importorskip("distributed")

# Workers import the experiment from here, wherever pytest runs.
EXPERIMENT = '''
import os, time
from pathlib import Path

def slow_square(x, folder, pause=0.0):
    """Leaves a file a call, so that the test can count calls."""
    (Path(folder) / f"{x}-{os.getpid()}-{time.time_ns()}").touch()
    time.sleep(pause)
    return {"y": x * x, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS", "")}

def fails(x):
    raise ValueError(f"bad point {x}")
'''


@pytest.fixture(scope="module")
def experiments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    (folder / "sweep_experiments.py").write_text(EXPERIMENT)
    old = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), old]))
    import sys

    sys.path.insert(0, str(folder))
    import sweep_experiments

    yield sweep_experiments
    sys.path.remove(str(folder))
    os.environ["PYTHONPATH"] = old


@pytest.fixture(scope="module")
def client(experiments):
    with open_client(workers=2, show=False) as connected:
        yield connected


def calls(folder: Path) -> list[int]:
    return sorted(int(path.name.split("-")[0]) for path in folder.iterdir())


def test_sweep_runs_everything_once_and_resumes(experiments, client, tmp_path) -> None:
    seen, kept = tmp_path / "seen", tmp_path / "kept"
    seen.mkdir()
    grid = {"x": [3, 1, 2], "folder": [str(seen)]}
    options = {"client": client, "folder": kept, "progress": False}
    frame = sweep(experiments.slow_square, grid, **options)
    assert frame.x.tolist() == [3, 1, 2] and frame.y.tolist() == [9, 1, 4]
    assert calls(seen) == [1, 2, 3]
    assert set(frame.threads) == {WORKER_ENVIRONMENT["OMP_NUM_THREADS"]}
    assert os.getpid() not in set(frame.pid)
    frame = sweep(experiments.slow_square, {**grid, "x": [1, 2, 3, 4]}, **options)
    assert frame.y.tolist() == [1, 4, 9, 16]
    assert calls(seen) == [1, 2, 3, 4]


def test_a_killed_worker_loses_nothing(experiments, client, tmp_path) -> None:
    seen, kept = tmp_path / "seen", tmp_path / "kept"
    seen.mkdir()
    points = [{"x": x, "folder": str(seen), "pause": 0.3} for x in range(8)]
    killed = []

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not (kept.exists() and len(list(kept.glob("*.json"))) >= 2):
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)
        newest = max(seen.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        killed.append(int(newest.name.split("-")[1]))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    frame = sweep(experiments.slow_square, points, client=client, folder=kept, progress=False)
    killer.join()
    assert killed
    assert frame.y.tolist() == [x * x for x in range(8)]
    assert len(list(kept.glob("*.json"))) == 8
    counts = calls(seen)
    assert set(counts) == set(range(8)) and len(counts) > 8  # the lost point ran again


def test_an_interrupted_sweep_keeps_what_is_done(experiments, tmp_path) -> None:
    seen, kept = tmp_path / "seen", tmp_path / "kept"
    seen.mkdir()
    from bnn_lab.training import results

    done = []

    def stop_after_two(**point):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(point)
        return experiments.slow_square(**point)

    stop_after_two.__module__ = experiments.slow_square.__module__
    stop_after_two.__qualname__ = "slow_square"
    points = [{"x": x, "folder": str(seen)} for x in range(4)]
    with pytest.raises(KeyboardInterrupt):
        results.run_points(stop_after_two, points, folder=kept, progress=False)
    rows = results.run_points(experiments.slow_square, points, folder=kept, progress=False)
    assert [row["y"] for row in rows] == [0, 1, 4, 9]
    assert calls(seen) == [0, 1, 2, 3]


def test_an_experiments_own_error_reaches_the_caller(experiments, client) -> None:
    with pytest.raises(ValueError, match="bad point 5"):
        sweep(experiments.fails, {"x": [5]}, client=client, progress=False)


def test_grids() -> None:
    assert grid_of({"a": [1, 2], "b": ["x"]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    assert grid_of([{"a": 1}]) == [{"a": 1}]
    for bad in ({}, [], {"a": []}, {"a": 3}, {"a": "text"}):
        with pytest.raises(InputError):
            grid_of(bad)
    with pytest.raises(InputError, match="workers"):
        sweep(print, {"a": [1]}, workers=0)


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with pytest.raises(BnnLabError, match=r"127\.0\.0\.1:9"), open_client("tcp://127.0.0.1:9"):
        pass


def test_what_listens_but_is_no_scheduler_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BnnLabError, match=address), open_client(address):
            pass


@pytest.mark.parametrize("client", ["nonsense", "http://127.0.0.1:8786", "", "tcp://host", 3])
def test_what_is_no_client_is_refused(client) -> None:
    with pytest.raises(InputError, match="client="), open_client(client):
        pass


def test_a_folder_that_is_a_file_is_named(experiments, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder"):
        run_points(experiments.fails, [{"x": 1}], folder=tmp_path / "file", progress=False)
