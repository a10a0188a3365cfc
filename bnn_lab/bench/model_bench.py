"""Whole models on all peers: ours on every backend, fused and not, LCE, float and int8 TFLite."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels
from bnn_lab._quiet import without_native_chatter
from bnn_lab.bench.kernels import FLOAT as FLOAT_PEER
from bnn_lab.bench.kernels import INT8 as INT8_PEER
from bnn_lab.bench.kernels import LCE_DEFAULT, LCE_INDIRECT, ours
from bnn_lab.bench.models import BINARY, FLOAT, INT8, lce_installed
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure.noise import NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable
from bnn_lab.profiling.node_clock import open_litert, set_inputs
from bnn_lab.profiling.partitions import made_up
from bnn_lab.profiling.profile import Profile, ProfileRow, profile
from bnn_lab.tflite.ops import ModelOps

UNFUSED = "unfused"
LEAD_IN = 3e-3  # seconds that a peer runs before each sample
_BINARY_MACS = ("LceBconv2d", "BnnLabDepthwise2d", "BnnLabTranspose2d")


@dataclass(frozen=True)
class ModelResult:
    """Times of one model on all peers.

    Attributes:
        name: of the model.
        table: one inference, batch 1; input and output stay where they are, except in LCE, whose
            interpreter copies both.
        num_threads: of every peer.
        backend: of the reference peer: ours, fused.
        file_bytes: kind of file to its size.
        macs: multiply-accumulates of the binary file.
        binary_macs: those of ±1 with ±1.
        profile: of the reference peer, None if it was not asked for.
    """

    name: str
    table: TimingTable
    num_threads: int
    backend: str
    file_bytes: dict[str, int]
    macs: int
    binary_macs: int
    profile: Profile | None = None

    @property
    def reference(self) -> str:
        """Name of our fused peer, with which the others are compared."""
        return ours(self.backend)

    @property
    def floor_seconds(self) -> float | None:
        """Time of the ops that are not bnn_lab's: what would remain if binary ops were free."""
        if self.profile is None:
            return None
        return sum(row.ms for row in self.profile.rows if not row.binary) / 1e3

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        others = [name for name in self.table.names if name != self.reference]
        return {
            "name": self.name,
            "num_threads": self.num_threads,
            "backend": self.backend,
            "reference": self.reference,
            "file_bytes": self.file_bytes,
            "macs": self.macs,
            "binary_macs": self.binary_macs,
            "speedup_over": {
                name: self.table.speedup(self.reference, over=name) for name in others
            },
            "float_floor_s": self.floor_seconds,
            "profile": None if self.profile is None else _profile_rows(self.profile),
            **self.table.as_dict(),
        }


def bench_model(
    name: str,
    files: Mapping[str, bytes],
    *,
    num_threads: int = 1,
    rounds: int = 20,
    backends: tuple[str, ...] | None = None,
    unfused: bool = True,
    with_lce: bool | None = None,
    with_profile: bool = True,
    watch: NoiseWatch | None = None,
) -> ModelResult:
    """Time one model on all peers in one interleaved run, batch 1, made-up input.

    Args:
        name: to show.
        files: `BINARY`, and `FLOAT` and `INT8` if they are to be timed, to `.tflite` contents.
        num_threads: of every peer.
        rounds: samples of each peer. Each comes after `LEAD_IN` of untimed calls, so that waking
            threads, or what other peers left in the caches, is not what is measured.
        backends: kernel backends, default all of this CPU. The active one is always timed.
        unfused: also time the active backend with each op for itself.
        with_lce: also time both kernels of the Larq Compute Engine; None does so if it is
            installed and the file is one that it can run.
        with_profile: also profile our fused run, which gives `floor_seconds`.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times.

    Raises:
        InputError: there is no binary file, an unknown kind or a number out of range.
        ModelFileError: a file cannot be run.
        BnnLabError: `with_lce` is True and LCE is missing or cannot run the file.
    """
    if BINARY not in files or set(files) - {BINARY, FLOAT, INT8}:
        raise InputError(
            f"bench_model: files must be {BINARY!r} and may be {FLOAT!r} and {INT8!r}, not "
            f"{sorted(files)}."
        )
    active = kernels.active_backend()
    chosen = dict.fromkeys([active, *(backends or kernels.available_backends())])
    peers: dict[str, Callable[[], object]] = {}
    for backend in chosen:
        peers[ours(backend)] = litert_invoke(files[BINARY], num_threads, backend=backend)
    if unfused:
        name_unfused = f"{ours(active)} {UNFUSED}"
        peers[name_unfused] = litert_invoke(files[BINARY], num_threads, backend=active, fuse=False)
    for kind, peer in ((FLOAT, FLOAT_PEER), (INT8, INT8_PEER)):
        if kind in files:
            peers[peer] = litert_invoke(files[kind], num_threads)
    peers |= _lce_peers(files[BINARY], num_threads, with_lce)
    table = measure_watched(peers, watch, rounds=rounds, lead_in_seconds=LEAD_IN)
    macs, binary_macs = count_macs(files[BINARY])
    result = ModelResult(
        name=name,
        table=table,
        num_threads=num_threads,
        backend=active,
        file_bytes={kind: len(content) for kind, content in files.items()},
        macs=macs,
        binary_macs=binary_macs,
    )
    if with_profile:
        found = profile(files[BINARY], num_threads=num_threads, rounds=max(5, rounds // 2))
        result = replace(result, profile=found)
    return result


def count_macs(content: bytes) -> tuple[int, int]:
    """Multiply-accumulates of a `.tflite` file: (all, those of ±1 with ±1)."""
    ops = ModelOps(content).ops
    binary = sum(op.macs or 0 for op in ops if op.kind in _BINARY_MACS)
    return sum(op.macs or 0 for op in ops), binary


def litert_invoke(content: bytes, num_threads: int = 1, **options: Any) -> Callable[[], object]:
    """One inference with bnn_lab's delegate on made-up input, as a callable that does nothing else.

    Args:
        content: of any `.tflite` file; without binary ops it runs as on stock LiteRT.
        num_threads: of the interpreter.
        **options: of `open_litert`.

    Raises:
        ModelFileError: the file cannot be run.
    """
    litert = open_litert(content, num_threads=num_threads, **options)
    set_inputs(litert, _inputs(litert))
    invoke: Callable[[], object] = litert.invoke
    return invoke


def _inputs(litert: Any) -> list[NDArray]:
    return [
        made_up(tuple(int(d) for d in t["shape"]), np.dtype(t["dtype"]))
        for t in litert.get_input_details()
    ]


def _lce_peers(
    content: bytes, num_threads: int, wanted: bool | None
) -> dict[str, Callable[[], object]]:
    if wanted is False:
        return {}
    if not lce_installed():
        if wanted:
            raise BnnLabError(
                "the Larq Compute Engine is not installed. Fix: pip install larq-compute-engine"
            )
        return {}
    arrays = _inputs(open_litert(content))
    found: dict[str, Callable[[], object]] = {}
    for name, indirect in ((LCE_DEFAULT, False), (LCE_INDIRECT, True)):
        try:
            found[name] = _lce(content, num_threads, indirect, arrays)
        except (RuntimeError, ValueError) as error:
            if wanted:  # such as a file with one of our own ops
                raise BnnLabError(f"LCE cannot run this file: {error}") from error
            return {}
    return found


def _lce(
    content: bytes, num_threads: int, indirect: bool, arrays: list[NDArray]
) -> Callable[[], object]:
    with without_native_chatter():
        from larq_compute_engine import testing

        interpreter = testing.Interpreter(
            content, num_threads=num_threads, use_indirect_bgemm=indirect
        ).interpreter
        interpreter.predict(arrays)
    return lambda: interpreter.predict(arrays)


def _profile_rows(found: Profile) -> dict[str, Any]:
    return {
        "end_to_end_ms": found.end_to_end_ms,
        "sum_ms": found.sum_ms,
        "rows": [
            {
                "name": row.name,
                "kind": row.kind,
                "ms": row.ms,
                "macs": row.macs,
                "binary": row.binary,
                "output_shape": list(row.output_shape),
            }
            for row in found.rows
        ],
    }


def profile_of(entry: Mapping[str, Any]) -> Profile:
    """The profile that a report holds for a model.

    Args:
        entry: of a report's models, with a profile.

    Returns:
        Its rows and times; a report does not say which rows were split.
    """
    stored = entry["profile"]
    rows = tuple(
        ProfileRow(
            name=row["name"],
            kind=row["kind"],
            output_shape=tuple(row["output_shape"]),
            ms=row["ms"],
            share=row["ms"] / (stored["sum_ms"] or 1.0),
            macs=row["macs"],
            binary=row["binary"],
            split=False,
        )
        for row in stored["rows"]
    )
    rounds = max((peer["rounds"] for peer in entry["peers"]), default=0)
    return Profile(rows, stored["end_to_end_ms"], entry["backend"], entry["num_threads"], rounds)


def time_once(call: Callable[[], object]) -> float:
    """Seconds of the second call, the first being warm-up."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
