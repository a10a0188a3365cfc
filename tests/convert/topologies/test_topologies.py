"""The named networks: every binary layer is converted, the outputs are Keras'."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import larq as lq
import numpy as np
import pytest

from bnn_lab import kernels
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import Report, convert_keras_model, explain
from bnn_lab.models import networks as registered
from bnn_lab.tflite.ops import FileOp, ModelOps

tf = require_tensorflow()
# Their 1-bit kernels read activations of more bits, so no layer can be binary.
NOTHING_BINARY = {"DoReFa-Net"}


class Converted(NamedTuple):
    model: Any
    file: bytes
    report: Report


@pytest.fixture(scope="module")
def converted(topology, networks) -> Converted:
    if topology in NOTHING_BINARY:
        pytest.skip("no layer is binary")
    tf.keras.utils.set_random_seed(4)
    model = networks.NETWORKS[topology]()
    randomize_batchnorm(model)
    return Converted(model, *convert_keras_model(model, report=True))


def randomize_batchnorm(model: Any) -> None:
    """Statistics as after training: centred on what the layer sees; gamma of both signs."""
    rng = np.random.default_rng(11)
    for layer in model.layers:
        if not isinstance(layer, tf.keras.layers.BatchNormalization):
            continue
        shape = layer.moving_mean.shape
        layer.moving_mean.assign(rng.normal(size=shape))
        layer.moving_variance.assign(rng.uniform(0.5, 60, shape))
        if layer.gamma is not None:
            layer.gamma.assign(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.5, 1.5, shape))
        if layer.beta is not None:
            layer.beta.assign(rng.normal(size=shape))


def binary_by_larq(model: Any) -> list[str]:
    """Layers whose input and kernel larq's summary both counts as 1-bit."""
    return [
        profile.name
        for profile in lq.models.ModelProfile(model).layer_profiles
        if profile.input_precision == 1 and profile.op_count("mac", 1)
    ]


class Signs:
    """The values whose signs a Keras model takes, in float32 and in float64.

    A sign is in doubt if its value lies nearer to zero than float32 can tell. The binary
    convolution of a file computes ``(K - accumulator) * factor + shift`` with ``shift = bias +
    K * multiplier``, K some hundreds to thousands, so it rounds more than Keras, which scales the
    accumulator itself: by up to 3.5e-6 of the layer's largest value here, Keras by 3e-7. Where a
    sign is in doubt the file, Keras and TFLite each may take another, and Keras itself may on
    another CPU. The reference is therefore the model in float64, and float32 Keras is held
    against it as the file is.
    """

    MARGIN = 5e-6  # of the layer's largest value

    def __init__(self, model: Any, build: Any) -> None:
        tf.keras.backend.set_floatx("float64")
        try:
            exact = build()
        finally:
            tf.keras.backend.set_floatx("float32")
        exact.set_weights([weight.astype(np.float64) for weight in model.get_weights()])
        self._singles, self._doubles = self._reader(model), self._reader(exact)

    def _reader(self, model: Any) -> Any:
        """Gives the values before each sign, then the outputs, all of one run."""
        values = [layer.input for layer in model.layers if getattr(layer, "input_quantizer", None)]
        return tf.function(tf.keras.Model(model.inputs, [*values, *model.outputs]))

    def exact(self, x: np.ndarray) -> list[np.ndarray]:
        """What the model computes in float64: the values before each sign, then the output."""
        return [value.numpy() for value in self._doubles(x.astype(np.float64), training=False)]

    def keras(self, x: np.ndarray) -> list[np.ndarray]:
        """The same in float32."""
        return [value.numpy() for value in self._singles(x, training=False)]

    def _margin(self, value: np.ndarray) -> float:
        return self.MARGIN * float(np.abs(value).max())

    def are_decided(self, exact: list[np.ndarray], keras: list[np.ndarray]) -> bool:
        """Whether none is in doubt."""
        for value, single in zip(exact[:-1], keras[:-1], strict=True):
            # A zero that float32 also gets exactly, as ReLU makes it, is not a matter of rounding.
            doubtful = (np.abs(value) <= self._margin(value)) & ((value != 0) | (single != 0))
            if doubtful.any():
                return False
        return True

    def agree(self, exact: list[np.ndarray], found: list[np.ndarray]) -> bool:
        """Whether all signs are those of float64.

        Asserts that the first that differs is in doubt, and that with equal signs the outputs are
        equal.
        """
        for value, result in zip(exact[:-1], found[:-1], strict=True):
            differ = (result < 0) != (value < 0)
            assert np.abs(value[differ]).max(initial=0) <= self._margin(value)
            if differ.any():
                return False  # what follows has another input
            assert np.abs(result - value).max() <= self._margin(value)
        self.assert_equal_outputs(exact, found)
        return True

    def assert_equal_outputs(self, exact: list[np.ndarray], found: list[np.ndarray]) -> None:
        assert np.abs(found[-1] - exact[-1]).max() <= 1e-4 * np.abs(exact[-1]).max()


@pytest.fixture(scope="module")
def signs(converted, topology, networks) -> Signs:
    return Signs(converted.model, networks.NETWORKS[topology])


# Where no convolution writes bits, each value whose sign is taken is a tensor of the file.
BITS_IN_FILE = {"BinaryNet", "BinaryAlexNet", "XNOR-Net"}


def test_equal_to_keras(converted, topology, interpreters, signs, values_before_signs):
    """For each image: equal outputs, or a sign that differs where it is in doubt."""
    model, file, _ = converted
    shape = 16, 1, *model.input_shape[1:]
    images = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    exact = [signs.exact(image) for image in images]
    keras = [signs.keras(image) for image in images]
    assert sum(map(signs.agree, exact, keras)) >= 6
    reader = None if topology in BITS_IN_FILE else values_before_signs(file)
    for name, run in interpreters.items():
        outputs = [run(file, image) for image in images]
        if reader is None:
            same = list(map(signs.are_decided, exact, keras))
            for wanted, got in itertools.compress(zip(exact, outputs, strict=True), same):
                signs.assert_equal_outputs(wanted, got)
        else:
            found = [run(reader, image) for image in images]
            for read, (got,) in zip(found, outputs, strict=True):
                np.testing.assert_array_equal(read[-1], got)  # so what was read is the file's
            same = list(map(signs.agree, exact, found))
        assert sum(same) >= 6, name


def test_what_larq_calls_binary_is_binary(converted, topology):
    expected = binary_by_larq(converted.model)
    assert len(expected) >= 4
    assert set(expected) <= set(converted.report.binary_layers)


def test_no_operation_is_float_that_larq_counts_as_binary(converted):
    profiles = lq.models.ModelProfile(converted.model)
    binary = sum(layer.macs_binary for layer in converted.report.layers)
    assert binary == profiles.op_count("mac", 1)


def test_dorefa_stays_float_with_the_reason(networks):
    report = explain(networks.NETWORKS["DoReFa-Net"]())
    assert report.binary_layers == []
    reasons = [reason for reason in report.float_layers.values() if "DoReFa" in reason]
    assert len(reasons) == 2


def test_the_file_counts_as_larq_and_as_the_kernels_do(converted, topology):
    profiles = lq.models.ModelProfile(converted.model)
    assert counts(converted.file) == (profiles.op_count("mac", 1), profiles.op_count("mac"))


@pytest.mark.slow
@pytest.mark.parametrize("entry", registered(published=True), ids=lambda entry: entry.name)
def test_files_of_published_networks_count_as_published(entry, monkeypatch):
    if not entry.published.macs[0]:
        pytest.skip("no layer is binary")
    # Not random numbers, which for 60 million weights take longer than all the rest. Nor zeros or
    # the same for all: the mean size of ReActNet's weights is their scale, and equal layers of
    # one input become one.
    number = itertools.count(1)
    for name in ("GlorotUniform", "GlorotNormal", "HeNormal"):
        initializer = getattr(tf.keras.initializers, name)
        monkeypatch.setattr(
            initializer,
            "__call__",
            lambda self, shape, dtype=None, **more: tf.fill(shape, float(next(number))),
        )
    assert counts(convert_keras_model(entry.build())) == entry.published.macs
    tf.keras.backend.clear_session()


def counts(file: bytes) -> tuple[int, int]:
    """(binary, all) multiply-accumulates of a file; the kernels must count each layer alike."""
    ops = ModelOps(file)
    binary = [op for op in ops.ops if op.kind == "LceBconv2d"]
    for op in binary:
        assert op.macs == macs_of_kernel(op, ops)
    return sum(op.macs or 0 for op in binary), sum(op.macs or 0 for op in ops.ops)


def macs_of_kernel(op: FileOp, ops: ModelOps) -> int:
    """What the kernel that runs a binary convolution says it does."""
    _, height, width, words = ops.shape(op.inputs[0])
    filters = np.zeros(ops.shape(op.inputs[1]), np.int32)
    conv = kernels.BConv2D(
        filters,
        channels_in=op.options["channels_in"],
        stride=(op.options["stride_height"], op.options["stride_width"]),
        dilation=(op.options["dilation_height_factor"], op.options["dilation_width_factor"]),
        padding=op.options["padding"],
        pad_values=op.options["pad_values"],
        groups=words // filters.shape[3],
    )
    return conv.macs(height, width)


# At full width; the structure of the graph weighs less then. XNOR-Net and the dilated network are
# those that other converters leave as large as float.
FULL_SIZE = {
    "binary_net": {"width": 128, "image": 32},
    "xnor_net": {"width": 96, "image": 227, "classes": 1000},
    "binary_dense_net": {"growth": 64, "image": 224, "classes": 1000, "dilated": True},
    "quick_net": {"blocks": (4, 4, 4, 4), "width": 32, "image": 224, "classes": 1000},
}


@pytest.mark.parametrize("name", FULL_SIZE)
def test_file_is_hardly_larger_than_larqs_summary(networks, name):
    report = explain(getattr(networks, name)(**FULL_SIZE[name]))
    assert report.file_bytes <= 1.1 * report.larq_bytes
