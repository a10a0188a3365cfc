"""The documentation's table of op support, proved row by row."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import larq
import numpy as np
import pytest
from ai_edge_litert.schema_py_generated import ModelT

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import NoBinaryLayerError

# The documentation reads the same file, which therefore belongs to no package.
sys.path.insert(0, str(Path(__file__).parent))
from support_cases import BCONV, CASES, DEPTHWISE, FLOAT, TRANSPOSE, Case

tf = require_tensorflow()
BINARY_OPS = {BCONV, DEPTHWISE, TRANSPOSE}


def custom_ops(file: bytes) -> set[str]:
    codes = ModelT.InitFromPackedBuf(file, 0).operatorCodes
    return {code.customCode.decode() for code in codes if code.customCode}


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.group[:5]}: {c.name}") for c in CASES])
def test_row(case: Case, randomize: Any, rng: np.random.Generator) -> None:
    x = tf.keras.Input(case.shape)
    model = randomize(tf.keras.Model(x, case.layer(tf, larq)(x)))
    data = rng.normal(size=(2, *case.shape)).astype(np.float32)
    want = model.predict(data, batch_size=1, verbose=0)
    for compatible, expected in ((True, case.lce), (False, case.own)):
        if expected == FLOAT:
            with pytest.raises(NoBinaryLayerError):
                bnn_lab.convert_keras_model(model, lce_compatible=compatible)
            continue
        file = bnn_lab.convert_keras_model(model, lce_compatible=compatible)
        assert custom_ops(file) & BINARY_OPS == {expected}
        got = bnn_lab.Interpreter(file).predict(data)
        assert np.abs(got - want).max() <= 1e-4 * max(1.0, float(np.abs(want).max()))
