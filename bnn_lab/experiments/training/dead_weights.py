"""Weights that never flip under the plain sign, ReCU and IR-Net, as our recorder counts them.

ReCU (arXiv:2103.12369) calls weights dead that are hardly ever updated, because they lie far from
0, and clamps them; IR-Net (arXiv:1909.10788) centres weights, so that a filter has about as many +1
as -1. Whether a weight has flipped at all is what `InertiaRecorder` counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.base import ExperimentResult, Running, among, configure
from bnn_lab.models._common import without_clip_advice
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.models.weight_quantizers import libra_sign, recu_sign

PLAIN, RECU, IR_NET = "sign", "ReCU", "IR-Net"
QUANTIZERS = (PLAIN, RECU, IR_NET)


@dataclass(frozen=True)
class DeadWeights:
    """Settings of `dead_weights`.

    Attributes:
        quantizers: some of `QUANTIZERS`, for the kernels; activations keep the plain sign.
        learning_rate: Adam's, on the latent weights, above 0.
        epochs: of each run.
        seeds: of initial weights and order; each is a run of everything.
        hidden: units of the hidden layers.
        batch: images a step.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    quantizers: tuple[str, ...] = QUANTIZERS
    learning_rate: float = 3e-3
    epochs: int = 12
    seeds: tuple[int, ...] = (0, 1)
    hidden: tuple[int, ...] = (128, 128)
    batch: int = 64
    data: str = "mnist5k"


def dead_weights(
    config: DeadWeights | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train the MLP with each quantizer of kernels, and count weights that never flipped.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `DeadWeights`.

    Returns:
        A frame with a row for each run and epoch: quantizer, seed, epoch (from 1), accuracy (test,
        in 0..1), images (how many), pi (of this epoch) and never_flipped (share of the binary
        weights that have kept their first sign so far).

    Raises:
        InputError: a setting is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    chosen = configure(DeadWeights(), config, changes)
    among(chosen.quantizers, QUANTIZERS, "quantizers")
    shared = {"learning_rate": chosen.learning_rate, "epochs": chosen.epochs, "data": chosen.data}
    shared |= {"hidden": list(chosen.hidden), "batch": chosen.batch}
    points = [
        {"quantizer": name, "seed": seed, **shared}
        for seed in chosen.seeds
        for name in chosen.quantizers
    ]
    kept = ("accuracy", "pi", "never_flipped")
    rows = [
        {
            "quantizer": run["quantizer"],
            "seed": run["seed"],
            "epoch": epoch,
            "images": run["images"],
        }
        | dict(zip(kept, values, strict=True))
        for run in (running or Running()).points(train_quantizer, points, "dead weights")
        for epoch, values in enumerate(zip(*(run[name] for name in kept), strict=True), start=1)
    ]
    return ExperimentResult(chosen, to_frame(rows))


def train_quantizer(
    *,
    quantizer: str,
    seed: int,
    learning_rate: float,
    epochs: int,
    batch: int,
    data: str,
    hidden: list[int],
) -> dict[str, Any]:
    """One run: lists with one value an epoch, see `dead_weights`."""
    legacy = require_tensorflow().keras.optimizers.legacy
    import larq as lq

    from bnn_lab.training.flips import InertiaRecorder
    from bnn_lab.training.loop import train
    from bnn_lab.training.optimizers import BinaryAndRest
    from bnn_lab.training.quantizer_schedule import QuantizerSchedule

    loaded = load_named(data)
    made = {PLAIN: lq.quantizers.SteSign, RECU: recu_sign, IR_NET: libra_sign}[quantizer]
    with without_clip_advice():
        model = digits_mlp(
            hidden,
            seed,
            kernel_quantizer=made,
            input_shape=loaded.input_shape,
            classes=loaded.classes,
        )
    shares: list[float] = []

    def count(recording: Any) -> None:
        shares.append(float(recording.never_flipped.sum() / recording.weights.sum()))

    history = train(
        model,
        loaded,
        BinaryAndRest(legacy.Adam(learning_rate), legacy.Adam(0.01)),
        epochs=epochs,
        batch_size=batch,
        seed=seed,
        recorder=InertiaRecorder(on_epoch=count),
        callbacks=[QuantizerSchedule(epochs)] if quantizer in (RECU, IR_NET) else [],
    )
    return {
        "accuracy": [result.test_accuracy for result in history.epochs],
        "pi": [result.pi for result in history.epochs],
        "never_flipped": shares,
        "images": len(loaded.test_labels),
    }
