"""Binary layers other than two-dimensional convolutions, against Keras on both interpreters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import larq as lq
import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, explain, import_model
from bnn_lab.errors import NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers
BN = layers.BatchNormalization
BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
}
DEPTHWISE = {
    "input_quantizer": "ste_sign",
    "depthwise_quantizer": "ste_sign",
    "depthwise_constraint": "weight_clip",
}


def dense(units: int, **options: Any) -> Any:
    return lq.layers.QuantDense(units, **{**BINARY, **options})


def conv(filters: int, size: int = 3, **options: Any) -> Any:
    return lq.layers.QuantConv2D(filters, size, **{**BINARY, **options})


def conv1d(filters: int, size: int = 3, **options: Any) -> Any:
    return lq.layers.QuantConv1D(filters, size, **{**BINARY, **options})


@pytest.fixture
def ops_after(interpreters, randomize, rng, op_names):
    """Converts, compares with Keras on every interpreter that can run it; gives op names."""

    def check(shape: tuple[int, ...], make: Callable[[Any], Any], **options: Any) -> list[str]:
        x = tf.keras.Input(shape)
        model = randomize(tf.keras.Model(x, make(x)))
        for layer in model.layers:
            if getattr(layer, "bias", None) is not None:
                layer.bias.assign(rng.normal(size=layer.bias.shape))
        data = rng.normal(size=(3, *shape)).astype(np.float32)
        want = model.predict(data, batch_size=1, verbose=0)
        file = convert_keras_model(model, **options)
        names = op_names(import_model(file))
        own = {"lq.Depthwise2d", "lq.Transpose2d"} & set(names)
        for name, run in interpreters.items():
            if name == "lce" and (own or options.get("lce_compatible") is False):
                continue
            (got,) = run(file, data, any(getattr(layer, "groups", 1) > 1 for layer in model.layers))
            bound = 1e-4 * max(1.0, float(np.abs(want).max()))
            assert got.shape == want.shape, name
            assert np.abs(got - want).max() <= bound, name
        return names

    return check


class TestDense:
    @pytest.mark.parametrize(("features", "units"), [(1, 7), (33, 31), (64, 65), (200, 1)])
    def test_awkward_sizes(self, ops_after, features, units):
        names = ops_after((features,), lambda x: BN()(dense(units)(x)))
        assert names == ["lq.Quantize", "tfl.reshape", "lq.Bconv2d", "tfl.reshape"]

    @pytest.mark.parametrize("shape", [(5, 40), (3, 4, 40)])
    def test_of_sequences_and_images(self, ops_after, shape):
        assert ops_after(shape, dense(8)).count("lq.Bconv2d") == 1

    @pytest.mark.parametrize("activation", ["relu", "tanh"])
    def test_activation_then_batchnorm(self, ops_after, activation):
        names = ops_after((64,), lambda x: BN()(dense(8, activation=activation, use_bias=False)(x)))
        assert ("tfl.mul" in names) == (activation == "tanh")

    def test_chain_stays_in_bits(self, ops_after):
        def make(x):
            for _ in range(3):
                x = BN()(dense(40, use_bias=False)(x))
            return x

        assert ops_after((96,), make) == [
            "lq.Quantize",
            "tfl.reshape",
            *["lq.Bconv2d"] * 3,
            "tfl.reshape",
        ]

    def test_flattened_convolution_stays_in_bits(self, ops_after):
        def make(x):
            x = BN()(conv(64, padding="same", pad_values=1)(x))
            x = layers.MaxPool2D()(x)
            return dense(5)(layers.Flatten()(x))

        assert ops_after((6, 6, 32), make) == [
            "lq.Quantize",
            "lq.Bconv2d",
            "lq.BMaxPool2d",
            "tfl.reshape",
            "lq.Bconv2d",
            "tfl.reshape",
        ]

    def test_flattened_channels_that_cut_words(self, ops_after):
        names = ops_after((4, 4, 32), lambda x: dense(5)(layers.Flatten()(conv(33)(x))))
        # 33 channels a pixel do not fill their words: floats are flattened.
        assert names[1:4] == ["lq.Bconv2d", "tfl.reshape", "lq.Quantize"]


SEQUENCES = [
    {"padding": "valid"},
    {"padding": "same"},
    {"padding": "same", "pad_values": 1},
    {"padding": "same", "dilation_rate": 2},
    {"padding": "same", "pad_values": 1, "dilation_rate": 2},
    {"padding": "same", "strides": 2},
    {"padding": "same", "strides": 2, "pad_values": 1},
    {"padding": "causal"},
    {"padding": "causal", "dilation_rate": 3},
    {"padding": "causal", "strides": 2, "activation": "relu"},
]


class TestConv1D:
    @pytest.mark.parametrize("options", SEQUENCES, ids=lambda o: "-".join(map(str, o.values())))
    def test_is_binary(self, ops_after, options):
        names = ops_after((10, 33), lambda x: BN()(conv1d(7, **options)(x)))
        assert names.count("lq.Bconv2d") == 1
        assert "lq.Dequantize" not in names
        assert "tfl.conv_2d" not in names
        if options["padding"] != "causal":
            assert names == ["lq.Quantize", "tfl.reshape", "lq.Bconv2d", "tfl.reshape"]

    def test_chain_stays_in_bits(self, ops_after):
        def make(x):
            for _ in range(2):
                x = BN()(conv1d(40, padding="same", pad_values=1, use_bias=False)(x))
            return conv1d(8)(layers.MaxPool1D(2)(x))

        names = ops_after((12, 32), make)
        assert names == [
            "lq.Quantize",
            "tfl.reshape",
            *["lq.Bconv2d"] * 2,
            "tfl.reshape",  # Keras pools an image one pixel wide
            "lq.BMaxPool2d",
            "tfl.reshape",
            "lq.Bconv2d",
            "tfl.reshape",
        ]


class TestMovedBits:
    @pytest.mark.parametrize("channels", [(32, 64), (64, 7), (32, 33, 8)])
    def test_concatenation(self, ops_after, channels):
        def make(x):
            parts = [BN()(conv(count, padding="same", pad_values=1)(x)) for count in channels]
            return conv(8)(layers.Concatenate()(parts))

        names = ops_after((5, 5, 32), make)
        fits = all(count % 32 == 0 for count in channels[:-1])
        assert names.index("tfl.concatenation") > 1
        assert (names.count("lq.Quantize") == 1) == fits

    def test_concatenation_along_height(self, ops_after):
        def make(x):
            return conv(8)(layers.Concatenate(axis=1)([conv(33)(x), conv(33, 3)(x)]))

        assert ops_after((5, 5, 32), make).count("lq.Quantize") == 1

    def test_transpose_of_height_and_width(self, ops_after):
        names = ops_after((5, 6, 32), lambda x: conv(8)(layers.Permute((2, 1, 3))(conv(33)(x))))
        assert names == ["lq.Quantize", "lq.Bconv2d", "tfl.transpose", "lq.Bconv2d"]

    def test_transpose_of_channels_moves_floats(self, ops_after):
        names = ops_after((5, 32, 32), lambda x: conv(8)(layers.Permute((1, 3, 2))(conv(32, 1)(x))))
        assert names[1:4] == ["lq.Bconv2d", "tfl.transpose", "lq.Quantize"]

    @pytest.mark.parametrize(("value", "channels"), [(0.0, 33), (1.0, 33), (-2.0, 64), (-2.0, 33)])
    def test_padding_before_the_sign(self, ops_after, value, channels):
        def make(x):
            x = conv(channels)(x)
            pad = [[0, 0], [2, 1], [0, 3], [0, 0]]
            return conv(8)(layers.Lambda(lambda t: tf.pad(t, pad, constant_values=value))(x))

        names = ops_after((6, 6, 32), make)
        cut = value < 0 and channels % 32
        assert (names.count("lq.Quantize") == 1) == (not cut)

    def test_one_sign_for_two_readers(self, ops_after):
        def make(x):
            x = BN()(conv(32, padding="same", pad_values=1)(x))
            return layers.Concatenate()([conv(4)(x), conv(5)(x)])

        assert ops_after((5, 5, 32), make).count("lq.Quantize") == 1


HEAVISIDE = {"input_quantizer": "ste_heaviside", "kernel_quantizer": "ste_sign"}
PADDINGS = [
    {"padding": "valid"},
    {"padding": "same"},
    {"padding": "same", "pad_values": 1},
    {"padding": "same", "strides": 2},
]


class TestZeroAndOne:
    @pytest.mark.parametrize("options", PADDINGS, ids=lambda o: "-".join(map(str, o.values())))
    def test_heaviside(self, ops_after, options):
        names = ops_after((6, 7, 33), lambda x: BN()(conv(7, **HEAVISIDE, **options)(x)))
        assert names.count("lq.Bconv2d") == 1
        assert "tfl.conv_2d" not in names

    @pytest.mark.parametrize("options", PADDINGS, ids=lambda o: "-".join(map(str, o.values())))
    def test_sign_whose_scale_is_folded(self, ops_after, options):
        def quantizer(t):
            return tf.cast(t >= 0, tf.float32) * 2 - 1

        names = ops_after((6, 7, 32), conv(7, input_quantizer=quantizer, **options))
        assert names == ["lq.Quantize", "lq.Bconv2d"]

    def test_dense_and_sequences(self, ops_after):
        def make(x):
            y = conv1d(40, padding="causal", dilation_rate=2, **HEAVISIDE)(x)
            return dense(5, **HEAVISIDE)(layers.Flatten()(BN()(y)))

        assert ops_after((9, 20), make).count("lq.Bconv2d") == 2

    def test_chain(self, ops_after):
        def make(x):
            y = layers.MaxPool2D()(BN()(conv(40, activation="relu", **HEAVISIDE)(x)))
            return conv(8, **HEAVISIDE)(y)

        assert ops_after((9, 9, 33), make).count("lq.Bconv2d") == 2


class TestGroups:
    @pytest.mark.parametrize("options", PADDINGS, ids=lambda o: "-".join(map(str, o.values())))
    @pytest.mark.parametrize(("groups", "channels"), [(4, 32), (3, 42), (16, 32), (2, 66)])
    def test_that_do_not_fill_words(self, ops_after, options, groups, channels):
        def make(x):
            return BN()(conv(2 * groups, groups=groups, **options)(x))

        zeros = options["padding"] == "same" and not options.get("pad_values")
        odd = channels // groups % 2
        if zeros and odd:
            with pytest.raises(NoBinaryLayerError, match="pad_values=1"):
                ops_after((6, 7, channels), make)
            return
        names = ops_after((6, 7, channels), make)
        assert names.count("lq.Bconv2d") == 1
        assert "tfl.conv_2d" not in names

    def test_of_a_sequence(self, ops_after):
        names = ops_after((9, 24), conv1d(8, groups=4, padding="causal"))
        assert names.count("lq.Bconv2d") == 1

    def test_macs_are_larqs(self):
        x = tf.keras.Input((6, 6, 24))
        model = tf.keras.Model(x, conv(8, groups=4, padding="same")(x))
        (layer,) = explain(model).layers
        assert layer.verdict == "binary"
        assert layer.macs_binary == 36 * 8 * 9 * 6


def test_enlarged_signs_are_signs(ops_after):
    def make(x):
        y = layers.UpSampling2D()(lq.quantizers.SteSign()(x))
        return conv(8, input_quantizer=None)(y)

    assert ops_after((4, 5, 33), make).count("lq.Bconv2d") == 1


class TestScales:
    def test_pool_then_positive_batchnorm(self, ops_after):
        def make(x):
            x = BN(scale=False)(layers.MaxPool2D()(conv(33)(x)))
            return conv(8)(x)

        assert ops_after((8, 8, 32), make) == [
            "lq.Quantize",
            "lq.Bconv2d",
            "lq.BMaxPool2d",
            "lq.Bconv2d",
        ]

    def test_pool_then_batchnorm_of_both_signs(self, ops_after):
        names = ops_after((8, 8, 32), lambda x: conv(8)(BN()(layers.MaxPool2D()(conv(33)(x)))))
        assert names.count("lq.Bconv2d") == 2
        assert "tfl.max_pool_2d" in names


ZERO_PADDINGS = [((1, 1), (1, 1)), ((2, 0), (0, 0)), ((0, 1), (3, 2))]


class TestZeroPadding:
    @pytest.mark.parametrize("widths", ZERO_PADDINGS)
    @pytest.mark.parametrize("stride", [1, 2])
    def test_that_is_not_same(self, ops_after, widths, stride):
        def make(x):
            x = layers.ZeroPadding2D(widths)(lq.quantizers.SteSign()(x))
            x = conv(8, strides=stride, input_quantizer=None, activation="relu")(x)
            return BN()(x)

        names = ops_after((6, 6, 33), make)
        assert "lq.Bconv2d" in names
        assert "tfl.conv_2d" not in names

    def test_that_would_cost_more_than_it_saves(self, ops_after):
        def make(x):
            sign = lq.quantizers.SteSign()(x)
            y = layers.ZeroPadding2D(((2, 0), (0, 2)))(sign)
            y = conv(4, input_quantizer=None)(y)
            return layers.Concatenate()([y, conv(4, 1)(x)])

        assert "tfl.conv_2d" in ops_after((20, 20, 8), make)


class TestOwnOps:
    """Binary ops that only bnn_lab's runtime has; float in an LCE-compatible file."""

    @pytest.mark.parametrize("lce_compatible", [True, False])
    @pytest.mark.parametrize(
        "options",
        [
            {"padding": "valid"},
            {"padding": "same"},
            {"padding": "same", "pad_values": 1},
            {"padding": "same", "pad_values": 1, "depth_multiplier": 3},
            {"padding": "same", "strides": 2, "activation": "relu"},
            {"padding": "valid", "dilation_rate": 2},
        ],
        ids=lambda o: "-".join(map(str, o.values())),
    )
    def test_depthwise(self, ops_after, options, lce_compatible):
        def make(x):
            y = BN()(lq.layers.QuantDepthwiseConv2D(3, **options, **DEPTHWISE)(x))
            return conv(4, 1)(y)

        names = ops_after((8, 8, 33), make, lce_compatible=lce_compatible)
        assert ("lq.Depthwise2d" in names) != lce_compatible
        assert ("tfl.depthwise_conv_2d" in names) == lce_compatible

    @pytest.mark.parametrize("lce_compatible", [True, False])
    @pytest.mark.parametrize("padding", ["valid", "same"])
    @pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (2, 2), (5, 3)])
    @pytest.mark.parametrize("channels", [33, 64])
    def test_transposed(self, ops_after, padding, size, stride, channels, lce_compatible):
        def make(x):
            layer = lq.layers.QuantConv2DTranspose(
                7, size, strides=stride, padding=padding, **BINARY
            )
            return conv(4, 1)(BN()(layer(x)))

        if lce_compatible and (size, channels) != (3, 33):
            pytest.skip("the float form has no cases of its own")
        names = ops_after((5, 4, channels), make, lce_compatible=lce_compatible)
        assert ("lq.Transpose2d" in names) != lce_compatible
        if not lce_compatible:
            # An odd number of channels gives odd and even accumulators: no threshold then.
            assert names.count("lq.Quantize") == (2 if channels % 2 else 1)

    def test_separable_has_a_binary_depthwise_part(self, ops_after):
        layer = lq.layers.QuantSeparableConv2D(8, 3, pointwise_quantizer="ste_sign", **DEPTHWISE)
        names = ops_after((7, 7, 32), layer, lce_compatible=False)
        assert names == ["lq.Quantize", "lq.Depthwise2d", "tfl.conv_2d"]

    @pytest.mark.parametrize("channels", [33, 34])
    def test_bits_from_zero_padding(self, ops_after, channels):
        def make(x):
            return conv(4, 1)(BN()(conv(8, padding="same", activation="relu", use_bias=False)(x)))

        names = ops_after((6, 6, channels), make, lce_compatible=False)
        assert names.count("lq.Quantize") == (2 if channels % 2 else 1)
        assert "tfl.relu" not in names
