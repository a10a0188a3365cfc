"""Explorers that Python redraws, alive on the site: their figures, drawn beforehand.

One script for each, which a page loads with its figures; git ignores them.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnn_lab._files import write_whole
from bnn_lab.bench.baselines import baseline
from bnn_lab.controls import controls
from bnn_lab.figures import latency_points as latency
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.latency_explorer import draw_latencies
from bnn_lab.figures.packed_sizes import PackedSizes, draw_packed_sizes
from bnn_lab.tflite.forms import FLOAT32, INT8

FOLDER = "recorded"
STATIC = Path(__file__).resolve().parents[1] / "_static" / FOLDER


@dataclass(frozen=True)
class Recording:
    """An explorer of a lesson, and the settings that are recorded of it.

    Attributes:
        cell: what the source of its cell holds.
        start: its first state.
        draw: state to drawing.
        values: field to the values that it takes; other fields stay.
        more: what a notebook has beyond that, a sentence.
    """

    cell: str
    start: Any
    draw: Callable[[Any], Drawing]
    values: Mapping[str, Sequence[Any]]
    more: str = ""


def _draw_latencies(state: latency.LatencyState) -> Drawing:
    return draw_latencies(latency.example_reports(), state)


RECORDINGS = {
    "packed-sizes": Recording(
        r"\bPackedSizes\(\)",
        PackedSizes(),
        draw_packed_sizes,
        {"weights": [1, 16, 31, 32, 33, 48, 64, 65, 96, 97, 100, *range(128, 513, 32)]},
    ),
    "latency": Recording(
        r"\bLatencyExplorer\(\)",
        latency.LatencyState(),
        _draw_latencies,
        {
            "of": (latency.NETWORKS_OF, latency.LAYERS_OF),
            "x": latency.AXES,
            "y": (latency.LATENCY, latency.ACCURACY),
            "runtime": (
                latency.OURS,
                baseline(FLOAT32),
                baseline(INT8),
            ),
        },
        "In the notebook, more can be chosen, and a click on a point shows where its time goes.",
    ),
}


def name_of(source: str) -> str | None:
    """The recording of a cell that shows an explorer, if there is one."""
    for name, recording in RECORDINGS.items():
        if re.search(recording.cell, source):
            return name
    return None


def content(recording: Recording) -> dict[str, Any]:
    """The controls and figures of a recording.

    Returns:
        JSON: ``controls``, each with field, label, kind, values and the index of the first one;
        ``parts``, values that figures have, and ``keys``, lists of what they are called, each once;
        ``figures``, each with words, the number of a part, and with layout and data, whose dicts
        are numbers: of their keys, then of their parts; and ``shown``, the number of the figure for
        each combination of values, the last control's changing fastest.
    """
    known = controls(recording.start)
    figures: dict[str, int] = {}
    parts: dict[str, int] = {}
    keys: dict[str, int] = {}
    shown = []

    def number(value: Any) -> int:
        return parts.setdefault(_shortest(value), len(parts))

    def numbers(values: Mapping[str, Any]) -> list[int]:
        named = keys.setdefault(_shortest(list(values)), len(keys))
        return [named, *map(number, values.values())]

    for values in itertools.product(*recording.values.values()):
        changes = dict(zip(recording.values, values, strict=True))
        drawing = recording.draw(dataclasses.replace(recording.start, **changes))
        drawn = json.loads(drawing.figure.to_json())
        drawn["layout"].pop("template", None)
        figure = {
            "words": number(drawing.words),
            "layout": numbers(drawn["layout"]),
            "data": [numbers(trace) for trace in drawn["data"]],
        }
        shown.append(figures.setdefault(_shortest(figure), len(figures)))
    return {
        "controls": [
            {
                "field": field,
                "label": known[field].label,
                "kind": "choice" if known[field].kind == "choice" else "number",
                "values": list(values),
                "first": list(values).index(getattr(recording.start, field)),
            }
            for field, values in recording.values.items()
        ],
        "parts": [json.loads(text) for text in parts],
        "keys": [json.loads(text) for text in keys],
        "figures": [json.loads(text) for text in figures],
        "shown": shown,
    }


def _shortest(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(name: str) -> None:
    """Write a recording's script."""
    text = _shortest(content(RECORDINGS[name]))
    STATIC.mkdir(parents=True, exist_ok=True)
    script = f'(globalThis.bnnLabRecorded ??= {{}})["{name}"] = {text};\n'
    write_whole(STATIC / f"{name}.js", script.encode())
