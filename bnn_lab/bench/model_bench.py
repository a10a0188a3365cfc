"""Whole models: ours on every backend, fused and not, beside LCE, float32 and int8 TFLite."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bnn_lab import kernels
from bnn_lab.bench.baselines import Sample, baseline, lce_calls, litert_call, ours
from bnn_lab.bench.report import Model, OpTime, OpTimes
from bnn_lab.errors import InputError
from bnn_lab.measure.noise import NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable
from bnn_lab.profiling.model_profile import Profile, ProfileRow, profile
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8
from bnn_lab.tflite.ops import count_macs

LEAD_IN = 3e-3  # seconds that a model runs before each sample


@dataclass(frozen=True)
class ModelResult:
    """Times of one model on everything that runs it.

    Attributes:
        name: name of the model.
        table: one inference, batch 1; input and output stay where they are, except in LCE, whose
            interpreter copies both.
        num_threads: threads given to all.
        backend: backend of the reference: ours, fused.
        file_bytes: kind of file to its size.
        macs: multiply-accumulates of the binary file.
        binary_macs: those of ±1 with ±1.
        profile: profile of the reference, None if it was not asked for.
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
        """Name of ours, fused, with which the others are compared."""
        return ours(self.backend)

    @property
    def float_floor_seconds(self) -> float | None:
        """Time of the ops that stay float: what would remain if binary ops took no time."""
        if self.profile is None:
            return None
        return sum(row.ms for row in self.profile.rows if not row.binary) / 1e3

    def entry(self) -> Model:
        """The figures for a report."""
        return Model(
            name=self.name,
            num_threads=self.num_threads,
            macs=self.macs,
            reference=self.reference,
            speedup_over=self.table.speedups(self.reference),
            speedup_interval=self.table.intervals(self.reference),
            times=self.table.times(),
            backend=self.backend,
            file_bytes=self.file_bytes,
            binary_macs=self.binary_macs,
            float_floor_s=self.float_floor_seconds,
            profile=None if self.profile is None else _op_times(self.profile),
        )


def bench_model(
    name: str,
    files: Mapping[str, bytes],
    x: Sample = None,
    *,
    num_threads: int = 1,
    rounds: int = 20,
    backends: tuple[str, ...] | None = None,
    unfused: bool = True,
    with_lce: bool | None = None,
    with_profile: bool = True,
    watch: NoiseWatch | None = None,
) -> ModelResult:
    """Time one model on everything in one interleaved run, batch 1.

    Args:
        name: to show.
        files: `BINARY`, and `FLOAT32` and `INT8` if they are to be timed, to `.tflite` contents.
        x: one sample without batch dimension; None makes one up.
        num_threads: threads given to all.
        rounds: samples of each. Each comes after `LEAD_IN` of untimed calls, so that waking
            threads, or what others left in the caches, is not what is measured.
        backends: kernel backends, default all of this CPU. The active one is always timed.
        unfused: also time the active backend with each op for itself.
        with_lce: also time both kernels of the Larq Compute Engine; None does so if it is
            installed and the file is one that it can run.
        with_profile: also profile our fused run, which gives `float_floor_seconds`.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times.

    Raises:
        InputError: there is no binary file, an unknown kind, a sample that does not fit or a number
            out of range.
        ModelFileError: a file cannot be run.
        BnnLabError: `with_lce` is True and LCE is missing or cannot run the file.
    """
    if BINARY not in files or set(files) - {BINARY, FLOAT32, INT8}:
        raise InputError(
            f"bench_model: files must be {BINARY!r} and may be {FLOAT32!r} and {INT8!r}, not "
            f"{sorted(files)}."
        )
    active, binary = kernels.active_backend(), files[BINARY]
    chosen = dict.fromkeys(
        [active, *(kernels.available_backends() if backends is None else backends)]
    )
    calls: dict[str, Callable[[], object]] = {
        ours(backend): litert_call(binary, x, num_threads, backend=backend) for backend in chosen
    }
    if unfused:
        calls[ours(active, fuse=False)] = litert_call(
            binary, x, num_threads, backend=active, fuse=False
        )
    for kind in (FLOAT32, INT8):
        if kind in files:
            calls[baseline(kind)] = litert_call(files[kind], x, num_threads, delegate=False)
    calls |= lce_calls(binary, x, num_threads, wanted=with_lce)
    table = measure_watched(calls, watch, rounds=rounds, lead_in_seconds=LEAD_IN)
    macs, binary_macs = count_macs(binary)
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
        found = profile(binary, num_threads=num_threads, rounds=max(5, rounds // 2))
        result = replace(result, profile=found)
    return result


def _op_times(found: Profile) -> OpTimes:
    return OpTimes(
        end_to_end_ms=found.end_to_end_ms,
        sum_ms=found.sum_ms,
        rows=[
            OpTime(
                name=row.name,
                kind=row.kind,
                ms=row.ms,
                macs=row.macs,
                binary=row.binary,
                output_shape=list(row.output_shape),
            )
            for row in found.rows
        ],
    )


def profile_of(entry: Model) -> Profile | None:
    """The profile that a report holds for a model, None if it holds none.

    A report does not say which rows were split.
    """
    stored = entry.profile
    if stored is None:
        return None
    rows = tuple(
        ProfileRow(
            name=row.name,
            kind=row.kind,
            output_shape=tuple(row.output_shape),
            ms=row.ms,
            share=row.ms / stored.sum_ms,
            macs=row.macs,
            binary=row.binary,
            split=False,
        )
        for row in stored.rows
    )
    rounds = max(times.rounds for times in entry.times)
    return Profile(rows, stored.end_to_end_ms, entry.backend, entry.num_threads, rounds)


def time_once(call: Callable[[], object]) -> float:
    """Seconds of the second call, the first being warm-up."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
