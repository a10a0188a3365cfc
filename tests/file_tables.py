"""What becomes of files when the disk is full or read-only, or the process is killed.

    python tests/file_tables.py [KILLS]      # kills for each kind of file, default 100

Prints two tables. File systems in memory need root, or a system where `unshare -rm` works.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bnn_lab._arrays import write_arrays
from bnn_lab._files import locked
from bnn_lab.bench import report
from bnn_lab.cli.terminal import write_file
from bnn_lab.costmodel import model as costmodel
from bnn_lab.course.points import Row, to_csv
from bnn_lab.errors import InputError
from bnn_lab.training.movie import WeightMovie
from bnn_lab.training.recording import INTERVAL_BINS, RATIO_EDGES, Recording
from bnn_lab.training.results import ResultStore

STEPS = 4000
CHECKPOINT = "checkpoint.npz"


class Kind(NamedTuple):
    """A kind of file: its name, and what writes one of two versions of it."""

    name: str
    write: Callable[[Path, int], object]


def noise(version: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(version).integers(0, 1 << 40, shape)


@cache
def recording(version: int) -> Recording:
    bins = len(RATIO_EDGES) - 1
    return Recording(
        layers=np.array(["a", "b"]),
        weights=np.array([1 << 41] * 2),
        flips=noise(version, STEPS, 2),
        never_flipped=noise(version, 2),
        intervals=noise(version, 2, INTERVAL_BINS),
        sample_steps=np.arange(1, 41),
        magnitudes=noise(version, 40, 2, bins),
        pressures=noise(version, 40, 2, bins),
    )


@cache
def film(version: int) -> WeightMovie:
    return WeightMovie(
        label="run",
        layer="dense",
        start=np.zeros((64, 64), bool),
        steps=np.sort(noise(version, 9000) % STEPS + 1),
        pixels=noise(version, 9000) % 4096,
        flips=noise(version, STEPS) % 4096,
        weights=1 << 20,
        accuracy=np.linspace(0, 1, 5),
    )


@cache
def measured(version: int) -> report.Report:
    shipped = report.read_report(Path(report.__file__).parent / "data" / "example.json")
    return msgspec.structs.replace(shipped, device=f"device {version}")


@cache
def calibrated(version: int) -> dict[str, Any]:
    return {**json.loads(costmodel.SHIPPED.read_text()), "time": f"{version}"}


def experiment(x: int) -> dict[str, Any]:
    return {"x": x}


def keep_result(path: Path, version: int) -> None:
    store = ResultStore(path.parent, experiment)
    store.path = lambda point: path  # type: ignore[method-assign,assignment]
    store.put({"x": 1}, {"values": noise(version, STEPS).tolist()})


@cache
def table(version: int) -> str:
    return to_csv([Row("one", f"s{at}", "relu", version, 2, "auto", "") for at in range(STEPS)])


def save_page(path: Path, version: int) -> None:
    from bnn_lab.widgets.ball_and_lamp import BallAndLamp

    widget = BallAndLamp()
    widget.initial = 0.5 + version
    widget.save_page(path)


KINDS = {
    "recording": Kind("x.npz", lambda path, version: recording(version).save(path)),
    "film of weights": Kind("x.npz", lambda path, version: film(version).save(path)),
    "checkpoint": Kind(
        CHECKPOINT,
        lambda path, version: write_arrays(path, {"w": noise(version, 30_000)}, compress=False),
    ),
    "converted model": Kind(
        "x.tflite",
        lambda path, version: write_file(path, noise(version, 30_000).tobytes(), "model"),
    ),
    "benchmark report": Kind(
        "x.json", lambda path, version: report.write_report(measured(version), path)
    ),
    "calibration": Kind(
        "x.json", lambda path, version: costmodel.save_calibration(calibrated(version), path)
    ),
    "result of a sweep": Kind("x.json", keep_result),
    "points of a class": Kind(
        "x.csv", lambda path, version: write_file(path, table(version), "points")
    ),
    "page of an explorable": Kind("x.html", save_page),
}


def versions(kind: Kind, folder: Path) -> list[bytes]:
    """What both versions are, whole."""
    found = []
    for version in (0, 1):
        kind.write(folder / kind.name, version)
        found.append((folder / kind.name).read_bytes())
    assert found[0] != found[1]
    return found


def kill(kind: Kind, folder: Path, times: int, seed: int = 0) -> Counter[str]:
    """Kill a process that writes both versions in turn, at random moments.

    Returns:
        How often the file was whole, damaged or missing, how often a half-written one lay beside
        it, and how often it still did once the folder was locked for the next process.
    """
    whole, path = versions(kind, folder), folder / kind.name
    rng, found = np.random.default_rng(seed), Counter[str]()
    for _ in range(times):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # commands say what they wrote
            os.write(writer, b"x")
            while True:
                for version in (0, 1):
                    kind.write(path, version)
        os.read(reader, 1)
        time.sleep(rng.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
        found["whole" if path.exists() and path.read_bytes() in whole else "damaged"] += 1
        found["halves beside it"] += len(list(folder.glob(".*.part*"))) > 0
        with locked(folder, "writes"):
            found["halves left"] += len(list(folder.glob(".*.part*"))) > 0
    return found


def full(kind: Kind, folder: Path) -> str:
    """Write over a file where there is no more room; `folder` is a small file system."""
    whole, path = versions(kind, folder), folder / kind.name
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    outcome = refused(kind, path, whole[1])
    filler.unlink()
    return outcome


def refused(kind: Kind, path: Path, old: bytes) -> str:
    """What became of an attempt to write version 0 over the old file."""
    before = set(path.parent.iterdir())
    try:
        kind.write(path, 0)
    except InputError as error:
        said = str(error).split(": ")[-2].removesuffix(". Fix")
    except Exception as error:
        return f"raw {type(error).__name__}"
    else:
        return "no error"
    if path.read_bytes() != old:
        return "old file gone"
    return "a part is left" if set(path.parent.iterdir()) != before else f"old file kept: {said}"


def mount(folder: Path, options: str) -> str:
    """Mount a file system in memory; gives what went wrong."""
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stderr.strip()


def main(times: int) -> None:
    if os.geteuid() and os.environ.get("IN_A_NAMESPACE") is None:
        os.environ["IN_A_NAMESPACE"] = "1"
        command = ["unshare", "-rm", sys.executable, *sys.argv]
        if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0:
            os.execvp("unshare", command)
    print("| file | full disk | read-only |\n|---|---|---|")
    for name, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            if problem := mount(folder, "size=16m"):
                print(f"no file systems in memory here: {problem}")
                break
            try:
                outcome = full(kind, folder)
                old = (folder / kind.name).read_bytes()
                subprocess.run(["mount", "-o", "remount,ro", made], check=True, timeout=30)
                print(f"| {name} | {outcome} | {refused(kind, folder / kind.name, old)} |")
            finally:
                subprocess.run(["umount", made], check=True, timeout=30)
    print(
        f"\n| file, killed {times} times | whole | damaged | half beside it | after the next lock |"
    )
    print("|---|--:|--:|--:|--:|")
    for name, kind in KINDS.items():
        with tempfile.TemporaryDirectory() as made:
            found = kill(kind, Path(made), times)
        shown = (found[key] for key in ("whole", "damaged", "halves beside it", "halves left"))
        print(f"| {name} | {' | '.join(map(str, shown))} |", flush=True)


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
