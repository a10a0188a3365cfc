from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn
from bnn_lab.models.bit_linear import BitLinear
from bnn_lab.training import FlipRecorder, InertiaRecorder, bop_optimizer, schedules, simulate
from bnn_lab.training.optimizers import Bop, Bop2ndOrder
from bnn_lab.training.ternary_flips import TernaryRecorder

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)

legacy = tf.keras.optimizers.legacy


def signs(count: int = 50) -> np.ndarray:
    return np.where(np.arange(count) % 2, 1.0, -1.0).astype(np.float32)


def run(optimizer, gradients, start=None) -> np.ndarray:
    """Weights after each step, (steps, weights)."""
    weights = tf.Variable(signs(gradients.shape[1]) if start is None else start)
    rows = []
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), weights)])
        rows.append(weights.numpy())
    return np.array(rows)


def noise(steps: int = 300, count: int = 50, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal((steps, count)) * scale).astype(np.float32)


@pytest.mark.parametrize("gamma", [0.3, 1e-2, "decay"])
@pytest.mark.parametrize("threshold", [0.0, 0.05, "decay"])
def test_bop_equals_larqs_step_for_step(gamma, threshold) -> None:
    if gamma == "decay":
        gamma = schedules.exponential_decay(0.5, 1e-3, 300)
    if threshold == "decay":
        threshold = schedules.step_decay(0.1, 0.5, 50)
    ours = run(Bop(threshold, gamma), noise())
    np.testing.assert_array_equal(ours, run(lq.optimizers.Bop(threshold, gamma), noise()))
    assert (ours[1:] != ours[:-1]).sum() > 20
    assert set(np.unique(ours)) == {-1.0, 1.0}


def test_at_exactly_the_threshold_bop_keeps_the_weight_and_larqs_sets_plus_one() -> None:
    # w m = tau for both: +1 under m = 0.25, -1 under m = -0.25
    gradient = np.array([[0.5, -0.5]], np.float32)
    start = np.array([1.0, -1.0], np.float32)
    assert run(Bop(0.25, 0.5), gradient, start).tolist() == [[1.0, -1.0]]
    assert run(lq.optimizers.Bop(0.25, 0.5), gradient, start).tolist() == [[1.0, 1.0]]


def test_bop_equals_the_simulator() -> None:
    trajectory = simulate.simulate_weights(simulate.Bop(0.25, 0.125), steps=200)
    gradients = trajectory.gradients.astype(np.float32)
    ours = run(Bop(0.125, 0.25), gradients, np.ones(64, np.float32))
    assert np.mean(ours == trajectory.signs[1:]) > 0.9999  # float32 against float64


@pytest.mark.parametrize("correction", ["none", "start"])
def test_second_order_bop_equals_the_papers_formula(correction: str) -> None:
    gamma, sigma, threshold = 0.05, 0.01, 0.1
    rule = simulate.Bop2ndOrder(gamma, sigma, threshold, unbiased=correction == "start")
    trajectory = simulate.simulate_weights(rule, steps=200)
    gradients = trajectory.gradients.astype(np.float32)
    ours = run(Bop2ndOrder(threshold, gamma, sigma, correction), gradients, np.ones(64, np.float32))
    assert np.mean(ours == trajectory.signs[1:]) > 0.999
    assert trajectory.flips.sum() > 100


def test_second_order_bop_ignores_the_losss_scale() -> None:
    runs = [run(Bop2ndOrder(0.2, 0.05, 0.01), noise(scale=c)) for c in (1.0, 2.0**10)]
    np.testing.assert_array_equal(*runs)
    assert (runs[0][1:] != runs[0][:-1]).sum() > 20


def test_unbiased_rates_as_small_as_the_papers_keep_their_digits() -> None:
    # After one step the corrected averages are g and g^2, so their ratio is 1 whatever the rate.
    ours = run(Bop2ndOrder(0.999, 1e-7, 1e-3, correction="start"), np.full((1, 2), 3.0, np.float32))
    assert ours.tolist() == [[-1.0, -1.0]]
    ours = run(Bop2ndOrder(1.001, 1e-7, 1e-3, correction="start"), np.full((1, 2), 3.0, np.float32))
    assert ours.tolist() == [[-1.0, 1.0]]


def test_the_correction_holds_for_schedules() -> None:
    """Each average is divided by 1 minus the product of 1 - rate over the steps so far."""
    gradients, steps = noise(200), 200
    gammas, sigmas = np.linspace(1e-2, 1e-5, steps + 1), np.linspace(1e-7, 1e-2, steps + 1)
    w, m, v = signs().astype(np.float64), 0.0, 0.0
    left = np.ones(2)
    wanted = []
    for gradient, gamma, sigma in zip(gradients.astype(np.float64), gammas, sigmas, strict=False):
        m, v = m + gamma * (gradient - m), v + sigma * (gradient**2 - v)
        left *= [1 - gamma, 1 - sigma]
        w = np.where(w * (m / (1 - left[0])) / np.sqrt(v / (1 - left[1])) > 0.3, -w, w)
        wanted.append(w)
    ours = run(
        Bop2ndOrder(
            0.3,
            schedules.linear_decay(1e-2, 1e-5, steps),
            schedules.linear_decay(1e-7, 1e-2, steps),
            "start",
        ),
        gradients,
    )
    assert np.mean(ours == wanted) > 0.999
    assert (ours[1:] != ours[:-1]).sum() > 20


def test_tiny_rates_add_up_in_a_schedule() -> None:
    """3e-8 is lost in a plain float32 sum of 1; the correction keeps it."""
    weights = tf.Variable([1.0, -1.0])
    optimizer = Bop2ndOrder(0.0, schedules.linear_decay(3e-8, 3e-8, 9), 0.5, "start")
    optimizer.apply_gradients([(tf.ones(2), weights)])
    total = optimizer.scalar(weights, "log_gamma")
    total.assign(-1.0)
    for _ in range(40):
        optimizer._seen(weights, "gamma", tf.constant(3e-8))
    assert float(total) == pytest.approx(-1 - 40 * 3e-8, abs=1.3e-7)


def test_the_authors_correction_divides_by_the_rates() -> None:
    gradients = noise(100)
    gamma, sigma = 1e-3, 1e-2
    by_rates = run(Bop2ndOrder(0.5, gamma, sigma, "rates", epsilon=0.0), gradients)
    scaled = run(Bop2ndOrder(0.5 * gamma / sigma**0.5, gamma, sigma, epsilon=0.0), gradients)
    assert np.mean(by_rates == scaled) > 0.999 and (by_rates[-1] != by_rates[0]).any()


def test_relative_threshold_follows_the_gradients_size() -> None:
    gradients = noise()
    small = run(Bop(0.05, 0.01, relative_threshold=True), gradients)
    large = run(Bop(0.05, 0.01, relative_threshold=True), gradients * 2.0**10)
    np.testing.assert_array_equal(small, large)
    # A normal gradient's rms is 1, so here relative and absolute tau are nearly the same.
    absolute = run(Bop(0.05, 0.01), gradients)
    assert np.mean(small == absolute) > 0.97
    assert (run(Bop(0.05, 0.01), gradients * 2.0**-10)[-1] == signs()).all()  # absolute: frozen


def test_optimizers_survive_saving() -> None:
    for make in (
        lambda: Bop(schedules.linear_decay(1e-4, 1e-6, 10), 1e-3, relative_threshold=True),
        lambda: Bop2ndOrder(1e-4, 1e-3, schedules.step_decay(1e-2, 0.1, 5)),
        lambda: Bop2ndOrder(correction="start", epsilon=1e-8),
    ):
        config = make().get_config()
        again = type(make()).from_config(config)
        assert again.get_config() == config
        np.testing.assert_array_equal(run(again, noise(20)), run(make(), noise(20)))
    case = bop_optimizer(order=2, gamma=1e-2)
    layer = lq.layers.QuantDense(4, kernel_quantizer=lq.quantizers.NoOp(precision=1))
    layer.build((None, 3))
    case.apply_gradients([(tf.ones_like(v), v) for v in layer.trainable_variables])
    again = type(case).from_config(case.get_config())
    assert isinstance(again.optimizers[0], Bop2ndOrder)
    assert again.optimizers[0].get_config()["gamma"] == pytest.approx(1e-2)


def test_bop_optimizer_chooses_the_algorithm() -> None:
    assert isinstance(bop_optimizer().optimizers[0], lq.optimizers.Bop)
    assert bop_optimizer(relative_threshold=True).optimizers[0].relative_threshold
    second = bop_optimizer(order=2, sigma=0.5, correction="start").optimizers[0]
    assert second.correction == "start" and second.get_config()["sigma"] == 0.5
    model = digits_bnn(64)
    bop_optimizer(model=model)
    assert (
        np.abs(model.get_layer("conv_2_binary").kernel.numpy()).tolist()
        == np.ones((3, 3, 32, 64)).tolist()
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bop_optimizer(order=3), "order"),
        (lambda: bop_optimizer(correction="start"), "order=2"),
        (lambda: bop_optimizer(order=2, relative_threshold=True), "order=1"),
        (lambda: bop_optimizer(order=2, sigma=0.0), "sigma"),
        (lambda: Bop2ndOrder(correction="both"), "must be one of"),
        (lambda: schedules.step_decay(0.0, 0.1, 5), "start"),
        (lambda: schedules.linear_decay(-1.0, 0.1, 5), "at least 0"),
        (lambda: schedules.exponential_decay(1.0, 0.0, 5), "end"),
        (lambda: schedules.warmup_cosine(1.0, 10, 10), "steps"),
        (lambda: schedules.step_decay(1.0, 0.1, 0), "every"),
    ],
)
def test_bad_values_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_sparse_gradients_are_refused_with_the_variables_name() -> None:
    table = tf.Variable(np.ones((4, 2), np.float32), name="table")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 2]))
    with pytest.raises(InputError, match="table"):
        Bop().apply_gradients([(tape.gradient(loss, table), table)])


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        (schedules.step_decay(1e-4, 0.1, 100), {0: 1e-4, 99: 1e-4, 100: 1e-5, 250: 1e-6}),
        (schedules.linear_decay(1e-4, 1e-6, 100), {0: 1e-4, 50: 5.05e-5, 100: 1e-6, 999: 1e-6}),
        (schedules.exponential_decay(1e-2, 1e-4, 100), {0: 1e-2, 50: 1e-3, 100: 1e-4}),
        (schedules.warmup_cosine(1.0, 10, 110), {0: 0, 5: 0.5, 10: 1, 60: 0.5, 110: 0}),
    ],
)
def test_schedules_pass_through_their_points(schedule, points) -> None:
    for step, value in points.items():
        assert float(schedule(step)) == pytest.approx(value, rel=1e-4, abs=1e-9)


class TestKerasCallbacks:
    """Those that read or set the optimizer: the learning rate is that of the float weights."""

    RATE = 0.25

    def fit(self, callbacks, epochs=4, **options):
        tf.keras.utils.set_random_seed(3)
        layer = lq.layers.QuantDense(
            4, kernel_quantizer=lq.quantizers.NoOp(precision=1), input_shape=(3,)
        )
        model = tf.keras.Sequential([layer, tf.keras.layers.BatchNormalization()])
        other = tf.keras.optimizers.legacy.SGD(self.RATE)
        model.compile(bop_optimizer(1e-2, 1e-8, other, model=model, **options), "mse")
        x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)
        y = np.zeros((32, 4), np.float32)
        history = model.fit(x, y, 8, epochs, verbose=0, callbacks=callbacks, validation_data=(x, y))
        return model, history

    @pytest.mark.parametrize("order", [1, 2])
    def test_learning_rate_scheduler(self, order):
        schedule = tf.keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        model, history = self.fit([schedule], order=order)
        assert model.optimizer.default.learning_rate.numpy() == self.RATE / 16
        assert history.history["lr"] == [self.RATE / 2**n for n in range(1, 5)]

    def test_reduce_on_plateau(self):
        plateau = tf.keras.callbacks.ReduceLROnPlateau(
            monitor="val_loss", factor=0.5, patience=1, min_delta=1e9
        )
        model, _ = self.fit([plateau])
        assert model.optimizer.default.learning_rate.numpy() < self.RATE

    def test_backup_checkpoint_stopping_and_logs(self, tmp_path):
        callbacks = tf.keras.callbacks
        model, history = self.fit(
            [
                callbacks.LearningRateScheduler(lambda epoch, rate: rate),
                callbacks.BackupAndRestore(tmp_path / "backup"),
                callbacks.ModelCheckpoint(tmp_path / "w.{epoch}.h5", save_weights_only=True),
                callbacks.EarlyStopping("val_loss", min_delta=1e9, patience=1),
                callbacks.CSVLogger(tmp_path / "log.csv"),
                callbacks.TensorBoard(tmp_path / "board"),
                callbacks.TerminateOnNaN(),
            ]
        )
        assert len(history.epoch) == 2
        assert (tmp_path / "w.2.h5").exists()
        assert "lr" in (tmp_path / "log.csv").read_text()
        assert set(np.unique(model.layers[0].kernel.numpy())) == {-1, 1}

    @pytest.mark.parametrize("name", ["lr", "learning_rate"])
    def test_set_by_hand(self, name):
        model, _ = self.fit([], epochs=1)
        setattr(model.optimizer, name, 0.125)
        assert model.optimizer.lr.numpy() == 0.125
        assert model.optimizer.default.learning_rate.numpy() == 0.125

    def test_a_saved_model_goes_on(self, tmp_path):
        model, _ = self.fit([], epochs=1)
        model.optimizer.lr = 0.125
        model.save(tmp_path / "whole.h5")
        again = tf.keras.models.load_model(tmp_path / "whole.h5")
        assert again.optimizer.lr.numpy() == 0.125
        assert isinstance(again.optimizer.optimizers[0], lq.optimizers.Bop)
        again.fit(np.ones((8, 3)), np.ones((8, 4)), verbose=0)


def small_network():
    """Two binary layers with a float one after them, (N, 8) to logits (N, 4)."""
    tf.keras.utils.set_random_seed(3)

    def dense(**options):
        kernel = lq.quantizers.NoOp(precision=1)
        return lq.layers.QuantDense(16, kernel_quantizer=kernel, use_bias=False, **options)

    return tf.keras.Sequential(
        [
            dense(input_shape=(8,)),
            tf.keras.layers.BatchNormalization(),
            dense(input_quantizer="ste_sign"),
            tf.keras.layers.Dense(4),
        ]
    )


def compiled(optimizer, **options):
    model = small_network()
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(model), loss, **options)
    return model


def train_on(model, epochs, initial_epoch=0, **options):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 8)).astype(np.float32)
    y = generator.integers(0, 4, 32)
    return model.fit(
        x, y, 8, epochs, initial_epoch=initial_epoch, shuffle=False, verbose=0, **options
    )


def decay(start, end=1e-4):
    return schedules.exponential_decay(start, end, 20)


KINDS = {
    "larq's Bop": lambda model: bop_optimizer(1e-2, 1e-6, model=model),
    "relative, clipped": lambda model: bop_optimizer(
        decay(1e-2), 1e-2, legacy.Adam(decay(1e-2), clipnorm=1.0), model=model,
        relative_threshold=True,
    ),
    "second order": lambda model: bop_optimizer(
        decay(1e-1), 1e-2, model=model, order=2, sigma=decay(1e-1), correction="start"
    ),
    "loss scale": lambda model: tf.keras.mixed_precision.LossScaleOptimizer(
        bop_optimizer(1e-2, 1e-2, model=model, relative_threshold=True)
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=list(KINDS))
def uninterrupted(request):
    """How an optimizer is made, and the weights of three epochs with it."""
    model = compiled(KINDS[request.param])
    train_on(model, 3)
    return KINDS[request.param], model.get_weights()


class Interrupted(Exception):
    pass


class TestGoingOn:
    """A training that was interrupted ends at the weights of one that was not, bit for bit."""

    def equal(self, model, weights):
        for ours, theirs in zip(model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    @pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
    def test_from_a_saved_model(self, uninterrupted, tmp_path):
        make, wanted = uninterrupted
        checkpoint = tf.keras.callbacks.ModelCheckpoint(str(tmp_path / "model.h5"))
        train_on(compiled(make), 2, callbacks=[checkpoint])
        again = tf.keras.models.load_model(tmp_path / "model.h5")
        train_on(again, 3, initial_epoch=2)
        self.equal(again, wanted)

    def test_with_backup_and_restore(self, tmp_path):
        make = KINDS["relative, clipped"]
        whole = compiled(make)
        train_on(whole, 3)

        def stop(epoch, logs):
            if epoch == 1:
                raise Interrupted

        def backup():
            return tf.keras.callbacks.BackupAndRestore(tmp_path)

        with pytest.raises(Interrupted):
            stopping = tf.keras.callbacks.LambdaCallback(on_epoch_begin=stop)
            train_on(compiled(make), 3, callbacks=[backup(), stopping])
        again = compiled(make)
        train_on(again, 3, callbacks=[backup()])
        self.equal(again, whole.get_weights())

    @pytest.mark.parametrize("name", ["model.keras", "saved"])
    def test_files_that_cannot_hold_the_state_say_so(self, name, tmp_path):
        model = compiled(KINDS["relative, clipped"])
        train_on(model, 1)
        with pytest.warns(UserWarning, match=r"do not keep the state.*save to \.h5"):
            model.save(tmp_path / name)
        again = tf.keras.models.load_model(tmp_path / name)
        self.equal(again, model.get_weights())
        assert type(again.optimizer.binary) is Bop
        train_on(again, 1)


class TestWaysToTrain:
    """However Keras makes the steps, they are the same."""

    def test_compiled_by_xla_and_several_at_once(self):
        plain, model = (
            compiled(KINDS["relative, clipped"], **options)
            for options in ({}, {"jit_compile": True, "steps_per_execution": 2})
        )
        train_on(plain, 1)
        train_on(model, 1)
        for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    def test_a_loop_of_ones_own(self):
        model, plain = compiled(KINDS["second order"]), compiled(KINDS["second order"])
        optimizer, loss = model.optimizer, model.loss
        generator = np.random.default_rng(0)
        x = tf.constant(generator.normal(size=(32, 8)), tf.float32)
        y = tf.constant(generator.integers(0, 4, 32))

        @tf.function
        def step(first):
            with tf.GradientTape() as tape:
                value = loss(y[first : first + 8], model(x[first : first + 8], training=True))
            variables = model.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))

        for first in range(0, 32, 8):
            step(tf.constant(first))
        train_on(plain, 1)
        for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_mirrored_strategy(self):
        kind = "relative, clipped"
        with tf.distribute.MirroredStrategy(["/cpu:0"]).scope():
            model = compiled(KINDS[kind])
        recorder = InertiaRecorder(every=2)
        train_on(model, 1, callbacks=[recorder])
        plain = compiled(KINDS[kind])
        train_on(plain, 1)
        for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert recorder.recording().pressures.shape[0] == 2

    def test_layers_thawed_later_are_trained(self):
        model = compiled(KINDS["larq's Bop"])
        optimizer, second = model.optimizer, model.layers[2]
        before = second.kernel.numpy()
        for thawed in (False, True):
            second.trainable = thawed
            model.compile(optimizer, model.loss)
            train_on(model, 1)
            assert (second.kernel.numpy() != before).any() == thawed

    def test_nothing_binary_to_train_is_an_error(self):
        optimizer = bop_optimizer()
        with pytest.raises(InputError, match=r"nothing to flip.*kernel_quantizer of precision 1"):
            optimizer.apply_gradients([(tf.ones(2), tf.Variable([1.0, -1.0]))])


class TestOtherCallbacks:
    def test_larqs_scheduler_and_counted_steps(self):
        model, steps = compiled(KINDS["larq's Bop"]), []
        scheduler = lq.callbacks.HyperparameterScheduler
        history = train_on(
            model,
            2,
            callbacks=[
                scheduler(lambda epoch: 0.5**epoch, "gamma", model.optimizer.binary),
                scheduler(lambda step: 0.5**step, "lr", update_freq="step"),
                tf.keras.callbacks.LambdaCallback(
                    on_epoch_end=lambda epoch, logs: steps.append(int(model.optimizer.iterations))
                ),
            ],
        ).history
        assert steps == [4, 8]
        assert history["gamma"] == [1.0, 0.5]
        assert history["lr"] == [0.5**3, 0.5**7]  # of the steps 0 to 7

    def test_tensorboard_shows_the_schedule_as_it_falls(self, tmp_path):
        model = compiled(KINDS["relative, clipped"])
        board = tf.keras.callbacks.TensorBoard(tmp_path, histogram_freq=1)
        train_on(model, 2, callbacks=[board])
        logs = {}
        board._collect_learning_rate(logs)
        assert float(logs["learning_rate"]) == pytest.approx(float(decay(1e-2)(8)))

    def test_a_training_that_diverges_ends(self):
        model = compiled(KINDS["larq's Bop"])
        recorder = InertiaRecorder(every=1)
        x = np.full((16, 8), np.nan, np.float32)
        stop = tf.keras.callbacks.TerminateOnNaN()
        model.fit(x, np.zeros(16), 8, 3, verbose=0, callbacks=[recorder, stop])
        recording = recorder.recording()
        assert len(recording.flips) == 1
        assert recording.pressures.sum() < 16 * 8 + 16 * 16  # NaN is in no bin

    def test_each_recorder_needs_to_see_every_step(self):
        layer = BitLinear(4, kernel_quantizer="absmean_ternary", input_shape=(8,))
        ternary = tf.keras.Sequential([layer])
        ternary.compile("sgd", "mse", steps_per_execution=2)
        binary = compiled(KINDS["larq's Bop"], steps_per_execution=2)
        for recorder, model in ((FlipRecorder(), binary), (TernaryRecorder(), ternary)):
            recorder.set_model(model)
            with pytest.raises(InputError, match="2 steps at a time"):
                recorder.on_train_begin()
