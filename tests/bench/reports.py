"""Made-up reports: their numbers are easy to follow through tables, figures and comparisons."""

from __future__ import annotations

from typing import Any

import msgspec

from bnn_lab.bench.report import Report

OURS = {"bnn_lab scalar": 4.0, "bnn_lab avx2": 1.0, "bnn_lab avx2 unfused": 1.5}
OTHERS = {"float32 TFLite": 20.0, "int8 TFLite": 5.0, "LCE indirect": 10.0}


def times_of(name: str, ms: float) -> dict[str, Any]:
    return {
        "name": name,
        "min_s": ms * 0.9e-3,
        "median_s": ms * 1e-3,
        "p90_s": ms * 1.2e-3,
        "rounds": 5,
        "calls_per_round": 1,
    }


def entry(name: str, num_threads: int = 1, times: float = 1.0) -> dict[str, Any]:
    runtimes = {**OURS, **OTHERS}
    reference = "bnn_lab avx2"
    return {
        "name": name,
        "num_threads": num_threads,
        "macs": 2_000_000,
        "reference": reference,
        "speedup_over": {n: ms for n, ms in runtimes.items() if n != reference},
        "times": [times_of(n, ms * times) for n, ms in runtimes.items()],
    }


def layer(name: str = "3x3 56,64", num_threads: int = 1, times: float = 1.0) -> dict[str, Any]:
    found = entry(name, num_threads, times)
    return {
        **found,
        "shape": {
            "kind": "conv",
            "height": 56,
            "width": 56,
            "channels_in": 64,
            "channels_out": 64,
            "kernel": [3, 3],
            "stride": 1,
            "padding": "same",
            "groups": 1,
            "shortcuts": 0,
            "quantize": False,
            "bits_only": False,
        },
        "gmacs_per_s": {p["name"]: 2e-3 / p["median_s"] for p in found["times"]},
        "ceiling_gmacs_per_s": {"scalar": 5.0},
    }


def model(name: str = "quicknet", num_threads: int = 1, times: float = 1.0) -> dict[str, Any]:
    rows = [
        {
            "name": "stem",
            "kind": "CONV_2D",
            "ms": 0.4 * times,
            "macs": 500,
            "binary": False,
            "output_shape": [1, 8, 8, 4],
        },
        {
            "name": "block <1>",
            "kind": "LceBconv2d + ADD",
            "ms": 0.6 * times,
            "macs": 1_999_500,
            "binary": True,
            "output_shape": [1, 8, 8, 4],
        },
    ]
    return {
        **entry(name, num_threads, times),
        "backend": "avx2",
        "file_bytes": {"binary": 4_000_000, "float32": 50_000_000},
        "binary_macs": 1_999_500,
        "float_floor_s": 0.4e-3 * times,
        "profile": {"end_to_end_ms": times, "sum_ms": times, "rows": rows},
    }


def report(*args: Any, **options: Any) -> Report:
    """As it is read; arguments as of `content`."""
    return msgspec.convert(content(*args, **options), Report)


def content(
    device: str = "Board A",
    time: str = "2026-01-02T03:04:05+00:00",
    layers: list[Any] | None = None,
    models: list[Any] | None = None,
) -> dict[str, Any]:
    quiet = {"spread": 0.01, "others": 0.0, "load_average_1min": 0.1}
    return {
        "schema": "bnn_lab.bench/2",
        "bnn_lab": "0.1.0",
        "command": ["bench", "suite"],
        "time": time,
        "host": {
            "cpu": device,
            "cpus": 2,
            "flags": ["avx2"],
            "frequency_mhz": 2500.0,
            "max_frequency_mhz": None,
            "governor": None,
            "affinity": [0, 1],
            "load_average_1min": 0.1,
            "machine": "x86_64",
            "system": "Linux",
            "kernel": "6.1",
            "emulated": None,
            "python": "3.11.2",
            "packages": {"numpy": "1.26.4"},
        },
        "device": device,
        "active_backend": "avx2",
        "noise": {"before": quiet, "within": quiet, "problems": [], "forced": False},
        "layers": [layer()] if layers is None else layers,
        "models": [model()] if models is None else models,
        "bitpack_gb_per_s": {"avx2": 100.0},
    }
