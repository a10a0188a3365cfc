"""Results of experiments, one file a point, so that what is done is never done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from bnn_lab._files import check_writable, write_whole
from bnn_lab.errors import BnnLabError, InputError

Point = Mapping[str, Any]
Experiment = Callable[..., Mapping[str, Any]]

RETRIES = 2


class ResultStore:
    """A folder of JSON files, each the settings and the outcome of one point.

    The file's name is a hash of the experiment's name and the settings. Files are written whole or
    not at all, so a kill at any moment leaves a usable folder.

    Args:
        folder: made if need be; None keeps nothing.
        experiment: the function that computes a point.
    """

    def __init__(self, folder: str | Path | None, experiment: Experiment) -> None:
        self.folder = None if folder is None else Path(folder)
        self.name = f"{experiment.__module__}.{experiment.__qualname__}"
        if self.folder is not None:
            if "<lambda>" in self.name:
                raise InputError(
                    "results of a lambda cannot be told apart from another lambda's. Fix: give "
                    "the experiment a name with def, or leave out the folder."
                )
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"{self.folder} cannot be made a folder ({error}). Fix: choose another."
                ) from error

    def path(self, point: Point) -> Path | None:
        """File of a point, or None without a folder."""
        if self.folder is None:
            return None
        text = _to_json({"experiment": self.name, "settings": dict(point)}, "settings")
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:20]}.json"

    def get(self, point: Point) -> dict[str, Any] | None:
        """Outcome of a point, or None if it is not there yet."""
        path = self.path(point)
        if path is None or not path.exists():
            return None
        try:
            outcome = json.loads(path.read_text())["outcome"]
            return dict(outcome)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(
                f"{path} is not a result file ({error}). Fix: delete it; its point runs again."
            ) from error

    def put(self, point: Point, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """Keep an outcome.

        Returns:
            The outcome as it will be read again (tuples become lists).

        Raises:
            InputError: the outcome is not JSON (numbers, text, lists and dictionaries), or the
                file cannot be written.
        """
        record = {"experiment": self.name, "settings": dict(point), "outcome": dict(outcome)}
        text = _to_json(record, "outcome")
        path = self.path(point)
        if path is not None:
            write_whole(path, text)
        return json.loads(text)["outcome"]


def run_points(
    experiment: Experiment,
    points: Sequence[Point],
    *,
    folder: str | Path | None = None,
    progress: bool = True,
    client: Any = None,
    label: str | None = None,
) -> list[dict[str, Any]]:
    """Compute `experiment(**point)` for every point, skipping those that the folder has.

    Args:
        experiment: returns numbers, text, lists and dictionaries by name.
        points: keyword arguments of each run.
        folder: folder of the results; None keeps nothing.
        progress: show a bar.
        client: a `distributed.Client` to run on; None runs here, one by one.
        label: label of the bar.

    Returns:
        One dictionary a point, in the points' order: settings and outcome together.

    Raises:
        InputError: settings or outcomes are not JSON, or share a name.
    """
    store = ResultStore(folder, experiment)
    outcomes: dict[int, dict[str, Any]] = {}
    for number, point in enumerate(points):
        known = store.get(point)
        if known is not None:
            outcomes[number] = known
    missing = [number for number in range(len(points)) if number not in outcomes]
    if missing and (path := store.path(points[missing[0]])) is not None:
        check_writable(path)  # before the first run, not after it
    bar = tqdm(
        total=len(points), initial=len(outcomes), disable=not progress, desc=label, unit="run"
    )
    with bar:
        for number, outcome in _compute(experiment, points, missing, client):
            outcomes[number] = store.put(points[number], outcome)
            bar.update()
    return [_row(points[number], outcomes[number]) for number in range(len(points))]


def _compute(
    experiment: Experiment, points: Sequence[Point], missing: Sequence[int], client: Any
) -> Iterable[tuple[int, Mapping[str, Any]]]:
    if client is None:
        for number in missing:
            yield number, experiment(**points[number])
        return
    yield from _compute_on(client, experiment, points, missing)


def _compute_on(
    client: Any, experiment: Experiment, points: Sequence[Point], missing: Sequence[int]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Outcomes as they come.

    Args:
        client: a `distributed.Client`.
        experiment: what to run.
        points: all points.
        missing: indices of those to compute.

    Yields:
        (index, outcome).

    Raises:
        BnnLabError: a point's worker died again and again.
        Exception: what the experiment raised, after two retries.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    futures = {
        client.submit(_call, experiment, dict(points[number]), pure=False, retries=RETRIES): number
        for number in missing
    }
    try:
        for future in as_completed(list(futures)):
            number = futures[future]
            try:
                outcome = future.result()
            except KilledWorker as error:
                raise BnnLabError(
                    f"every worker that ran {dict(points[number])} died, perhaps for lack of "
                    "memory. Fix: start fewer workers; points that are done are kept."
                ) from error
            yield number, outcome
            future.release()
    finally:
        client.cancel(list(futures))


def _call(experiment: Experiment, point: Point) -> Mapping[str, Any]:
    return experiment(**point)


def _row(point: Point, outcome: Mapping[str, Any]) -> dict[str, Any]:
    shared = sorted(set(point) & set(outcome))
    if shared:
        raise InputError(
            f"the outcome has names that are settings too: {shared}. Fix: rename them."
        )
    return {**point, **outcome}


def _to_json(value: Any, what: str) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=True, default=_plain)
    except TypeError as error:
        raise InputError(
            f"{what} cannot be stored as JSON ({error}). Fix: use numbers, text, lists and "
            "dictionaries."
        ) from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy numbers and arrays
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r}")
