"""Fashion-MNIST: 70,000 grey photographs of clothes, as large as MNIST's digits and harder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.idx import find_idx, read_idx
from bnn_lab.data.images import ImageData, scale_bytes
from bnn_lab.errors import BnnLabError, InputError

CLASSES = 10
# What the labels 0 to 9 mean.
LABELS = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_STEMS = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
# SHA-256 of the unpacked files; packages pack them anew.
_SHA256 = {
    "train_images": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train_labels": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "test_images": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "test_labels": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_DOWNLOAD = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def load_fashion_mnist(folder: str | Path | None = None) -> ImageData:
    """Load Fashion-MNIST (Xiao et al., arXiv:1708.07747): 60,000 and 10,000 images, 28×28, grey.

    Args:
        folder: holds the four idx files, packed or not, of Fashion-MNIST or of any data set of the
            same form, such as MNIST. Default: the folder of Debian's package
            ``dataset-fashion-mnist`` if it is installed, otherwise Keras' download, which is
            checked and kept in ~/.keras/datasets.

    Returns:
        float32 images in [-1, 1], (60000, 28, 28, 1) and (10000, 28, 28, 1), -1 is background, with
        labels 0 to 9 (see `LABELS`); `name` says where they are from.

    Raises:
        InputError: a file is missing or damaged, or images and labels do not belong together.
        BnnLabError: there is no folder, and the download failed or TensorFlow is not installed.
    """
    if folder is not None:
        return _read(Path(folder), f"images of {folder}", checked=False)
    if DEBIAN_FOLDER.is_dir():
        return _read(DEBIAN_FOLDER, "Fashion-MNIST (Debian's package)", checked=True)
    return _read(_download(), "Fashion-MNIST (Keras' download)", checked=True)


def _read(folder: Path, name: str, *, checked: bool) -> ImageData:
    try:
        paths = find_idx(folder, _STEMS)
    except InputError as error:
        raise InputError(
            f"load_fashion_mnist: {error} Fix: put all four files there, or install Debian's "
            "package dataset-fashion-mnist and leave out the folder."
        ) from error
    read = {
        key: read_idx(
            path, 3 if key.endswith("images") else 1, sha256=_SHA256[key] if checked else None
        )
        for key, path in paths.items()
    }
    classes = max((int(read[f"{part}_labels"].max(initial=0)) + 1) for part in ("train", "test"))
    return ImageData(
        name,
        scale_bytes(read["train_images"])[..., None],
        read["train_labels"].astype(np.int64),
        scale_bytes(read["test_images"])[..., None],
        read["test_labels"].astype(np.int64),
        max(CLASSES, classes),
    )


def _download() -> Path:
    tf = require_tensorflow()
    folder = None
    for stem in _STEMS.values():
        try:
            path = tf.keras.utils.get_file(
                f"{stem}.gz", _DOWNLOAD + f"{stem}.gz", cache_subdir="datasets/fashion-mnist"
            )
        except Exception as error:  # Keras raises a bare Exception if the download fails
            reason = " ".join(str(error).split())
            raise BnnLabError(
                f"Fashion-MNIST could not be downloaded ({reason}). Fix: on Debian or Ubuntu, "
                "apt-get install dataset-fashion-mnist; elsewhere pass a folder with "
                f"{', '.join(_STEMS.values())}: load_fashion_mnist(folder)."
            ) from error
        folder = Path(path).parent
    assert folder is not None
    return folder
