from __future__ import annotations

import json

import numpy as np
import pytest

from bnn_lab import kernels
from bnn_lab.bench import models as bench_models
from bnn_lab.bench.models import BINARY, FLOAT, INT8, LCE, measure_latency, model_files
from bnn_lab.data import load_digits
from bnn_lab.errors import BnnLabError, InputError, ModelFileError
from bnn_lab.models import digits_bnn
from bnn_lab.runtime import Interpreter
from bnn_lab.training import set_binary_signs

IMAGES = load_digits().train_images[:20]


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
    assert list(files) == [BINARY, FLOAT, INT8]
    binary, floating, _ = (Interpreter(files[kind]).predict(IMAGES) for kind in files)
    np.testing.assert_allclose(binary, floating, atol=1e-4)
    assert len(files[BINARY]) < len(files[INT8]) / 2 < len(files[FLOAT]) / 4
    assert b"LceBconv2d" in files[BINARY]
    assert b"LceBconv2d" not in files[FLOAT] + files[INT8]


@pytest.mark.parametrize("num_threads", [1, 2])
def test_measures_every_file_in_one_run(files: dict[str, bytes], num_threads: int) -> None:
    result = measure_latency(files, IMAGES[0], num_threads=num_threads, rounds=3)
    assert result.table.names == (BINARY, FLOAT, INT8, LCE)
    assert result.sizes == {kind: len(content) for kind, content in files.items()}
    assert (result.num_threads, result.backend) == (num_threads, kernels.active_backend())
    report = json.loads(json.dumps(result.as_dict()))
    assert [peer["name"] for peer in report["peers"]] == list(result.table.names)
    assert all(peer["rounds"] == 3 and peer["min_s"] > 0 for peer in report["peers"])


def test_every_peer_gets_the_number_of_threads(
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
        def __init__(self, content, num_threads):
            seen.append(("lce", num_threads, False))
            super().__init__(content, num_threads=num_threads)

    monkeypatch.setattr(litert, "Interpreter", LiteRt)
    monkeypatch.setattr(testing, "Interpreter", Lce)
    measure_latency(files, IMAGES[0], num_threads=2, rounds=1)
    assert all(threads == 2 for _, threads, _ in seen)
    timed = seen[1::2]  # each LiteRT file is checked once before
    assert timed == [("litert", 2, True), ("litert", 2, False), ("litert", 2, False)]
    assert seen[-1] == ("lce", 2, False)


def test_lce_is_optional(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    names = measure_latency(files, IMAGES[0], rounds=1, with_lce=False).table.names
    assert names == (BINARY, FLOAT, INT8)
    monkeypatch.setattr(bench_models, "lce_installed", lambda: False)
    assert measure_latency(files, IMAGES[0], rounds=1).table.names == names
    with pytest.raises(BnnLabError, match="pip install larq-compute-engine"):
        measure_latency(files, IMAGES[0], rounds=1, with_lce=True)


def test_errors(files: dict[str, bytes]) -> None:
    with pytest.raises(InputError, match="unknown kind of file"):
        measure_latency({"fp16": files[FLOAT]}, IMAGES[0])
    with pytest.raises(InputError, match="shape"):
        measure_latency({BINARY: files[BINARY]}, IMAGES[0, :, :, 0])
    with pytest.raises(InputError, match="num_threads"):
        measure_latency({BINARY: files[BINARY]}, IMAGES[0], num_threads=0)
    with pytest.raises(ModelFileError):
        measure_latency({BINARY: b"nothing of the kind"}, IMAGES[0])
