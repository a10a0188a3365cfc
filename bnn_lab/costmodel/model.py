"""Latency of a layer from its shape: fitted to measurements of one machine by `bnn-lab calibrate`.

    model = CostModel.load()
    model.predict_op("binary_conv", height=28, width=28, channels_in=128, kernel=3)
    model.predict_layers([LayerShape("conv", 224, 224, 3, 16, (3, 3), stride=2), ...])
    model.predict_file("quicknet.tflite")

A prediction is a weighted sum of a few quantities of the layer (`cost_features`); the weights of
each kind of layer were fitted (`cost_fit`), and their error was measured on layers not used for it.
Layers are timed alone and so find their weights in cache; in a model they may not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import msgspec

from bnn_lab import __version__, kernels
from bnn_lab._files import cache_dir, parse_json, write_whole
from bnn_lab._pandas import to_frame
from bnn_lab._words import counted
from bnn_lab.costmodel import fit as cost_fit
from bnn_lab.costmodel.file_layers import file_layers
from bnn_lab.errors import InputError
from bnn_lab.measure.host import real_host
from bnn_lab.measure.noise import NoiseWatch
from bnn_lab.tflite.layer_shapes import KINDS, LayerShape

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "bnn_lab.calibration/1"
SHIPPED = Path(__file__).parent / "data" / "calibration.json"
_BINARY = ("binary_conv", "quantize", "binary_max_pool")


def calibration_path() -> Path:
    """Where `bnn-lab calibrate` writes and `CostModel.load` looks first."""
    return cache_dir() / "calibration.json"


@dataclass(frozen=True)
class CostModel:
    """Predicts latencies as one machine would have them.

    Attributes:
        kinds: kind of layer to its fit: weights, median_error, p90_error, held_out (see
            `cost_fit.fit_kind`).
        host: description of the machine that was measured.
        time: when, ISO 8601.
        backend: kernel backend of binary layers.
        num_threads: threads of the interpreter.
        shipped: True if it is the example that comes with bnn_lab, and so most likely of another
            machine than this one.
    """

    kinds: dict[str, dict[str, Any]]
    host: dict[str, Any]
    time: str
    backend: str
    num_threads: int
    shipped: bool = False

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        backend: str | None = None,
        num_threads: int = 1,
    ) -> CostModel:
        """Read a calibration.

        Args:
            path: a file of `bnn-lab calibrate`. None takes this machine's own, or the shipped one
                if there is none.
            backend: kernel backend; None takes the active one, or the calibration's fastest if it
                does not have that.
            num_threads: threads the model is run with.

        Returns:
            The model.

        Raises:
            InputError: the file is missing or not a calibration, or does not have this backend or
                number of threads.
        """
        file = Path(path) if path is not None else calibration_path()
        if path is None and not file.exists():
            file = SHIPPED
        content = _read(file)
        found = sorted({e["backend"] for e in content["entries"] if e["backend"]})
        if backend is None:
            active = kernels.active_backend()
            backend = active if active in found else content["fastest_backend"]
        entries = [
            e
            for e in content["entries"]
            if e["num_threads"] == num_threads and e["backend"] in (None, backend)
        ]
        if backend not in found or len(entries) < 2:
            threads = sorted({e["num_threads"] for e in content["entries"]})
            raise InputError(
                f"{file} holds backends {', '.join(found)} with {threads} threads, not {backend} "
                f"with {num_threads}. Fix: bnn-lab calibrate --threads {num_threads}"
            )
        kinds = {fit["kind"]: fit for entry in entries for fit in entry["kinds"]}
        return cls(
            kinds=kinds,
            host=content["host"],
            time=content["time"],
            backend=str(backend),
            num_threads=num_threads,
            shipped=file == SHIPPED,
        )

    @property
    def origin(self) -> str:
        """One sentence on where the predictions come from, to show beside them."""
        own = "as shipped; run bnn-lab calibrate for this machine" if self.shipped else "calibrated"
        threads = counted(self.num_threads, "thread")
        return (
            f"Predicted for {self.host['cpu']} ({self.backend}, {threads}), "
            f"measured {self.time[:10]}, {own}."
        )

    def predict(self, layer: LayerShape) -> float:
        """Seconds of one layer.

        Raises:
            InputError: this kind was not calibrated.
        """
        fit = self.kinds.get(layer.kind)
        if fit is None:
            raise InputError(
                f"CostModel: {layer.kind} was not calibrated. Fix: use one of "
                f"{', '.join(self.kinds)}."
            )
        return cost_fit.weighted_sum(fit["weights"], layer)

    def predict_op(self, kind: str, **shape: Any) -> float:
        """Seconds of one layer, given as `LayerShape`'s arguments.

        Raises:
            InputError: a wrong kind or size.
        """
        try:
            layer = LayerShape(kind, **shape)
        except TypeError as error:
            raise InputError(f"predict_op: {error}; see LayerShape for the arguments") from error
        return self.predict(layer)

    def error(self, kind: str) -> float:
        """Median relative error on layers of this kind that were not fitted."""
        return float(self.kinds[kind]["median_error"])

    @property
    def median_error(self) -> float:
        """Median relative error over the held-out layers of all kinds."""
        import numpy as np

        rows = [row for fit in self.kinds.values() for row in fit["held_out"]]
        return float(np.median([abs(r["predicted_s"] / r["measured_s"] - 1) for r in rows]))

    def predict_layers(self, layers: Iterable[LayerShape]) -> pd.DataFrame:
        """A row per layer.

        Args:
            layers: in any order.

        Returns:
            `pandas.DataFrame`: name, kind, ms, macs, binary, error (see `error`).

        Raises:
            InputError: a kind was not calibrated.
            BnnLabError: pandas is not installed.
        """
        return to_frame(
            [
                {
                    "name": layer.name,
                    "kind": layer.kind,
                    "ms": self.predict(layer) * 1e3,
                    "macs": layer.macs,
                    "binary": layer.binary,
                    "error": self.error(layer.kind),
                }
                for layer in layers
            ]
        )

    def predict_file(
        self, model: bytes | str | os.PathLike[str], *, fuse: bool = True
    ) -> pd.DataFrame:
        """A row per op of a `.tflite` file, those that bnn_lab's delegate runs as one together.

        Args:
            model: the file's contents or path.
            fuse: see `bnn_lab.Interpreter`.

        Returns:
            `pandas.DataFrame`: name (of the output tensor), kind (TFLite's names), shape (as
            `LayerShape.name`), ms (NaN for ops the cost model does not know), macs, binary, error.

        Raises:
            ModelFileError: the file cannot be run.
            BnnLabError: pandas is not installed.
        """
        rows = []
        for op in file_layers(model, fuse=fuse):
            known = all(layer.kind in self.kinds for layer in op.layers) and op.known
            seconds = sum(self.predict(layer) for layer in op.layers) if known else float("nan")
            main = op.layers[0].kind if op.layers else None
            rows.append(
                {
                    "name": op.name,
                    "kind": op.kind,
                    "shape": " + ".join(layer.name for layer in op.layers),
                    "ms": seconds * 1e3,
                    "macs": sum(layer.macs for layer in op.layers),
                    "binary": op.binary,
                    "error": self.error(main) if known and main else float("nan"),
                }
            )
        return to_frame(rows)


def calibrate(
    *,
    threads: Sequence[int] = (1,),
    backends: Sequence[str] | None = None,
    rounds: int = 15,
    share: float = 1.0,
    watch: NoiseWatch | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Measure this machine and fit the cost model to it.

    Args:
        threads: numbers of threads to calibrate for.
        backends: kernel backends, default all that this CPU has.
        rounds: timing samples of each layer.
        share: share of the usual number of layers, above 0; small ones are for tests.
        watch: takes only rounds that the machine was quiet in; None takes all.
        progress: told what is being measured.

    Returns:
        The content of a calibration file; `save_calibration` writes it.

    Raises:
        InputError: a number is out of range.
        BackendError: a backend is unknown or not supported by this CPU.
        BnnLabError: SciPy is not installed.
        EmulatedError: this CPU is emulated.
        NoisyMachineError: of some layers no round was quiet.
    """
    if not 0 < share <= 1 or not threads:
        raise InputError(f"calibrate({threads=}, {share=}): needs threads, and a share in (0, 1].")
    host = real_host("calibrate")
    names = [kernels.resolve_backend(b) for b in backends or kernels.available_backends()]
    entries = []
    for count in threads:
        for backend in (None, *names):
            kinds = [k for k in KINDS if (k in _BINARY) is (backend is not None)]
            fits = []
            for kind in kinds:
                progress(f"{kind}, {backend or 'float'}, {counted(count, 'thread')}")
                number = max(6, round(share * cost_fit.COUNTS[kind]))
                layers = cost_fit.layers_to_measure(kind, number)
                seconds = cost_fit.time_layers(
                    layers, num_threads=count, backend=backend, rounds=rounds, watch=watch
                )
                fits.append(cost_fit.fit_kind(kind, layers, seconds))
            entries.append({"backend": backend, "num_threads": count, "kinds": fits})
    return {
        "schema": SCHEMA,
        "bnn_lab": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": msgspec.to_builtins(host),
        "fastest_backend": kernels.active_backend()
        if kernels.active_backend() in names
        else names[-1],
        "rounds": rounds,
        "entries": entries,
    }


def save_calibration(content: dict[str, Any], path: str | os.PathLike[str] | None = None) -> Path:
    """Write what `calibrate` returned.

    Args:
        content: from `calibrate`.
        path: None takes `calibration_path()`, where `CostModel.load` finds it.

    Returns:
        The file.
    """
    file = Path(path) if path is not None else calibration_path()
    write_whole(file, json.dumps(content, indent=1).encode())
    return file


def _read(file: Path) -> dict[str, Any]:
    try:
        content = parse_json(file.read_bytes(), f"the calibration {file}", "bnn-lab calibrate")
    except OSError as error:
        raise InputError(f"cannot read the calibration {file}: {error.strerror}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(
            f"{file} is not a calibration of this version ({SCHEMA}). Fix: bnn-lab calibrate"
        )
    try:
        msgspec.convert(content, _Calibration)
    except msgspec.ValidationError as error:
        raise InputError(f"{file} is damaged: {error}. Fix: bnn-lab calibrate") from error
    return content


class _HeldOut(TypedDict):
    layer: str
    measured_s: Annotated[float, msgspec.Meta(gt=0)]
    predicted_s: float


class _Kind(TypedDict):
    kind: str
    weights: dict[str, float]
    median_error: float
    held_out: list[_HeldOut]


class _Entry(TypedDict):
    backend: str | None
    num_threads: int
    kinds: list[_Kind]


class _Host(TypedDict):
    cpu: str


class _Calibration(TypedDict):
    """What a file must hold for the model to work."""

    entries: list[_Entry]
    host: _Host
    time: str
    fastest_backend: str
