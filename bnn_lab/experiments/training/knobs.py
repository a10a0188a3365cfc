"""Settings that look like anything but inertia, and act through it: decay, batch size, pretraining.

arXiv:1906.02107, section 3. And the pace of each layer: why Adam's steps suit latent weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.experiments.training.mlp_run import train_mlp_run
from bnn_lab.experiments.training.mlp_settings import run_of

PLAIN = "as it is"


def _default_knobs() -> dict[str, dict[str, Any]]:
    return {
        PLAIN: {},
        "learning rate falls": {"rate_factor": 0.1, "rate_every": 4},
        "batch of 512": {"batch": 512},
        "starts from a float network": {"pretrained": 5},
    }


@dataclass(frozen=True)
class InertiaKnobs:
    """Settings of `inertia_knobs`.

    Attributes:
        knobs: label to the settings of `MlpRun` in which a run differs from plain SGD.
        learning_rate: of SGD on the latent weights.
        epochs: number of epochs of each run.
        seed: of all runs.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    knobs: dict[str, dict[str, Any]] = field(default_factory=_default_knobs)
    learning_rate: float = 3.0
    epochs: int = 12
    seed: int = 0
    data: str = "mnist5k"


def inertia_knobs(
    *, config: InertiaKnobs | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train with plain SGD on latent weights, turning one knob at a time.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `InertiaKnobs`.

    Returns:
        Frame: knob, epoch (from 1), accuracy (test, in 0..1), flips (per weight, in this epoch),
        pi, inertia (mean size of the latent weights over the learning rate).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(InertiaKnobs(), config, changes)
    needs(len(chosen.knobs) > 0, "inertia_knobs(knobs)", "needs at least one run")
    common = {"method": "sgd", "learning_rate": chosen.learning_rate, "epochs": chosen.epochs}
    common |= {"seed": chosen.seed, "data": chosen.data}
    points = [{**common, **settings} for settings in chosen.knobs.values()]
    results = (running or Running()).points(run_with_inertia, points, "knobs")
    columns = ("accuracy", "flips", "pi", "inertia")
    rows = [
        {"knob": knob, "epoch": epoch, **dict(zip(columns, values, strict=True))}
        for knob, result in zip(chosen.knobs, results, strict=True)
        for epoch, values in enumerate(
            zip(*(result[column] for column in columns), strict=True), start=1
        )
    ]
    return ExperimentResult(chosen, to_frame(rows))


def run_with_inertia(**settings: Any) -> dict[str, Any]:
    """One run of `inertia_knobs`.

    Args:
        **settings: fields of `MlpRun`.

    Returns:
        accuracy, flips, pi, inertia: lists, one value an epoch.
    """
    trace = train_mlp_run(run_of(settings))
    per_epoch = trace.flips.reshape(len(trace.test_accuracy), -1).sum(axis=1)
    return {
        "accuracy": trace.test_accuracy.tolist(),
        "flips": (per_epoch / trace.weights).tolist(),
        "pi": trace.pi.tolist(),
        "inertia": trace.inertia.tolist(),
    }


def _default_paces() -> dict[str, dict[str, Any]]:
    return {
        "SGD": {"method": "sgd", "learning_rate": 3.0},
        "Adam": {"method": "adam", "learning_rate": 3e-3},
        "Bop": {"method": "bop", "gamma": 1e-2, "threshold": 1e-5},
        "second-order Bop": {"method": "bop2", "gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2},
    }


@dataclass(frozen=True)
class LayerPace:
    """Settings of `layer_pace`.

    Attributes:
        methods: label to settings of `MlpRun`.
        epochs: number of epochs of each run.
        seed: of all runs.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    methods: dict[str, dict[str, Any]] = field(default_factory=_default_paces)
    epochs: int = 8
    seed: int = 0
    data: str = "mnist5k"


def layer_pace(
    *, config: LayerPace | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """The flip measure and the size of the gradients of each layer, method by method.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `LayerPace`.

    Returns:
        Frame: method, layer, epoch (from 1), pi, gradient (root mean square), accuracy (test, of
        the whole network).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(LayerPace(), config, changes)
    needs(len(chosen.methods) > 0, "layer_pace(methods)", "needs at least one method")
    common = {"epochs": chosen.epochs, "seed": chosen.seed, "data": chosen.data}
    points = [{**common, **settings} for settings in chosen.methods.values()]
    results = (running or Running()).points(run_by_layer, points, "pace of layers")
    rows = [
        {"method": method, "layer": layer, "epoch": epoch + 1}
        | {name: result[name][epoch][number] for name in ("pi", "gradient")}
        | {"accuracy": result["accuracy"][epoch]}
        for method, result in zip(chosen.methods, results, strict=True)
        for epoch in range(chosen.epochs)
        for number, layer in enumerate(result["layers"])
    ]
    return ExperimentResult(chosen, to_frame(rows))


def run_by_layer(**settings: Any) -> dict[str, Any]:
    """One run of `layer_pace`.

    Args:
        **settings: fields of `MlpRun`; not a float network.

    Returns:
        layers (names), accuracy (list, by epoch), pi and gradient (lists of lists, by epoch and
        layer).
    """
    trace = train_mlp_run(run_of(settings))
    epochs, layers = len(trace.test_accuracy), len(trace.layers)
    squares = trace.layer_gradients.reshape(epochs, -1, layers).astype(float) ** 2
    return {
        "layers": list(trace.layers),
        "accuracy": trace.test_accuracy.tolist(),
        "pi": trace.layer_pi.tolist(),
        "gradient": (squares.mean(axis=1) ** 0.5).tolist(),
    }
