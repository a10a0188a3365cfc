"""Batches for recipes: each is a function of seed and step, so training can go on anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import (
    ImageData,
    load_cifar10,
    load_fashion_mnist,
    load_imagenet,
    load_named,
    load_synthetic,
)
from bnn_lab.data.cifar10 import pad_crop_flip
from bnn_lab.errors import InputError
from bnn_lab.training.recipe import Recipe

# With a package: they are small, so a smoke run takes them as they are.
SHIPPED = ("digits", "mnist5k")
SMOKE_BATCH = 4
SMOKE_STEPS = 3


@dataclass(frozen=True)
class Batches:
    """Data of one training.

    Attributes:
        name: what it is, in words.
        input_shape: shape of one image.
        classes: number of classes.
        steps_per_epoch: full batches in one epoch.
        train_from: given a step, an endless `tf.data.Dataset` from that step's batch on.
        test: `tf.data.Dataset`, once through.
    """

    name: str
    input_shape: tuple[int, int, int]
    classes: int
    steps_per_epoch: int
    train_from: Callable[[int], Any]
    test: Any


def open_data(
    recipe: Recipe, *, folder: str | Path | None = None, seed: int = 0, smoke: bool = False
) -> Batches:
    """Open a recipe's data.

    Args:
        recipe: says which.
        folder: folder of CIFAR-10's, Fashion-MNIST's or ImageNet's files; default Keras's loader or
            TensorFlow Datasets.
        seed: seed of order and augmentation.
        smoke: synthetic images in the same shape in place of downloads.

    Returns:
        The batches.

    Raises:
        InputError: a folder was given for data that needs none, or there are too few images.
        BnnLabError: the data is not available.
    """
    name, batch = recipe.data.name, recipe.training.batch
    if folder is not None and name in (*SHIPPED, "synthetic"):
        raise InputError(f"recipe {recipe.name}: {name} needs no data folder.")
    augment = recipe.data.augment
    if name in SHIPPED:
        return in_memory(load_named(name), batch, seed, augment)
    if smoke:
        data = load_synthetic(max(10, batch * SMOKE_STEPS), 10, seed)
        if name == "fashion_mnist":
            return in_memory(_grey(data), batch, seed, augment, size=28)
        return in_memory(data, batch, seed, augment, size=recipe.data.size or 32)
    if name == "synthetic":
        return in_memory(load_synthetic(seed=seed), batch, seed, augment)
    if name == "cifar10":
        return in_memory(load_cifar10(folder), batch, seed, augment)
    if name == "fashion_mnist":
        return in_memory(load_fashion_mnist(folder), batch, seed, augment)
    size = recipe.data.size or 224
    stream = load_imagenet(folder, batch=batch, size=size, seed=seed)
    return Batches(
        stream.name,
        (size, size, 3),
        stream.classes,
        stream.train_images // batch,
        stream.train_from,
        stream.test,
    )


def _grey(data: ImageData) -> ImageData:
    return replace(
        data,
        train_images=data.train_images.mean(-1, keepdims=True),
        test_images=data.test_images.mean(-1, keepdims=True),
    )


def in_memory(
    data: ImageData, batch: int, seed: int, augment: bool = False, *, size: int | None = None
) -> Batches:
    """Batches of images that fit into memory.

    Args:
        data: the images.
        batch: images a step.
        seed: seed of order and augmentation.
        augment: pad, crop and flip the training images.
        size: pixels to enlarge the images to; None keeps them.

    Returns:
        The batches.

    Raises:
        InputError: there are fewer images than a batch has, or they are not 32×32 and are to be
            cropped.
    """
    tf = require_tensorflow()
    count = len(data.train_labels)
    if count < batch:
        raise InputError(f"{data.name}: {count} training images do not fill a batch of {batch}.")
    if augment and data.input_shape[:2] != (32, 32):
        raise InputError(f"{data.name}: augmentation is made for 32×32 images.")
    steps = count // batch
    images, labels = tf.constant(data.train_images), tf.constant(data.train_labels)

    # AutoGraph would try to read the source of all that it calls, and warn.
    crop = tf.autograph.experimental.do_not_convert(pad_crop_flip)

    def resize(x: Any) -> Any:
        return x if size is None or size == x.shape[-2] else tf.image.resize(x, (size, size))

    def batch_at(step: Any) -> Any:
        epoch, position = step // steps, step % steps
        seeds = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seeds)
        chosen = tf.gather(order, position * batch + tf.range(batch, dtype=tf.int64))
        x, y = tf.gather(images, chosen), tf.gather(labels, chosen)
        if augment:
            numbers = step * batch + tf.range(batch, dtype=tf.int64)
            pairs = tf.stack([numbers, tf.fill([batch], tf.constant(seed, tf.int64))], axis=1)
            x = tf.map_fn(
                lambda item: crop(item[0], item[1]),
                (x, pairs),
                fn_output_signature=x.dtype,
            )
            x = tf.ensure_shape(x, (batch, *data.input_shape))
        return resize(x), y

    def train_from(step: int) -> Any:
        numbers = tf.data.Dataset.range(step, 2**62)
        return numbers.map(batch_at, tf.data.AUTOTUNE).prefetch(2)

    test = tf.data.Dataset.from_tensor_slices((data.test_images, data.test_labels))
    test = test.batch(min(500, max(batch, 10))).map(lambda x, y: (resize(x), y))
    height, width, channels = data.input_shape
    shape = (height, width, channels) if size is None else (size, size, channels)
    return Batches(data.name, shape, data.classes, steps, train_from, test)
