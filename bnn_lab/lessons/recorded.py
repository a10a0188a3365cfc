"""Times of a long run, for lessons that are read on a busy machine.

    python -m bnn_lab.lessons.recorded

measures them again on this machine and writes the file. Of each it keeps the best of many
rounds, which is what other work disturbs least.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from bnn_lab.data import load_mnist5k
from bnn_lab.errors import InputError
from bnn_lab.measure import measure
from bnn_lab.measure.host import describe_host
from bnn_lab.measure.units import format_factor, format_seconds
from bnn_lab.models import digits_bnn
from bnn_lab.training.bop import set_binary_signs

FILE = Path(__file__).with_suffix(".json")
_ROUNDS, _STUDY_SECONDS = 300, 20
DIGITS, SHORTCUTS, PADDING, WAYS = "digits", "shortcuts", "padding", "ways"


@cache
def _content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def _entry(name: str) -> Any:
    known = _content()["runs"]
    if name not in known:
        raise InputError(f"no run {name!r} was recorded; there are {', '.join(known)}.")
    return known[name]


def seconds(name: str) -> dict[str, float]:
    """Best seconds for each of what was timed in turn.

    Args:
        name: `DIGITS` or `SHORTCUTS`.

    Raises:
        InputError: there is no such run, or it was kept as a sentence.
    """
    found = _entry(name)
    if not isinstance(found, dict):
        raise InputError(f"the run {name!r} was kept as a sentence, without seconds.")
    return dict(found)


def sentence(name: str) -> str:
    """What a run has shown, and on which CPU.

    Args:
        name: one of this module's.

    Raises:
        InputError: there is no such run.
    """
    found = _entry(name)
    if isinstance(found, dict):
        (first, best), *others = found.items()
        parts = [f"{first} {format_seconds(best)}"]
        parts += [
            f"{other} {format_seconds(value)} (× {format_factor(value / best)})"
            for other, value in others
        ]
        found = f"{', '.join(parts)}."
    return f"Recorded on another day, best rounds of a long run ({_content()['cpu']}): {found}"


def _digits() -> dict[str, float]:
    from bnn_lab.bench.baselines import litert_call
    from bnn_lab.convert import stock_tflite, trace_keras_model

    data = load_mnist5k()
    model = digits_bnn(input_shape=data.input_shape, stride=2, pools=(2, 3))
    set_binary_signs(model)
    sample, image = data.train_images[:100], data.test_images[0]
    trace = trace_keras_model(model, snapshots=False)
    mixed = trace_keras_model(model, representative_dataset=sample, snapshots=False)
    table = measure(
        {
            "binary": litert_call(trace.tflite, image),
            "binary + int8": litert_call(mixed.tflite, image),
            "float32 TFLite": litert_call(trace.stock, image, delegate=False),
            "int8 TFLite": litert_call(stock_tflite(model, sample), image, delegate=False),
        },
        rounds=_ROUNDS,
    )
    return {timing.name: timing.minimum for timing in table.timings}


def _shortcuts() -> dict[str, float]:
    from bnn_lab.bench.baselines import litert_call
    from bnn_lab.convert import convert_keras_model
    from bnn_lab.lessons import designer

    small = designer.QUICKNETS["QuickNet Small"]
    plain = convert_keras_model(designer.build(replace(small, shortcuts=designer.NONE)))
    full = convert_keras_model(designer.build(small))
    table = measure(
        {
            "no shortcuts": litert_call(plain),
            "shortcuts, fused": litert_call(full),
            "shortcuts, on their own": litert_call(full, fuse=False),
        },
        rounds=_ROUNDS,
    )
    return {timing.name: timing.minimum for timing in table.timings}


def _finding(study: str) -> Callable[[], str]:
    def found() -> str:
        from bnn_lab.experiments.latency import run_study

        return run_study(study, seconds=_STUDY_SECONDS, force=True).finding

    return found


_RUNS: dict[str, Callable[[], Any]] = {
    DIGITS: _digits,
    SHORTCUTS: _shortcuts,
    PADDING: _finding("padding"),
    WAYS: _finding("ways"),
}


def main() -> None:
    """Measure everything and write the file."""
    runs = {}
    for name, run in _RUNS.items():
        runs[name] = run()
        print(f"{name}: {runs[name]}", flush=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    content = {"cpu": describe_host().cpu, "date": today, "runs": runs}
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
