"""Calibration data in every form, and what is refused before TensorFlow sees it."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert.calibration import ModelInput, calibration_samples
from bnn_lab.errors import InputError

IMAGE = ModelInput("image", (1, 4, 4, 3), np.dtype("float32"))
MASK = ModelInput("mask", (1, 4), np.dtype("float32"))
IMAGES = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype(np.float32)
MASKS = np.ones((6, 4), np.float32)


def read(data, *inputs):
    return list(calibration_samples(data, inputs or (IMAGE,))())


FORMS = {
    "array": lambda: IMAGES,
    "list of one array": lambda: [IMAGES],
    "list of samples": lambda: list(IMAGES),
    "list of batches of 1": lambda: [image[None] for image in IMAGES],
    "dict": lambda: {"image": IMAGES},
    "function": lambda: lambda: ([image[None]] for image in IMAGES),
    "function of dicts": lambda: lambda: ({"image": image[None]} for image in IMAGES),
    "generator": lambda: (image for image in IMAGES),
    "batches": lambda: lambda: iter([IMAGES[:4], IMAGES[4:]]),
    "map": lambda: map(lambda image: image[None], IMAGES),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form):
    made = calibration_samples(FORMS[form](), (IMAGE,))
    for samples in (list(made()), list(made())):  # also a second time
        assert len(samples) == 6
        for (got,), want in zip(samples, IMAGES, strict=True):
            assert got.dtype == np.float32
            np.testing.assert_array_equal(got, want[None])


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int64", "bool"])
def test_any_type_of_number_is_cast(dtype):
    data = (np.abs(IMAGES) * 20).astype(dtype)
    samples = read(data)
    assert samples[0][0].dtype == np.float32
    np.testing.assert_array_equal(samples[5][0][0], data[5].astype(np.float32))


@pytest.mark.parametrize(
    "data",
    [
        [IMAGES, MASKS],
        {"mask": MASKS, "image": IMAGES},
        lambda: ([i[None], m[None]] for i, m in zip(IMAGES, MASKS, strict=True)),
        lambda: ({"mask": m, "image": i} for i, m in zip(IMAGES, MASKS, strict=True)),
        list(zip(IMAGES, MASKS, strict=True)),
    ],
)
def test_two_inputs(data):
    samples = read(data, IMAGE, MASK)
    assert [[part.shape for part in sample] for sample in samples] == [[(1, 4, 4, 3), (1, 4)]] * 6


def spoiled(value, where=3):
    data = IMAGES.copy()
    data[where, 1, 2, 0] = value
    return data


def used_up():
    made = (image for image in IMAGES)
    list(made)
    return made


BAD = {
    "inf": (spoiled(np.inf), r"sample 3, input 'image': it holds inf at \(1, 2, 0\)"),
    "nan": (spoiled(np.nan), "sample 3, .* holds nan"),
    "minus inf, later": (lambda: iter(spoiled(-np.inf, 5)), "sample 5, .* holds -inf"),
    "too large": (spoiled(1e300, 2).astype(np.float64) * 1e300, "holds inf|too large"),
    "beyond float32": (IMAGES.astype(np.float64) * 1e300, "sample 0, .* too large for float32"),
    "size": (np.zeros((2, 5, 5, 3)), r"shape \(1, 5, 5, 3\), and the model reads \(4, 4, 3\)"),
    "rank": (np.zeros((2, 4, 4)), "the model reads"),
    "empty array": (IMAGES[:0], "at least 1"),
    "empty list": ([], "holds no sample"),
    "empty function": (lambda: iter(()), "holds no sample"),
    "used up": (used_up, "a generator that was read to its end"),
    "path": ("images.npy", "of the type str. Fix: pass an array"),
    "number": (3, "of the type int"),
    "function of a number": (lambda: 3, "the function for calibration data gives int"),
    "strings": (np.full((2, 4, 4, 3), "a"), "of the type <U1. Fix: pass numbers"),
    "complex": (IMAGES.astype(complex), "of the type complex128"),
    "labels": (lambda: ((image, np.int64(3)) for image in IMAGES), "holds 2 arrays, .* 1 inputs"),
    "another name": ({"picture": IMAGES}, "lacks the input 'image'; it has picture"),
    "sample of another name": (lambda: iter([{"a": IMAGES[0]}]), "sample 0 lacks the input"),
    "fails": (lambda: (1 / (len(image) - 4) for image in IMAGES), "fails behind 0 samples"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(case):
    data, message = BAD[case]
    if case == "used up":
        data = used_up()
    with pytest.raises(InputError, match=message), np.errstate(all="ignore"):
        read(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGES, "is one array, and the model has 2 inputs, 'image', 'mask'"),
        ([IMAGES, MASKS[:3]], r"holds \[3, 6\] samples"),
        (lambda: iter(IMAGES), "sample 0 is one value, and the model has 2 inputs|holds"),
        (lambda: iter([[IMAGES[:2], MASKS[:1]]]), r"batches of \[2, 1\]"),
    ],
)
def test_refused_of_two(data, message):
    with pytest.raises(InputError, match=message):
        read(data, IMAGE, MASK)


class TestConversion:
    """The same, through TensorFlow."""

    @pytest.fixture(scope="class")
    def model(self):
        import larq as lq

        from bnn_lab._keras import require_tensorflow

        tf = require_tensorflow()
        x = tf.keras.Input((4, 4, 3), name="image")
        y = tf.keras.layers.Conv2D(32, 1)(x)
        binary = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
        return tf.keras.Model(x, lq.layers.QuantConv2D(8, 3, **binary)(y))

    def convert(self, model, data, **options):
        from bnn_lab.convert import convert_keras_model

        return convert_keras_model(model, representative_dataset=data, **options)

    def test_a_dataset(self, model):
        from bnn_lab._keras import require_tensorflow

        tf = require_tensorflow()
        whole = self.convert(model, IMAGES)
        for data in (
            tf.data.Dataset.from_tensor_slices(IMAGES),
            tf.data.Dataset.from_tensor_slices(IMAGES).batch(4),
            tf.constant(IMAGES),
            IMAGES.astype(np.float64),
            (image for image in IMAGES),
        ):
            assert self.convert(model, data) == whole

    @pytest.mark.parametrize("value", [np.inf, np.nan])
    def test_what_would_end_the_process(self, model, value):
        with pytest.raises(InputError, match="calibration sample 3"):
            self.convert(model, spoiled(value))

    @pytest.mark.parametrize("data", [lambda: iter(()), iter(())])
    def test_int8_ends_are_never_float(self, model, data):
        with pytest.raises(InputError, match="holds no sample"):
            self.convert(model, data, inference_input_type="int8", inference_output_type="int8")
