from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import load_digits
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn
from bnn_lab.training import (
    FlipRecorder,
    TrainingHistory,
    binary_variables,
    bop_optimizer,
    flip_measure,
    set_binary_signs,
    train,
    train_digits,
    update_steps,
)

tf = require_tensorflow()


def small_data(images: int = 40):
    digits = load_digits()
    return dataclasses.replace(
        digits,
        train_images=digits.train_images[:images],
        train_labels=digits.train_labels[:images],
        test_images=digits.test_images[:20],
        test_labels=digits.test_labels[:20],
    )


def test_digits_reach_95_percent_and_flips_settle(trained_digits) -> None:
    history = trained_digits.history
    assert history.final_accuracy >= 0.95
    pi = history.column("pi")
    assert pi[0] > -4 and pi[-1] < -8
    logits = trained_digits.model.predict(trained_digits.data.test_images, verbose=0)
    right = np.mean(logits.argmax(-1) == trained_digits.data.test_labels)
    assert right == pytest.approx(history.final_accuracy)


def test_binary_weights_stay_exactly_plus_or_minus_one(trained_digits) -> None:
    for variable in binary_variables(trained_digits.model).values():
        assert set(np.unique(variable.numpy())) == {-1.0, 1.0}
    offsets = trained_digits.model.get_layer("norm_3").beta.numpy()
    assert len(np.unique(offsets)) > 2


def test_history_adds_up(trained_digits) -> None:
    history = trained_digits.history
    steps = update_steps(trained_digits.data)
    assert [result.epoch for result in history.epochs] == list(range(1, 11))
    per_step = np.sum(list(history.step_flips.values()), axis=0)
    assert per_step.shape == (10 * steps,)
    assert per_step.reshape(10, steps).sum(axis=1).tolist() == history.column("flips")
    assert history.total_weights == sum(
        int(np.prod(v.shape)) for v in binary_variables(trained_digits.model).values()
    )
    np.testing.assert_allclose(
        history.step_pi, np.log(per_step / history.total_weights + np.exp(-9))
    )
    seconds = history.column("seconds")
    assert seconds == sorted(seconds) and seconds[0] > 0


def test_same_seed_gives_the_same_weights() -> None:
    runs = [train_digits(epochs=1, seed=seed)[0].get_weights() for seed in (4, 4, 5)]
    assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(runs[0], runs[2], strict=True))


def test_on_epoch_sees_every_result() -> None:
    model = digits_bnn(64)
    set_binary_signs(model)
    seen: list = []
    history = train(
        model, small_data(), bop_optimizer(), epochs=3, batch_size=16, on_epoch=seen.append
    )
    assert seen == history.epochs and len(seen) == 3


def test_recorder_counts_the_signs_that_change() -> None:
    model = digits_bnn(64)
    set_binary_signs(model)
    recorder = FlipRecorder()
    recorder.set_model(model)
    recorder.on_train_begin()
    kernel = model.get_layer("conv_3_binary").kernel
    values = kernel.numpy()
    values.reshape(-1)[[0, 5, 9]] *= -1
    kernel.assign(values)
    recorder.on_train_batch_end(0)
    kernel.assign(values * 0.5)  # magnitudes are not flips
    recorder.on_train_batch_end(1)
    assert recorder.step_flips["conv_3_binary"] == [3, 0]
    assert recorder.step_flips["conv_2_binary"] == [0, 0]
    assert recorder.flips_per_step().tolist() == [3, 0]


def test_flip_measure_is_the_papers() -> None:
    assert flip_measure(0, 100) == pytest.approx(-9)
    assert flip_measure(100, 100) == pytest.approx(np.log(1 + np.exp(-9)))
    np.testing.assert_allclose(flip_measure([0, 50], 100), [-9, np.log(0.5 + np.exp(-9))])
    with pytest.raises(InputError):
        flip_measure(1, 0)
    with pytest.raises(InputError):
        flip_measure(101, 100)


def test_refuses_weights_that_bop_cannot_flip() -> None:
    with pytest.raises(InputError, match=r"conv_1_float_input.*set_binary_signs"):
        train(digits_bnn(64), small_data(), bop_optimizer())


def test_refuses_unsuitable_optimizers() -> None:
    import larq as lq

    model = digits_bnn(64)
    set_binary_signs(model)
    with pytest.raises(InputError, match=r"legacy\.Adam"):
        train(model, small_data(), tf.keras.optimizers.Adam(0.01))
    with pytest.raises(InputError, match="bop_optimizer"):
        train(model, small_data(), lq.optimizers.Bop())


def test_refuses_models_that_do_not_fit() -> None:
    flat = tf.keras.Sequential([tf.keras.layers.Dense(10, input_shape=(64,))])
    with pytest.raises(InputError, match="no trainable binary weights"):
        train(flat, small_data(), bop_optimizer())
    whole = digits_bnn(64)
    headless = tf.keras.Model(whole.input, whole.layers[-2].output, name="headless")
    set_binary_signs(headless)
    with pytest.raises(InputError, match=r"headless.*10"):
        train(headless, small_data(), bop_optimizer())


@pytest.mark.parametrize("options", [{"epochs": 0}, {"batch_size": 0}])
def test_refuses_counts_below_one(options: dict) -> None:
    with pytest.raises(InputError, match="at least 1"):
        train(digits_bnn(64), small_data(), bop_optimizer(), **options)


def test_history_errors() -> None:
    with pytest.raises(InputError, match="empty"):
        _ = TrainingHistory().final_accuracy
    with pytest.raises(InputError, match="test_accuracy"):
        TrainingHistory().column("accuracy")
