"""Models of builds that no other test has: each is converted, and computes what Keras does.

All of them: pytest -m exhaustive tests/convert/test_unusual_models.py
"""

from __future__ import annotations

from typing import Any

import larq as lq
import numpy as np
import pytest

import bnn_lab
from bnn_lab._keras import require_tensorflow

tf = require_tensorflow()
layers, quant = tf.keras.layers, lq.layers
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}


def conv(filters: int, size: int = 3, **options: Any) -> Any:
    return quant.QuantConv2D(filters, size, **BINARY, **options)


def function(compute: Any) -> Any:
    return layers.Lambda(compute)


def chain(shape: tuple[int, ...], *parts: Any, dtype: str = "float32") -> Any:
    x = y = tf.keras.Input(shape, dtype=dtype)
    for part in parts:
        y = part(y)
    return tf.keras.Model(x, y)


def nested() -> Any:
    i = tf.keras.Input((8, 8, 32))
    inner = tf.keras.Model(i, [conv(16)(i), layers.GlobalAveragePooling2D()(i)])
    x = tf.keras.Input((8, 8, 32))
    a, b = inner(x)
    return tf.keras.Model(x, [tf.keras.Sequential([conv(8), layers.BatchNormalization()])(a), b])


def shared() -> Any:
    x, y = tf.keras.Input((8, 8, 32), name="p"), tf.keras.Input((8, 8, 32), name="q")
    both = conv(32, padding="same")
    return tf.keras.Model([x, y], layers.subtract([both(both(x)), both(y)]))


class Subclassed(tf.keras.Model):
    """Its shape is computed, its outputs are a dict of numbers and indices."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = conv(8), quant.QuantDense(4, **BINARY)

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.conv(x)
        y = self.head(tf.reshape(y, (tf.shape(y)[0], -1)))
        return {"logits": y, "top": tf.math.top_k(y, 2).indices}


def subclassed() -> Any:
    model = Subclassed()
    model(np.zeros((1, 6, 6, 32), np.float32))
    return model


def gate() -> Any:
    x = tf.keras.Input((8, 8, 32))
    y = conv(32)(x)
    g = layers.Dense(32, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    return tf.keras.Model(x, conv(4, 1)(layers.multiply([y, g])))


def one_value_twice() -> Any:
    x = tf.keras.Input((6, 6, 32))
    y = conv(8)(x)
    return tf.keras.Model(x, [x, y, y])


def attention() -> Any:
    x = tf.keras.Input((10, 32))
    y = quant.QuantDense(16, **BINARY)(x)
    return tf.keras.Model(x, layers.MultiHeadAttention(2, 8)(y, y))


def by_groups(t: Any) -> Any:
    parts = tf.reshape(t, (-1, 8, 8, 4, 8))
    return tf.reshape(tf.transpose(parts, (0, 1, 2, 4, 3)), (-1, 8, 8, 32))


def either(t: Any) -> Any:
    return tf.cond(tf.reduce_sum(t) > 0, lambda: t, lambda: -t)


def three_times(t: Any) -> Any:
    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, tf.sign(v) + v), (0, t))[1]


IMAGE = (8, 8, 32)
MODELS = {
    "subclassed": subclassed,
    "branch at run time": lambda: chain(IMAGE, conv(8), function(either)),
    "slices backwards": lambda: chain(
        IMAGE, conv(32), function(lambda t: t[:, ::2, 1:, ::-1]), conv(8, 1)
    ),
    "uint8 input": lambda: chain(
        (8, 8, 3), function(lambda t: tf.cast(t, tf.float32) / 127.5 - 1), conv(32), conv(8),
        dtype="uint8",
    ),
    "nested": nested,
    "shared": shared,
    "gate": gate,
    "one value twice": one_value_twice,
    "attention": attention,
    "channels shuffled": lambda: chain(
        IMAGE, conv(32, padding="same"), function(by_groups), conv(8)
    ),
    "loop at run time": lambda: chain(IMAGE, conv(8), function(three_times)),
    "GRU": lambda: chain(IMAGE, conv(16), layers.Reshape((36, 16)), layers.GRU(4)),
    "bidirectional LSTM": lambda: chain(
        (12, 16), quant.QuantConv1D(32, 3, **BINARY),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
    ),
    "frames": lambda: chain((3, 6, 6, 32), layers.TimeDistributed(conv(8))),
    "channels first": lambda: chain(
        (32, 6, 6), layers.Permute((2, 3, 1)), conv(8), layers.Permute((3, 1, 2))
    ),
    "kernel of 17": lambda: chain((20, 20, 32), conv(4, 17, padding="same")),
    "kernel larger than the image": lambda: chain(
        (3, 3, 32), conv(4, 7, padding="same", pad_values=1)
    ),
    "stride larger than the kernel": lambda: chain((9, 9, 32), conv(4, 2, strides=5)),
    "uneven dilation": lambda: chain((9, 9, 32), conv(4, dilation_rate=(2, 3), padding="same")),
    "groups": lambda: chain((9, 9, 96), conv(12, groups=3)),
    "causal and dilated": lambda: chain(
        (9, 32), quant.QuantConv1D(4, 3, padding="causal", dilation_rate=2, **BINARY)
    ),
    "int64 output": lambda: chain(IMAGE, conv(8), function(lambda t: tf.argmax(t, -1))),
    "einsum": lambda: chain(
        IMAGE, conv(16), function(lambda t: tf.einsum("bhwc,bhwd->bcd", t, t))
    ),
    "enlarged": lambda: chain(IMAGE, layers.UpSampling2D(2), conv(8)),
    "enlarged smoothly": lambda: chain(
        IMAGE, layers.UpSampling2D(2, interpolation="bilinear"), conv(8)
    ),
    "cropped": lambda: chain(IMAGE, layers.Cropping2D(1), conv(8)),
    "numbers out": lambda: chain(IMAGE, conv(8), function(lambda t: tf.reduce_sum(t, [1, 2, 3]))),
    "group normalization": lambda: chain(IMAGE, conv(32), layers.GroupNormalization(8), conv(8)),
    "layer normalization": lambda: chain(IMAGE, conv(32), layers.LayerNormalization(), conv(8)),
    "masking": lambda: chain((10, 32), layers.Masking(), quant.QuantDense(4, **BINARY)),
    "embedding": lambda: chain(
        (10,), layers.Embedding(50, 32), quant.QuantConv1D(4, 3, **BINARY), dtype="int32"
    ),
    "resized": lambda: chain(IMAGE, layers.Resizing(9, 9, interpolation="nearest"), conv(8)),
    "rank 5": lambda: chain((2, 3, 4, 32), quant.QuantDense(8, **BINARY)),
    "space to depth": lambda: chain(
        IMAGE, function(lambda t: tf.nn.space_to_depth(t, 2)), conv(8, 1)
    ),
}  # fmt: skip
ALWAYS = ("subclassed", "branch at run time", "slices backwards", "uint8 input")


@pytest.mark.parametrize(
    "name",
    [
        name if name in ALWAYS else pytest.param(name, marks=pytest.mark.exhaustive)
        for name in MODELS
    ],
)
def test_computes_what_keras_does(name):
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1)
    model = MODELS[name]()
    rng = np.random.default_rng(0)
    specs = model.inputs or [tf.TensorSpec((None, 6, 6, 32))]
    data = [
        rng.integers(0, 40, (3, *spec.shape[1:])).astype(spec.dtype.as_numpy_dtype)
        if spec.dtype.is_integer
        else rng.normal(size=(3, *spec.shape[1:])).astype(np.float32)
        for spec in specs
    ]
    file, report = bnn_lab.convert_keras_model(model, report=True)
    assert report.binary_layers
    found = bnn_lab.Interpreter(file, num_threads=1).predict(data if len(data) > 1 else data[0])
    rows = [[part[i : i + 1] for part in data] for i in range(3)]
    results = [
        tf.nest.flatten(model(row if len(row) > 1 else row[0], training=False)) for row in rows
    ]
    wanted = [np.concatenate(parts) for parts in zip(*results, strict=True)]
    for got, want in zip(found if len(wanted) > 1 else [found], wanted, strict=True):
        assert got.shape == want.shape
        assert np.abs(got - want).max() <= 1e-4 * max(1, np.abs(want).max())
