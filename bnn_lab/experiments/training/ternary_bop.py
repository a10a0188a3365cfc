"""Bop for ternary weights: an experiment of ours, which no paper describes.

Bop averages the gradients of a weight, ``m = (1 - gamma) m + gamma g``, and flips it when the
average asks for it by more than tau (arXiv:1906.02107). A ternary weight has two steps to go, so
here it moves by one of them: down where m > tau, up where m < -tau, within -1 and +1. What becomes
of the average after a move is a choice that binary weights do not have to make. If it is kept, the
next step moves the weight on, and it hardly ever stays at 0; if it starts again at 0, a weight at 0
rests there until the gradients have asked once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.base import ExperimentResult, Running, among, configure, needs

RESTARTS, KEEPS, LATENT = "Bop, m restarts", "Bop, m is kept", "Adam, latent weights"
METHODS = (RESTARTS, KEEPS, LATENT)


@dataclass(frozen=True)
class TernaryBop:
    """Settings of `ternary_bop`.

    Attributes:
        methods: some of `METHODS`.
        gamma: adaptivity rate of Bop, in (0, 1].
        thresholds: tau of Bop, each above 0: a run of each kind of Bop for each of them.
        learning_rate: of Adam, for the latent weights and for all that is not ternary.
        seeds: of initial weights and order; each is a run of everything.
        epochs: of each run.
        hidden: units of the hidden layers.
        batch: images a step.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    methods: tuple[str, ...] = METHODS
    gamma: float = 1e-2
    thresholds: tuple[float, ...] = (1e-5, 1e-4, 1e-3)
    learning_rate: float = 3e-3
    seeds: tuple[int, ...] = (0,)
    epochs: int = 5
    hidden: tuple[int, ...] = (128, 128)
    batch: int = 64
    data: str = "mnist5k"


def ternary_bop(
    config: TernaryBop | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train a network of `BitLinear` layers without latent weights, and with them.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `TernaryBop`.

    Returns:
        A frame with a row for each run and epoch: method, threshold (NaN for latent weights), seed,
        epoch (from 1), accuracy (test, in 0..1), images (how many), move_rate (moves per weight and
        step in this epoch) and zero_share (of the weights, after it).

    Raises:
        InputError: a setting is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    chosen = configure(TernaryBop(), config, changes)
    among(chosen.methods, METHODS, "methods")
    needs(0 < chosen.gamma <= 1, "gamma", "must be in (0, 1]")
    needs(all(tau > 0 for tau in chosen.thresholds), "thresholds", "must be above 0")
    shared: dict[str, Any] = {
        name: getattr(chosen, name) for name in ("gamma", "learning_rate", "epochs", "batch")
    }
    shared |= {"data": chosen.data, "hidden": list(chosen.hidden)}
    points = [
        {"method": method, "threshold": threshold, "seed": seed, **shared}
        for seed in chosen.seeds
        for method in chosen.methods
        for threshold in ((0.0,) if method == LATENT else chosen.thresholds)
    ]
    rows = []
    for run in (running or Running()).points(train_ternary, points, "Bop for ternary weights"):
        threshold = float("nan") if run["method"] == LATENT else run["threshold"]
        for epoch in range(chosen.epochs):
            rows.append(
                {
                    "method": run["method"],
                    "threshold": threshold,
                    "seed": run["seed"],
                    "epoch": epoch + 1,
                    "accuracy": run["accuracies"][epoch],
                    "images": run["images"],
                    "move_rate": run["move_rates"][epoch],
                    "zero_share": run["zero_shares"][epoch],
                }
            )
    return ExperimentResult(chosen, to_frame(rows))


def train_ternary(
    *,
    method: str,
    threshold: float,
    seed: int,
    gamma: float,
    learning_rate: float,
    epochs: int,
    batch: int,
    data: str,
    hidden: list[int],
) -> dict[str, Any]:
    """One run: lists with one value an epoch, see `ternary_bop`."""
    tf = require_tensorflow()
    tf.keras.utils.set_random_seed(seed)
    loaded = load_named(data)
    model, layers = _network(tf, loaded, hidden, seed)
    kernels = [layer.kernel for layer in layers]
    if method != LATENT:
        for layer in layers:  # trits themselves are now what is stored
            layer.kernel.assign(layer.trits().astype(np.float32))
    averages = [tf.Variable(tf.zeros_like(kernel)) for kernel in kernels]
    names = {kernel.ref() for kernel in kernels}
    rest = [v for v in model.trainable_variables if v.ref() not in names]
    adam = tf.keras.optimizers.legacy.Adam(learning_rate)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def step(x: Any, y: Any) -> None:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, [*kernels, *rest])
        of_kernels, others = gradients[: len(kernels)], gradients[len(kernels) :]
        if method == LATENT:
            adam.apply_gradients(zip(gradients, [*kernels, *rest], strict=True))
            return
        adam.apply_gradients(zip(others, rest, strict=True))
        for kernel, m, gradient in zip(kernels, averages, of_kernels, strict=True):
            m.assign_add(gamma * (gradient - m))
            asks = tf.cast(tf.abs(m) > threshold, tf.float32) * tf.sign(m)
            after = tf.clip_by_value(kernel - asks, -1.0, 1.0)
            if method == RESTARTS:
                m.assign(tf.where(after != kernel, 0.0, m))
            kernel.assign(after)

    compiled = tf.function(step)
    rng = np.random.default_rng(seed)
    count = len(loaded.train_labels) // batch
    needs(count >= 1, "batch", f"there are only {len(loaded.train_labels)} images")
    accuracies, move_rates, zero_shares = [], [], []
    weights = sum(layer.trits().size for layer in layers)
    before = [layer.trits() for layer in layers]
    for _ in range(epochs):
        order = rng.permutation(len(loaded.train_labels))[: count * batch].reshape(count, batch)
        moved = 0
        for chosen in order:
            compiled(
                tf.constant(loaded.train_images[chosen]), tf.constant(loaded.train_labels[chosen])
            )
            now = [layer.trits() for layer in layers]
            moved += sum(int(np.count_nonzero(a != b)) for a, b in zip(now, before, strict=True))
            before = now
        logits = model(tf.constant(loaded.test_images), training=False).numpy()
        accuracies.append(float((logits.argmax(axis=-1) == loaded.test_labels).mean()))
        move_rates.append(moved / count / weights)
        zero_shares.append(sum(int((trits == 0).sum()) for trits in before) / weights)
    return {
        "accuracies": accuracies,
        "move_rates": move_rates,
        "zero_shares": zero_shares,
        "images": len(loaded.test_labels),
    }


def _network(tf: Any, loaded: Any, hidden: list[int], seed: int) -> tuple[Any, list[Any]]:
    from bnn_lab.models.bit_linear import BitLinear

    layers = [
        BitLinear(units, kernel_initializer=tf.keras.initializers.GlorotUniform(seed * 100 + n))
        for n, units in enumerate([*hidden, loaded.classes])
    ]
    x = inputs = tf.keras.Input(loaded.train_images.shape[1:])
    x = tf.keras.layers.Flatten()(x)
    for number, layer in enumerate(layers):
        x = tf.keras.layers.BatchNormalization(momentum=0.9)(layer(x))
        if number < len(hidden):
            x = tf.keras.layers.ReLU()(x)
    return tf.keras.Model(inputs, x), layers
