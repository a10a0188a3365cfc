from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import training
from bnn_lab._keras import require_tensorflow
from bnn_lab.data import load_digits
from bnn_lab.errors import InputError
from bnn_lab.models import digits_mlp
from bnn_lab.widgets import FlipMonitor, flip_monitor


def fit(monitor: FlipMonitor, label: str = "", metrics=("accuracy",), validate=True) -> object:
    tf = require_tensorflow()
    model = digits_mlp((16,), seed=0)
    model.compile(
        training.bop_optimizer(1e-2, 1e-5, model=model),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=list(metrics),
    )
    data, callback = load_digits(), monitor.callback(label)
    history = model.fit(
        data.train_images[:320],
        data.train_labels[:320],
        batch_size=64,
        epochs=3,
        validation_data=(data.test_images, data.test_labels) if validate else None,
        callbacks=[callback],
        verbose=0,
    )
    return callback, history


def test_it_follows_a_training_epoch_by_epoch() -> None:
    monitor = FlipMonitor(epochs=3)
    assert "No epoch" in monitor.words.value
    callback, history = fit(monitor, "mine")
    (run,) = monitor.runs
    assert run.label == "mine" and run.weights == 16 * (64 + 10)
    np.testing.assert_array_equal(run.flips, callback.flips_per_step())
    assert len(run.flips) == 15 and run.flips.sum() > 0
    assert run.accuracy == pytest.approx(history.history["val_accuracy"])
    live, plain = monitor.figure.data[0], monitor.static().figure.data[0]
    assert tuple(live.y) == tuple(plain.y) and len(live.y) == 3
    assert "mine: after 3 epochs" in monitor.words.value
    assert not monitor.errors.outputs


def test_without_validation_data_it_shows_the_training_accuracy() -> None:
    monitor = FlipMonitor()
    _, history = fit(monitor, validate=False)
    assert monitor.runs[0].label == "run 1"
    assert monitor.runs[0].accuracy == pytest.approx(history.history["accuracy"])


def test_without_any_accuracy_it_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"metrics=\["):
        fit(FlipMonitor(), metrics=())


def test_a_figure_that_cannot_be_drawn_is_shown_and_does_not_stop_training(monkeypatch) -> None:
    monitor = FlipMonitor()
    number = monitor.begin("a")

    def broken(*_: object) -> None:
        raise RuntimeError("no paint left")

    with monkeypatch.context() as patch:
        patch.setattr(flip_monitor, "draw_flip_monitor", broken)
        monitor.update(number, [1, 2], 10, [0.5])
    assert "no paint left" in monitor.errors.outputs[0]["text"]
    monitor.update(number, [1, 2], 10, [0.5])
    assert not monitor.errors.outputs


def test_the_oldest_run_makes_room_and_is_no_longer_updated() -> None:
    monitor = FlipMonitor()
    numbers = [monitor.begin() for _ in range(5)]
    assert [run.label for run in monitor.runs] == ["run 2", "run 3", "run 4", "run 5"]
    monitor.update(numbers[0], [1], 10, [0.5])
    monitor.update(numbers[1], [1], 10, [0.5])
    assert [len(run.accuracy) for run in monitor.runs] == [1, 0, 0, 0]


def test_stored_notebooks_get_the_static_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = FlipMonitor()
    assert "application/vnd.jupyter.widget-view+json" in monitor._repr_mimebundle_()
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    stored = monitor._repr_mimebundle_()
    assert set(stored) == {"application/vnd.plotly.v1+json", "text/plain"}
    with pytest.raises(InputError, match="epochs=0"):
        FlipMonitor(0)
