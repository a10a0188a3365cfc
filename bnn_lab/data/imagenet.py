"""ImageNet with tf.data: through TensorFlow Datasets, or from folders of JPEG files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import BnnLabError, InputError

CLASSES = 1000
_BUFFER = 20_000  # images; larger mixes better and takes more memory
_SUFFIXES = {".jpeg", ".jpg", ".png"}
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's RGB in 0..1


@dataclass(frozen=True)
class ImageStream:
    """Images that are read while training.

    Attributes:
        name: where they are from.
        train_from: given a training step, counted from 0, returns the endless `tf.data.Dataset`
            of that step's batch and all later ones, float32 (B, S, S, 3) and int64 (B,).
        test: likewise, once through, in order.
        classes: number of classes.
        train_images: in one epoch.
        test_images: in all.
    """

    name: str
    train_from: Callable[[int], Any]
    test: Any
    classes: int
    train_images: int
    test_images: int

    @property
    def train(self) -> Any:
        """Batches from the first step on."""
        return self.train_from(0)


def load_imagenet(
    folder: str | Path | None = None,
    *,
    batch: int = 256,
    size: int = 224,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> ImageStream:
    """Open ImageNet (ILSVRC 2012).

    Training images: a random part of 8 % to 100 % of the area, resized to `size`, flipped half of
    the time (arXiv:1409.4842, section 6). Test images: shorter side resized to size * 8 / 7, centre
    cropped. Both normalized by ImageNet's mean and standard deviation.

    Args:
        folder: has ``train`` and ``val``, each with one folder per class of JPEG or PNG files;
            default: TensorFlow Datasets' ``imagenet2012``.
        batch: images a step, at least 1.
        size: pixels, at least 32.
        seed: seed of shuffling and augmentation.
        data_dir: folder of TensorFlow Datasets.

    Returns:
        The streams.

    Raises:
        InputError: the folder lacks a part or its parts have different classes, or there are fewer
            images than a batch.
        BnnLabError: TensorFlow Datasets is not installed, or has not prepared ImageNet.
    """
    if batch < 1 or size < 32:
        raise InputError(f"load_imagenet({batch=}, {size=}): needs batch >= 1 and size >= 32.")
    if folder is None:
        return _from_tfds(batch, size, seed, data_dir)
    tf = require_tensorflow()
    folder = Path(folder)
    files = {part: _list(folder / part) for part in ("train", "val")}
    if files["train"].keys() != files["val"].keys():
        odd = sorted(set(files["train"]) ^ set(files["val"]))[:5]
        raise InputError(f"load_imagenet: {folder}: train and val differ in classes, e.g. {odd}.")
    names = sorted(files["train"])

    def paths(part: str) -> tuple[list[str], list[int]]:
        pairs = [(str(p), i) for i, name in enumerate(names) for p in files[part][name]]
        return [p for p, _ in pairs], [i for _, i in pairs]

    def read(path: Any, label: Any) -> Any:
        return tf.io.read_file(path), tf.cast(label, tf.int64)

    parts = {}
    for part in ("train", "val"):
        chosen = paths(part)
        data = tf.data.Dataset.from_tensor_slices(chosen)
        parts[part] = (data, len(chosen[0]))
    train, count = parts["train"]
    test, test_count = parts["val"]
    return _stream(
        f"images in {folder}",
        # Paths are small: all of them are shuffled, and files are read after the skipping.
        lambda epoch_seed: train.shuffle(count, seed=epoch_seed, reshuffle_each_iteration=False),
        lambda data: data.map(read, tf.data.AUTOTUNE),
        test.map(read, tf.data.AUTOTUNE),
        (count, test_count, len(names)),
        (batch, size, seed),
    )


def _from_tfds(batch: int, size: int, seed: int, data_dir: str | Path | None) -> ImageStream:
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise BnnLabError(
            'TensorFlow Datasets is not installed. Fix: pip install "bnn-lab[imagenet]", or pass '
            "the folder of the images."
        ) from error
    where = None if data_dir is None else str(data_dir)
    try:
        builder = tfds.builder("imagenet2012", data_dir=where)
        options = {
            "decoders": {"image": tfds.decode.SkipDecoding()},
            "as_supervised": True,
        }
        # Files in order, so that the stream repeats; ImageNet is prepared in mixed order.
        train = builder.as_dataset(split="train", shuffle_files=False, **options)
        test = builder.as_dataset(split="validation", **options)
    except Exception as error:  # tfds raises many kinds
        raise BnnLabError(
            f"TensorFlow Datasets has no ImageNet here ({error}). Fix: put the two tar files of "
            "ILSVRC 2012 into its manual folder and run `tfds build imagenet2012`, or pass a "
            "folder of images."
        ) from error
    counts = builder.info.splits
    return _stream(
        "ImageNet (TensorFlow Datasets)",
        lambda epoch_seed: train.shuffle(_BUFFER, seed=epoch_seed, reshuffle_each_iteration=False),
        lambda data: data,
        test,
        (counts["train"].num_examples, counts["validation"].num_examples, CLASSES),
        (batch, size, seed),
    )


def _stream(
    name: str,
    shuffled: Callable[[Any], Any],
    read: Callable[[Any], Any],
    test: Any,
    counts: tuple[int, int, int],
    settings: tuple[int, int, int],
) -> ImageStream:
    """Every step's batch is a function of seed and step, so that training can go on anywhere."""
    tf = require_tensorflow()
    auto = tf.data.AUTOTUNE
    batch, size, seed = settings
    images = counts[0]
    steps = max(1, images // batch)
    if images < batch:
        raise InputError(f"{name}: {images} training images do not fill a batch of {batch}.")

    # AutoGraph would try to read the source of all that they call, and warn.
    cut, cut_centre = map(tf.autograph.experimental.do_not_convert, (random_crop, centre_crop))

    def augment(number: Any, sample: Any) -> Any:
        content, label = sample
        pair = tf.stack([tf.cast(number % 2**31, tf.int32), tf.constant(seed, tf.int32)])
        return cut(content, size, pair), label

    def train_from(step: int) -> Any:
        first, skipped = divmod(step, steps)

        def epoch(number: Any) -> Any:
            # Of this traced function alone: with a global seed of 0, TensorFlow would ask whether
            # the epoch's seed is 0 too, which a tensor cannot answer while tracing.
            tf.random.set_seed(1)
            order = shuffled(number + seed * 1_000_003).take(steps * batch)
            begin = tf.where(number == first, tf.constant(skipped * batch, tf.int64), 0)
            start = number * steps * batch + begin
            return read(order.skip(begin)).enumerate(start)

        numbers = tf.data.Dataset.range(first, 2**40)
        data = numbers.flat_map(epoch).map(augment, auto)
        return data.batch(batch, drop_remainder=True).prefetch(auto)

    def prepare(content: Any, label: Any) -> Any:
        return cut_centre(content, size), label

    ready = test.map(prepare, auto).batch(batch).prefetch(auto)
    return ImageStream(name, train_from, ready, counts[2], images, counts[1])


def random_crop(content: Any, size: int, seed: Any) -> Any:
    """Decode a JPEG or PNG, take a random part, resize, perhaps flip, normalize.

    Args:
        content: string tensor, the file.
        size: pixels.
        seed: int32 tensor (2,).

    Returns:
        float32 (size, size, 3).
    """
    tf = require_tensorflow()
    image = tf.io.decode_image(content, 3, expand_animations=False)
    whole = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image), whole, seed, aspect_ratio_range=(3 / 4, 4 / 3), area_range=(0.08, 1.0)
    )
    image = tf.image.resize(tf.slice(image, begin, extent), (size, size))
    return _normalize(tf.image.stateless_random_flip_left_right(image, seed + 1))


def centre_crop(content: Any, size: int) -> Any:
    """Decode, resize the shorter side to size * 8 / 7, take the centre, normalize.

    Args:
        content: string tensor, the file.
        size: pixels.

    Returns:
        float32 (size, size, 3).
    """
    tf = require_tensorflow()
    image = tf.io.decode_image(content, 3, expand_animations=False)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    scaled = tf.cast(tf.round(shape * (size * 8 / 7) / tf.reduce_min(shape)), tf.int32)
    image = tf.image.resize(image, scaled)
    return _normalize(tf.image.resize_with_crop_or_pad(image, size, size))


def _normalize(image: Any) -> Any:
    tf = require_tensorflow()
    image = (image / 255.0 - tf.constant(_MEAN)) / tf.constant(_STD)
    return tf.ensure_shape(image, (None, None, 3))


def _list(folder: Path) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise InputError(
            f"load_imagenet: there is no {folder}. Fix: pass the folder that holds train and val."
        )
    found = {
        entry.name: sorted(p for p in entry.iterdir() if p.suffix.lower() in _SUFFIXES)
        for entry in sorted(folder.iterdir())
        if entry.is_dir()
    }
    empty = [name for name, paths in found.items() if not paths]
    if not found or empty:
        raise InputError(
            f"load_imagenet: {folder} has no images{f' of {empty[:5]}' if empty else ''}. Fix: one "
            "folder a class, with JPEG or PNG files."
        )
    return found
