from __future__ import annotations

import numpy as np

from bnn_lab.data import load_digits


def test_shapes_dtypes_and_range() -> None:
    digits = load_digits()
    assert digits.train_images.shape == (1297, 8, 8, 1)
    assert digits.test_images.shape == (500, 8, 8, 1)
    assert digits.train_labels.shape == (1297,)
    assert digits.test_labels.shape == (500,)
    assert digits.train_images.dtype == digits.test_images.dtype == np.float32
    assert digits.train_labels.dtype == digits.test_labels.dtype == np.int64
    assert digits.train_images.min() == -1 and digits.train_images.max() == 1
    assert digits.input_shape == digits.train_images.shape[1:]


def test_pixels_are_exact_multiples_of_an_eighth() -> None:
    eighths = load_digits().train_images * 8
    np.testing.assert_array_equal(eighths, np.round(eighths))


def test_split_is_the_whole_source_without_overlap() -> None:
    from sklearn.datasets import load_digits as load_source

    digits = load_digits()
    counts, labels = load_source(return_X_y=True)
    source = sorted((*row, label) for row, label in zip(counts, labels, strict=True))
    images = np.concatenate([digits.train_images, digits.test_images]).reshape(-1, 64)
    together = np.concatenate([digits.train_labels, digits.test_labels])
    ours = sorted((*row, label) for row, label in zip((images + 1) * 8, together, strict=True))
    assert ours == source


def test_every_class_has_its_share_of_both_parts() -> None:
    digits = load_digits()
    train = np.bincount(digits.train_labels, minlength=digits.classes)
    test = np.bincount(digits.test_labels, minlength=digits.classes)
    share = test / (train + test)
    np.testing.assert_allclose(share, 500 / 1797, atol=0.005)


def test_every_call_gives_the_same_independent_arrays() -> None:
    first, second = load_digits(), load_digits()
    np.testing.assert_array_equal(first.test_images, second.test_images)
    np.testing.assert_array_equal(first.train_labels, second.train_labels)
    first.test_images[:] = 7
    assert load_digits().test_images.max() == 1
