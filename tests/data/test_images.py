from __future__ import annotations

import importlib.util
import pickle
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import (
    ImageData,
    load_cifar10,
    load_imagenet,
    load_synthetic,
    pad_crop_flip,
)
from bnn_lab.errors import BnnLabError, InputError

tf = require_tensorflow()


def test_synthetic_images_repeat_and_are_balanced() -> None:
    first, second = load_synthetic(200, 50, seed=3), load_synthetic(100, 50, seed=3)
    np.testing.assert_array_equal(first.test_images, second.test_images)
    again = load_synthetic(200, 50, seed=3)
    np.testing.assert_array_equal(first.train_images, again.train_images)
    assert np.bincount(first.train_labels).tolist() == [20] * 10
    assert first.train_images.dtype == np.float32 and first.input_shape == (32, 32, 3)
    assert first.train_images.min() >= -1 and first.train_images.max() <= 1
    assert (load_synthetic(200, 50, seed=4).train_images != first.train_images).mean() > 0.9
    assert "synthetic" in first.name
    with pytest.raises(InputError, match="at least 10"):
        load_synthetic(5, 50)


def test_colour_says_nothing_about_the_class_but_form_does() -> None:
    from sklearn.ensemble import RandomForestClassifier

    data = load_synthetic(1000, 300)

    def score(features) -> float:
        forest = RandomForestClassifier(40, random_state=0)
        forest.fit(features(data.train_images), data.train_labels)
        return forest.score(features(data.test_images), data.test_labels)

    assert score(lambda x: x.mean(axis=(1, 2))) < 0.3

    def forms(x):  # strength of edges across, along and in both directions
        across, along = np.diff(x, axis=1)[:, :, :-1], np.diff(x, axis=2)[:, :-1]
        maps = [np.abs(v).mean(axis=3) for v in (across, along)]
        maps.append((across * along).mean(axis=3))
        return np.concatenate([m.reshape(len(x), -1) for m in maps], axis=1)

    assert score(forms) > 0.6


def write_cifar(folder, images_each=4) -> dict:
    generator = np.random.default_rng(0)
    written = {}
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        rows = generator.integers(0, 256, (images_each, 3072), dtype=np.uint8)
        labels = generator.integers(0, 10, images_each).tolist()
        (folder / name).write_bytes(pickle.dumps({b"data": rows, b"labels": labels}, protocol=2))
        written[name] = (rows, labels)
    return written


def test_cifar10_from_a_folder(tmp_path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    written = write_cifar(folder)
    data = load_cifar10(tmp_path)
    assert data.train_images.shape == (20, 32, 32, 3) and data.test_images.shape[0] == 4
    rows, labels = written["data_batch_2"]
    assert data.train_labels[4:8].tolist() == labels
    expected = rows[0, 1024 + 5 * 32 + 7] / 127.5 - 1  # green, row 5, column 7
    assert data.train_images[4, 5, 7, 1] == pytest.approx(expected, abs=1e-6)
    (folder / "data_batch_3").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="data_batch_3 is damaged"):
        load_cifar10(folder)
    (folder / "data_batch_3").unlink()
    with pytest.raises(InputError, match="no data_batch_3"):
        load_cifar10(folder)


class Evil:
    def __reduce__(self):
        return (print, ("code from a data file was run",))


def test_cifar10_files_cannot_run_code(tmp_path, capsys) -> None:
    write_cifar(tmp_path)
    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"data": Evil()}))
    with pytest.raises(InputError, match="not allowed"):
        load_cifar10(tmp_path)
    assert "was run" not in capsys.readouterr().out


def test_without_network_it_says_what_it_uses(monkeypatch) -> None:
    def no_network(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(tf.keras.datasets.cifar10, "load_data", no_network)
    with pytest.raises(BnnLabError, match="synthetic"):
        load_cifar10()
    with pytest.warns(UserWarning, match="SYNTHETIC"):
        data = load_cifar10(offline="synthetic")
    assert "INSTEAD OF CIFAR-10" in data.name
    with pytest.raises(InputError, match="offline"):
        load_cifar10(offline="guess")


def test_keras_loader_is_used(monkeypatch) -> None:
    x = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 32, 32, 3)
    y = np.array([[3], [9]])
    monkeypatch.setattr(tf.keras.datasets.cifar10, "load_data", lambda: ((x, y), (x, y)))
    data = load_cifar10()
    assert data.train_labels.tolist() == [3, 9] and data.name.startswith("CIFAR-10")
    np.testing.assert_allclose(data.train_images, x / 127.5 - 1, atol=1e-6)


def test_augmentation_crops_from_the_padded_image_and_flips() -> None:
    image = np.arange(1, 32 * 32 * 3 + 1, dtype=np.float32).reshape(32, 32, 3)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)))
    crops = {
        (top, left, flip): padded[top : top + 32, left : left + 32][:, :: -1 if flip else 1]
        for top in range(9)
        for left in range(9)
        for flip in (False, True)
    }
    seen = set()
    for seed in range(60):
        result = pad_crop_flip(tf.constant(image), tf.constant([seed, 1])).numpy()
        matches = [key for key, crop in crops.items() if np.array_equal(crop, result)]
        assert len(matches) == 1
        seen.add(matches[0])
        again = pad_crop_flip(tf.constant(image), tf.constant([seed, 1])).numpy()
        np.testing.assert_array_equal(result, again)
    assert len(seen) > 30
    assert 15 < sum(flip for _, _, flip in seen) < len(seen) - 15


@pytest.fixture
def image_folder(tmp_path):
    generator = np.random.default_rng(0)
    for part, count in (("train", 5), ("val", 2)):
        for number, name in enumerate(("n01", "n02", "n03")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = generator.integers(0, 60, (48 + i, 64, 3), dtype=np.uint8)
                pixels[..., number] += 180  # class 0 is red, 1 green, 2 blue
                content = tf.io.encode_jpeg(pixels) if i % 2 else tf.io.encode_png(pixels)
                (folder / f"{i}.{'jpeg' if i % 2 else 'png'}").write_bytes(content.numpy())
    return tmp_path


def test_imagenet_from_folders(image_folder, caplog) -> None:
    tf.get_logger().addHandler(caplog.handler)
    data = load_imagenet(image_folder, batch=4, size=32, seed=1)
    assert (data.classes, data.train_images, data.test_images) == (3, 15, 6)
    batches = list(data.test)
    assert [len(labels) for _, labels in batches] == [4, 2]
    assert np.concatenate([y.numpy() for _, y in batches]).tolist() == [0, 0, 1, 1, 2, 2]
    first = []
    for images, labels in data.train.take(8):
        assert images.shape == (4, 32, 32, 3) and images.dtype == tf.float32
        # The strongest channel tells the class, so images and labels belong together.
        np.testing.assert_array_equal(np.argmax(images.numpy().mean(axis=(1, 2)), -1), labels)
        first.append(images.numpy())
    again = load_imagenet(image_folder, batch=4, size=32, seed=1)
    for one, (other, _) in zip(first, again.train, strict=False):
        np.testing.assert_array_equal(one, other.numpy())
    for step in (2, 3, 5):  # three steps an epoch
        later = next(iter(again.train_from(step)))[0].numpy()
        np.testing.assert_array_equal(first[step], later)
    other = load_imagenet(image_folder, batch=4, size=32, seed=2)
    assert not np.array_equal(first[0], next(iter(other.train))[0].numpy())
    assert "AutoGraph" not in caplog.text


@pytest.fixture
def tensorflow_datasets(monkeypatch):
    """What load_imagenet uses of TensorFlow Datasets, with an ImageNet of 15 and 6 images."""
    asked = []

    def part(count):
        pixels = np.zeros((count, 40, 48, 3), np.uint8)
        labels = np.arange(count) * 66
        for image, label in zip(pixels, labels, strict=True):
            image[:] = label % 251
        files = [tf.io.encode_png(image).numpy() for image in pixels]
        return tf.data.Dataset.from_tensor_slices((files, labels.astype(np.int64)))

    parts = {"train": part(15), "validation": part(6)}

    class Builder:
        info = SimpleNamespace(
            splits={name: SimpleNamespace(num_examples=len(data)) for name, data in parts.items()}
        )

        def as_dataset(self, split, **options):
            asked.append((split, options))
            return parts[split]

    def builder(name, data_dir=None):
        if name != "imagenet2012" or data_dir == "nothing":
            raise AssertionError("manual_dir does not exist")  # one of the kinds that tfds raises
        return Builder()

    module = ModuleType("tensorflow_datasets")
    module.builder = builder
    module.decode = SimpleNamespace(SkipDecoding=lambda: "skip")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return asked


def test_imagenet_through_tensorflow_datasets(tensorflow_datasets) -> None:
    data = load_imagenet(batch=4, size=32, seed=1, data_dir="somewhere")
    assert (data.classes, data.train_images, data.test_images) == (1000, 15, 6)
    # Files come undecoded, for the crop to decode, and in order, for the stream to repeat.
    assert all(options["decoders"] == {"image": "skip"} for _, options in tensorflow_datasets)
    assert dict(tensorflow_datasets)["train"]["shuffle_files"] is False
    assert np.concatenate([y.numpy() for _, y in data.test]).tolist() == [0, 66, 132, 198, 264, 330]
    run = [(x.numpy(), y.numpy()) for x, y in data.train.take(7)]
    epoch = np.concatenate([y for _, y in run[:3]])
    assert len(np.unique(epoch)) == 12 and not np.array_equal(epoch, np.sort(epoch))
    for images, labels in run:
        bright = images[:, 16, 16, 0] * 0.229 + 0.485
        np.testing.assert_allclose(bright * 255, labels % 251, atol=0.01)
    for step in (1, 3, 5):
        images, labels = next(iter(data.train_from(step)))
        np.testing.assert_array_equal(images.numpy(), run[step][0])
        np.testing.assert_array_equal(labels.numpy(), run[step][1])
    with pytest.raises(BnnLabError, match="tfds build imagenet2012"):
        load_imagenet(data_dir="nothing")


def test_imagenet_errors(image_folder, tmp_path_factory) -> None:
    with pytest.raises(InputError, match=r"no .*train"):
        load_imagenet(tmp_path_factory.mktemp("empty"))
    (image_folder / "train" / "n04").mkdir()
    with pytest.raises(InputError, match="n04"):
        load_imagenet(image_folder)
    (image_folder / "train" / "n04" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="differ in classes"):
        load_imagenet(image_folder)
    with pytest.raises(InputError, match="batch"):
        load_imagenet(image_folder, batch=0)
    if importlib.util.find_spec("tensorflow_datasets") is None:
        with pytest.raises(BnnLabError, match=r"bnn-lab\[imagenet\]"):
            load_imagenet()


def test_image_data_checks_its_parts() -> None:
    x, y = np.zeros((2, 4, 4, 1), np.float32), np.array([0, 1])
    assert ImageData("x", x, y, x, y, 2).head(1, 2).train_images.shape == (1, 4, 4, 1)
    with pytest.raises(InputError, match="labels"):
        ImageData("x", x, y[:1], x, y, 2)
    with pytest.raises(InputError, match=r"0\.\.0"):
        ImageData("x", x, y, x, y, 1)
