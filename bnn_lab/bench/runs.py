"""What the commands measure: layers, models, or both, into one report."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnn_lab._words import counted
from bnn_lab.bench import kernels as kernel_bench
from bnn_lab.bench.kernels import CONVS, DENSE, ConvCase, DenseCase, KernelResult
from bnn_lab.bench.model_bench import ModelResult, bench_model
from bnn_lab.bench.network_files import cached_files, file_name
from bnn_lab.bench.report import Report, make_report
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.measure.noise import NoiseWatch
from bnn_lab.models.registry import network, networks
from bnn_lab.tflite.contents import IDENTIFIER
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8, KINDS

SUITE = tuple(entry.name for entry in networks(family="quicknet", imagenet=True))
# Without AlexNet and its relatives: their int8 conversion takes 9 GB of memory and minutes, and of
# DoReFa-Net no layer is binary, because its activations have two bits.
PUBLISHED = tuple(entry.name for entry in networks(published=True) if entry.family != "alexnet")


@dataclass(frozen=True)
class Measured:
    """Results before they become a report.

    Attributes:
        layers: results of single layers.
        models: results of whole models.
        bitpack: backend to GB/s of float32 read; empty if not measured.
    """

    layers: list[KernelResult] = field(default_factory=list)
    models: list[ModelResult] = field(default_factory=list)
    bitpack: dict[str, float] = field(default_factory=dict)

    def report(self, command: Sequence[str], watch: NoiseWatch, label: str | None = None) -> Report:
        """Judge the machine and make the report.

        Args:
            command: see `make_report`.
            watch: looked at the machine's noise meanwhile.
            label: see `make_report`.

        Raises:
            EmulatedError: the CPU is emulated.
            InputError: the label cannot be one.
        """
        return make_report(
            command,
            layers=[result.entry() for result in self.layers],
            models=[result.entry() for result in self.models],
            noise=watch.after(),
            bitpack=self.bitpack,
            label=label,
        )


def default_threads() -> list[int]:
    """One thread, and two where there are two CPUs."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [1, 2] if (cpus or 1) > 1 else [1]


def run_kernels(
    threads: Sequence[int],
    watch: NoiseWatch,
    *,
    rounds: int = 30,
    float_baselines: bool = True,
    cases: Sequence[ConvCase | DenseCase] = (*CONVS, DENSE),
    advance: Callable[[str], None] = lambda text: None,
) -> Measured:
    """Time layers on everything.

    Args:
        threads: numbers of threads, one after the other.
        watch: looks at the machine's noise meanwhile.
        rounds: samples of each.
        float_baselines: also float32 and int8 TFLite.
        cases: the layers.
        advance: called with the name of each step that begins, `kernel_steps` times.

    Returns:
        The results, by threads and then by layer.
    """
    results = []
    for count in threads:
        for case in cases:
            advance(f"{case.name}, {counted(count, 'thread')}")
            options: dict[str, Any] = {
                "rounds": rounds,
                "num_threads": count,
                "float_baselines": float_baselines,
                "watch": watch,
            }
            if isinstance(case, DenseCase):
                results.append(kernel_bench.bench_dense(case, **options))
            else:
                results.append(kernel_bench.bench_conv(case, **options))
    advance("bitpacking")
    return Measured(layers=results, bitpack=kernel_bench.bench_bitpack(rounds=rounds))


def kernel_steps(threads: Sequence[int], cases: Sequence[object] = (*CONVS, DENSE)) -> int:
    """Steps that `run_kernels` announces."""
    return len(threads) * len(cases) + 1


def run_models(
    models: Mapping[str, Mapping[str, bytes]],
    threads: Sequence[int],
    watch: NoiseWatch,
    *,
    rounds: int = 20,
    with_lce: bool | None = None,
    advance: Callable[[str], None] = lambda text: None,
) -> Measured:
    """Time whole models on everything.

    Args:
        models: name to files (see `bench_model`).
        threads: numbers of threads, one after the other.
        watch: looks at the machine's noise meanwhile.
        rounds: samples of each.
        with_lce: see `bench_model`.
        advance: called with the name of each step that begins.

    Returns:
        The results, by model and then by threads.
    """
    results = []
    for name, files in models.items():
        for count in threads:
            advance(f"{name}, {counted(count, 'thread')}")
            results.append(
                bench_model(
                    name,
                    files,
                    num_threads=count,
                    rounds=rounds,
                    with_lce=with_lce,
                    watch=watch,
                )
            )
    return Measured(models=results)


def expand_models(names: Sequence[str] | None) -> list[str]:
    """The models of a suite: the QuickNets if None, all binary networks for "published"."""
    found: list[str] = []
    for name in names or SUITE:
        found += PUBLISHED if name == "published" else [name]
    return list(dict.fromkeys(found))


Files = tuple[str, dict[str, bytes]]


def find_files(
    model: str,
    *,
    float_file: Path | None = None,
    int8_file: Path | None = None,
    kinds: Sequence[str] = KINDS,
) -> Callable[[Callable[[str], None]], Files]:
    """A model's name and files, from a `.tflite` file or from the name of a network.

    What is wrong with the name or a file is said at once; what takes long, the conversion of a
    network, is left to the call of what is returned.

    Args:
        model: a path if there is such a file or it ends in .tflite; a folder with binary.tflite
            and maybe float32.tflite and int8.tflite; else a network's name.
        float_file: the same network as float32 TFLite; only with a file.
        int8_file: the same network as int8 TFLite; only with a file.
        kinds: kinds of files that a network's name stands for.

    Returns:
        Called with what is told what is being converted, it gives name, and kind to contents; it
        raises a `ConversionError` if the network cannot be converted.

    Raises:
        ModelFileError: a file cannot be read, or is not a .tflite file.
        InputError: there is no such network, or `float_file` or `int8_file` is given with a folder
            or a network's name, which have their own.
    """
    path = Path(model)
    if model.endswith(".tflite") or path.is_file():
        given = {BINARY: path, FLOAT32: float_file, INT8: int8_file}
        found = path.stem, {k: _read(file) for k, file in given.items() if file is not None}
        return lambda progress: found
    if float_file is not None or int8_file is not None:
        raise InputError(
            f"--float and --int8 go with a .tflite file, and {model!r} is not one: a folder or a "
            "network's name has its own float32 and int8 files. Fix: leave them out"
        )
    if (path / file_name(BINARY)).is_file():
        folder = {kind: path / file_name(kind) for kind in KINDS}
        found = path.name, {k: _read(file) for k, file in folder.items() if file.is_file()}
        return lambda progress: found
    try:
        name = network(model).name
    except InputError as error:
        raise InputError(f"there is no file {model!r}, and {error}") from error
    return lambda progress: (name, cached_files(name, kinds, progress=progress))


def files_of(
    model: str,
    *,
    progress: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Files:
    """What `find_files` finds, converted at once; `options` and errors are its own."""
    return find_files(model, **options)(progress)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
    if content[4:8] != IDENTIFIER:
        raise ModelFileError(f"{path} is not a .tflite file. Fix: bnn-lab convert makes one")
    return content
