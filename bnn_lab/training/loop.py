"""A training loop that records accuracy and flips."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_integer
from bnn_lab.data import ImageData, load_digits
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn
from bnn_lab.training.bop import (
    binary_variables,
    bop_optimizer,
    check_legacy_optimizer,
    gamma_decay,
    is_bop,
    latent_value,
    set_binary_signs,
)
from bnn_lab.training.flips import FlipRecorder, flip_measure
from bnn_lab.training.history import EpochResult, TrainingHistory

BATCH_SIZE = 50
EPOCHS = 10


def train(
    model: Any,
    data: ImageData,
    optimizer: Any,
    *,
    epochs: int = EPOCHS,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    on_epoch: Callable[[EpochResult], None] | None = None,
    recorder: FlipRecorder | None = None,
    callbacks: Sequence[Any] = (),
) -> TrainingHistory:
    """Train a classifier that ends in logits, with cross-entropy.

    The test images are only measured on: nothing is chosen by them.

    Args:
        model: built Keras model, (N, *data.input_shape) to logits (N, data.classes), with
            binary weights. It is compiled and trained in place.
        data: training and test images with labels.
        optimizer: a legacy Keras optimizer, such as `bop_optimizer()`.
        epochs: passes over the training images, at least 1.
        batch_size: images per step, at least 1.
        seed: seed of shuffling; sets the random state of Python, NumPy and TensorFlow.
        on_epoch: called with each epoch's result, e.g. to print it.
        recorder: a fresh one of your own, such as `InertiaRecorder`, to look into afterwards or,
            by its own `on_epoch`, at each epoch's end.
        callbacks: other Keras callbacks, such as `QuantizerSchedule`.

    Returns:
        The history.

    Raises:
        InputError: the model has no binary weights or does not fit the data, the optimizer is not
            a legacy one, a binary weight under Bop is not ±1, a count is below 1, or `recorder`
            has been used before.
    """
    tf = require_tensorflow()
    if recorder is not None and recorder.weights:
        raise InputError("train(recorder=...): this recorder has been used. Fix: make a new one.")
    _check_counts("train", epochs, batch_size)
    check_legacy_optimizer(optimizer, "optimizer")
    variables = binary_variables(model)
    _check_signs(variables, optimizer)
    _check_shapes(model, data)

    tf.keras.utils.set_random_seed(seed)
    model.compile(
        optimizer,
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    recorder = FlipRecorder() if recorder is None else recorder
    history = TrainingHistory()
    started = time.perf_counter()
    steps_seen = 0

    def end_epoch(epoch: int, logs: dict[str, float]) -> None:
        nonlocal steps_seen
        flips = recorder.flips_per_step()[steps_seen:]
        steps_seen += len(flips)
        result = EpochResult(
            epoch=epoch + 1,
            loss=float(logs["loss"]),
            train_accuracy=float(logs["accuracy"]),
            test_accuracy=float(logs["val_accuracy"]),
            flips=int(flips.sum()),
            pi=float(flip_measure(flips.mean(), recorder.total_weights)),
            seconds=time.perf_counter() - started,
        )
        history.epochs.append(result)
        if on_epoch is not None:
            on_epoch(result)

    model.fit(
        data.train_images,
        data.train_labels,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(data.test_images, data.test_labels),
        validation_batch_size=len(data.test_labels),
        verbose=0,
        callbacks=[
            *callbacks,
            recorder,
            tf.keras.callbacks.LambdaCallback(on_epoch_end=end_epoch),
        ],
    )
    history.total_weights = recorder.total_weights
    history.step_flips = {
        name: np.asarray(flips, np.int64) for name, flips in recorder.step_flips.items()
    }
    return history


def train_digits(
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    data: ImageData | None = None,
    channels: int = 128,
    gamma: tuple[float, float] = (1e-2, 5e-4),
    batch_size: int = BATCH_SIZE,
    on_epoch: Callable[[EpochResult], None] | None = None,
    recorder: FlipRecorder | None = None,
) -> tuple[Any, TrainingHistory]:
    """Build the digits network and train it with Bop, as lesson 4 does.

    gamma falls from 0.01 to 0.0005 at tau = 1e-6: about 98 % of the test images are right
    after 10 epochs.

    Args:
        epochs: passes over the training images, at least 1.
        seed: seed of initialisation and shuffling.
        data: images of at least 2×2 pixels; default `bnn_lab.data.load_digits()`.
        channels: see `bnn_lab.models.digits_bnn`.
        gamma: Bop's gamma in the first step and in the last one.
        batch_size: images a step, at least 1.
        on_epoch: called with each epoch's result.
        recorder: see `train`.

    Returns:
        (trained Keras model, history).

    Raises:
        InputError: `epochs` or `batch_size` is below 1, or there is no such network.
    """
    _check_counts("train_digits", epochs, batch_size)
    if not isinstance(gamma, (tuple, list)) or len(gamma) != 2:
        raise InputError(f"train_digits({gamma=}): must be a pair (at the start, at the end).")
    data = load_digits() if data is None else data
    model = digits_bnn(channels, seed, input_shape=data.input_shape, classes=data.classes)
    set_binary_signs(model)
    steps = epochs * update_steps(data, batch_size)
    optimizer = bop_optimizer(gamma=gamma_decay(*gamma, steps), threshold=1e-6)
    history = train(
        model,
        data,
        optimizer,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        on_epoch=on_epoch,
        recorder=recorder,
    )
    return model, history


def update_steps(data: ImageData, batch_size: int = BATCH_SIZE) -> int:
    """Training steps in one epoch: batches that cover all training images."""
    return -(-len(data.train_images) // batch_size)


def _check_counts(function: str, epochs: Any, batch_size: Any) -> None:
    if not (is_integer(epochs) and is_integer(batch_size) and min(epochs, batch_size) >= 1):
        raise InputError(
            f"{function}({epochs=}, {batch_size=}): both must be integers, at least 1."
        )


def _check_signs(variables: dict[str, Any], optimizer: Any) -> None:
    import larq as lq

    if not isinstance(optimizer, lq.optimizers.CaseOptimizer):
        if is_bop(optimizer):
            raise InputError(
                "optimizer is a bare Bop, which would also flip batch-normalization offsets. "
                "Fix: use bnn_lab.training.bop_optimizer(...)."
            )
        return
    bops = [predicate for predicate, part in optimizer.pred_opt_pairs if is_bop(part)]
    for name, variable in variables.items():
        if any(predicate(variable) for predicate in bops):
            value = latent_value(variable)
            if not np.all(np.abs(value) == 1):
                raise InputError(
                    f"layer '{name}': its binary weights are not all +1 or -1, and Bop never sets "
                    "magnitudes. Fix: call bnn_lab.training.set_binary_signs(model) before "
                    "training."
                )


def _check_shapes(model: Any, data: ImageData) -> None:
    wanted_in, wanted_out = (None, *data.input_shape), (None, data.classes)
    if tuple(model.input_shape) != wanted_in or tuple(model.output_shape) != wanted_out:
        raise InputError(
            f"model '{model.name}' maps {model.input_shape} to {model.output_shape}, but this data "
            f"needs {wanted_in} to {wanted_out}."
        )
