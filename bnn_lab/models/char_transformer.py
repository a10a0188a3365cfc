"""A small transformer that writes text character by character, all its matrices `BitLinear`.

Pre-normalized blocks, each with causal attention and a feed-forward part, learned positions, and a
head for the next character. It is trained on whole windows, and asked for one character at a time:
`decoder` makes the model of one step, which keeps keys and values of what came before.
"""

from __future__ import annotations

from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models.bit_linear import BitLinear

_tf: Any = require_tensorflow()
_layers: Any = _tf.keras.layers
_KerasLayer: Any = _layers.Layer
_MASKED = -1e9
_EPSILON = 1e-5


@_tf.keras.utils.register_keras_serializable("bnn_lab")
class RmsNorm(_KerasLayer):
    """``x / sqrt(mean(x^2) + 1e-5) * gain`` along the last axis, with a gain per channel."""

    def build(self, input_shape: Any) -> None:
        """Make the gains, ones at first."""
        self.gain = self.add_weight(name="gain", shape=(input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """float32 (..., C) to the same shape."""
        mean = _tf.reduce_mean(_tf.square(inputs), axis=-1, keepdims=True)
        return inputs * _tf.math.rsqrt(mean + _EPSILON) * self.gain


@_tf.keras.utils.register_keras_serializable("bnn_lab")
class Positions(_KerasLayer):
    """A learned vector for each place of the window, added to what stands there."""

    def __init__(self, context: int, **options: Any) -> None:
        super().__init__(**options)
        self.context = context

    def build(self, input_shape: Any) -> None:
        """Make the vectors, shape (context, width)."""
        shape = (self.context, input_shape[-1])
        self.table = self.add_weight(name="table", shape=shape, initializer="random_normal")
        super().build(input_shape)

    def call(self, inputs: Any, place: Any = None) -> Any:
        """Add the first T vectors to (N, T, C), or that of `place` to (1, C).

        Args:
            inputs: float32, (N, T, C) or (1, C).
            place: one-hot, (1, context), for the second form.
        """
        if place is None:
            return inputs + self.table[: inputs.shape[1]]
        return inputs + _tf.matmul(place, self.table)

    def get_config(self) -> dict[str, Any]:
        """Settings, from which Keras can make the layer again."""
        return {**super().get_config(), "context": self.context}


class Block:
    """The layers of one block, which the model of a window and that of a step share."""

    def __init__(
        self, number: int, width: int, heads: int, quantizer: str | None, seed: int
    ) -> None:
        self.heads, self.size = heads, width // heads

        def dense(name: str, units: int) -> Any:
            initializer = _tf.keras.initializers.GlorotUniform(
                seed * 1000 + number * 10 + len(made)
            )
            made.append(name)
            return BitLinear(
                units,
                kernel_quantizer=quantizer,
                kernel_initializer=initializer,
                name=f"block{number}_{name}",
            )

        made: list[str] = []
        self.query, self.key, self.value = (dense(n, width) for n in ("query", "key", "value"))
        self.out = dense("out", width)
        self.up, self.down = dense("up", 4 * width), dense("down", width)
        self.norms = [RmsNorm(name=f"block{number}_norm{i}") for i in (1, 2)]

    def window(self, x: Any) -> Any:
        """(N, T, C) to the same shape; each place sees itself and those before."""
        _, length, width = x.shape
        normal = self.norms[0](x)
        q, k, v = (
            _tf.transpose(
                _tf.reshape(part(normal), [-1, length, self.heads, self.size]), [0, 2, 1, 3]
            )
            for part in (self.query, self.key, self.value)
        )
        scores = _tf.matmul(q, k, transpose_b=True) * self.size**-0.5
        later = 1 - _tf.linalg.band_part(_tf.ones([length, length]), -1, 0)
        mixed = _tf.matmul(_tf.nn.softmax(scores + later * _MASKED), v)
        x = x + self.out(_tf.reshape(_tf.transpose(mixed, [0, 2, 1, 3]), [-1, length, width]))
        return self._feed_forward(x)

    def step(self, x: Any, keys: Any, values: Any, place: Any, seen: Any) -> tuple[Any, Any, Any]:
        """One place alone.

        Args:
            x: (1, C).
            keys: of the places before, (T, C); so are `values`.
            place: one-hot, (T, 1).
            seen: 0 for this place and those before it, -1e9 for the others, (T,).

        Returns:
            (1, C), and keys and values with this place's in them.
        """
        length, width = keys.shape
        normal = self.norms[0](x)
        keys = keys + place * self.key(normal)
        values = values + place * self.value(normal)
        shape = [length, self.heads, self.size]
        q = _tf.reshape(self.query(normal), [self.heads, 1, self.size])
        k, v = (_tf.transpose(_tf.reshape(part, shape), [1, 0, 2]) for part in (keys, values))
        scores = _tf.matmul(q, k, transpose_b=True) * self.size**-0.5
        mixed = _tf.matmul(_tf.nn.softmax(scores + seen), v)
        x = x + self.out(_tf.reshape(mixed, [1, width]))
        return self._feed_forward(x), keys, values

    def _feed_forward(self, x: Any) -> Any:
        return x + self.down(_tf.nn.relu(self.up(self.norms[1](x))))


class CharTransformer:
    """The model in its two forms, which share all weights.

    Args:
        alphabet: number of characters.
        context: places of a window.
        width: channels, a multiple of `heads`.
        depth: blocks.
        heads: of the attention.
        kernel_quantizer: of all `BitLinear` layers, see there; None is the float model.
        seed: of the initial weights.

    Attributes:
        model: int32 (N, context) to logits (N, context, alphabet).

    Raises:
        InputError: a size is out of range.
    """

    def __init__(
        self,
        alphabet: int,
        *,
        context: int = 64,
        width: int = 128,
        depth: int = 5,
        heads: int = 4,
        kernel_quantizer: str | None = "absmean_ternary",
        seed: int = 0,
    ) -> None:
        if min(alphabet, context, depth, heads) < 1 or width < heads or width % heads:
            raise InputError(
                f"CharTransformer: {alphabet=}, {context=}, {depth=}, {heads=} must be at least 1, "
                f"and {width=} a multiple of the heads."
            )
        self.alphabet, self.context, self.width = alphabet, context, width
        random = _tf.keras.initializers.RandomNormal
        self._embed = _layers.Embedding(
            alphabet, width, embeddings_initializer=random(0.0, 0.3, seed), name="characters"
        )
        self._places = Positions(context, name="places")
        self._blocks = [Block(n, width, heads, kernel_quantizer, seed) for n in range(depth)]
        self._norm = RmsNorm(name="norm")
        # As in BitNet, what reads and what writes characters stays float.
        self._head = _layers.Dense(
            alphabet, kernel_initializer=random(0.0, 0.05, seed + 1), name="head"
        )
        characters = _tf.keras.Input((context,), dtype="int32", name="characters_in")
        x = self._places(self._embed(characters))
        for block in self._blocks:
            x = block.window(x)
        form = {None: "float", "absmean_ternary": "ternary", "absmean_sign": "binary"}
        name = f"char_transformer_{form.get(kernel_quantizer, 'other')}"
        self.model = _tf.keras.Model(characters, self._head(self._norm(x)), name=name)

    def bit_layers(self) -> list[Any]:
        """All `BitLinear` layers, in order."""
        parts = ("query", "key", "value", "out", "up", "down")
        return [getattr(block, part) for block in self._blocks for part in parts]

    def decoder(self) -> Any:
        """The model of one step.

        Returns:
            A Keras model: the character, int32 (1,); `place`, one-hot float32 (1, context); and a
            `cache`, float32 (1, 2 * depth, context, width), zeros before the first character. It
            gives logits (1, alphabet) and the next cache.
        """
        depth = len(self._blocks)
        character = _tf.keras.Input((), batch_size=1, dtype="int32", name="character")
        place = _tf.keras.Input((self.context,), batch_size=1, name="place")
        shape = (2 * depth, self.context, self.width)
        cache = _tf.keras.Input(shape, batch_size=1, name="cache")
        x = self._places(self._embed(character), place)
        here = _tf.reshape(place, [self.context, 1])
        # The one-hot vector chooses a row of the triangle: 1 at this place and before it.
        up_to = _tf.linalg.band_part(_tf.ones([self.context, self.context]), -1, 0)
        seen = (1 - _tf.reshape(_tf.matmul(place, up_to), [self.context])) * _MASKED
        kept = []
        for number, block in enumerate(self._blocks):
            x, keys, values = block.step(
                x, cache[0, 2 * number], cache[0, 2 * number + 1], here, seen
            )
            kept += [keys, values]
        logits = self._head(self._norm(x))
        following = _tf.expand_dims(_tf.stack(kept), 0)
        return _tf.keras.Model(
            [character, place, cache], [logits, following], name=f"{self.model.name}_step"
        )
