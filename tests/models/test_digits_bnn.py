from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn

tf = require_tensorflow()


def conv_macs(model) -> dict[str, int]:
    """MACs of one image in each convolution."""
    return {
        layer.name: int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output_shape[1:3]))
        for layer in model.layers
        if layer.name.startswith("conv")
    }


def test_binary_convolutions_dominate_the_macs() -> None:
    model = digits_bnn()
    macs = conv_macs(model)
    binary = [name for name in macs if model.get_layer(name).input_quantizer is not None]
    assert binary == ["conv_2_binary", "conv_3_binary", "conv_4_binary"]
    total = sum(macs.values()) + int(np.prod(model.get_layer("classifier").kernel.shape))
    assert sum(macs[name] for name in binary) / total > 0.99


@pytest.mark.parametrize("channels", [64, 128, 192])
def test_binary_convolutions_read_whole_words_and_pad_with_plus_one(channels: int) -> None:
    model = digits_bnn(channels)
    for layer in model.layers:
        if layer.name.endswith("_binary"):
            assert layer.input_shape[-1] % 32 == 0
            assert layer.pad_values == 1.0
            assert layer.padding == "same"


def test_maps_images_to_logits() -> None:
    logits = digits_bnn(64)(np.zeros((3, 8, 8, 1), np.float32))
    assert logits.shape == (3, 10)
    assert logits.dtype == tf.float32


def test_seed_decides_the_weights_and_global_state_stays() -> None:
    tf.keras.utils.set_random_seed(5)
    undisturbed = tf.random.uniform([4]).numpy()
    tf.keras.utils.set_random_seed(5)
    first = digits_bnn(64, seed=1)
    np.testing.assert_array_equal(tf.random.uniform([4]).numpy(), undisturbed)

    second, other = digits_bnn(64, seed=1), digits_bnn(64, seed=2)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for name in ("conv_1_float_input", "conv_3_binary", "classifier"):
        assert np.any(first.get_layer(name).kernel.numpy() != other.get_layer(name).kernel.numpy())
    kernels = [first.get_layer(f"conv_{i}_binary").kernel.numpy().ravel()[:99] for i in (2, 3, 4)]
    assert np.any(kernels[0] != kernels[1]) and np.any(kernels[1] != kernels[2])


@pytest.mark.parametrize("channels", [0, -64, 32, 100])
def test_refuses_channels_that_do_not_fill_words(channels: int) -> None:
    with pytest.raises(InputError, match="multiple of 64"):
        digits_bnn(channels)


def test_a_stride_and_pools_shrink_larger_images() -> None:
    model = digits_bnn(64, input_shape=(28, 28, 1), stride=2, pools=(2, 3))
    sides = {
        layer.name: layer.output_shape[1]
        for layer in model.layers
        if layer.name.startswith(("conv", "pool"))
    }
    assert sides == {
        "conv_1_float_input": 14,
        "conv_2_binary": 14,
        "pool_2": 7,
        "conv_3_binary": 7,
        "pool_3": 3,
        "conv_4_binary": 3,
    }
    for wrong in ({"stride": 3}, {"pools": (1,)}, {"pools": (2, 5)}):
        with pytest.raises(InputError, match="the stride is 1 or 2"):
            digits_bnn(64, **wrong)
    with pytest.raises(InputError, match="at least 8"):
        digits_bnn(64, input_shape=(7, 7, 1), stride=2, pools=(2, 3))
