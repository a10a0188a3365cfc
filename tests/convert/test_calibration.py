"""Calibration data in every form, and what is refused before TensorFlow sees it."""

from __future__ import annotations

from itertools import repeat

import numpy as np
import pandas as pd
import pytest

from bnn_lab.convert import calibration
from bnn_lab.convert.calibration import ModelInput, calibration_samples
from bnn_lab.errors import InputError

IMAGE = ModelInput("image", (1, 4, 4, 3), np.dtype("float32"))
MASK = ModelInput("mask", (1, 4), np.dtype("float32"))
IMAGES = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype(np.float32)
MASKS = np.ones((6, 4), np.float32)


class Numbered:
    """As a dataset of PyTorch, or a Keras Sequence."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index % len(self.items)]  # iterated, it never ends


class NeedsDetach:
    """As a tensor of PyTorch that takes part in training."""

    shape, dtype = (6, 4, 4, 3), "float32"

    def __array__(self, *args, **options):
        raise RuntimeError("use tensor.detach().numpy() instead")


def as_objects(items):
    made = np.empty(len(items), object)
    made[:] = list(items)
    return made


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
    "array of arrays": lambda: as_objects(IMAGES),
    "series": lambda: pd.Series(list(IMAGES)),
    "numbered items": lambda: Numbered(IMAGES),
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
    "masked": (np.ma.masked_greater(IMAGES, 0), "masked numbers.*Fix: .*filled"),
    "masked sample": (lambda: iter([np.ma.masked_greater(IMAGES[0], 0)]), "masked numbers"),
    "size": (np.zeros((2, 5, 5, 3)), r"shape \(1, 5, 5, 3\), and the model reads \(4, 4, 3\)"),
    "rank": (np.zeros((2, 4, 4)), "the model reads"),
    "empty array": (IMAGES[:0], "at least 1"),
    "empty list": ([], "holds no sample"),
    "empty function": (lambda: iter(()), "holds no sample"),
    "used up": (used_up, "a generator that has been read to its end"),
    "path": ("images.npy", "has the type str. Fix: pass an array"),
    "number": (3, "has the type int"),
    "function of a number": (lambda: 3, "the function for calibration data gives int"),
    "strings": (np.full((2, 4, 4, 3), "a"), "has the type <U1. Fix: pass numbers"),
    "complex": (IMAGES.astype(complex), "has the type complex128"),
    "labels": (lambda: ((image, np.int64(3)) for image in IMAGES), "holds 2 arrays, .* 1 input. "),
    "labels beside": ((IMAGES, np.arange(6)), "the model's inputs alone.* without labels"),
    "labels of items": (Numbered([(image, 3) for image in IMAGES]), "perhaps labels"),
    "one image": (IMAGES[0], r"a single sample. Fix: .*data\[None\]"),
    "channels first": (np.zeros((2, 3, 4, 4)), "transpose it"),
    "None": (lambda: iter([None]), "has the type NoneType"),
    "no end": (lambda: repeat(IMAGES[0]), "perhaps no end. Fix: .*take"),
    "needs an argument": (lambda number: IMAGES, "it take no argument"),
    "cannot be read": (NeedsDetach(), "not an array .*detach"),
    "another name": ({"picture": IMAGES}, "lacks the input 'image'; it has picture"),
    "sample of another name": (lambda: iter([{"a": IMAGES[0]}]), "sample 0 lacks the input"),
    "fails": (lambda: (1 / (len(image) - 4) for image in IMAGES), "fails after 0 samples"),
    "fails at once": ((1 / (len(image) - 4) for image in IMAGES), "fails after 0 samples"),
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
        ([MASKS, IMAGES], r"the model reads 'image' \(N, 4, 4, 3\), 'mask' \(N, 4\). Fix"),
        (lambda: iter([((IMAGES[0], MASKS[0]), 3)]), "perhaps labels. Fix: give only inputs"),
        (lambda: iter([({"image": IMAGES[0]}, 3)]), "perhaps labels. Fix: give only inputs"),
    ],
)
def test_refused_of_two(data, message):
    with pytest.raises(InputError, match=message):
        read(data, IMAGE, MASK)


def test_tables():
    row = ModelInput("row", (1, 3), np.dtype("float32"))
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]})
    (first,), (second,) = read(frame, row)
    np.testing.assert_array_equal([first[0], second[0]], [[1, 0.5, 1], [2, 1.5, 0]])
    with pytest.raises(InputError, match="sample 1, input 'row': it holds nan"):
        read(frame.assign(b=[1, None]), row)
    with pytest.raises(InputError, match=r"does not hold numbers .*Fix: pass the columns"):
        read(frame.assign(b=["x", "y"]), row)
    with pytest.raises(InputError, match=r"shape \(1, 2\), and the model reads \(3,\)"):
        read(frame[["a", "b"]], row)


@pytest.mark.parametrize(("value", "fits"), [(255, True), (300, False), (-1, False), (0.5, False)])
def test_numbers_that_an_integer_input_cannot_hold(value, fits):
    pixels = ModelInput("pixels", (1, 4), np.dtype("uint8"))
    if fits:
        assert read(np.full((2, 4), value), pixels)[1][0].dtype == np.uint8
        return
    with pytest.raises(InputError, match=rf"holds {value}, and the model reads uint8. Fix"):
        read(np.full((2, 4), value), pixels)


def test_a_generator_of_much_data_is_not_kept_whole(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_KEPT", 5 * IMAGES[0].nbytes)
    with pytest.raises(InputError, match=r"only once takes .* after 6 samples"):
        read(image for image in IMAGES)
    assert len(read(lambda: (image for image in IMAGES))) == 6


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
        with pytest.raises(InputError, match=r"perhaps no end. Fix: .*dataset.take\(200\)"):
            self.convert(model, tf.data.Dataset.from_tensor_slices(IMAGES).repeat())

    @pytest.mark.parametrize("value", [np.inf, np.nan])
    def test_what_would_end_the_process(self, model, value):
        with pytest.raises(InputError, match="calibration sample 3"):
            self.convert(model, spoiled(value))

    @pytest.mark.parametrize("data", [lambda: iter(()), iter(())])
    def test_int8_ends_are_never_float(self, model, data):
        with pytest.raises(InputError, match="holds no sample"):
            self.convert(model, data, inference_input_type="int8", inference_output_type="int8")
