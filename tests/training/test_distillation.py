"""What a student learns from its teacher: the losses by their formulas, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import models
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.training import distillation as d

tf = require_tensorflow()

RNG = np.random.default_rng(5)
SHAPE, SMALL = (8, 8, 1), {"filters": 8, "blocks": (1, 1), "momentum": 0.9}


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_divergence_is_hintons(temperature) -> None:
    teacher, student = RNG.normal(size=(2, 6, 10))
    p, q = softmax(teacher / temperature), softmax(student / temperature)
    want = temperature**2 * (p * np.log(p / q)).sum(axis=-1).mean()
    assert float(d.divergence(teacher, student, temperature)) == pytest.approx(want)
    assert float(d.divergence(teacher, teacher + 3, temperature)) == pytest.approx(0, abs=1e-12)


def test_attention_is_where_a_layer_is_large() -> None:
    images, other = RNG.normal(size=(2, 3, 4, 5, 7))
    energy = (images**2).mean(axis=-1)
    want = energy / energy.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(d.attention(images), want, rtol=1e-6)
    # Neither sign nor size nor the number of channels count.
    np.testing.assert_allclose(d.attention(-5 * np.tile(images, 2)), want, rtol=1e-6)
    apart = float(d.attention_difference(images, other))
    assert apart == pytest.approx(((want - np.asarray(d.attention(other))) ** 2).mean())
    assert np.isfinite(d.attention(np.zeros((1, 2, 2, 3)))).all()


@pytest.fixture(scope="module")
def pair():
    tf.keras.utils.set_random_seed(0)
    return models.resnet18(SHAPE, 10, **SMALL), models.real_to_binary(SHAPE, 10, **SMALL)


def test_a_step_minimizes_the_weighted_sum(pair) -> None:
    teacher, student = pair
    lesson = d.Lesson(teacher, 0.5, 3.0, 2.0, 30.0, ("block_1", "block_2"))
    model = d.with_lesson(student, lesson)
    x = RNG.normal(size=(16, *SHAPE)).astype(np.float32)
    y = np.arange(16) % 10
    sgd = tf.keras.optimizers.legacy.SGD
    loss = tf.keras.losses.SparseCategoricalCrossentropy
    model.compile(sgd(0.0), loss(), loss_weights=[lesson.labels])
    names = ["block_1", "block_2"]
    seen = [
        tf.keras.Model(m.inputs, [d.logits_of(m), *(m.get_layer(n).output for n in names)])
        for m in pair
    ]
    logits, *shown = seen[0](x, training=False)
    own, *looked = seen[1](x, training=True)
    labels = float(loss(from_logits=True)(y, own))
    apart = [float(d.attention_difference(a, b)) for a, b in zip(shown, looked, strict=True)]
    want = 0.5 * labels + 3 * float(d.divergence(logits, own, 2.0)) + 30 * np.mean(apart)
    found = model.fit(x, y, batch_size=16, verbose=0).history["loss"][0]
    assert found == pytest.approx(want, rel=1e-4)
    # The student's own weights, none of the teacher's, and they move; the teacher's do not.
    assert [w.name for w in model.weights] == [w.name for w in student.weights]
    before, kept = student.get_weights(), teacher.get_weights()
    model.compile(sgd(0.1), loss(), loss_weights=[lesson.labels])
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    assert any((a != b).any() for a, b in zip(before, student.get_weights(), strict=True))
    assert all((a == b).all() for a, b in zip(kept, teacher.get_weights(), strict=True))


def test_weight_decay_shrinks_kernels_of_convolutions() -> None:
    layers = tf.keras.layers
    student = tf.keras.Sequential(
        [tf.keras.Input((4, 4, 2)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)]
    )
    model = d.with_lesson(student, d.Lesson(labels=0.0, weight_decay=0.25))
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tf.keras.optimizers.legacy.SGD(0.5), loss, loss_weights=[0.0])
    before = student.get_weights()
    model.fit(np.ones((4, 4, 4, 2), np.float32), np.zeros(4), batch_size=4, verbose=0)
    after = student.get_weights()
    np.testing.assert_allclose(after[0], (1 - 0.5 * 0.25) * before[0], rtol=1e-6)
    for a, b in zip(before[1:], after[1:], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": ("block_9",)}, "has no layer 'block_9'.*block_1"),
        ({"layers": ("dense",)}, "has no layer|needs images"),
        ({"teacher": "larger"}, "a teacher for the same images"),
        ({"teacher": "deeper"}, "choose layers of one size"),
    ],
)
def test_what_does_not_fit_is_named(pair, change, words) -> None:
    teacher, student = pair
    kinds = {
        "larger": lambda: models.resnet18((16, 16, 1), 10, filters=8, blocks=(1,)),
        "deeper": lambda: models.resnet18(SHAPE, 10, filters=8, blocks=(1, 1, 1)),
    }
    teacher = kinds.get(change.get("teacher"), lambda: teacher)()
    layers = change.get("layers", ("block_2",))
    if change.get("teacher") == "deeper":
        student = models.real_to_binary(SHAPE, 10, filters=8, blocks=(2,))
    with pytest.raises(InputError, match=words):
        d.with_lesson(student, d.Lesson(teacher, attention=1.0, layers=layers))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"labels": -1.0}, "labels=-1.0.*at least 0"),
        ({"weight_decay": float("nan")}, "weight_decay=nan"),
        ({"temperature": 0.0}, "above 0"),
        ({"logits": 1.0}, "need a teacher"),
        ({"teacher": True, "attention": 1.0}, "no layers to compare"),
    ],
)
def test_a_lesson_that_would_not_be_learned_is_refused(pair, settings, words) -> None:
    teacher, student = pair
    if settings.get("teacher"):
        settings = {**settings, "teacher": teacher}
    with pytest.raises(InputError, match=words):
        d.with_lesson(student, d.Lesson(**settings))
