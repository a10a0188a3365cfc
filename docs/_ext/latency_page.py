"""What "Compare devices" needs besides its scripts: one JSON file with what the page's twin of
`bnn_lab.figures.latency_points` shares with it, and the measurements that come with bnn_lab.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from sphinx.application import Sphinx

from bnn_lab._files import write_whole
from bnn_lab.bench import report
from bnn_lab.bench.baselines import UNFUSED
from bnn_lab.bench.energy import DRAM_BYTE, FORMS
from bnn_lab.experiments.latency.files import SCHEMA as STUDY_SCHEMA
from bnn_lab.figures import latency_points as points
from bnn_lab.figures import op_names, theme
from bnn_lab.figures.latency_explorer import SYMBOLS, TITLES
from bnn_lab.models.registry import NETWORKS
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

TARGET = Path(__file__).resolve().parents[1] / "_static" / "latency" / "site.json"
AXES = {
    "latency": points.LATENCY,
    "accuracy": points.ACCURACY,
    "macs": points.MACS,
    "binaryMacs": points.BINARY_MACS,
    "equivalent": points.EQUIVALENT,
    "size": points.SIZE,
    "energy": points.ENERGY,
    "threads": points.THREADS,
    "overFloat": points.OVER_FLOAT,
    "overInt8": points.OVER_INT8,
}


def content() -> dict[str, Any]:
    """What the page reads, JSON."""
    example = msgspec.to_builtins(report.read_report(report.EXAMPLE))
    for model in example["models"]:
        for row in model["profile"]["rows"] if model["profile"] else ():
            del row["name"]  # most of the file, and the page shows none
    published = {
        name: entry.published.top1
        for name, entry in NETWORKS.items()
        if entry.published is not None and entry.published.top1 is not None
    }
    return {
        "schema": report.SCHEMA,
        "study_schema": STUDY_SCHEMA,
        "axes": AXES,
        "titles": TITLES,
        "networksOf": points.NETWORKS_OF,
        "layersOf": points.LAYERS_OF,
        "ofLayers": points.OF_LAYERS,
        "runtimes": points.RUNTIMES,
        "ours": points.OURS,
        "unfused": points.OURS_UNFUSED,
        "unfusedEnding": UNFUSED,
        "peers": points.PEERS,
        "float32": FLOAT32,
        "int8": INT8,
        "binary": BINARY,
        "energy": {
            "byte": DRAM_BYTE,
            "forms": {form: FORMS[name] for form, name in points.ENERGY_FORM.items()},
        },
        "published": published,
        "cited": {
            of: [
                asdict(point)
                for point in points.cited_points(points.LatencyState(of=of, x=points.THREADS))
            ]
            for of in (points.NETWORKS_OF, points.LAYERS_OF)
        },
        "layout": {key: value for key, value in theme.layout("").items() if key != "template"},
        "axis": theme.axis(""),
        "colours": theme.COLOURS,
        "symbols": SYMBOLS,
        "text": theme.TEXT,
        "opNames": op_names.PLAIN,
        "example": example,
    }


def write(app: Sphinx) -> None:
    """Called before Sphinx copies static files."""
    text = json.dumps(content(), separators=(",", ":"))
    write_whole(TARGET, f"{text}\n".encode())


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True}
