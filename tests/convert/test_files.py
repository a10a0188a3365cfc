"""Models in files, and the commands that convert and inspect them."""

from __future__ import annotations

import json
import re

import larq as lq
import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.cli import main as cli
from bnn_lab.convert import convert_keras_model, convert_saved_model, import_model, load_keras_model
from bnn_lab.errors import ConversionError, InputError, NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}


class Doubling(layers.Layer):
    def call(self, x):
        return 2 * x


@pytest.fixture(scope="module")
def model():
    x = tf.keras.Input((6, 6, 32), name="image")
    y = layers.BatchNormalization()(lq.layers.QuantConv2D(8, 3, name="binary", **BINARY)(x))
    return tf.keras.Model(x, layers.Conv2D(4, 1, name="logits")(y), name="small")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    model.save(folder / "model.keras")
    model.save(folder / "model.h5")
    model.save(folder / "keras_saved")
    module = tf.Module()
    module.net = model
    spec = tf.TensorSpec([None, 6, 6, 32], tf.float32, name="photo")
    module.run = tf.function(lambda photo: {"scores": model(photo)}, input_signature=[spec])
    tf.saved_model.save(module, str(folder / "plain_saved"), signatures=module.run)
    odd = tf.keras.Sequential([layers.Input((4,)), Doubling()])
    odd.save(folder / "odd.keras")
    (folder / "broken.h5").write_bytes(b"not HDF5")
    (folder / "model.txt").write_text("hello")
    np.save(folder / "samples.npy", np.random.default_rng(0).normal(size=(8, 6, 6, 32)))
    (folder / "model.tflite").write_bytes(convert_keras_model(model))
    return folder


def bnn_lab(capsys, *arguments) -> str:
    """Run the command; gives what it prints."""
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        assert not end.code, capsys.readouterr().err
    return capsys.readouterr().out


def error_of(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    assert end.value.code
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "keras_saved"])
def test_load_and_convert(folder, model, name, capsys, tmp_path):
    loaded = load_keras_model(folder / name)
    assert convert_keras_model(loaded) == convert_keras_model(model)
    target = tmp_path / "out.tflite"
    shown = bnn_lab(capsys, "convert", folder / name, "-o", target, "--report")
    assert f"{target.stat().st_size:,} bytes" in shown.replace("\n", "")
    assert "1 binary layers" in re.sub(r"\s+", " ", shown)
    assert len(target.read_bytes()) == len(convert_keras_model(model))


@pytest.mark.parametrize("name", ["plain_saved", "keras_saved"])
def test_saved_model(folder, model, name, interpreters, rng):
    file = convert_saved_model(folder / name)
    data = rng.normal(size=(2, 6, 6, 32)).astype(np.float32)
    want = model.predict(data, verbose=0)
    for run in interpreters.values():
        np.testing.assert_allclose(run(file, data)[0], want, atol=1e-4)


def test_saved_model_keeps_the_signatures_names(folder):
    module = import_model(convert_saved_model(folder / "plain_saved"))
    (signature,) = module.attributes["tfl.model"].data.signatures
    assert [name for name, _ in (*signature.inputs, *signature.outputs)] == ["photo", "scores"]


def test_report_as_json(folder, capsys, tmp_path):
    target = tmp_path / "report.json"
    bnn_lab(
        capsys, "convert", folder / "model.keras", "-o", tmp_path / "a.tflite",
        "--report-json", target, "--trits-per-byte", "5",
    )  # fmt: skip
    stored = json.loads(target.read_text())
    assert stored["file_bytes"] == (tmp_path / "a.tflite").stat().st_size
    assert [layer["verdict"] for layer in stored["layers"]] == ["binary", "folded", "float"]


def test_int8_by_samples(folder, capsys, tmp_path):
    target = tmp_path / "a.tflite"
    bnn_lab(
        capsys, "convert", folder / "model.keras", "-o", target,
        "--representative", folder / "samples.npy", "--input-type", "int8",
    )  # fmt: skip
    assert "i8" in str(next(iter(import_model(target.read_bytes()).ops)).body.block.args[0].type)


def test_one_signature_of_several(folder, model, capsys, tmp_path, rng, interpreters):
    module = tf.Module()
    module.net = model
    spec = tf.TensorSpec([None, 6, 6, 32], tf.float32, name="photo")
    once = tf.function(lambda photo: {"scores": model(photo)}, input_signature=[spec])
    twice = tf.function(lambda photo: {"double": 2 * model(photo)}, input_signature=[spec])
    saved = tmp_path / "several"
    tf.saved_model.save(module, str(saved), signatures={"once": once, "twice": twice})
    target = tmp_path / "a.tflite"
    bnn_lab(capsys, "convert", saved, "-o", target, "--signature", "twice")
    data = rng.normal(size=(2, 6, 6, 32)).astype(np.float32)
    (got,) = interpreters["bnn_lab"](target.read_bytes(), data)
    # Sums of a thousand floats: LiteRT and TensorFlow add them in orders of their own.
    np.testing.assert_allclose(got, 2 * model.predict(data, verbose=0), rtol=1e-5, atol=1e-4)
    assert "it has: once, twice" in error_of(capsys, "convert", saved, "-o", target)


def test_convert_plain_saved_model(folder, capsys, tmp_path):
    target = tmp_path / "a.tflite"
    bnn_lab(capsys, "convert", folder / "plain_saved", "-o", target, "--trits-per-byte", "5")
    assert target.stat().st_size > 1000


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.h5", "there is no"),
        ("model.txt", "does not end like the name of a Keras model"),
        ("odd.keras", "custom_objects"),
        ("broken.h5", "check that the file is whole"),
        ("plain_saved --report", "leave --report out"),
        ("model.keras --signature serving_default", "leave --signature out"),
        ("plain_saved --signature other", "it has: serving_default"),
        ("model.keras --input-type int8", "pass representative_dataset"),
        ("model.keras --trits-per-byte 3", "trits_per_byte must be 4 or 5, not 3"),
        ("model.keras --representative model.txt", "is not a file of NumPy arrays"),
    ],
)
def test_errors_of_convert(folder, capsys, tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(folder)
    error = error_of(capsys, "convert", *source.split(), "-o", tmp_path / "a.tflite")
    assert message in error
    assert error.startswith("error: ")
    assert not (tmp_path / "a.tflite").exists()


def test_output_must_be_a_tflite_file(folder, capsys, tmp_path):
    error = error_of(capsys, "convert", folder / "model.h5", "-o", tmp_path / "model.bin")
    assert "does not end in .tflite" in error


def test_errors_of_saved_models(folder, tmp_path):
    with pytest.raises(InputError, match="is not a SavedModel"):
        convert_saved_model(tmp_path)
    with pytest.raises(InputError, match="it has: serving_default"):
        convert_saved_model(folder / "plain_saved", signature="train")
    with pytest.raises(InputError, match="convert_saved_model"):
        load_keras_model(folder / "plain_saved")
    model = tf.keras.Sequential([layers.Input((None, 6, 32)), layers.Conv2D(2, 1)])
    model.save(tmp_path / "dynamic")
    with pytest.raises(ConversionError, match="only the batch may be unknown"):
        convert_saved_model(tmp_path / "dynamic")
    model = tf.keras.Sequential([layers.Input((6, 6, 3)), layers.Conv2D(2, 1)])
    model.save(tmp_path / "float")
    with pytest.raises(NoBinaryLayerError, match="'float'"):
        convert_saved_model(tmp_path / "float")


class TestInspect:
    def test_summary(self, folder, capsys):
        shown = bnn_lab(capsys, "inspect", folder / "model.tflite")
        assert f"{(folder / 'model.tflite').stat().st_size:,} bytes" in shown.replace("\n", "")
        assert "lq.Bconv2d" in shown
        assert "image" in shown

    def test_ir(self, folder, capsys):
        shown = bnn_lab(capsys, "inspect", folder / "model.tflite", "--ir")
        assert "= lq.Bconv2d(" in shown

    def test_passes(self, folder, model, capsys, tmp_path):
        from bnn_lab.convert import stock_tflite

        (tmp_path / "stock.tflite").write_bytes(stock_tflite(model))
        shown = bnn_lab(capsys, "inspect", tmp_path / "stock.tflite", "--passes")
        assert "binarize_conv: applied on tfl.conv_2d 'binary'" in shown
        assert "binarize_conv: refused on tfl.conv_2d 'logits'" in shown

    @pytest.mark.parametrize(
        ("name", "message"),
        [("nothing.tflite", "there is no file"), ("model.txt", "not a .tflite")],
    )
    def test_errors(self, folder, capsys, name, message):
        assert message in error_of(capsys, "inspect", folder / name)
