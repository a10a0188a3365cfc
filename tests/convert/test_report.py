"""The report: verdicts, bytes and operations of each Keras layer."""

from __future__ import annotations

import io
import json
from math import prod

import larq as lq
import pytest
from rich.console import Console

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import Report, convert_keras_model, explain
from bnn_lab.figures import draw

tf = require_tensorflow()
layers = tf.keras.layers
BN = layers.BatchNormalization
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}


def conv(filters: int, size: int = 3, **options):
    return lq.layers.QuantConv2D(filters, size, **{**BINARY, **options})


def make_model() -> tf.keras.Model:
    """Each verdict once, a nested model, and dense layers whose names are lost in folding."""
    x = tf.keras.Input((12, 12, 3), name="image")
    y = BN(name="stem_bn")(layers.Conv2D(32, 3, name="stem")(x))
    same = {"padding": "same", "pad_values": 1, "use_bias": False}
    z = BN(name="residual_bn")(conv(32, name="residual", **same)(y))
    y = layers.add([y, z], name="add")
    inner = tf.keras.Sequential([conv(64, name="deep"), BN(name="deep_bn")], name="inner")
    y = inner(y)
    y = lq.layers.QuantSeparableConv2D(
        32,
        3,
        name="separable",
        input_quantizer="ste_sign",
        depthwise_quantizer="ste_sign",
        pointwise_quantizer="ste_sign",
    )(y)
    y = BN(name="pool_bn")(layers.MaxPool2D(name="pool")(y))
    y = conv(32, 1, name="kernel_only", input_quantizer=None)(y)
    y = conv(32, 1, name="dorefa", input_quantizer="dorefa_quantizer")(y)
    y = conv(32, 1, name="ternary", input_quantizer="ste_tern")(y)
    y = layers.Flatten(name="flat")(y)
    y = BN(name="dense_bn")(lq.layers.QuantDense(40, name="dense_1", **BINARY)(y))
    y = lq.layers.QuantDense(10, name="dense_2", **BINARY)(y)
    return tf.keras.Model(x, y, name="every_verdict")


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def converted(model) -> tuple[bytes, Report]:
    return convert_keras_model(model, report=True, lce_compatible=False)


@pytest.fixture(scope="module")
def report(converted) -> Report:
    return converted[1]


@pytest.fixture(scope="module")
def by_name(report):
    return {layer.name: layer for layer in report.layers}


def test_layers_are_those_of_the_model_in_order(report):
    names = [layer.name for layer in report.layers]
    assert names[:6] == ["stem", "stem_bn", "residual", "residual_bn", "add", "inner/deep"]
    assert names[-3:] == ["dense_1", "dense_bn", "dense_2"]


def test_verdicts(by_name):
    verdicts = {name: layer.verdict for name, layer in by_name.items()}
    assert verdicts == {
        "stem": "float",
        "stem_bn": "folded",
        "residual": "binary",
        "residual_bn": "folded",
        "add": "no weights",
        "inner/deep": "binary",
        "inner/deep_bn": "folded",
        "separable": "partly binary",
        "pool": "no weights",
        "pool_bn": "float",
        "kernel_only": "float",
        "dorefa": "float",
        "ternary": "float",
        "flat": "no weights",
        "dense_1": "binary",
        "dense_bn": "folded",
        "dense_2": "binary",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stem", "a model input"),
        ("separable", "its pointwise half reads the sums of its depthwise half"),
        ("kernel_only", "is not binary"),
        ("dorefa", "takes 4 values, 0, 1, 2 and 3, as ternary and DoReFa"),
        ("ternary", "takes 3 values, -1, 0 and 1"),
    ],
)
def test_float_layers_say_why_and_what_to_change(report, by_name, name, reason):
    assert reason in by_name[name].reason
    assert "ste_sign" in by_name[name].advice
    assert report.float_layers[name] == by_name[name].reason


def test_bytes_add_up_to_the_file(converted):
    file, report = converted
    parts = sum(layer.file_bytes for layer in report.layers)
    assert parts + report.other_bytes + report.structure_bytes == len(file) == report.file_bytes
    assert report.structure_bytes > 0
    assert report.other_bytes < 200


def test_bytes_of_layers(by_name):
    residual = by_name["residual"]
    # One word a tap and output channel, and a float multiplier and bias for each.
    assert residual.file_bytes in (32 * 9 * 4 + 32 * 4 * n for n in (1, 2))
    assert residual.larq_bytes == 32 * 9 * 32 / 8
    # Its bias of 32 zeros is shared with other layers.
    assert by_name["stem"].file_bytes == 4 * 27 * 32


def test_weights_and_size_are_larqs(model, report):
    weights = sum(prod(weight.shape) for weight in model.weights)
    counted = sum(layer.weights_1bit + layer.weights_other for layer in report.layers)
    assert counted == weights
    assert report.larq_bytes * 8 == lq.models.ModelProfile(model).memory


def test_operations_are_larqs(model, report, by_name):
    larq = {profile.name: profile for profile in lq.models.ModelProfile(model).layer_profiles}
    for name, layer in by_name.items():
        if name in larq and larq[name].op_count("mac"):
            total = layer.macs_binary + layer.macs_float
            # larq counts the depthwise part at the size of the output, as we do.
            assert total == larq[name].op_count("mac"), name
    assert by_name["residual"].macs_float == 0
    assert by_name["inner/deep"].macs_binary == 8 * 8 * 64 * 9 * 32


def test_ops(by_name):
    assert by_name["residual"].ops == ("LceQuantize", "LceBconv2d")
    assert {"BnnLabDepthwise2d", "CONV_2D"} < set(by_name["separable"].ops)
    assert by_name["dense_1"].ops == ("LceQuantize", "RESHAPE", "LceBconv2d")


def test_every_form_holds_the_figures(report):
    assert json.loads(report.to_json()) == report.as_dict()
    html = report._repr_html_()
    console = Console(width=240, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(report)
    text = console.export_text()
    for layer in report.layers:
        assert layer.name in html
        assert layer.name in text
        assert f"{layer.file_bytes:,}" in html
    assert f"{report.file_bytes:,}" in text


def test_html_is_escaped():
    bad = Report("<b>", (), 0, 0, 0, 0)
    assert "<b>" not in bad._repr_html_()


def test_figure(report):
    drawing = draw(report)
    figure = drawing.figure
    assert drawing.words == figure.layout.meta["alt"] == str(report)
    weighted = [layer.name for layer in report.layers if layer.weights_1bit + layer.weights_other]
    in_file, larq, binary, real = figure.data
    assert list(in_file.y) == weighted
    assert sum(in_file.x) == sum(layer.file_bytes for layer in report.layers)
    assert sum(larq.x) == pytest.approx(report.larq_bytes)
    assert sum(binary.x) == sum(layer.macs_binary for layer in report.layers)
    assert sum(real.x) == sum(layer.macs_float for layer in report.layers)


def test_explain_of_a_float_model():
    model = tf.keras.Sequential([layers.Input((4,)), layers.Dense(2, name="only")])
    report = explain(model)
    assert report.binary_layers == []
    assert report.layers[0].macs_float == 8
    assert "is not binary" in report.float_layers["only"]


def test_layer_used_twice(rng):
    shared = conv(32, name="shared", padding="same", pad_values=1)
    x = tf.keras.Input((6, 6, 32))
    report = explain(tf.keras.Model(x, shared(shared(x))))
    (layer,) = report.layers
    assert layer.macs_binary == 2 * 36 * 9 * 32 * 32
    assert layer.verdict == "binary"


def test_top_level_name():
    assert bnn_lab.explain is explain


def where_sign(x):
    """A quantizer without the attribute that larq's own have."""
    return tf.where(x >= 0, 1.0, -1.0)


@pytest.mark.parametrize("kernel_quantizer", ["ste_sign", where_sign])
def test_a_quantizer_without_precision(kernel_quantizer):
    """The constants that TensorFlow leaves in such a kernel's graph are folded."""
    x = tf.keras.Input((6, 6, 32))
    y = conv(16, name="own", input_quantizer=where_sign, kernel_quantizer=kernel_quantizer)(x)
    file, report = convert_keras_model(tf.keras.Model(x, y), report=True)
    assert report.binary_layers == ["own"]
    assert b"LceBconv2d" in file
    assert sum(layer.file_bytes for layer in report.layers) < 16 * 9 * 4 + 400


def test_a_dense_layer_of_rank_5():
    x = tf.keras.Input((2, 2, 2, 32))
    report = explain(tf.keras.Model(x, lq.layers.QuantDense(8, name="deep", **BINARY)(x)))
    assert report.binary_layers == ["deep"]


def test_larqs_bytes_are_those_of_its_summary(model):
    from larq.models import ModelProfile

    assert explain(model).larq_bytes == ModelProfile(model).memory / 8


def test_fits_into_80_columns(converted):
    from rich.cells import cell_len

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(converted[1])
    lines = console.export_text().splitlines()
    assert max(map(cell_len, lines)) <= 80
    text = " ".join(" ".join(line.replace("│", " ").split()) for line in lines)
    for layer in converted[1].layers:
        assert layer.name in text  # whole, not letter by letter
    assert len(lines) <= 6 * len(converted[1].layers)


def test_all_figures_on_demand(converted):
    report = converted[1]
    console = Console(width=400, record=True, file=io.StringIO())
    console.print(report.table(full=True))
    wide = console.export_text()
    assert "ops in the file" in wide and f"{report.layers[0].macs_float:,}" in wide
    html = report._repr_html_()
    short, _, full = html.partition("<details>")
    assert "binary MACs" not in short and "binary MACs" in full


def test_attention_is_not_the_layer_before():
    """Its two products are its own, and the binary layer stays binary."""
    x = tf.keras.Input((6, 32))
    y = lq.layers.QuantDense(32, name="keys", **BINARY)(x)
    y = layers.Attention(name="attention")([y, y])
    report = explain(tf.keras.Model(x, lq.layers.QuantDense(8, name="last", **BINARY)(y)))
    found = {layer.name: layer for layer in report.layers}
    assert report.binary_layers == ["keys", "last"]
    assert found["keys"].macs_float == 0
    assert found["attention"].macs_float == 2 * 6 * 6 * 32


def test_a_batch_norm_whose_weights_are_thresholds_is_folded():
    x = tf.keras.Input((8, 8, 32))
    y = layers.MaxPool2D(name="pool")(conv(32, name="first")(x))
    y = conv(32, name="second")(BN(name="norm")(y))
    (norm,) = [layer for layer in explain(tf.keras.Model(x, y)).layers if layer.name == "norm"]
    assert (norm.verdict, norm.reason) == (
        "folded",
        "its weights joined the constants of a neighbor",
    )
