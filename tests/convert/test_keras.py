"""Whole conversions: larq models against the interpreters, and the errors users meet."""

from __future__ import annotations

from types import SimpleNamespace

import larq as lq
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, import_model, ir_text, stock, trace_keras_model
from bnn_lab.errors import ConversionError, NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers
BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
}


def quant_conv(filters: int, size: int | tuple[int, int] = 3, **options):
    return lq.layers.QuantConv2D(filters, size, **{**BINARY, **options})


@pytest.fixture
def matches_keras(interpreters, rng):
    """Asserts that the converted model predicts what Keras does, to 1e-4 of the largest value.

    On LCE's interpreter and on ours; gives the IR text of the result.
    """

    def check(model, images: int = 3, groups: bool = False) -> str:
        shapes = [tuple(t.shape[1:]) for t in model.inputs]
        data = [rng.normal(size=(images, *shape)).astype(np.float32) for shape in shapes]
        # One sample at a time: Keras may round a batch differently than a single image.
        want = model.predict(data, batch_size=1, verbose=0)
        want = want if isinstance(want, list) else [want]
        converted = convert_keras_model(model)
        for name, run in interpreters.items():
            got = run(converted, data[0] if len(data) == 1 else data, groups)
            assert len(got) == len(want), name
            for expected, result in zip(want, got, strict=True):
                assert result.shape == expected.shape, name
                bound = 1e-4 * max(1.0, float(np.abs(expected).max()))
                assert np.abs(result - expected).max() <= bound, name
        return ir_text(import_model(converted))

    return check


# Every pair of awkward channel counts would be slow; each appears on both sides.
CHANNELS = [(1, 7), (7, 31), (31, 32), (32, 33), (33, 63), (63, 65), (65, 97), (97, 1)]


@pytest.mark.parametrize(("channels_in", "channels_out"), CHANNELS)
def test_awkward_channels(matches_keras, randomize, channels_in, channels_out):
    x = tf.keras.Input((6, 5, channels_in))
    y = layers.BatchNormalization()(x)
    y = quant_conv(channels_out, padding="same", pad_values=1)(y)
    y = layers.BatchNormalization()(y)
    z = quant_conv(5, padding="same")(y)  # pad_values = 0
    text = matches_keras(randomize(tf.keras.Model(x, [y, z])))
    assert "pad_values = 1" in text
    assert "padding = same, pad_values = 0" in text
    assert "tfl.padv2" not in text
    assert "tfl.sign" not in text


GEOMETRIES = [
    {"strides": 2},
    {"strides": (1, 2)},
    {"dilation_rate": 2},
    {"dilation_rate": (1, 3)},
    {"strides": 3, "kernel_size": 5},
    {"kernel_size": (1, 3)},
    {"kernel_size": 1},
]
PADDINGS = [
    {"padding": "valid"},
    {"padding": "same", "pad_values": 0},
    {"padding": "same", "pad_values": 1},
]


@pytest.mark.parametrize("size", [8, 9])
@pytest.mark.parametrize("padding", PADDINGS, ids=["valid", "same0", "same1"])
def test_geometry(matches_keras, padding, size):
    # All geometries in one model with one output each: one conversion instead of seven.
    x = tf.keras.Input((size, size + 2, 33))
    outputs = []
    for geometry in GEOMETRIES:
        options = {"size": 3, **geometry}
        options["size"] = options.pop("kernel_size", 3)
        outputs.append(quant_conv(6, **options, **padding)(x))
    text = matches_keras(tf.keras.Model(x, outputs))
    assert text.count("lq.Bconv2d") == len(GEOMETRIES)
    assert text.count("lq.Quantize") == 1
    assert "tfl.conv_2d" not in text
    assert "space_to_batch" not in text
    assert "tfl.pad" not in text


@pytest.mark.parametrize("groups", [2, 3])
def test_groups(matches_keras, groups):
    x = tf.keras.Input((6, 6, 32 * groups))
    y = quant_conv(4 * groups, groups=groups, padding="same", pad_values=1)(x)
    text = matches_keras(tf.keras.Model(x, y), groups=True)
    assert f"channels_in = {32 * groups}" in text
    assert "tensor<" + f"{4 * groups}x3x3x1xi32>" in text


@pytest.mark.parametrize("activation", ["relu", tf.nn.relu6, "tanh", "hard_tanh"])
@pytest.mark.parametrize("use_bias", [False, True])
def test_activation_before_batchnorm(matches_keras, randomize, rng, activation, use_bias):
    x = tf.keras.Input((5, 5, 32))
    convs = [
        quant_conv(8, activation=activation, use_bias=use_bias, **padding) for padding in PADDINGS
    ]
    model = randomize(tf.keras.Model(x, [layers.BatchNormalization()(conv(x)) for conv in convs]))
    if use_bias:
        for conv in convs:
            conv.bias.assign(rng.normal(size=8) * 5)
    assert matches_keras(model).count("lq.Bconv2d") == len(PADDINGS)


def test_relu_batchnorm_is_one_op(matches_keras, randomize):
    x = tf.keras.Input((5, 5, 32))
    y = quant_conv(8, activation="relu", use_bias=False, padding="same", pad_values=1)(x)
    y = layers.BatchNormalization()(y)
    text = matches_keras(randomize(tf.keras.Model(x, y)))
    assert "tfl.mul" not in text
    assert "fused_activation_function = relu" in text


def test_residual_blocks_and_shared_sign(matches_keras, randomize):
    x = tf.keras.Input((8, 8, 3))
    y = layers.Conv2D(40, 3, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    for _ in range(2):
        z = quant_conv(40, padding="same", pad_values=1, use_bias=False)(y)
        y = layers.add([layers.BatchNormalization()(z), y])
    shared = lq.quantizers.SteSign()(y)
    left = lq.layers.QuantConv2D(8, 3, kernel_quantizer="ste_sign", name="left")(shared)
    right = lq.layers.QuantConv2D(8, 1, kernel_quantizer="ste_sign", name="right")(shared)
    outputs = [layers.GlobalAveragePooling2D()(left), right, shared]
    text = matches_keras(randomize(tf.keras.Model(x, outputs)))
    assert text.count("lq.Bconv2d") == 4
    assert text.count("lq.Quantize") == 3


def test_chain_stays_in_bits(matches_keras, randomize):
    y = x = tf.keras.Input((9, 9, 33))
    for index, channels in enumerate([40, 65, 32]):
        y = quant_conv(channels, padding="same", pad_values=1, use_bias=False)(y)
        y = layers.BatchNormalization()(y)
        y = layers.MaxPool2D(2, padding="same")(y) if index == 1 else y
    text = matches_keras(randomize(tf.keras.Model(x, y)))
    assert [
        line.split(" = ")[1].split("(")[0] for line in text.splitlines() if " = lq." in line
    ] == [
        "lq.Quantize",
        "lq.Bconv2d",
        "lq.Bconv2d",
        "lq.BMaxPool2d",
        "lq.Bconv2d",
    ]
    assert "tfl.max_pool_2d" not in text


def test_two_inputs_and_outputs_keep_names_and_order(matches_keras):
    first = tf.keras.Input((6, 6, 32), name="zebra")
    second = tf.keras.Input((6, 6, 40), name="apple")
    y = quant_conv(8, name="out_z", padding="valid")(first)
    z = quant_conv(9, name="out_a", padding="valid")(second)
    model = tf.keras.Model([first, second], [z, y])
    matches_keras(model)
    stored = schema.ModelT.InitFromObj(schema.Model.GetRootAs(convert_keras_model(model), 0))
    graph, (entry,) = stored.subgraphs[0], stored.signatureDefs
    assert [graph.tensors[i].name for i in graph.inputs] == [b"zebra", b"apple"]
    assert [graph.tensors[i].name for i in graph.outputs] == [b"out_a", b"out_z"]
    assert entry.signatureKey == b"serving_default"
    assert [i.name for i in entry.inputs] == [b"zebra", b"apple"]
    assert [o.tensorIndex for o in entry.outputs] == list(graph.outputs)


def test_names_beyond_ascii(matches_keras):
    x = tf.keras.Input((6, 6, 32), name="größe-1")
    model = tf.keras.Model(x, quant_conv(8, name="out.1")(x))
    assert "lq.Bconv2d" in matches_keras(model)
    stored = schema.ModelT.InitFromObj(schema.Model.GetRootAs(convert_keras_model(model), 0))
    (entry,) = stored.signatureDefs
    assert [i.name.decode() for i in entry.inputs] == ["größe-1"]


def test_many_outputs_keep_their_order(matches_keras):
    # TensorFlow sorts output names as text, where 10 comes before 2.
    x = tf.keras.Input((4, 4, 32))
    matches_keras(tf.keras.Model(x, [quant_conv(n, 1)(x) for n in range(1, 13)]))


@pytest.mark.parametrize("quantizer", ["approx_sign", "swish_sign", "magnitude_aware_sign"])
def test_other_binary_quantizers(matches_keras, quantizer):
    x = tf.keras.Input((6, 6, 32))
    inputs = "approx_sign" if quantizer == "magnitude_aware_sign" else quantizer
    y = quant_conv(8, input_quantizer=inputs, kernel_quantizer=quantizer)(x)
    assert "lq.Bconv2d" in matches_keras(tf.keras.Model(x, y))


def test_sequential_subclassed_and_nested_models(matches_keras, interpreters, rng):
    inner = tf.keras.Sequential([quant_conv(32), layers.BatchNormalization()], name="inner")
    matches_keras(tf.keras.Sequential([layers.Input((8, 8, 32)), inner, quant_conv(4)]))

    class Subclassed(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = quant_conv(4)

        def call(self, x, training=False):
            return self.conv(x)

    model = Subclassed()
    data = rng.normal(size=(2, 6, 6, 32)).astype(np.float32)
    want = model(data).numpy()
    (got,) = interpreters["bnn_lab"](convert_keras_model(model), data)
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_inference_mode(matches_keras, randomize):
    x = tf.keras.Input((6, 6, 32))
    y = layers.Dropout(0.5)(layers.BatchNormalization()(quant_conv(8)(x)))
    matches_keras(randomize(tf.keras.Model(x, y)))


DEPTHWISE = {
    "input_quantizer": "ste_sign",
    "depthwise_quantizer": "ste_sign",
    "depthwise_constraint": "weight_clip",
}


@pytest.mark.parametrize(
    ("shape", "make", "binary"),
    [
        ((9, 32), lambda: lq.layers.QuantConv1D(8, 3, **BINARY), True),
        ((9, 33), lambda: lq.layers.QuantConv1D(8, 3, padding="same", **BINARY), True),
        (
            (9, 32),
            lambda: lq.layers.QuantConv1D(8, 3, padding="same", pad_values=1, **BINARY),
            True,
        ),
        (
            (9, 32),
            lambda: lq.layers.QuantConv1D(8, 3, padding="causal", dilation_rate=2, **BINARY),
            True,
        ),
        ((7, 7, 32), lambda: lq.layers.QuantDepthwiseConv2D(3, **DEPTHWISE), False),
        (
            (7, 7, 32),
            lambda: lq.layers.QuantSeparableConv2D(
                8, 3, pointwise_quantizer="ste_sign", **DEPTHWISE
            ),
            False,
        ),
        ((7, 7, 32), lambda: lq.layers.QuantConv2DTranspose(8, 3, strides=2, **BINARY), False),
        ((7, 7, 32), lambda: lq.layers.QuantLocallyConnected2D(8, 3, **BINARY), False),
        ((5, 7, 7, 32), lambda: lq.layers.QuantConv3D(8, 3, **BINARY), False),
        ((7, 7, 32), lambda: quant_conv(8, input_quantizer="ste_heaviside"), True),
        ((7, 7, 32), lambda: quant_conv(8, kernel_quantizer="ste_heaviside"), False),
        ((7, 7, 32), lambda: quant_conv(8, kernel_quantizer="ste_tern"), False),
        ((7, 7, 32), lambda: quant_conv(8, input_quantizer="dorefa_quantizer"), False),
    ],
)
def test_other_layers_compute_the_same(interpreters, rng, shape, make, binary):
    """Binary, or refused with a reason; equal to Keras either way."""
    x = tf.keras.Input(shape)
    model = tf.keras.Model(x, make()(x))
    trace = trace_keras_model(model, snapshots=False)
    assert ("lq.Bconv2d" in trace.ir_after) == binary
    assert binary or trace.refused
    data = rng.normal(size=(2, *shape)).astype(np.float32)
    want = model.predict(data, verbose=0)
    for run in interpreters.values():
        np.testing.assert_allclose(run(trace.tflite, data)[0], want, atol=1e-4)


def test_latents_are_not_changed():
    model = tf.keras.Sequential([layers.Input((5, 5, 32)), quant_conv(4)])
    before = model.get_weights()
    assert convert_keras_model(model) == convert_keras_model(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_large_models_go_by_way_of_the_disk_and_become_the_same(monkeypatch, rng, randomize, int8):
    x = tf.keras.Input((8, 8, 3), name="image")
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, name="stem")(x))
    y = quant_conv(16, name="first", activation="relu")(y)
    y = layers.Flatten()(layers.BatchNormalization()(y))
    model = tf.keras.Model(x, lq.layers.QuantDense(4, name="last", **BINARY)(y))
    randomize(model)
    data = rng.normal(size=(8, 8, 8, 3)).astype(np.float32)
    options = {"report": True, **({"representative_dataset": data} if int8 else {})}
    from tensorflow.lite.python import lite

    saved, save = [], lite._save.save
    monkeypatch.setattr(stock, "LARGE", 1 << 40)
    file, report = convert_keras_model(model, **options)
    monkeypatch.setattr(stock, "LARGE", 0)
    monkeypatch.setattr(
        lite._save, "save", lambda *given, **more: (saved.append(given), save(*given, **more))
    )
    by_disk, its_report = convert_keras_model(model, **options)
    assert len(saved) == 1
    first, second = bnn_lab.Interpreter(file), bnn_lab.Interpreter(by_disk)
    assert (second.input_names, second.output_names) == (first.input_names, first.output_names)
    np.testing.assert_array_equal(second.predict(data), first.predict(data))
    kept = [
        [(layer.name, layer.verdict) for layer in found.layers] for found in (report, its_report)
    ]
    assert kept[0] == kept[1]


def test_conversion_keeps_nothing_in_memory_and_the_model_trains_on():
    """TensorFlow would keep the gradients of what was traced, and with them all weights."""
    from tensorflow.python.framework.ops import gradient_registry

    class Inner(layers.Layer):
        """Calls a function that is traced in the conversion, and used again in training."""

        @tf.function
        def signs(self, x):
            return lq.quantizers.SteSign()(x)

        def call(self, x):
            return self.signs(x)

    x = tf.keras.Input((6, 6, 3))
    y = Inner()(quant_conv(8)(x))
    model = tf.keras.Model(x, layers.GlobalAvgPool2D()(quant_conv(4)(y)))
    convert_keras_model(model)  # the inner function stays
    registered = len(gradient_registry._registry)
    convert_keras_model(model)
    assert len(gradient_registry._registry) == registered
    before = model.get_weights()
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 6, 6, 3), np.float32), np.ones((2, 4), np.float32), verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


class TestTrace:
    @pytest.fixture(scope="class")
    def model(self):
        x = tf.keras.Input((5, 5, 32), name="image")
        y = quant_conv(8, padding="same", pad_values=1, name="binary")(x)
        return tf.keras.Model(x, layers.Conv2D(4, 3, name="real")(y))

    def test_stages(self, model):
        trace = trace_keras_model(model)
        assert trace.tflite == convert_keras_model(model)
        assert "tfl.sign" in trace.ir_before
        assert "tfl.sign" not in trace.ir_after
        assert "%image: tensor<1x5x5x32xf32>" in trace.ir_before
        texts = [trace.ir_before]
        for result in trace.passes:
            assert result.before == texts[-1]
            texts.append(result.after)
            assert (result.before != result.after) == bool(result.applied)
        assert texts[-1] == trace.ir_after
        assert len(trace.ir_after) < 5000

    def test_outcomes_name_the_layers(self, model):
        trace = trace_keras_model(model, snapshots=False)
        assert [(o.layer, o.pass_name) for o in trace.refused] == [("real", "binarize_conv")]
        applied = {o.layer for o in trace.outcomes if o.applied and o.pass_name == "binarize_conv"}
        assert applied == {"binary"}
        assert all(result.before == result.after == "" for result in trace.passes)

    def test_without_binary_layer(self):
        model = tf.keras.Sequential([layers.Input((4,)), layers.Dense(2)])
        trace = trace_keras_model(model)
        assert "lq." not in trace.ir_after
        assert len(trace.refused) == 1


class TestLceDefects:
    """Two inputs for which LCE 0.16 computes something else than Keras."""

    def test_ternary_input_is_not_taken_for_binary(self, matches_keras):
        x = tf.keras.Input((6, 6, 32))
        y = quant_conv(8, input_quantizer=lq.quantizers.SteTern(threshold_value=0.5))(x)
        z = quant_conv(8)(x)
        text = matches_keras(tf.keras.Model(x, [y, z]))
        assert text.count("lq.Bconv2d") == 1
        assert text.count("tfl.conv_2d") == 1

    @pytest.mark.parametrize("size", [8, 9])
    def test_zero_padding_that_is_not_same(self, matches_keras, size):
        x = tf.keras.Input((size, size, 32))
        sign = lq.quantizers.SteSign()(x)
        padded = layers.ZeroPadding2D(1)(sign)
        y = lq.layers.QuantConv2D(8, 3, strides=2, kernel_quantizer="ste_sign")(padded)
        z = quant_conv(8)(x)
        text = matches_keras(tf.keras.Model(x, [y, z]))
        # On an odd size (1, 1) is SAME; on an even one SAME is (0, 1).
        # ... where padding with ones is corrected by a constant.
        assert ("tfl.sub(" in text) == (size == 8)
        assert "tfl.conv_2d" not in text

    @pytest.mark.parametrize("size", [8, 9])
    def test_one_padding_that_is_not_same(self, matches_keras, size):
        x = tf.keras.Input((size, size, 32))
        sign = lq.quantizers.SteSign()(x)
        ones = layers.Lambda(
            lambda t: tf.pad(t, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=1.0)
        )(sign)
        y = lq.layers.QuantConv2D(8, 3, strides=2, kernel_quantizer="ste_sign")(ones)
        text = matches_keras(tf.keras.Model(x, y))
        assert ("pad_values = 1" in text) == (size == 9)
        assert "lq.Bconv2d" in text


class TestErrors:
    @pytest.mark.parametrize("thing", [None, 3, "model.h5", np.zeros(3), SimpleNamespace()])
    def test_not_a_model(self, thing):
        with pytest.raises(ConversionError, match="expected a tf_keras model, got"):
            convert_keras_model(thing)

    def test_keras_3_model(self):
        import keras

        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
        with pytest.raises(ConversionError, match="Keras 3 model"):
            convert_keras_model(model)

    def test_unbuilt_model(self):
        with pytest.raises(ConversionError, match="has no inputs yet"):
            convert_keras_model(tf.keras.Sequential([quant_conv(4)]))

    @pytest.mark.parametrize("shape", [(None, None, 32), (None, 8, 32)])
    def test_dynamic_dimensions(self, shape):
        x = tf.keras.Input(shape, name="photo")
        with pytest.raises(ConversionError, match=r"input 'photo' has the shape .* fixed shape"):
            convert_keras_model(tf.keras.Model(x, quant_conv(4)(x)))

    def test_state_between_calls(self):
        x = tf.keras.Input(batch_shape=(1, 6, 32))
        y = layers.GRU(8, stateful=True, name="gru")(x)
        with pytest.raises(ConversionError, match=r"layer 'gru' keeps its state.*stateful=False"):
            convert_keras_model(tf.keras.Model(x, y))

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
    def test_other_precision(self, policy):
        x = tf.keras.Input((5, 5, 32))
        y = layers.Conv2D(4, 3, dtype=tf.keras.mixed_precision.Policy(policy), name="half")(x)
        with pytest.raises(ConversionError, match=f"layer 'half' computes in .*{policy}"):
            convert_keras_model(tf.keras.Model(x, y))

    def test_no_binary_layer_says_why(self):
        x = tf.keras.Input((8, 8, 3))
        y = layers.Conv2D(4, 3, name="plain")(x)
        y = lq.layers.QuantConv2D(4, 3, kernel_quantizer="ste_sign", name="weights_only")(y)
        y = lq.layers.QuantConv2D(4, 3, input_quantizer="ste_sign", name="input_only")(y)
        y = lq.layers.QuantDense(3, name="dense", kernel_quantizer="ste_sign")(layers.Flatten()(y))
        with pytest.raises(NoBinaryLayerError) as caught:
            convert_keras_model(tf.keras.Model(x, y, name="floaty"))
        message = str(caught.value)
        assert "'floaty'" in message
        for name, reason in {
            "plain": "its input 'input",
            "weights_only": "is not binary",
            "input_only": "its filter is not binary",
            "dense": "it is a dense layer, and its input",
        }.items():
            (line,) = [line for line in message.splitlines() if f"- '{name}'" in line]
            assert reason in line

    def test_model_without_any_multiplication(self):
        model = tf.keras.Sequential([layers.Input((4, 4, 3)), layers.Flatten()])
        with pytest.raises(NoBinaryLayerError, match="no convolution or dense layer"):
            convert_keras_model(model)

    def test_unsupported_by_tensorflow(self):
        class Odd(layers.Layer):
            def call(self, x):
                return tf.raw_ops.Betainc(a=x, b=x, x=x)

        x = tf.keras.Input((4, 4, 32))
        with pytest.raises(ConversionError, match="TensorFlow's converter rejects the model 'odd'"):
            convert_keras_model(tf.keras.Model(x, Odd()(quant_conv(4)(x)), name="odd"))


def test_top_level_name():
    assert bnn_lab.convert_keras_model is convert_keras_model


def test_conversion_is_silent(capfd):
    model = tf.keras.Sequential([layers.Input((5, 5, 32)), quant_conv(4)])
    capfd.readouterr()
    convert_keras_model(model)
    assert capfd.readouterr() == ("", "")
