"""One training of a small MLP in seconds: the point that all experiments are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import load_named
from bnn_lab.errors import InputError
from bnn_lab.experiments.training.mlp_parts import build, create_slots, make_optimizer, split
from bnn_lab.experiments.training.mlp_settings import MlpRun, run_of
from bnn_lab.training.bop import binary_variables, own_negative
from bnn_lab.training.flip_statistics import flip_measure

LAST_EPOCHS = 5


@dataclass(frozen=True)
class MlpTrace:
    """What one training gave; E epochs, T steps, W binary weights.

    Attributes:
        run: its settings.
        test_accuracy: after each epoch, in 0..1, float64 (E,).
        validation_accuracy: likewise, float64 (E,); NaN without a validation split.
        flips: at each step, int64 (T,); 0 for a float network.
        weights: W.
        signs: whether each weight is negative after each step, bool (T, W), layer after layer, if
            asked for.
        start: whether each weight was negative before the first step, bool (W,).
        layers: name to shape of each layer of binary weights, in their order.
        layer_flips: flips at each step of each of these L layers, int64 (T, L).
        layer_gradients: root mean square of each layer's gradient at each step, float32 (T, L).
        inertia: mean size of the latent weights over the learning rate, after each epoch, float64
            (E,); NaN for Bop and float networks, which have none.
        model: the trained network, if asked for.
    """

    run: MlpRun
    test_accuracy: NDArray[np.float64]
    validation_accuracy: NDArray[np.float64]
    flips: NDArray[np.int64]
    weights: int
    signs: NDArray[np.bool_] | None = None
    start: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    layers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    layer_flips: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    layer_gradients: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((0, 0), np.float32)
    )
    inertia: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    model: Any = None

    @property
    def pi(self) -> NDArray[np.float64]:
        """Flip measure of each epoch's mean step, float64 (E,)."""
        epochs = len(self.test_accuracy)
        if not self.weights:
            return np.full(epochs, math.nan)
        means = self.flips.reshape(epochs, -1).mean(axis=1)
        return np.atleast_1d(flip_measure(means, self.weights))

    @property
    def layer_pi(self) -> NDArray[np.float64]:
        """Flip measure of each epoch's mean step, layer by layer, float64 (E, L)."""
        epochs = len(self.test_accuracy)
        means = self.layer_flips.reshape(epochs, -1, len(self.layers)).mean(axis=1)
        sizes = [math.prod(shape) for shape in self.layers.values()]
        columns = [flip_measure(means[:, k], size) for k, size in enumerate(sizes)]
        return np.stack([np.atleast_1d(column) for column in columns], axis=1)


def mlp_run(**settings: Any) -> dict[str, Any]:
    """Train once and report numbers: the experiment for `sweep` and `run_points`.

    Args:
        **settings: fields of `MlpRun`.

    Returns:
        ``accuracy`` and ``validation_accuracy`` (mean of the last 5 epochs, in 0..1),
        ``total_flips``, ``pi`` and ``accuracies`` (lists, one value an epoch), ``images`` (how many
        the test has).

    Raises:
        InputError: a setting is out of range, or the method does not use it.
    """
    trace = train_mlp_run(run_of(settings))
    return {
        "accuracy": float(trace.test_accuracy[-LAST_EPOCHS:].mean()),
        "validation_accuracy": float(trace.validation_accuracy[-LAST_EPOCHS:].mean()),
        "total_flips": int(trace.flips.sum()),
        "pi": trace.pi.tolist(),
        "accuracies": trace.test_accuracy.tolist(),
        "images": len(load_named(trace.run.data).test_labels),
    }


def train_mlp_run(run: MlpRun, *, keep_signs: bool = False, keep_model: bool = False) -> MlpTrace:
    """Train once; an epoch is one call of a compiled function, which makes it quick.

    Args:
        run: the settings.
        keep_signs: also record every weight's sign after each step.
        keep_model: also return the trained network.

    Returns:
        The trace. The same settings give the same trace.

    Raises:
        InputError: there are fewer images than a batch has, or than the validation needs.
    """
    tf = require_tensorflow()
    data = load_named(run.data)
    tf.keras.utils.set_random_seed(run.seed)
    images, labels, validation = split(run, data)
    steps = len(labels) // run.batch
    if steps < 1:
        raise InputError(f"MlpRun(batch={run.batch}): there are only {len(labels)} images.")
    model = build(run, data)
    if run.pretrained:
        _start_from_float(run, model)
    optimizer = make_optimizer(run, model, steps)
    binary = {} if run.method == "float" else binary_variables(model)
    latents = [getattr(value, "latent_variable", value) for value in binary.values()]
    names = {value.ref(): number for number, value in enumerate(latents)}
    create_slots(optimizer, model.trainable_variables)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x_all, y_all = tf.constant(images), tf.constant(labels)
    x_test, y_test = tf.constant(data.test_images), tf.constant(data.test_labels)

    def signs() -> list[Any]:
        own = [own_negative(variable) or (lambda w: w < 0) for variable in binary.values()]
        return [tf.reshape(f(value), [-1]) for f, value in zip(own, latents, strict=True)]

    def joined(parts: list[Any]) -> Any:
        return tf.concat(parts, 0) if parts else tf.zeros((0,), tf.bool)

    def accuracy(x: Any, y: Any) -> Any:
        right = tf.argmax(model(x, training=False), -1) == y
        return tf.reduce_mean(tf.cast(right, tf.float64))

    def train_step(chosen: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(tf.gather(x_all, chosen), training=True)
            loss = loss_of(tf.gather(y_all, chosen), logits)
            if model.losses:
                loss += tf.add_n(model.losses)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        sizes = [tf.zeros(())] * len(latents)
        for variable, gradient in zip(variables, gradients, strict=True):
            latent = getattr(variable, "latent_variable", variable)
            if latent.ref() in names:
                sizes[names[latent.ref()]] = tf.sqrt(tf.reduce_mean(gradient * gradient))
        return tf.stack(sizes) if sizes else tf.zeros((0,))

    @tf.function(jit_compile=False)
    def epoch(order: Any) -> Any:
        flips, sizes = tf.TensorArray(tf.int64, steps), tf.TensorArray(tf.float32, steps)
        kept = tf.TensorArray(tf.bool, steps if keep_signs else 0)
        before = signs()
        for step in tf.range(steps):
            sizes = sizes.write(step, train_step(order[step]))
            now = signs()
            turned = [tf.math.count_nonzero(a != b) for a, b in zip(now, before, strict=True)]
            flips = flips.write(step, tf.stack(turned) if turned else tf.zeros((0,), tf.int64))
            if keep_signs:
                kept = kept.write(step, joined(now))
            before = now
        checked = accuracy(*validation) if validation else tf.constant(math.nan, tf.float64)
        stacked = kept.stack() if keep_signs else tf.zeros((0,), tf.bool)
        return flips.stack(), sizes.stack(), accuracy(x_test, y_test), checked, stacked

    first = joined(signs()).numpy()
    shuffle = np.random.default_rng(run.seed)
    rows: list[Any] = []
    inertia: list[float] = []
    for _ in range(run.epochs):
        order = shuffle.permutation(len(labels))[: steps * run.batch].reshape(steps, run.batch)
        rows.append([value.numpy() for value in epoch(tf.constant(order))])
        inertia.append(_inertia(run, latents, len(inertia)))
    flips, sizes, test, checked, kept = zip(*rows, strict=True)
    layer_flips = np.concatenate(flips)
    return MlpTrace(
        run=run,
        test_accuracy=np.array(test),
        validation_accuracy=np.array(checked),
        flips=layer_flips.sum(axis=1),
        weights=sum(math.prod(value.shape) for value in latents),
        signs=np.concatenate(kept) if keep_signs else None,
        start=first,
        layers={name: tuple(int(size) for size in value.shape) for name, value in binary.items()},
        layer_flips=layer_flips,
        layer_gradients=np.concatenate(sizes),
        inertia=np.array(inertia),
        model=model if keep_model else None,
    )


def _inertia(run: MlpRun, latents: list[Any], epoch: int) -> float:
    if run.method in ("bop", "bop2", "float"):
        return math.nan
    size = np.mean(np.concatenate([np.abs(value.numpy()).ravel() for value in latents]))
    falls = (epoch + 1) // run.rate_every if run.rate_every else 0
    return float(size / (run.learning_rate * run.rate_factor**falls))


def _start_from_float(run: MlpRun, model: Any) -> None:
    """Give the latent weights the kernels of a trained float network of the same shape."""
    first = MlpRun(
        method="float",
        learning_rate=3e-3,
        epochs=run.pretrained,
        **{name: getattr(run, name) for name in ("batch", "seed", "data", "hidden", "validation")},
    )
    teacher = train_mlp_run(first, keep_model=True).model
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel = teacher.get_layer(layer.name).kernel
            layer.kernel.assign(kernel * np.float32(run.initial_scale))
