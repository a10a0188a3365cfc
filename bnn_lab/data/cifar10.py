"""CIFAR-10, from a local folder or by Keras's loader, and the BNN papers' augmentation."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.images import ImageData, scale_bytes
from bnn_lab.data.synthetic import load_synthetic
from bnn_lab.errors import BnnLabError, InputError

CLASSES = 10
PADDED, CROPPED = 40, 32
_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))


def load_cifar10(folder: str | Path | None = None, *, offline: str = "error") -> ImageData:
    """Load CIFAR-10 (Krizhevsky, 2009): 50000 training and 10000 test images, 32×32, ten classes.

    Args:
        folder: holds the files ``data_batch_1`` to ``_5`` and ``test_batch`` of
            cifar-10-python.tar.gz, or with a subfolder ``cifar-10-batches-py``; default: Keras'
            loader, which keeps the download in ~/.keras/datasets.
        offline: if there is no folder and no network: ``"error"`` raises, ``"synthetic"`` takes
            `load_synthetic` instead and says so by a warning and in the result's `name`.

    Returns:
        The images; `name` says where they are from.

    Raises:
        InputError: a file is missing or damaged, or `offline` is unknown.
        BnnLabError: the download failed.
    """
    if offline not in ("error", "synthetic"):
        raise InputError(f"load_cifar10({offline=}): must be 'error' or 'synthetic'.")
    if folder is not None:
        return _from_folder(Path(folder))
    tf = require_tensorflow()
    try:
        (x, y), (x_test, y_test) = tf.keras.datasets.cifar10.load_data()
    except Exception as error:  # Keras raises a bare Exception if the download fails
        reason = " ".join(str(error).split())
        if offline == "error":
            raise BnnLabError(
                f"CIFAR-10 could not be downloaded ({reason}). Fix: pass the folder of an unpacked "
                "cifar-10-python.tar.gz, or offline='synthetic'."
            ) from error
        warnings.warn(
            f"CIFAR-10 could not be downloaded ({reason}); SYNTHETIC images are used instead. "
            "Accuracies will not be CIFAR-10's.",
            UserWarning,
            stacklevel=2,
        )
        data = load_synthetic()
        name = f"{data.name} INSTEAD OF CIFAR-10"
        return ImageData(
            name,
            data.train_images,
            data.train_labels,
            data.test_images,
            data.test_labels,
            data.classes,
        )
    return _make("CIFAR-10 (Keras' download)", x, y, x_test, y_test)


def pad_crop_flip(image: Any, seed: Any) -> Any:
    """The augmentation of the BNN papers: pad to 40×40 with 0, crop 32×32, flip half of them.

    Args:
        image: float tensor (32, 32, C), one image.
        seed: int tensor (2,); the same seed gives the same crop and flip.

    Returns:
        Tensor (32, 32, C).
    """
    tf = require_tensorflow()
    image = tf.image.resize_with_crop_or_pad(image, PADDED, PADDED)
    image = tf.image.stateless_random_crop(image, (CROPPED, CROPPED, image.shape[-1]), seed)
    return tf.image.stateless_random_flip_left_right(image, seed + 1)


def _make(name: str, x: Any, y: Any, x_test: Any, y_test: Any) -> ImageData:
    return ImageData(
        name,
        scale_bytes(x),
        np.asarray(y, np.int64).reshape(-1),
        scale_bytes(x_test),
        np.asarray(y_test, np.int64).reshape(-1),
        CLASSES,
    )


def _from_folder(folder: Path) -> ImageData:
    if (folder / "cifar-10-batches-py").is_dir():
        folder = folder / "cifar-10-batches-py"
    missing = [name for name in (*_BATCHES, "test_batch") if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"load_cifar10: {folder} has no {', '.join(missing)}. Fix: unpack "
            "cifar-10-python.tar.gz there."
        )
    parts = [_read_batch(folder / name) for name in _BATCHES]
    x = np.concatenate([images for images, _ in parts])
    y = np.concatenate([labels for _, labels in parts])
    return _make(f"CIFAR-10 ({folder})", x, y, *_read_batch(folder / "test_batch"))


class _ArraysOnly(pickle.Unpickler):
    """A pickle can run any code; CIFAR's files need only NumPy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct", "ndarray", "dtype", "scalar", "_codecs.encode"}
        if module.split(".")[0] == "numpy" and name in allowed:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def _read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="bytes").load()
        rows, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
        # Stored as channel, row, column.
        images = rows.astype(np.uint8, casting="safe").reshape(-1, 3, 32, 32)
    except Exception as error:
        raise InputError(f"load_cifar10: {path} is damaged ({error}).") from error
    if len(images) != len(labels):
        raise InputError(f"load_cifar10: {path} has {len(images)} images, {len(labels)} labels.")
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)), labels
