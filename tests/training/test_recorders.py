from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.figures import draw_recording
from bnn_lab.models import digits_mlp
from bnn_lab.training import InertiaRecorder, bop_optimizer, flips
from bnn_lab.training.flips import flip_pressure
from bnn_lab.training.recording import RATIO_EDGES, Recording, ratio_histogram

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)


def small_model(quantizer):
    def dense(units, name, **more):
        kernel = quantizer()
        return lq.layers.QuantDense(units, kernel_quantizer=kernel, name=name, **more)

    tf.keras.utils.set_random_seed(0)
    return tf.keras.Sequential([dense(16, "first", input_shape=(8,)), dense(3, "second")])


def fit(model, optimizer, recorder, epochs=4):
    generator = np.random.default_rng(0)
    x = generator.standard_normal((96, 8)).astype(np.float32)
    y = generator.integers(0, 3, 96)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss)
    kernels = {layer.name: [layer.kernel.latent_variable.numpy()] for layer in model.layers}

    def note(batch, logs):
        for layer in model.layers:
            kernels[layer.name].append(layer.kernel.latent_variable.numpy())

    log = tf.keras.callbacks.LambdaCallback(on_train_batch_end=note)
    model.fit(x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=[recorder, log])
    return {name: np.array(values).reshape(len(values), -1) for name, values in kernels.items()}


@pytest.fixture(scope="module")
def bop_run():
    model = small_model(lambda: lq.quantizers.NoOp(precision=1))
    recorder = InertiaRecorder(every=10)
    kernels = fit(model, bop_optimizer(0.1, 1e-2, model=model), recorder)
    return model, recorder.recording(), kernels


@pytest.fixture(scope="module")
def latent_run():
    model = small_model(lambda: lq.quantizers.SteSign(clip_value=None))
    recorder = InertiaRecorder(every=10)
    kernels = fit(model, tf.keras.optimizers.legacy.SGD(0.3), recorder)
    return model, recorder.recording(), kernels


@pytest.mark.parametrize("kind", ["bop_run", "latent_run"])
def test_everything_agrees_with_the_weights_themselves(kind, request) -> None:
    _, recording, kernels = request.getfixturevalue(kind)
    assert recording.layers.tolist() == ["first", "second"]
    assert recording.weights.tolist() == [128, 48]
    for number, values in enumerate(kernels.values()):
        negative = values < 0
        flipped = negative[1:] != negative[:-1]
        np.testing.assert_array_equal(recording.flips[:, number], flipped.sum(axis=1))
        assert recording.never_flipped[number] == np.sum(~flipped.any(axis=0))
        gaps = np.concatenate([np.diff(np.flatnonzero(column)) for column in flipped.T])
        expected = np.bincount(np.floor(np.log2(gaps)).astype(int), minlength=24)
        np.testing.assert_array_equal(recording.intervals[number], expected)
        for sample, step in enumerate(recording.sample_steps):
            counts, _ = np.histogram(np.abs(values[step]), RATIO_EDGES)
            # The logarithm may put a value on an edge next door.
            assert np.abs(recording.magnitudes[sample, number] - counts).sum() <= 2
    assert recording.sample_steps.tolist() == [10, 20, 30, 40]
    assert recording.flips.sum() > 50 and recording.intervals.sum() > 10


def test_pressure_is_recorded_for_bop_alone(bop_run, latent_run) -> None:
    model, recording, _ = bop_run
    assert recording.pressures.shape == (4, 2, len(RATIO_EDGES) - 1)
    assert recording.pressures.sum(axis=2).tolist() == [[128, 48]] * 4
    kernel = model.get_layer("first").kernel
    m = model.optimizer.optimizers[0].get_slot(kernel.latent_variable, "m").numpy()
    np.testing.assert_allclose(flip_pressure(model.optimizer, kernel), abs(m) / 1e-2, rtol=1e-5)
    assert len(latent_run[1].pressures) == 0
    assert flip_pressure(latent_run[0].optimizer, kernel) is None


@pytest.mark.parametrize("options", [{"order": 2}, {"relative_threshold": True}])
def test_pressure_above_one_is_what_flips(options) -> None:
    variable = tf.Variable(np.ones(200, np.float32))
    variable.precision = 1
    other = tf.Variable(1.0)
    optimizer = bop_optimizer(0.2, 0.05, **options)
    gradient = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    optimizer.apply_gradients([(tf.constant(gradient), variable), (tf.constant(1.0), other)])
    flipped = variable.numpy() < 0
    pressure = flip_pressure(optimizer, variable)
    np.testing.assert_array_equal(flipped, (pressure > 1) & (gradient > 0))
    assert 0 < flipped.sum() < 200 and flip_pressure(optimizer, other) is None


def test_a_zero_threshold_gives_infinite_pressure() -> None:
    variable = tf.Variable(np.ones(3, np.float32))
    optimizer = lq.optimizers.Bop(0.0, 0.5)
    optimizer.apply_gradients([(tf.constant([1.0, -1.0, 0.0]), variable)])
    assert flip_pressure(optimizer, variable).tolist() == [np.inf, np.inf, 0.0]
    assert ratio_histogram(np.array([np.inf, 0.0])).nonzero()[0].tolist() == [0, 44]


def test_recordings_survive_saving(bop_run, tmp_path) -> None:
    pd = pytest.importorskip("pandas")
    recording = bop_run[1]
    again = Recording.load(recording.save(tmp_path / "run.npz"))
    for name in recording.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(recording, name))
    with pytest.raises(InputError, match=r"\.npz"):
        recording.save(tmp_path / "run.bin")
    (tmp_path / "bad.npz").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="not a recording"):
        Recording.load(tmp_path / "bad.npz")
    pytest.importorskip("pyarrow")
    paths = recording.save_parquet(tmp_path / "tables")
    tables = {path.stem: pd.read_parquet(path) for path in paths}
    assert tables["flips"].groupby("layer").flips.sum()["first"] == recording.flips[:, 0].sum()
    assert tables["intervals"]["count"].sum() == recording.intervals.sum()
    assert tables["pressures"]["count"].sum() == 4 * 176


def test_a_block_may_end_anywhere(monkeypatch, bop_run) -> None:
    _, whole, _ = bop_run
    monkeypatch.setattr(flips, "_BLOCK_STEPS", 5)
    model = small_model(lambda: lq.quantizers.NoOp(precision=1))
    recorder = InertiaRecorder(every=10)
    fit(model, bop_optimizer(0.1, 1e-2, model=model), recorder)
    for name in whole.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(recorder.recording(), name), getattr(whole, name))


def test_the_recording_so_far_is_shown_at_each_epochs_end(bop_run) -> None:
    seen: list[Recording] = []
    model = small_model(lambda: lq.quantizers.NoOp(precision=1))
    recorder = InertiaRecorder(every=10, on_epoch=seen.append)
    fit(model, bop_optimizer(0.1, 1e-2, model=model), recorder)
    assert [len(recording.flips) for recording in seen] == [12, 24, 36, 48]
    np.testing.assert_array_equal(seen[1].flips, bop_run[1].flips[:24])
    assert seen[0].intervals.sum() < seen[3].intervals.sum() == bop_run[1].intervals.sum()
    assert draw_recording(seen[0]).figure.data


def test_a_recorder_refuses_what_it_would_count_wrongly() -> None:
    recorder = InertiaRecorder()
    model = small_model(lambda: lq.quantizers.NoOp(precision=1))
    fit(model, bop_optimizer(0.1, 1e-2, model=model), recorder, epochs=1)
    with pytest.raises(InputError, match="another model"):
        other = digits_mlp((4,))
        other.compile(bop_optimizer(model=other), "mse")
        other.fit(np.zeros((4, 64)), np.zeros((4, 10)), verbose=0, callbacks=[recorder])
    model.compile(bop_optimizer(model=model), "mse", steps_per_execution=4)
    with pytest.raises(InputError, match="4 steps at a time"):
        model.fit(np.zeros((8, 8)), np.zeros((8, 3)), verbose=0, callbacks=[InertiaRecorder()])


def test_recorder_errors() -> None:
    with pytest.raises(InputError, match="every"):
        InertiaRecorder(every=0)
    with pytest.raises(InputError, match="no training step"):
        InertiaRecorder().recording()


def test_figures_show_the_recorded_numbers(bop_run, latent_run) -> None:
    recording = bop_run[1]
    drawing = draw_recording(recording)
    curves = drawing.figure
    np.testing.assert_allclose(curves.data[1].y, recording.pi[:, 1])
    assert [trace.name for trace in curves.data] == ["first", "second"]
    assert "first: from" in drawing.words and "second: from" in drawing.words
