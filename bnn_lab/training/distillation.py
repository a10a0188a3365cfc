"""Learning from a teacher: its probabilities, and where in an image it looks.

The two losses are those of Hinton et al. (arXiv:1503.02531) and, in the form of larq-zoo's code,
of Real-to-Binary Net (arXiv:2003.11535, section 4.2). `WithTeacher` is an ordinary Keras model with
the student's own layers, so recorders, checkpoints and files do not know of the teacher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError

tf: Any = require_tensorflow()
_KerasModel: Any = tf.keras.Model


@dataclass(frozen=True)
class Lesson:
    """What a student learns from, and what each part of its loss weighs.

    Attributes:
        teacher: a built Keras model for the same images and classes; it does not change. None where
            there are only labels.
        labels: weight of the labels' cross-entropy, at least 0.
        logits: weight of the divergence from the teacher's probabilities, at least 0.
        temperature: by which both networks' logits are divided for it, above 0.
        attention: weight of the difference in attention, at least 0.
        layers: names of layers whose outputs, images of one size in both networks, are compared.
        weight_decay: the gradient of each convolution's float or latent kernel gets this times the
            kernel added.
    """

    teacher: Any = None
    labels: float = 1.0
    logits: float = 0.0
    temperature: float = 1.0
    attention: float = 0.0
    layers: tuple[str, ...] = ()
    weight_decay: float = 0.0


def divergence(teacher: Any, student: Any, temperature: float) -> Any:
    """Kullback-Leibler divergence of softened probabilities times T², its mean over a batch.

    Args:
        teacher: logits, (N, classes).
        student: logits, (N, classes).
        temperature: T, above 0. T² keeps the gradient's size as T grows.
    """
    wanted = tf.nn.softmax(teacher / temperature)
    apart = tf.nn.log_softmax(teacher / temperature) - tf.nn.log_softmax(student / temperature)
    return temperature**2 * tf.reduce_mean(tf.reduce_sum(wanted * apart, axis=-1))


def attention(images: Any) -> Any:
    """Where a layer's output is large: mean square over channels over its maximum in the image.

    Args:
        images: (N, height, width, channels).

    Returns:
        (N, height, width), within 0..1.
    """
    energy = tf.reduce_mean(tf.square(images), axis=-1)
    most = tf.reduce_max(energy, axis=(1, 2), keepdims=True)
    return energy / tf.maximum(most, 1e-12)


def attention_difference(teacher: Any, student: Any) -> Any:
    """Mean square difference of two outputs' `attention`, a number."""
    return tf.reduce_mean(tf.square(attention(teacher) - attention(student)))


def logits_of(model: Any) -> Any:
    """The symbolic tensor that a classifier takes the softmax of; its output if it takes none."""
    last = model.layers[-1]
    kind = type(last).__name__
    softmax = kind == "Softmax" or getattr(last, "activation", None) is tf.keras.activations.softmax
    return last.input if softmax and kind in ("Softmax", "Activation") else model.output


def with_lesson(student: Any, lesson: Lesson) -> Any:
    """The student as a model whose `fit` minimizes the lesson's loss.

    Args:
        student: a built functional or sequential Keras model that ends in logits or a softmax.
        lesson: what it learns from.

    Returns:
        A Keras model of the same layers, to be compiled with the labels' cross-entropy.

    Raises:
        InputError: a weight or the temperature is out of range; there are weights for a teacher
            but no teacher, or a weight for attention but no layers; a layer is missing from one of
            the networks, its outputs are not images, or their sizes differ; the networks' inputs
            or outputs differ.
    """
    _check_weights(lesson)
    if lesson.teacher is not None:
        _check(student, lesson)
    model = WithTeacher(student.inputs, student.outputs, name=student.name)
    model.take(lesson)
    return model


class WithTeacher(_KerasModel):
    """See `with_lesson`."""

    def take(self, lesson: Lesson) -> None:
        """Choose what is learned from."""
        names = lesson.layers if lesson.attention else ()
        outputs = [self.output, logits_of(self), *_outputs(self, names)]
        student = tf.keras.Model(self.inputs, outputs)
        teacher = None
        if lesson.teacher is not None:
            outputs = [logits_of(lesson.teacher), *_outputs(lesson.teacher, names)]
            teacher = tf.keras.Model(lesson.teacher.inputs, outputs)
        # In a function, where Keras does not look for weights to save.
        self.lesson = lambda: (lesson, student, teacher)

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step, as Keras makes it, with the parts of the loss that labels do not give."""
        x, y = data
        lesson, student, teacher = self.lesson()
        with tf.GradientTape() as tape:
            output, own, *seen = student(x, training=True)
            losses = list(self.losses)
            if teacher is not None:
                logits, *shown = tf.nest.flatten(teacher(x, training=False))
                losses.append(lesson.logits * divergence(logits, own, lesson.temperature))
                pairs = zip(shown, seen, strict=True)
                apart = [attention_difference(one, other) for one, other in pairs]
                if apart:
                    losses.append(lesson.attention * tf.add_n(apart) / len(apart))
            if lesson.weight_decay:
                squares = [tf.nn.l2_loss(kernel) for kernel in convolution_kernels(self)]
                losses.append(lesson.weight_decay * tf.add_n(squares))
            loss = self.compiled_loss(y, output, regularization_losses=losses)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.compiled_metrics.update_state(y, output)
        return {metric.name: metric.result() for metric in self.metrics}


def convolution_kernels(model: Any) -> list[Any]:
    """Trainable kernels of convolutions, latent values of binary ones."""
    found = [v for v in model.trainable_variables if len(v.shape) == 4]
    return [getattr(variable, "latent_variable", variable) for variable in found]


def _outputs(model: Any, names: Sequence[str]) -> list[Any]:
    return [model.get_layer(name).output for name in names]


def _check_weights(lesson: Lesson) -> None:
    for name in ("labels", "logits", "attention", "weight_decay"):
        value = getattr(lesson, name)
        if not 0 <= value < math.inf:
            raise InputError(f"Lesson({name}={value!r}): must be at least 0.")
    if not 0 < lesson.temperature < math.inf:
        raise InputError(f"Lesson(temperature={lesson.temperature!r}): must be above 0.")
    if lesson.teacher is None and (lesson.logits or lesson.attention):
        raise InputError("Lesson(logits=..., attention=...): these need a teacher. Fix: pass one.")
    if lesson.attention and not lesson.layers:
        raise InputError(
            f"Lesson(attention={lesson.attention!r}): there are no layers to compare. Fix: name "
            "them in layers."
        )


def _check(student: Any, lesson: Lesson) -> None:
    teacher = lesson.teacher
    shapes = [(m.input_shape[1:], m.output_shape[1:]) for m in (student, teacher)]
    if shapes[0] != shapes[1]:
        raise InputError(
            f"the student {student.name} maps {shapes[0][0]} to {shapes[0][1]}, its teacher "
            f"{teacher.name} {shapes[1][0]} to {shapes[1][1]}. Fix: use a teacher for the same "
            "images and classes."
        )
    for name in lesson.layers if lesson.attention else ():
        sizes = []
        for model in (student, teacher):
            known = {layer.name: layer for layer in model.layers}
            if name not in known:
                blocks = [key for key, layer in known.items() if len(layer.output_shape) == 4]
                raise InputError(
                    f"{model.name} has no layer {name!r} to compare. Fix: use some of "
                    f"{', '.join(blocks)}."
                )
            sizes.append(known[name].output_shape[1:3])
            if len(known[name].output_shape) != 4:
                raise InputError(
                    f"layer {name!r} of {model.name} gives {known[name].output_shape}, and "
                    "attention needs images. Fix: choose a layer before the pooling."
                )
        if sizes[0] != sizes[1]:
            raise InputError(
                f"layer {name!r} gives images of {sizes[0]} in the student {student.name} and of "
                f"{sizes[1]} in its teacher {teacher.name}. Fix: choose layers of one size."
            )
