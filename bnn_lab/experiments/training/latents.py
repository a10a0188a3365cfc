"""Are latent weights the "true" weights, which the signs approximate? A test on trained networks.

arXiv:1906.02107, section 3, questions it. Here the trained latent weights are put into the network
in place of their signs, and so are numbers of random size with the trained signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure
from bnn_lab.experiments.training.mlp_parts import build
from bnn_lab.experiments.training.mlp_run import train_mlp_run
from bnn_lab.experiments.training.mlp_settings import MlpRun
from bnn_lab.training.latent_weights import latent_scope
from bnn_lab.training.statistics import adjust_statistics

SIGNS = "signs: the BNN"
LATENTS = "latent weights"
ADJUSTED = "latent weights, statistics adjusted"
SHUFFLED = "same signs, sizes shuffled, adjusted"
RANDOM_SIGNS = "same sizes, random signs, adjusted"
NETWORKS = (SIGNS, LATENTS, ADJUSTED, SHUFFLED, RANDOM_SIGNS)


@dataclass(frozen=True)
class LatentApproximation:
    """Settings of `latent_approximation`.

    Attributes:
        learning_rate: Adam's, on the latent weights.
        epochs: number of epochs of each run.
        hidden: units of the hidden layers.
        seeds: one run each; also of the shuffling.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    learning_rate: float = 3e-3
    epochs: int = 20
    hidden: tuple[int, ...] = (128, 128)
    seeds: tuple[int, ...] = (0, 1, 2)
    data: str = "mnist5k"


def latent_approximation(
    *,
    config: LatentApproximation | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Train a BNN on latent weights, then replace the signs by other numbers and test again.

    "Statistics adjusted" computes batch normalization's means and variances anew from all training
    images, layer after layer; nothing is trained. Shuffling is within a layer.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `LatentApproximation`.

    Returns:
        Frame: seed, network (one of `NETWORKS`), accuracy (test, in 0..1), images (how many).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(LatentApproximation(), config, changes)
    points = [
        {"learning_rate": chosen.learning_rate, "epochs": chosen.epochs, "seed": seed}
        | {"data": chosen.data, "hidden": list(chosen.hidden)}
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(replace_signs, points, "latents as weights")
    rows = [
        {"seed": seed, "network": name, "accuracy": accuracy, "images": result["images"]}
        for seed, result in zip(chosen.seeds, results, strict=True)
        for name, accuracy in zip(NETWORKS, result["accuracies"], strict=True)
    ]
    return ExperimentResult(chosen, to_frame(rows))


def replace_signs(
    *, learning_rate: float, epochs: int, seed: int, data: str, hidden: list[int]
) -> dict[str, Any]:
    """One run of `latent_approximation`.

    Args:
        learning_rate: Adam's.
        epochs: number of epochs.
        seed: of the run and of the shuffling.
        data: name of the images.
        hidden: units of the hidden layers.

    Returns:
        accuracies (of `NETWORKS`), images (number of test images).
    """
    run = MlpRun(
        method="adam",
        learning_rate=learning_rate,
        epochs=epochs,
        seed=seed,
        data=data,
        hidden=tuple(hidden),
        weight_clip=1.0,
        ste_clip=1.0,
    )
    images = load_named(data)
    binary = train_mlp_run(run, keep_model=True).model
    with latent_scope():
        weights = binary.get_weights()
        kernels = [layer.kernel.numpy() for layer in _dense(binary)]
    # The same network without quantizers of its kernels: it computes with what it is given.
    plain = build(MlpRun(method="bop", seed=seed, data=data, hidden=run.hidden), images)
    generator = np.random.default_rng(seed)
    sizes = [generator.permutation(np.abs(kernel).ravel()) for kernel in kernels]
    coins = [generator.choice([-1.0, 1.0], kernel.shape) for kernel in kernels]
    replaced = {
        SIGNS: [_signs(kernel) for kernel in kernels],
        LATENTS: kernels,
        ADJUSTED: kernels,
        SHUFFLED: [
            _signs(kernel) * size.reshape(kernel.shape)
            for kernel, size in zip(kernels, sizes, strict=True)
        ],
        RANDOM_SIGNS: [np.abs(kernel) * coin for kernel, coin in zip(kernels, coins, strict=True)],
    }
    accuracies = []
    for name in NETWORKS:
        plain.set_weights(weights)
        for layer, kernel in zip(_dense(plain), replaced[name], strict=True):
            layer.kernel.assign(kernel.astype(np.float32))
        if name not in (SIGNS, LATENTS):
            adjust_statistics(plain, images.train_images, batch_size=len(images.train_images))
        right = plain.predict(images.test_images, batch_size=1000, verbose=0).argmax(-1)
        accuracies.append(float(np.mean(right == images.test_labels)))
    return {"accuracies": accuracies, "images": len(images.test_labels)}


def _dense(model: Any) -> list[Any]:
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def _signs(kernel: Any) -> Any:
    return np.where(kernel < 0, -1.0, 1.0)
