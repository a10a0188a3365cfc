from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.bench import baselines
from bnn_lab.bench.baselines import LCE_DEFAULT, LCE_INDIRECT, lce_call, lce_calls, litert_call
from bnn_lab.bench.model_bench import bench_model
from bnn_lab.bench.network_files import model_files
from bnn_lab.convert import convert_keras_model
from bnn_lab.data import load_digits
from bnn_lab.errors import BnnLabError, InputError, ModelFileError
from bnn_lab.models import digits_bnn
from bnn_lab.runtime import Interpreter
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8, KINDS
from bnn_lab.training import set_binary_signs

IMAGES = load_digits().train_images[:20]
needs_lce = pytest.mark.skipif(
    not baselines.lce_installed(), reason="larq-compute-engine has no wheel for this Python"
)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    model = digits_bnn(64)
    set_binary_signs(model)
    # Untrained sums of ±1 are often exactly 0, where rounding decides the sign.
    offsets = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.startswith("norm"):
            layer.beta.assign(offsets.uniform(0.01, 0.02, layer.beta.shape))
    return model_files(model, IMAGES)


def test_files_hold_the_same_network(files: dict[str, bytes]) -> None:
    assert list(files) == [BINARY, FLOAT32, INT8]
    binary, floating, _ = (Interpreter(files[kind]).predict(IMAGES) for kind in files)
    np.testing.assert_allclose(binary, floating, atol=1e-4)
    assert len(files[BINARY]) < len(files[INT8]) / 2 < len(files[FLOAT32]) / 4
    assert b"LceBconv2d" in files[BINARY]
    assert b"LceBconv2d" not in files[FLOAT32] + files[INT8]


@needs_lce
def test_everything_gets_the_number_of_threads(
    files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ai_edge_litert.interpreter as litert
    from larq_compute_engine import testing

    seen: list[tuple[str, int, bool]] = []

    class LiteRt(litert.Interpreter):
        def __init__(self, *args, **options):
            delegated = bool(options.get("experimental_delegates"))
            seen.append(("litert", options["num_threads"], delegated))
            super().__init__(*args, **options)

    class Lce(testing.Interpreter):
        def __init__(self, content, num_threads, use_indirect_bgemm):
            seen.append(("lce", num_threads, use_indirect_bgemm))
            super().__init__(
                content, num_threads=num_threads, use_indirect_bgemm=use_indirect_bgemm
            )

    monkeypatch.setattr(litert, "Interpreter", LiteRt)
    monkeypatch.setattr(testing, "Interpreter", Lce)
    image = IMAGES[0]
    for delegate in (True, False):
        seen.clear()
        litert_call(files[FLOAT32], image, 2, delegate=delegate)()
        assert seen[-1] == ("litert", 2, delegate)
        assert all(threads == 2 for _, threads, _ in seen)
    for indirect in (True, False):
        lce_call(files[BINARY], image, 2, indirect=indirect)()
        assert seen[-1] == ("lce", 2, indirect)


@needs_lce
def test_samples_and_made_up_values(files: dict[str, bytes]) -> None:
    for kind in KINDS:
        for x in (IMAGES[0], [IMAGES[:1]], None):
            litert_call(files[kind], x, delegate=kind == BINARY)()
    logits = Interpreter(files[BINARY]).predict(IMAGES[:1])
    np.testing.assert_allclose(lce_call(files[BINARY], IMAGES[0])()[0], logits, atol=1e-5)


@needs_lce
def test_lce_is_optional(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(lce_calls(files[BINARY])) == [LCE_DEFAULT, LCE_INDIRECT]
    assert lce_calls(files[BINARY], wanted=False) == {}
    assert lce_calls(b"not a file of LCE", wanted=False) == {}
    monkeypatch.setattr(baselines, "lce_installed", lambda: False)
    assert lce_calls(files[BINARY]) == {}
    with pytest.raises(BnnLabError, match="pip install larq-compute-engine"):
        lce_calls(files[BINARY], wanted=True)


@needs_lce
def test_what_lce_cannot_run_is_left_out_or_refused() -> None:
    import larq as lq

    keras = require_tensorflow().keras
    signs = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
    x = keras.layers.Input((4, 4, 32))
    y = lq.layers.QuantConv2DTranspose(32, 3, kernel_constraint="weight_clip", **signs)(x)
    ours = convert_keras_model(keras.Model(x, y), lce_compatible=False)
    assert b"BnnLabTranspose2d" in ours
    assert lce_calls(ours) == {}
    with pytest.raises(BnnLabError, match="LCE cannot run this file"):
        lce_calls(ours, wanted=True)


def test_errors(files: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="shape"):
        litert_call(files[BINARY], IMAGES[0, :, :, 0])
    with pytest.raises(InputError, match="num_threads"):
        litert_call(files[BINARY], IMAGES[0], 0)
    with pytest.raises(ModelFileError):
        litert_call(b"nothing of the kind", IMAGES[0])
    with pytest.raises(InputError, match="files must be 'binary'"):
        bench_model("m", {"fp16": files[FLOAT32]})
