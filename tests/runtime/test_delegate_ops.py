"""Each op of the delegate equals the oracle; a file with a bad op is refused with its name."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels, reference
from bnn_lab.errors import ModelFileError

BACKENDS = kernels.available_backends()


def words(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return reference.pack_bits(rng.random(shape) < 0.5)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("output", ["float32", "int8", "bits"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pad_values", [0, 1])
def test_conv_equals_reference(conv_model, backend, output, padding, pad_values):
    rng = np.random.default_rng(0)
    for channels, groups, out, stride, dilation, activation in [
        (33, 1, 31, (1, 1), (1, 1), "none"),
        (64, 2, 64, (2, 1), (1, 1), "relu"),
        (96, 3, 96, (1, 1), (2, 3), "relu_n1_to_1"),
        (128, 1, 65, (2, 2), (1, 1), "relu6"),
    ]:
        x = words(rng, 2, 9, 7, channels)
        filters = words(rng, out, 3, 3, channels // groups)
        options = {
            "channels_in": channels,
            "groups": groups,
            "stride": stride,
            "dilation": dilation,
            "padding": padding,
            "pad_values": pad_values,
            "output": output,
        }
        if output == "bits":
            options["threshold"] = rng.integers(0, 9 * channels, out).astype(np.int32)
        else:
            options["multiplier"] = rng.normal(size=out).astype(np.float32)
            options["bias"] = rng.normal(size=out).astype(np.float32)
            options["activation"] = activation
        if output == "int8":
            # As the file stores it: float32.
            options |= {"output_scale": float(np.float32(0.3)), "output_zero_point": -5}
        model = conv_model(x, filters, options)
        for num_threads in (1, 2):
            got = Interpreter(model, num_threads, backend=backend).predict(x)
            np.testing.assert_array_equal(got, reference.bconv2d(x, filters, **options))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "bool"])
def test_quantize_and_dequantize(build_model, specs, backend, dtype):
    tensor, op = specs
    rng = np.random.default_rng(1)
    for channels in (1, 31, 33, 64):
        values = rng.normal(scale=40, size=(1, 3, 2, channels))
        x = values > 0 if dtype == "bool" else values.astype(dtype)
        quantized = {"scale": 0.02, "zero_point": 7} if dtype == "int8" else {}
        model = build_model(
            {
                "x": tensor(x.shape, dtype, **quantized),
                "bits": tensor((1, 3, 2, reference.word_count(channels)), "int32"),
                "y": tensor(x.shape, dtype, **quantized),
            },
            [op("LceQuantize", ["x"], ["bits"]), op("LceDequantize", ["bits"], ["y"])],
            ["x"],
            ["bits", "y"],
        )
        bits, y = Interpreter(model, backend=backend).predict(x)
        np.testing.assert_array_equal(bits, reference.quantize(x, quantized.get("zero_point", 0)))
        np.testing.assert_array_equal(y, reference.dequantize(bits, channels, dtype, **quantized))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_maxpool(build_model, specs, padding):
    tensor, op = specs
    x = reference.pack_bits(np.random.default_rng(2).random((1, 7, 6, 40)) < 0.8)
    options = {
        "filter_height": 3,
        "filter_width": 2,
        "stride_height": 2,
        "stride_width": 3,
        "padding": ["same", "valid"].index(padding),
    }
    model = build_model(
        {"x": tensor(x.shape, "int32"), "y": tensor((1, 1, 1, 2), "int32")},
        [op("LceBMaxPool2d", ["x"], ["y"], options)],
        ["x"],
        ["y"],
    )
    expected = reference.bmaxpool2d(x, pool=(3, 2), stride=(2, 3), padding=padding)
    np.testing.assert_array_equal(Interpreter(model).predict(x), expected)


X = np.zeros((1, 4, 4, 2), np.int32)
FILTERS = np.zeros((8, 3, 3, 2), np.int32)
PLAIN = {"channels_in": 64}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op_options": {"stride_height": None}}, "option stride_height is missing"),
        ({"op_options": {"stride_height": -1}}, "option stride_height is -1, outside"),
        ({"op_options": {"stride_width": 0}}, "option stride_width is 0, outside"),
        (
            {"op_options": {"dilation_width_factor": 2**40}},
            "dilation_width_factor is 1099511627776",
        ),
        ({"op_options": {"padding": 2}}, "option padding is 2"),
        ({"op_options": {"pad_values": -1}}, "option pad_values is -1"),
        ({"op_options": {"fused_activation_function": 4}}, "option fused_activation_function is 4"),
        ({"op_options": {"channels_in": 65}}, "last dimension is 2 words, but channels_in = 65"),
        (
            {"op_options": {"channels_in": "wide"}},
            "option channels_in is missing or not an integer",
        ),
        ({"op_options": b"\x01\x02\x03"}, "not a valid flexbuffer map"),
        ({"op_options": b"\xff" * 64}, "not a valid flexbuffer map"),
        ({"inputs": ["x", "filter"]}, "needs 5 operands"),
        ({"inputs": ["x", "filter", None, "bias", None]}, "post_activation_multiplier has a wrong"),
        ({"inputs": ["x", "x", "multiplier", "bias", None]}, "the filter must be a constant"),
    ],
)
def test_bad_conv_is_refused(conv_model, change, message):
    with pytest.raises(ModelFileError, match=message) as caught:
        Interpreter(conv_model(X, FILTERS, PLAIN, **change))
    assert "LceBconv2d (output 'y')" in str(caught.value)


def test_constants_of_wrong_shape_are_refused(conv_model, specs):
    tensor, _ = specs
    short = tensor.constant(np.ones(7, np.float32))
    with pytest.raises(ModelFileError, match=r"multiplier has shape \[7\], expected \[8\]"):
        Interpreter(conv_model(X, FILTERS, PLAIN, tensors={"multiplier": short}))
    wide = tensor.constant(np.zeros((8, 3, 3, 3), np.int32))
    with pytest.raises(ModelFileError, match="a filter of 3 words does not fit channels_in = 64"):
        Interpreter(conv_model(X, FILTERS, PLAIN, tensors={"filter": wide}))
    wrong = tensor((1, 4, 4, 2), "float32")
    with pytest.raises(ModelFileError, match="the input must be int32 words"):
        Interpreter(conv_model(X, FILTERS, PLAIN, tensors={"x": wrong}))


def test_unknown_custom_op_is_named(build_model, specs):
    tensor, op = specs
    model = build_model(
        {"x": tensor((1, 4), "float32"), "y": tensor((1, 4), "float32")},
        [op("Mystery", ["x"], ["y"])],
        ["x"],
        ["y"],
    )
    with pytest.raises(ModelFileError, match="Mystery"):
        Interpreter(model)


def own_op_model(build_model, specs, name, x, filters, options, fields, output_rank_shape):
    tensor, op = specs
    output = options.get("output", "float32")
    channels = output_rank_shape[-1]
    tensors = {
        "x": tensor(x.shape, "int32"),
        "filter": tensor.constant(filters),
        "y": tensor(
            output_rank_shape,
            {"float32": "float32", "int8": "int8", "bits": "int32"}[output],
            scale=options.get("output_scale") if output == "int8" else None,
            zero_point=options.get("output_zero_point", 0),
        ),
    }
    if output == "bits":
        tensors["threshold"] = tensor.constant(options["threshold"])
        operands = ["x", "filter", None, None, "threshold"]
    else:
        for key, default in (("multiplier", 1), ("bias", 0)):
            tensors[key] = tensor.constant(options.get(key, np.full(channels, default, np.float32)))
        operands = ["x", "filter", "multiplier", "bias", None]
    return build_model(tensors, [op(name, operands, ["y"], fields)], ["x"], ["y"])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("output", ["float32", "int8", "bits"])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_equals_reference(build_model, specs, backend, output, multiplier):
    rng = np.random.default_rng(3)
    channels = 40 * multiplier
    x, filters = words(rng, 2, 7, 6, 40), words(rng, 1, 3, 2, channels)
    options = {"output": output}
    if output == "bits":
        options["threshold"] = rng.integers(0, 6, channels).astype(np.int32)
    else:
        options["multiplier"] = rng.normal(size=channels).astype(np.float32)
    if output == "int8":
        options |= {"output_scale": 0.25, "output_zero_point": 3}
    fields = {
        "channels_in": 40,
        "depth_multiplier": multiplier,
        "dilation_height_factor": 2,
        "dilation_width_factor": 1,
        "fused_activation_function": 0,
        "pad_values": 0,
        "padding": 0,
        "stride_height": 1,
        "stride_width": 2,
    }
    model = own_op_model(
        build_model, specs, "BnnLabDepthwise2d", x, filters, options, fields, (1, 1, 1, channels)
    )
    expected = reference.bdepthwise2d(
        x,
        filters[0],
        channels_in=40,
        depth_multiplier=multiplier,
        stride=(1, 2),
        dilation=(2, 1),
        padding="same",
        **options,
    )
    np.testing.assert_array_equal(Interpreter(model, backend=backend).predict(x), expected)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_transposed_equals_reference(build_model, specs, backend, padding):
    rng = np.random.default_rng(4)
    x, filters = words(rng, 2, 4, 3, 65), words(rng, 33, 3, 2, 65)
    options = {"channels_in": 65, "stride": (2, 3), "padding": padding, "activation": "relu"}
    expected = reference.btranspose2d(x, filters, **options)
    fields = {
        "channels_in": 65,
        "fused_activation_function": 1,
        "output_height": expected.shape[1],
        "output_width": expected.shape[2],
        "padding": ["same", "valid"].index(padding),
        "stride_height": 2,
        "stride_width": 3,
    }
    shape = (1, 1, 1, 33)
    model = own_op_model(build_model, specs, "BnnLabTranspose2d", x, filters, {}, fields, shape)
    np.testing.assert_array_equal(Interpreter(model, backend=backend).predict(x), expected)
    fields["output_height"] += 5
    bad = own_op_model(build_model, specs, "BnnLabTranspose2d", x, filters, {}, fields, shape)
    with pytest.raises(ModelFileError, match=r"BnnLabTranspose2d \(output 'y'\): an output of"):
        Interpreter(bad)
