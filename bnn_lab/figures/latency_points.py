"""What the latency explorer shows, as numbers: networks or layers of several devices as points.

Layers are those of `bnn-lab bench kernels` and of the site's page "Measure your device". Measured
points come from reports of `bnn-lab bench`, cited ones with their source from
`models/data/cited.json`. Accuracies are always cited, and energies are those of a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from bnn_lab.bench import report as bench_report
from bnn_lab.bench.baselines import LCE_DEFAULT, LCE_INDIRECT, UNFUSED, baseline, ours
from bnn_lab.bench.energy import FLOAT, FLOATS_OUT, conv_energy, network_energy
from bnn_lab.bench.energy import INT8 as INT8_FORM
from bnn_lab.bench.kernels import PAPER_CONVS, ConvCase
from bnn_lab.bench.report import Entry, Layer, Model, Report
from bnn_lab.controls import check_state, choice, toggle
from bnn_lab.kernels import all_backends
from bnn_lab.measure.timing import Times
from bnn_lab.models.cited import cited_latencies, cited_layers, cited_speedups
from bnn_lab.models.registry import NETWORKS
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

OURS, OURS_UNFUSED = "bnn_lab, fastest", "bnn_lab, unfused"
NETWORKS_OF, LAYERS_OF = "whole networks", "single layers"
# What the site's page measures beside the layers: `docs/_static/measure/worker.js`.
PAGE_PEERS = ("float32 LiteRT.js", "int8 LiteRT.js")
LATENCY = "latency"
ACCURACY = "top-1 accuracy"
MACS = "MACs"
BINARY_MACS = "binary MACs"
EQUIVALENT = "equivalent MACs"
SIZE = "file size"
ENERGY = "energy (model)"
THREADS = "threads"
OVER_FLOAT, OVER_INT8 = "times faster than float32", "times faster than int8"
AXES = (
    LATENCY, ACCURACY, MACS, BINARY_MACS, EQUIVALENT, SIZE, ENERGY, THREADS, OVER_FLOAT, OVER_INT8
)  # fmt: skip
OF_LAYERS = (LATENCY, MACS, EQUIVALENT, ENERGY, THREADS, OVER_FLOAT, OVER_INT8)
RUNTIMES = (
    OURS,
    OURS_UNFUSED,
    *(ours(backend.name) for backend in all_backends()),
    baseline(FLOAT32),
    baseline(INT8),
    LCE_INDIRECT,
    LCE_DEFAULT,
    *PAGE_PEERS,
)
PEERS = {kind: (baseline(kind), f"{kind} LiteRT.js") for kind in (FLOAT32, INT8)}
_OVER = {OVER_FLOAT: FLOAT32, OVER_INT8: INT8}
ENERGY_FORM = {FLOAT32: FLOAT, INT8: INT8_FORM, BINARY: FLOATS_OUT}
ALL_THREADS = 0


@dataclass(frozen=True)
class LatencyState:
    """What is shown.

    Attributes:
        of: whole networks or single layers.
        x: quantity on the horizontal axis.
        y: quantity on the vertical axis.
        runtime: what runs the models; `OURS` is the fused run on each device's fastest backend.
        threads: their number; an axis of threads shows all numbers.
        lines: also the float32 and the int8 form of each, joined by a line.
        cited: also show cited latencies of other devices.
        devices: names of measured devices; empty means all.
        models: names; empty means all.
        profile_of: (device, model) whose ops are shown; empty strings mean none.
    """

    of: str = choice(NETWORKS_OF, options=(NETWORKS_OF, LAYERS_OF), label="show")
    x: str = choice(LATENCY, options=AXES, label="horizontal axis")
    y: str = choice(ACCURACY, options=AXES, label="vertical axis")
    runtime: str = choice(
        OURS, options=RUNTIMES, label="runs on", help="Runtime and kernel backend."
    )
    threads: str = choice("1", options=("1", "2", "4", "8"), label="threads")
    lines: bool = toggle(
        False,
        label="float32 → int8 → binary",
        help="Also the float32 and the int8 form of each, joined by a line.",
    )
    cited: bool = toggle(
        True, label="cited figures", help="Hollow points: published by others, not measured here."
    )
    devices: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    profile_of: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        check_state(self)

    @property
    def num_threads(self) -> int:
        """The number that is shown, or `ALL_THREADS`."""
        return ALL_THREADS if THREADS in (self.x, self.y) else int(self.threads)


@dataclass(frozen=True)
class Point:
    """One model or layer on one device.

    Attributes:
        device: name.
        model: name.
        values: quantity (of `AXES`) to value; absent where unknown.
        source: source of a cited figure, "" if it was measured.
        runtime: what ran it, of a cited figure.
        form: `FLOAT32`, `INT8` or `BINARY`.
        spread: quantity to its ends: the fastest round and the 90th percentile of a latency, the
            95 % interval or the published range of a ratio.
    """

    device: str
    model: str
    values: dict[str, float]
    source: str = ""
    runtime: str = ""
    form: str = BINARY
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)


def example_reports() -> list[Report]:
    """The measurements that come with bnn_lab: of one machine, for a first look without a run."""
    return [bench_report.read_report(bench_report.EXAMPLE)]


def devices_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Names of the measured devices."""
    return tuple(dict.fromkeys(report.device for report in reports))


def models_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Names of the measured models."""
    return tuple(dict.fromkeys(entry.name for report in reports for entry in report.models))


def form_of(runtime: str) -> str:
    """`FLOAT32`, `INT8` or `BINARY`: the form of a network that a runtime runs."""
    return next((kind for kind, names in PEERS.items() if runtime in names), BINARY)


def measured_points(reports: Sequence[Report], state: LatencyState) -> list[Point]:
    """Points of the chosen devices, models or layers, runtime and threads.

    Args:
        reports: from `read_report` or `merge_reports`.
        state: what is shown.

    Returns:
        In the order of the reports; with `state.lines` the float32 and the int8 form of each come
        before it.
    """
    points = []
    for report in reports:
        if state.devices and report.device not in state.devices:
            continue
        entries = report.layers if state.of == LAYERS_OF else report.models
        ratios = mac_ratios(report)
        for entry in entries:
            chosen = not state.models or entry.name in state.models or state.of == LAYERS_OF
            if chosen and state.num_threads in (ALL_THREADS, entry.num_threads):
                points += [
                    _point(report, entry, times, ratios) for times in _times_of(entry, state)
                ]
    return points


def without_peers(reports: Sequence[Report], state: LatencyState) -> list[str]:
    """Models or layers whose float32 or int8 form was not measured, so that a line is short."""
    found = []
    for report in reports:
        one = [point for point in measured_points([report], state) if state.lines]
        forms: dict[str, set[str]] = {}
        for point in one:
            forms.setdefault(point.model, set()).add(point.form)
        for model, those in forms.items():
            if missing := [kind for kind in (FLOAT32, INT8) if kind not in those]:
                found.append(f"{model} on {report.device} ({' and '.join(missing)})")
    return found


def mac_ratios(report: Report) -> dict[str, float]:
    """How many MACs of each form take the time of one float MAC on this device.

    The median over the convolutions of the report that were measured on as few threads as any;
    forms that no convolution has are left out.
    """
    convs = [layer for layer in report.layers if layer.shape.kind == kinds.CONV]
    fewest = min((layer.num_threads for layer in convs), default=1)
    found: dict[str, list[float]] = {}
    for layer in convs:
        peer = _peer(layer, FLOAT32)
        if peer is None or layer.num_threads != fewest:
            continue
        found.setdefault(BINARY, []).append(layer.speedup_over[peer.name])
        if (int8 := _peer(layer, INT8)) is not None:
            found.setdefault(INT8, []).append(peer.median_s / int8.median_s)
    ratios = {form: float(np.median(values)) for form, values in found.items()}
    return ratios | {FLOAT32: 1.0} if ratios else {}


def cited_points(state: LatencyState) -> list[Point]:
    """Points that others have published; none if they are switched off or not for these threads."""
    if not state.cited:
        return []
    if state.of == LAYERS_OF:
        return [*_cited_layer_points(state), *_cited_speedup_points(state)]
    points = []
    for device in cited_latencies()["devices"]:
        for threads, latencies in device["latency_ms"].items():
            if state.num_threads not in (ALL_THREADS, int(threads)):
                continue
            for name, ms in latencies.items():
                if state.models and name not in state.models:
                    continue
                published = NETWORKS[name].published
                assert published is not None  # a test looks at the file
                binary, macs = published.macs
                values = {LATENCY: ms, MACS: macs / 1e6, BINARY_MACS: binary / 1e6}
                values[THREADS] = float(threads)
                if published.top1 is not None:
                    values[ACCURACY] = published.top1
                source = cited_latencies()["source"]
                points.append(Point(device["name"], name, values, source, device["runtime"]))
    return points


def cited_devices() -> list[tuple[str, str]]:
    """(device, runtime) of all that others have published, each once."""
    known = [(e["name"], e["runtime"]) for e in (*cited_latencies()["devices"], *cited_layers())]
    known += [(entry.name, entry.runtime) for entry in cited_speedups()]
    return list(dict.fromkeys(known))


def _cited_layer_points(state: LatencyState) -> list[Point]:
    if state.num_threads not in (ALL_THREADS, 1):
        return []
    points = []
    for device in cited_layers():
        for name, ms in device["latency_ms"].items():
            values = {LATENCY: ms, THREADS: 1.0}
            if name in _paper_macs():
                values[MACS] = _paper_macs()[name] / 1e6
            points.append(Point(device["name"], name, values, device["source"], device["runtime"]))
    return points


def _cited_speedup_points(state: LatencyState) -> list[Point]:
    if state.num_threads not in (ALL_THREADS, 1):
        return []
    return [
        Point(
            entry.name,
            name,
            {quantity: entry.high, MACS: _paper_macs()[name] / 1e6},
            entry.source,
            entry.runtime,
            spread={} if entry.low is None else {quantity: (entry.low, entry.high)},
        )
        for entry in cited_speedups()
        for quantity, kind in _OVER.items()
        if entry.over == kind
        for name in entry.layers
    ]


@cache
def _paper_macs() -> dict[str, int]:
    return {case.name: case.macs for case in PAPER_CONVS}


def _times_of(entry: Entry, state: LatencyState) -> list[Times]:
    """Of the chosen runtime, with lines those of its peers before."""
    peers = [_peer(entry, kind) for kind in (FLOAT32, INT8)] if state.lines else []
    found = [*peers, entry.of(_name_of(state.runtime, entry))]
    return list({times.name: times for times in found if times is not None}.values())


def _point(report: Report, entry: Entry, times: Times, ratios: dict[str, float]) -> Point:
    """One entry on one runtime, with all that is known of it."""
    form = form_of(times.name)
    values = {
        LATENCY: times.median_s * 1e3,
        MACS: entry.macs / 1e6,
        THREADS: float(entry.num_threads),
    }
    spread = {LATENCY: (times.min_s * 1e3, times.p90_s * 1e3)}
    for quantity, kind in _OVER.items():
        peer = _peer(entry, kind)
        if peer is None or peer is times:
            continue
        if times.name == entry.reference:
            values[quantity] = entry.speedup_over[peer.name]
            if ends := entry.speedup_interval.get(peer.name):
                spread[quantity] = ends
        else:
            values[quantity] = peer.median_s / times.median_s
    if isinstance(entry, Model):
        _add_of_model(entry, form, values)
        binary = entry.binary_macs if form == BINARY else entry.macs
    else:
        assert isinstance(entry, Layer)
        if (energy := _layer_energy(entry, form)) is not None:
            values[ENERGY] = energy
        binary = entry.macs
    if form in ratios:
        values[EQUIVALENT] = (entry.macs - binary + binary / ratios[form]) / 1e6
    return Point(report.device, entry.name, values, form=form, spread=spread)


def _add_of_model(entry: Model, form: str, values: dict[str, float]) -> None:
    values[BINARY_MACS] = entry.binary_macs / 1e6
    size = entry.file_bytes.get(form)
    if size:
        values[SIZE] = size / 1e6
        of_form = ENERGY_FORM[form]
        values[ENERGY] = network_energy(entry.macs, entry.binary_macs, size, of_form)
    known = NETWORKS.get(entry.name)
    if known is not None and known.published is not None and known.published.top1 is not None:
        values[ACCURACY] = known.published.top1


def _layer_energy(layer: Layer, form: str) -> float | None:
    """Millijoules by the cited table, all bytes from DRAM; None where its model does not fit."""
    shape = layer.shape
    square = shape.height == shape.width and shape.kernel[0] == shape.kernel[1]
    if shape.kind not in (kinds.CONV, kinds.DENSE) or not square or shape.groups != 1:
        return None
    if shape.kind == kinds.CONV and shape.padding != "same":
        return None
    case = ConvCase(
        shape.height, shape.channels_in, shape.channels_out, shape.kernel[0], shape.stride
    )
    return sum(conv_energy(case, ENERGY_FORM[form])) / 1e3


def _peer(entry: Entry, kind: str) -> Times | None:
    return next((times for name in PEERS[kind] if (times := entry.of(name)) is not None), None)


def _name_of(runtime: str, entry: Entry) -> str:
    """What the times of a runtime are called in an entry."""
    if runtime == OURS:
        return entry.reference
    return f"{entry.reference} {UNFUSED}" if runtime == OURS_UNFUSED else runtime
