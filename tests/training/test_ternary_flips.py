"""The recorder of ternary moves, against a recount from the weights themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bnn_lab.errors import InputError
from bnn_lab.models.bit_linear import BitLinear
from bnn_lab.training.ternary_flips import MOVES, TernaryRecorder


class Keep(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the trits of each layer after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, list[np.ndarray]] = {"first": [], "second": []}

    def on_train_begin(self, logs: Any = None) -> None:
        self.on_train_batch_end(0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for name, rows in self.kept.items():
            rows.append(self.model.get_layer(name).trits())


def model_of(*quantizers: str | None) -> Any:
    tf.keras.utils.set_random_seed(1)
    names = ("first", "second")
    layers = [
        BitLinear(9, kernel_quantizer=q, name=n) for q, n in zip(quantizers, names, strict=True)
    ]
    model = tf.keras.Sequential([tf.keras.Input((9,)), *layers])
    model.compile(tf.keras.optimizers.legacy.Adam(0.1), "mse")
    return model


@pytest.fixture(scope="module")
def watched() -> tuple[TernaryRecorder, Keep]:
    model = model_of("absmean_ternary", "absmean_sign")
    recorder, keep = TernaryRecorder(), Keep()
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(40, 9)).astype(np.float32) for _ in range(2))
    model.fit(x, y, batch_size=4, epochs=2, verbose=0, callbacks=[recorder, keep])
    return recorder, keep


def test_moves_equal_a_recount(watched: tuple[TernaryRecorder, Keep]) -> None:
    recorder, keep = watched
    for name, seen in recorder.layers().items():
        trits = np.array(keep.kept[name], np.int64)
        before, after = trits[:-1].reshape(20, -1), trits[1:].reshape(20, -1)
        into = ((before != 0) & (after == 0)).sum(axis=1)
        out = ((before == 0) & (after != 0)).sum(axis=1)
        across = (before * after == -1).sum(axis=1)
        assert np.array_equal(seen.moves, np.stack([into, out, across], axis=1))
        assert np.array_equal(seen.zeros, (after == 0).sum(axis=1))
        assert seen.never_moved == (trits == trits[0]).all(axis=0).sum()
        assert seen.weights == 81 and len(seen.border) == 81
    first, second = recorder.layers().values()
    assert first.moves[:, :2].sum() > 0 and second.moves[:, 2].sum() > 0
    assert second.zeros.sum() == 0


def test_border_is_the_distance_to_the_nearest_threshold(
    watched: tuple[TernaryRecorder, Keep],
) -> None:
    recorder, _ = watched
    kernel = recorder.model.get_layer("first").kernel.numpy().ravel()
    ratio = kernel / np.abs(kernel).mean()
    expected = np.minimum(np.abs(ratio - 0.5), np.abs(ratio + 0.5))
    np.testing.assert_allclose(recorder.layers()["first"].border, expected, rtol=1e-4, atol=1e-6)


def test_totals_and_frame(watched: tuple[TernaryRecorder, Keep]) -> None:
    recorder, _ = watched
    layers, totals = recorder.layers(), recorder.totals()
    assert totals.weights == 162 and len(totals.border) == 162
    assert np.array_equal(totals.moves, sum(layer.moves for layer in layers.values()))
    frame = recorder.frame().set_index("layer")
    for name, layer in layers.items():
        rates = [frame.loc[name, kind] for kind in MOVES]
        np.testing.assert_allclose(rates, layer.moves.mean(axis=0) / 81)
        assert frame.zero_share[name] == layer.zeros[-1] / 81
        assert frame.never_moved_share[name] == layer.never_moved / 81


def test_training_goes_on(watched: tuple[TernaryRecorder, Keep]) -> None:
    model = model_of("absmean_ternary", "absmean_ternary")
    recorder = TernaryRecorder()
    with pytest.raises(InputError, match="has seen no training step"):
        recorder.frame()
    x = np.ones((8, 9), np.float32)
    for _ in range(2):
        model.fit(x, x, batch_size=4, verbose=0, callbacks=[recorder])
    assert len(recorder.totals().moves) == 4


def test_what_has_no_trits_is_refused() -> None:
    x = np.ones((4, 9), np.float32)
    with pytest.raises(InputError, match="no quantized BitLinear layer"):
        model_of(None, None).fit(x, x, verbose=0, callbacks=[TernaryRecorder()])
    recorder = TernaryRecorder()
    model_of("absmean_ternary", None).fit(x, x, verbose=0, callbacks=[recorder])
    assert list(recorder.layers()) == ["first"]
    with pytest.raises(InputError, match="watched another model"):
        model_of("absmean_ternary", "absmean_sign").fit(x, x, verbose=0, callbacks=[recorder])
