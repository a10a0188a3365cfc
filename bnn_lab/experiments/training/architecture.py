"""What shortcuts and float ends are worth: the same small network with and without them.

The questions are the Larq Compute Engine paper's (arXiv:2011.09398) and those of larq's
documentation on first and last layers; the answer here is a miniature on 5,000 real digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.base import ExperimentResult, Running, among, configure, needs
from bnn_lab.measure.timing import measure
from bnn_lab.models.deep_digits import BINARY, BINARY_WEIGHTS, FLOAT, deep_digits

if TYPE_CHECKING:
    import pandas as pd

# Name to (shortcuts, ends).
VARIANTS = {
    "shortcuts, float ends": (True, FLOAT),
    "no shortcuts, float ends": (False, FLOAT),
    "shortcuts, ends with binary weights": (True, BINARY_WEIGHTS),
    "shortcuts, all binary": (True, BINARY),
}
_RECORDED = Path(__file__).parent / "data" / "shortcuts_and_ends.csv"


@dataclass(frozen=True)
class ShortcutsAndEnds:
    """Settings of `shortcuts_and_ends`.

    Attributes:
        variants: some of `VARIANTS`.
        seeds: of initial weights and shuffling; each is a run of every variant.
        epochs: of each run, at least 1.
        depth: binary convolutions.
        channels: of each of them.
        data: name of the images, see `bnn_lab.data.load_named`.
        images: how many training images, counted from the first; None for all.
        batch: images a step.
        latency: also time the networks, one image at a time on this machine, with additions fused
            into the convolutions before them and as ops of their own.
    """

    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 8
    depth: int = 8
    channels: int = 32
    data: str = "mnist5k"
    images: int | None = None
    batch: int = 50
    latency: bool = False


def shortcuts_and_ends(
    config: ShortcutsAndEnds | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train each variant under each seed with Adam, its learning rate falling to 0.

    Args:
        config: the settings.
        running: how to run.
        **changes: fields of the settings to change.

    Returns:
        Its frame has a row for each run: ``variant``, ``seed``, ``accuracy`` (of the test images,
        in 0..1, after the last epoch) and ``accuracies`` (a list, one an epoch). With `latency`
        also ``fused_us`` and ``unfused_us``, see `time_networks`.

    Raises:
        InputError: a setting is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    chosen = configure(ShortcutsAndEnds(), config, changes)
    among(chosen.variants, VARIANTS, "variants")
    needs(chosen.images is None or chosen.images >= 1, "images", "must be at least 1")
    shared = {k: getattr(chosen, k) for k in ("epochs", "depth", "channels", "data", "images")}
    points = [
        {"variant": variant, "seed": seed, "batch": chosen.batch, **shared}
        for seed in chosen.seeds
        for variant in chosen.variants
    ]
    rows = (running or Running()).points(_train, points, "shortcuts and ends")
    kept = ("variant", "seed", "accuracy", "accuracies")
    times = latencies(chosen) if chosen.latency else {}
    return ExperimentResult(
        chosen,
        to_frame([{k: row[k] for k in kept} | times.get(row["variant"], {}) for row in rows]),
    )


def latencies(chosen: ShortcutsAndEnds) -> dict[str, dict[str, float]]:
    """Times of untrained networks of these settings, which are those of trained ones.

    Args:
        chosen: variants, depth, channels and images count.

    Returns:
        Variant to ``fused_us`` and ``unfused_us``, see `time_networks`.
    """
    return time_networks(
        {
            variant: _network(variant, chosen.data, chosen.depth, chosen.channels, 0)
            for variant in chosen.variants
        }
    )


def time_networks(networks: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Times of Keras models on one image, converted, on one thread of this machine.

    Args:
        networks: by name.

    Returns:
        Name to ``fused_us`` and ``unfused_us``, with additions fused into the convolutions before
        them and as ops of their own: microseconds, the least of samples taken in turn, because
        others on the machine only ever add.
    """
    from bnn_lab.bench.baselines import litert_call
    from bnn_lab.convert import convert_keras_model

    calls = {}
    for name, model in networks.items():
        file = convert_keras_model(model)
        for column, fuse in (("fused_us", True), ("unfused_us", False)):
            calls[name, column] = litert_call(file, fuse=fuse)
    labels = {f"{name} {column}": (name, column) for name, column in calls}
    table = measure({label: calls[key] for label, key in labels.items()})
    found: dict[str, dict[str, float]] = {name: {} for name in networks}
    for label, (name, column) in labels.items():
        found[name][column] = 1e6 * table[label].minimum
    return found


@cache
def recorded_shortcuts_and_ends() -> pd.DataFrame:
    """A run of `shortcuts_and_ends` with its default settings, as it was stored.

    Made by ``python -m bnn_lab.experiments.training.architecture``; ten minutes on two slow cores.

    Returns:
        ``variant``, ``seed`` and ``accuracy``, a row for each run.
    """
    import pandas as pd

    return pd.read_csv(_RECORDED)


def _train(
    *,
    variant: str,
    seed: int,
    batch: int,
    epochs: int,
    depth: int,
    channels: int,
    data: str,
    images: int | None,
) -> dict[str, Any]:
    model = _network(variant, data, depth, channels, seed)
    return train_falling(model, data=data, images=images, batch=batch, epochs=epochs, seed=seed)


def train_falling(
    model: Any, *, data: str, images: int | None, batch: int, epochs: int, seed: int
) -> dict[str, Any]:
    """Train with Adam, whose learning rate falls to 0 as a cosine.

    Args:
        model: Keras model that ends in logits; trained in place.
        data: name of the images, see `bnn_lab.data.load_named`.
        images: how many training images, counted from the first; None for all.
        batch: images a step.
        epochs: at least 1.
        seed: of shuffling.

    Returns:
        ``accuracies`` of the test images, one an epoch, and ``accuracy``, the last one.
    """
    tf = require_tensorflow()
    loaded = load_named(data)
    x, y = loaded.train_images[:images], loaded.train_labels[:images]
    tf.keras.utils.set_random_seed(seed)
    steps = epochs * -(-len(x) // batch)
    rate = tf.keras.optimizers.schedules.CosineDecay(5e-3, steps)
    model.compile(
        tf.keras.optimizers.Adam(rate),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        x,
        y,
        batch_size=batch,
        epochs=epochs,
        verbose=0,
        validation_data=(loaded.test_images, loaded.test_labels),
        validation_batch_size=500,
    )
    accuracies = [round(float(value), 6) for value in history.history["val_accuracy"]]
    return {"accuracy": accuracies[-1], "accuracies": accuracies}


def _network(variant: str, data: str, depth: int, channels: int, seed: int) -> Any:
    loaded = load_named(data)
    shortcuts, ends = VARIANTS[variant]
    return deep_digits(
        shortcuts,
        ends,
        depth=depth,
        channels=channels,
        input_shape=loaded.input_shape,
        classes=loaded.classes,
        seed=seed,
    )


if __name__ == "__main__":
    found = shortcuts_and_ends().frame[["variant", "seed", "accuracy"]]
    _RECORDED.parent.mkdir(exist_ok=True)
    found.to_csv(_RECORDED, index=False)
    print(found.groupby("variant", sort=False).accuracy.agg(["mean", "min", "max"]))
