"""Random larq networks: whatever is drawn, the file computes what the stock file and Keras do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import (
    convert_keras_model,
    explain,
    export_model,
    import_model,
    ir_text,
    stock_tflite,
)
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_absent, is_tfl
from bnn_lab.errors import NoBinaryLayerError

sys.path.insert(0, str(Path(__file__).parent))
from random_networks import Network, Step, build, networks, set_weights

tf = require_tensorflow()


def build_exact(drawn: list[Any], model: tf.keras.Model) -> Network:
    """The model in float64."""
    tf.keras.backend.set_floatx("float64")
    try:
        exact = build(*drawn)
    finally:
        tf.keras.backend.set_floatx("float32")
    exact.model.set_weights([weight.astype(np.float64) for weight in model.get_weights()])
    return exact


MARGIN = 5e-6  # of the largest value: how wrong float32 may be


def are_decided(
    steps: list[Step], exact: list[np.ndarray], keras: list[np.ndarray], sample: int
) -> bool:
    """Whether no value of a sample lies so near to a threshold that rounding may move it across.

    Without a tanh all values are exact in float32, and float64 has the same ones.
    """
    for step, whole, single in zip(steps, exact, keras, strict=True):
        value = whole[sample]
        near = np.min([np.abs(value - threshold) for threshold in step.thresholds], axis=0)
        if ((near <= MARGIN * np.abs(value).max()) & (value != single[sample])).any():
            return False
    return True


def run_networks(
    interpreters: Any, litert: Any, lce_compatible: bool, count: int, first_seed: int
) -> None:
    runs = 0

    @seed(first_seed)
    @settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.generate],  # shrinking would convert for minutes
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(networks())
    def check(drawn: list[Any]) -> None:
        nonlocal runs
        runs += check_network(interpreters, litert, lce_compatible, drawn)

    check()
    assert runs >= count // 3


def check_network(interpreters: Any, litert: Any, lce_compatible: bool, drawn: list[Any]) -> bool:
    """Whether a layer was binary and Keras' outputs decided; asserts that the file's are right.

    On our interpreter they are those of the stock file bit for bit. They are Keras' and LCE's
    where the steps are decided: each has a tanh and sums of its own, which CPUs round differently.
    """
    tf.keras.backend.clear_session()
    network = build(*drawn)
    set_weights(network.model)
    note(f"{drawn}")
    try:
        file = convert_keras_model(network.model, lce_compatible=lce_compatible)
    except NoBinaryLayerError:
        assert explain(network.model, lce_compatible=lce_compatible).binary_layers == []
        return False
    data = np.random.default_rng(1).integers(-8, 9, (2, 8, 7, drawn[0])) / 8 + 1 / 64
    data = data.astype(np.float32)
    kinds = {layer.kind for layer in drawn[1]}
    found = {
        name: run(file, data, "grouped" in kinds)
        for name, run in interpreters.items()
        # LCE's interpreter, of an older TFLite, may negate values in place after a reshape while
        # another op still reads them; it takes the reshape of a locally connected layer.
        if not (name == "lce" and (not lce_compatible or "local" in kinds))
    }
    stock = litert(stock_tflite(network.model), data)
    for want, got in zip(stock, found["bnn_lab"], strict=True):
        np.testing.assert_array_equal(got, want, err_msg=str(drawn))

    keras, found["keras"] = network.run(data)
    exact, wanted = build_exact(drawn, network.model).run(data.astype(np.float64))
    decided = [i for i in range(len(data)) if are_decided(network.steps, exact, keras, i)]
    if not any(layer.activation == "tanh" for layer in drawn[1]):
        assert len(decided) == len(data)
    for name, outputs in found.items():
        for want, got in zip(wanted, outputs, strict=True):
            bound = 1e-4 * max(1.0, float(np.abs(want).max()))
            assert np.abs(got - want)[decided].max(initial=0) <= bound, (name, drawn)
    module = import_model(file)
    assert_no_op_over_constants(module)
    assert ir_text(import_model(export_model(module))) == ir_text(module)
    return bool(decided)


def assert_no_op_over_constants(module: Any) -> None:
    """All that depends on constants alone is computed, but what stores them in few bits."""
    for op in module.walk():
        if isinstance(op, TflOp) and op.operands and not is_tfl(op, "dequantize"):
            known = [constant(value) is not None or is_absent(value) for value in op.operands]
            assert not all(known), op


@pytest.mark.slow
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_converted_equals_stock_file_and_keras(interpreters, litert, lce_compatible):
    run_networks(interpreters, litert, lce_compatible, count=15, first_seed=0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first_seed", range(1, 11))
@pytest.mark.parametrize("lce_compatible", [True, False])
def test_many_networks(interpreters, litert, lce_compatible, first_seed):
    run_networks(interpreters, litert, lce_compatible, count=20, first_seed=first_seed)
