"""Batch normalization's means and variances, computed anew for the weights as they are."""

from __future__ import annotations

from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError


def adjust_statistics(model: Any, images: Any, *, batch_size: int = 1000) -> None:
    """Set every batch normalization's mean and variance to those over these images.

    While a binarized network trains, its moving averages lag: they know weights that have flipped
    since, and the last few batches only. In place of them this sets the mean of the statistics of
    large batches, all with the present weights. Nothing else of the model changes. Layers that
    behave otherwise in training, such as dropout, do so meanwhile.

    Args:
        model: a built Keras model.
        images: training images, (N, ...), as the model takes them; a last batch that is not full
            is left out, unless it is the only one.
        batch_size: images of a batch, at least 2.

    Raises:
        InputError: there are fewer than 2 images in a batch, or the model normalizes no batches.
    """
    tf = require_tensorflow()
    norms = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    if not norms:
        raise InputError(f"adjust_statistics: {model.name} has no batch normalization.")
    if batch_size < 2 or len(images) < 2:
        raise InputError(
            f"adjust_statistics: {len(images)} images in batches of {batch_size}; needs 2 or more."
        )
    kept = [layer.momentum for layer in norms]
    try:
        for number in range(max(1, len(images) // batch_size)):
            for layer in norms:
                layer.momentum = number / (number + 1)  # a plain mean over the batches
            model(images[number * batch_size :][:batch_size], training=True)
    finally:
        for layer, momentum in zip(norms, kept, strict=True):
            layer.momentum = momentum
