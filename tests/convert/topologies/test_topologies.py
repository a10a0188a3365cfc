"""The named networks: every binary layer is converted, the outputs are Keras'."""

from __future__ import annotations

from typing import Any, NamedTuple

import larq as lq
import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import Report, convert_keras_model, explain

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


def test_equal_to_keras(converted, interpreters):
    model, file, _ = converted
    rng = np.random.default_rng(2)
    data = rng.normal(size=(6, *model.input_shape[1:])).astype(np.float32)
    want = model.predict(data, batch_size=1, verbose=0)
    for name, run in interpreters.items():
        (got,) = run(file, data)
        apart = np.abs(got - want).max(axis=1) / np.abs(want).max()
        # Of some 100,000 signs in a sample one may be of a value so near zero that the float
        # layers' rounding decides it, and all that follows differs. Rare: not in two samples.
        assert np.sort(apart)[-2] <= 1e-4, name


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
