"""One training of a small MLP in seconds: the point that all experiments are made of."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import ImageData, load_named
from bnn_lab.data.named import LOADERS
from bnn_lab.errors import InputError
from bnn_lab.models._common import without_clip_advice
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.training.bop import binary_variables, bop_optimizer
from bnn_lab.training.flip_statistics import flip_measure
from bnn_lab.training.schedules import step_decay

METHODS = ("bop", "sgd", "momentum", "adam", "float")
LAST_EPOCHS = 5


@dataclass(frozen=True)
class MlpRun:
    """Settings of one training; those that the method does not use must keep their default.

    Attributes:
        method: ``bop``; ``sgd``, ``momentum`` (0.9) or ``adam`` on latent weights with a
            straight-through sign; ``float`` (the float network under Adam).
        epochs: at least 1; each takes floor(images / batch) steps.
        batch: images a step.
        seed: seed of initial weights and shuffling.
        data: name of the images, see `bnn_lab.data.load_named`. A run of 30 epochs takes about a
            second on ``digits``, about twenty on ``mnist5k``.
        hidden: units of the hidden layers.
        gamma: Bop's adaptivity rate.
        threshold: Bop's tau.
        gamma_factor: Bop's gamma is multiplied by it every `gamma_every` epochs.
        gamma_every: epochs; 0 keeps gamma constant.
        learning_rate: learning rate of the latent (or float) weights.
        initial_scale: factor on the latent weights' Glorot initialisation.
        ste_clip: bound beyond which the straight-through gradient is 0; None for no bound.
        weight_clip: bound to which latent weights are clipped after each step; None for none.
        l2: coefficient of the latent weights' squared sum in the loss.
        norm_learning_rate: Adam's, on batch normalization.
        validation: images taken from the training set to choose settings by; 0 for none.
    """

    method: str = "bop"
    epochs: int = 30
    batch: int = 64
    seed: int = 0
    data: str = "digits"
    hidden: tuple[int, ...] = (128, 128)
    gamma: float = 1e-3
    threshold: float = 1e-6
    gamma_factor: float = 0.1
    gamma_every: int = 0
    learning_rate: float = 0.01
    initial_scale: float = 1.0
    ste_clip: float | None = None
    weight_clip: float | None = None
    l2: float = 0.0
    norm_learning_rate: float = 0.01
    validation: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.method not in METHODS:
            raise InputError(f"MlpRun(method={self.method!r}): must be one of {METHODS}.")
        if self.data not in LOADERS:
            raise InputError(f"MlpRun(data={self.data!r}): must be one of {', '.join(LOADERS)}.")
        if self.epochs < 1 or self.batch < 1 or self.validation < 0:
            raise InputError(
                f"{self!r}: needs epochs and batch of at least 1 and no negative number of "
                "validation images."
            )
        for name in ("learning_rate", "initial_scale", "norm_learning_rate"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"MlpRun({name}={getattr(self, name)!r}): must be above 0.")
        default = {field: value.default for field, value in self.__dataclass_fields__.items()}
        bop = ("gamma", "threshold", "gamma_factor", "gamma_every")
        latent = ("learning_rate", "initial_scale", "ste_clip", "weight_clip", "l2")
        unused = {"bop": latent, "float": (*bop, "ste_clip")}.get(self.method, bop)
        wrong = [name for name in unused if getattr(self, name) != default[name]]
        if wrong:
            raise InputError(f"MlpRun(method={self.method!r}) does not use {wrong}.")


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
    """

    run: MlpRun
    test_accuracy: NDArray[np.float64]
    validation_accuracy: NDArray[np.float64]
    flips: NDArray[np.int64]
    weights: int
    signs: NDArray[np.bool_] | None = None
    start: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    layers: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def pi(self) -> NDArray[np.float64]:
        """Flip measure of each epoch's mean step, float64 (E,)."""
        epochs = len(self.test_accuracy)
        if not self.weights:
            return np.full(epochs, math.nan)
        means = self.flips.reshape(epochs, -1).mean(axis=1)
        return np.atleast_1d(flip_measure(means, self.weights))


def mlp_run(**settings: Any) -> dict[str, Any]:
    """Train once and report numbers: the experiment for `sweep` and `run_points`.

    Args:
        **settings: fields of `MlpRun`.

    Returns:
        ``accuracy`` and ``validation_accuracy`` (mean of the last 5 epochs, in 0..1),
        ``total_flips``, ``pi`` and ``accuracies`` (lists, one value an epoch).

    Raises:
        InputError: a setting is out of range, or the method does not use it.
    """
    unknown = sorted(set(settings) - set(MlpRun.__dataclass_fields__))
    if unknown:
        known = ", ".join(MlpRun.__dataclass_fields__)
        raise InputError(f"mlp_run: unknown settings {unknown}; known are {known}.")
    trace = train_mlp_run(MlpRun(**settings))
    return {
        "accuracy": float(trace.test_accuracy[-LAST_EPOCHS:].mean()),
        "validation_accuracy": float(trace.validation_accuracy[-LAST_EPOCHS:].mean()),
        "total_flips": int(trace.flips.sum()),
        "pi": trace.pi.tolist(),
        "accuracies": trace.test_accuracy.tolist(),
    }


def train_mlp_run(run: MlpRun, *, keep_signs: bool = False) -> MlpTrace:
    """Train once; an epoch is one call of a compiled function, which makes it quick.

    Args:
        run: the settings.
        keep_signs: also record every weight's sign after each step.

    Returns:
        The trace. The same settings give the same trace.
    """
    tf = require_tensorflow()
    data = load_named(run.data)
    tf.keras.utils.set_random_seed(run.seed)
    images, labels, validation = _split(run, data)
    model = _build(run, data)
    steps = len(labels) // run.batch
    if steps < 1:
        raise InputError(f"MlpRun(batch={run.batch}): there are only {len(labels)} images.")
    optimizer = _optimizer(run, model, steps)
    binary = [] if run.method == "float" else list(binary_variables(model).values())
    latents = [getattr(variable, "latent_variable", variable) for variable in binary]
    _create_slots(optimizer, model.trainable_variables)
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    x_all, y_all = tf.constant(images), tf.constant(labels)
    x_test, y_test = tf.constant(data.test_images), tf.constant(data.test_labels)

    def signs() -> Any:
        if not latents:
            return tf.zeros((0,), tf.bool)
        return tf.concat([tf.reshape(value < 0, [-1]) for value in latents], 0)

    def accuracy(x: Any, y: Any) -> Any:
        right = tf.argmax(model(x, training=False), -1) == y
        return tf.reduce_mean(tf.cast(right, tf.float64))

    def train_step(chosen: Any) -> None:
        with tf.GradientTape() as tape:
            logits = model(tf.gather(x_all, chosen), training=True)
            loss = loss_of(tf.gather(y_all, chosen), logits)
            if model.losses:
                loss += tf.add_n(model.losses)
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    @tf.function(jit_compile=False)
    def epoch(order: Any) -> Any:
        flips = tf.TensorArray(tf.int64, steps)
        kept = tf.TensorArray(tf.bool, steps if keep_signs else 0)
        before = signs()
        for step in tf.range(steps):
            train_step(order[step])
            now = signs()
            flips = flips.write(step, tf.math.count_nonzero(now != before))
            if keep_signs:
                kept = kept.write(step, now)
            before = now
        checked = accuracy(*validation) if validation else tf.constant(math.nan, tf.float64)
        stacked = kept.stack() if keep_signs else tf.zeros((0,), tf.bool)
        return flips.stack(), accuracy(x_test, y_test), checked, stacked

    first = signs().numpy()
    shuffle = np.random.default_rng(run.seed)
    rows = []
    for _ in range(run.epochs):
        order = shuffle.permutation(len(labels))[: steps * run.batch].reshape(steps, run.batch)
        rows.append([value.numpy() for value in epoch(tf.constant(order))])
    flips, test, checked, kept = zip(*rows, strict=True)
    return MlpTrace(
        run=run,
        test_accuracy=np.array(test),
        validation_accuracy=np.array(checked),
        flips=np.concatenate(flips),
        weights=sum(int(np.prod(value.shape)) for value in latents),
        signs=np.concatenate(kept) if keep_signs else None,
        start=first,
        layers={
            name: tuple(int(size) for size in value.shape)
            for name, value in ({} if run.method == "float" else binary_variables(model)).items()
        },
    )


def _create_slots(optimizer: Any, variables: list[Any]) -> None:
    """Now, because a function that makes variables is traced twice, which is most of a run."""
    _ = optimizer.iterations  # makes the counter
    pairs = getattr(optimizer, "pred_opt_pairs", ())
    taken: set[int] = set()
    for predicate, part in pairs:
        own = [variable for variable in variables if predicate(variable)]
        part._create_all_weights(own)
        taken |= {id(variable) for variable in own}
    rest = [variable for variable in variables if id(variable) not in taken]
    getattr(optimizer, "default", optimizer)._create_all_weights(rest)


def settings_of(run: MlpRun) -> dict[str, Any]:
    """The settings that differ from the defaults, plus the seed: what a result file is named by."""
    default = asdict(MlpRun())
    values = asdict(run)
    return {k: v for k, v in values.items() if k in ("method", "seed") or v != default[k]}


def _split(run: MlpRun, data: ImageData) -> tuple[Any, Any, Any]:
    if not run.validation:
        return data.train_images, data.train_labels, None
    if run.validation > len(data.train_labels) // 2:
        raise InputError(
            f"MlpRun(validation={run.validation}): {data.name} has {len(data.train_labels)} "
            "training images, and at most half of them may be held out."
        )
    # The split is the same for every seed, so that all runs are chosen by the same images.
    order = np.random.default_rng(0).permutation(len(data.train_labels))
    held, kept = order[: run.validation], order[run.validation :]
    validation = (data.train_images[held], data.train_labels[held])
    return data.train_images[kept], data.train_labels[kept], validation


def _build(run: MlpRun, data: ImageData) -> Any:
    tf = require_tensorflow()
    import larq as lq

    options: dict[str, Any] = {}
    if run.weight_clip is not None:
        options["kernel_constraint"] = lambda: lq.constraints.WeightClip(run.weight_clip)
    if run.l2:
        options["kernel_regularizer"] = lambda: tf.keras.regularizers.L2(run.l2)
    if run.method not in ("bop", "float"):
        options["kernel_quantizer"] = lambda: lq.quantizers.SteSign(clip_value=run.ste_clip)
    with without_clip_advice():
        model = digits_mlp(
            run.hidden,
            run.seed,
            binary=run.method != "float",
            input_shape=data.input_shape,
            classes=data.classes,
            **options,
        )
    if run.initial_scale != 1.0:
        for layer in model.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(layer.kernel * np.float32(run.initial_scale))
    return model


def _optimizer(run: MlpRun, model: Any, steps: int) -> Any:
    tf = require_tensorflow()
    from bnn_lab.training.optimizers import BinaryAndRest

    legacy = tf.keras.optimizers.legacy
    other = legacy.Adam(run.norm_learning_rate)
    if run.method == "float":
        return legacy.Adam(run.learning_rate)
    if run.method == "bop":
        gamma: Any = run.gamma
        if run.gamma_every:
            gamma = step_decay(run.gamma, run.gamma_factor, run.gamma_every * steps)
        return bop_optimizer(gamma, run.threshold, other, model=model)
    latent = {
        "sgd": lambda: legacy.SGD(run.learning_rate),
        "momentum": lambda: legacy.SGD(run.learning_rate, momentum=0.9),
        "adam": lambda: legacy.Adam(run.learning_rate),
    }[run.method]()
    return BinaryAndRest(latent, other)
