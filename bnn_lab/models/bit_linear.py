"""`BitLinear`: a dense layer of ternary or binary weights and int8 activations.

Source: "The Era of 1-bit LLMs" (arXiv 2402.17764) for ternary weights, "BitNet: Scaling 1-bit
Transformers for Large Language Models" (arXiv 2310.11453) for binary ones. `ternary_reference` has
the arithmetic; in inference the layer equals `ternary_reference.ternary_dense` bit for bit, as long
as the accumulators are exact in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.ternary_reference import LEAST, STEP, Trits

_tf: Any = require_tensorflow()
_KerasLayer: Any = _tf.keras.layers.Layer

MOST_INPUTS = 2**24 // 127  # beyond, an accumulator may not be exact in float32


def absmean_ternary(kernel: Any) -> tuple[Any, Any]:
    """Weights to -1, 0, +1 in units of their mean magnitude, straight through in the gradient.

    Args:
        kernel: float32 tensor of latent weights.

    Returns:
        Trits as float32, and their scale, through which no gradient flows.
    """
    scale = _mean_magnitude(kernel)
    rounded = _tf.grad_pass_through(lambda w: _tf.clip_by_value(_tf.round(w), -1.0, 1.0))
    return rounded(kernel / scale), scale


def absmean_sign(kernel: Any) -> tuple[Any, Any]:
    """Weights to -1 and +1 (0 is +1), with their mean magnitude as scale; see `absmean_ternary`."""
    scale = _mean_magnitude(kernel)
    signs = _tf.grad_pass_through(lambda w: _tf.where(w < 0, -1.0, 1.0))
    return signs(kernel / scale), scale


def absmax_int8(x: Any) -> tuple[Any, Any]:
    """Activations to integers in [-127, 127], by the largest magnitude along the last axis.

    Args:
        x: float32 tensor, shape (..., K).

    Returns:
        Integers as float32, straight through in the gradient; and the largest magnitude,
        shape (..., 1), through which no gradient flows.
    """
    largest = _tf.maximum(_tf.reduce_max(_tf.abs(x), axis=-1, keepdims=True), LEAST)
    largest = _tf.stop_gradient(largest)
    return _tf.grad_pass_through(_tf.round)(x * (127.0 / largest)), largest


def _mean_magnitude(kernel: Any) -> Any:
    # Summed as double, so that no order of summation shows in the float.
    mean = _tf.cast(_tf.reduce_mean(_tf.cast(_tf.abs(kernel), _tf.float64)), _tf.float32)
    return _tf.stop_gradient(_tf.maximum(mean, LEAST))


KERNEL_QUANTIZERS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "absmean_ternary": absmean_ternary,
    "absmean_sign": absmean_sign,
}


@_tf.keras.utils.register_keras_serializable("bnn_lab")
class BitLinear(_KerasLayer):
    """A dense layer whose products are of trits and int8: ``y = x W + b`` in a few integers.

    Latent weights are trained as larq's layers have it: the forward pass uses their quantized
    value, the gradient takes the straight way past the rounding.

    Args:
        units: outputs.
        kernel_quantizer: "absmean_ternary", "absmean_sign", or None for a float layer of the same
            name and shape, whose activations stay float too.
        use_bias: add a bias.
        kernel_initializer: of the latent weights, any that Keras knows.
        **options: of `tf.keras.layers.Layer`.

    Raises:
        InputError: `units` is below 1, the quantizer is unknown, or the input has no fixed last
            dimension or more than 132,104 of them.
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_quantizer: str | None = "absmean_ternary",
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if units < 1:
            raise InputError(f"BitLinear: units must be at least 1, not {units}.")
        if kernel_quantizer is not None and kernel_quantizer not in KERNEL_QUANTIZERS:
            known = ", ".join(KERNEL_QUANTIZERS)
            raise InputError(
                f"BitLinear: kernel_quantizer must be one of {known}, or None for float, not "
                f"{kernel_quantizer!r}."
            )
        self.units = units
        self.kernel_quantizer = kernel_quantizer
        self.use_bias = use_bias
        self.kernel_initializer = _tf.keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        """Make the latent weights, shape (inputs, units), and the bias."""
        inputs = input_shape[-1]
        if inputs is None or inputs > MOST_INPUTS:
            raise InputError(
                f"BitLinear '{self.name}': the last dimension of its input must be fixed and at "
                f"most {MOST_INPUTS}, not {inputs}."
            )
        self.kernel = self.add_weight(
            name="kernel", shape=(int(inputs), self.units), initializer=self.kernel_initializer
        )
        self.bias = (
            self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
            if self.use_bias
            else None
        )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """float32 (..., inputs) to float32 (..., units)."""
        if self.kernel_quantizer is None:
            result = _rows(inputs, self.kernel)
        else:
            trits, scale = KERNEL_QUANTIZERS[self.kernel_quantizer](self.kernel)
            values, largest = absmax_int8(inputs)
            result = _rows(values, trits) * (largest * STEP * scale)
        return result if self.bias is None else result + self.bias

    def trits(self) -> Trits:
        """The weights that the forward pass uses, without their scale: int8 (inputs, units).

        Raises:
            InputError: the layer is float.
        """
        if self.kernel_quantizer is None:
            raise InputError(f"BitLinear '{self.name}' is float; it has no trits.")
        trits, _ = KERNEL_QUANTIZERS[self.kernel_quantizer](self.kernel)
        return np.asarray(trits).astype(np.int8)

    def get_config(self) -> dict[str, Any]:
        """Settings, from which Keras can make the layer again."""
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_quantizer": self.kernel_quantizer,
            "use_bias": self.use_bias,
            "kernel_initializer": _tf.keras.initializers.serialize(self.kernel_initializer),
        }


def _rows(x: Any, kernel: Any) -> Any:
    """x (..., K) times kernel (K, O), by a product of matrices."""
    if len(x.shape) == 2:
        return _tf.matmul(x, kernel)
    flat = _tf.matmul(_tf.reshape(x, [-1, x.shape[-1]]), kernel)
    return _tf.reshape(flat, [*_tf.unstack(_tf.shape(x)[:-1]), kernel.shape[-1]])
