from __future__ import annotations

import importlib.util
import sys
from unittest.mock import MagicMock

import numpy as np
import pytest

from bnn_lab import models
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models import network, networks
from bnn_lab.models.alexnet import filter_scaled_sign, layer_scaled_sign
from bnn_lab.training import binary_variables, bop_optimizer
from bnn_lab.training.recipe import build_model, load_recipe

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)


@pytest.fixture
def cheap_weights(monkeypatch):
    """Random numbers for 60 million weights would take the most of the test's time."""
    zeros = tf.keras.initializers.Zeros()
    for name in ("GlorotUniform", "GlorotNormal", "HeNormal"):
        kind = getattr(tf.keras.initializers, name)
        monkeypatch.setattr(
            kind, "__call__", lambda self, shape, dtype=None, **more: zeros(shape, dtype)
        )
    yield
    tf.keras.backend.clear_session()


# They follow from the layers.
NOT_PUBLISHED = {
    "binarynet": 14_033_566,
    "reactnet_a": 29_365_480,
}


@pytest.mark.parametrize("entry", networks(published=True), ids=lambda entry: entry.name)
def test_counts_equal_the_published_ones(entry, cheap_weights) -> None:
    model, figures = entry.build(), entry.published
    assert model.name == entry.name and model.input_shape[1:] == entry.input_shape
    counts = models.count(model)
    own = counts.summary_parameters if figures.in_summary else counts.parameters
    assert own == (figures.parameters or NOT_PUBLISHED[entry.name])
    assert (counts.binary_macs, counts.macs) == figures.macs
    if figures.size is not None:
        assert counts.size == pytest.approx(figures.size, abs=0.006)
    if figures.operations is not None:
        operations = counts.binary_macs / 64 + counts.macs - counts.binary_macs
        assert operations == pytest.approx(figures.operations, rel=0.01)
    if figures.rounded_macs is not None:
        macs, share = figures.rounded_macs
        assert counts.macs == pytest.approx(macs, rel=0.001)
        assert counts.binary_macs / counts.macs == pytest.approx(share, abs=5e-5)


@pytest.mark.parametrize("quantizers", ["sign", "ir-net", "recu"])
def test_resnet20_has_the_authors_parameters(quantizers, cheap_weights) -> None:
    model = models.binary_resnet20(quantizers=quantizers)
    found = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    widths = [16] * 6 + [32] * 6 + [64] * 6  # ReCU learns a factor for each of their channels
    assert found == 269_850 + (sum(widths) if quantizers == "recu" else 0)


def test_bops_authors_networks_have_their_parameters(cheap_weights) -> None:
    counted = {}
    study, rates = "bop-cifar10-study", "bop2-cifar10-rates"
    for name in ("bop-cifar10", study, "bop2-cifar10", rates, "latent-cifar10"):
        counted[name] = build_model(load_recipe(name), (32, 32, 3), 10, 0).count_params()
    for name in ("alexnet", "xnornet", "birealnet"):
        recipe = load_recipe(f"bop-imagenet-{name}")
        if name != "alexnet":  # the same networks
            assert load_recipe(f"bop2-imagenet-{name}").model == recipe.model
        counted[name] = build_model(recipe, (224, 224, 3), 1000, 0).count_params()
        tf.keras.backend.clear_session()
    assert counted == {
        "bop-cifar10": 10_363_550,
        "bop-cifar10-study": 10_363_550,
        "bop2-cifar10": 10_363_550,
        "bop2-cifar10-rates": 10_363_550,
        "latent-cifar10": 27_427_166,
        "alexnet": 61_869_664,
        "xnornet": 62_406_432,
        "birealnet": 11_699_112,
    }


def test_a_first_convolution_without_padding() -> None:
    model = models.binarynet_small(first_padding="valid", momentum=0.99)
    sides = [layer.output_shape[1] for layer in model.layers if "Pool" in type(layer).__name__]
    assert model.layers[0].output_shape[1] == 30 and sides == [15, 7, 3]
    with pytest.raises(InputError, match="first_padding='same'"):
        models.binarynet_small((8, 8, 1), first_padding="valid")
    with pytest.raises(InputError, match="must be 'same' or 'valid'"):
        models.binarynet_small(first_padding="full")


def test_binarynets_kernels_are_the_papers() -> None:
    model = models.binarynet()
    kernels = sum(int(np.prod(v.shape)) for v in binary_variables(model).values())
    assert kernels == 14_022_016  # 128-128-256-256-512-512 convolutions, 1024-1024-10 dense
    assert model.output_shape == (None, 10)


ZOO = {
    "binary_alexnet": "BinaryAlexNet",
    "xnornet": "XNORNet",
    "dorefanet": "DoReFaNet",
    "birealnet": "BiRealNet",
    "binary_densenet28": "BinaryDenseNet28",
    "binary_densenet37": "BinaryDenseNet37",
    "binary_densenet37_dilated": "BinaryDenseNet37Dilated",
    "binary_densenet45": "BinaryDenseNet45",
    "real_to_binary": "RealToBinaryNet",
    "resnet_e18": "BinaryResNetE18",
    "meliusnet22": "MeliusNet22",
    "quicknet_small": "QuickNetSmall",
    "quicknet": "QuickNet",
    "quicknet_large": "QuickNetLarge",
}


@pytest.fixture(scope="module")
def larq_zoo():
    if importlib.util.find_spec("larq_zoo") is None:
        pytest.skip(
            "larq-zoo is not on the path (pip install --no-deps --target FOLDER larq-zoo "
            "zookeeper typeguard; PYTHONPATH=FOLDER)"
        )
    # It imports data sets that are not used here.
    if importlib.util.find_spec("tensorflow_datasets") is None:
        sys.modules.setdefault("tensorflow_datasets", MagicMock())
    import larq_zoo

    yield {**vars(larq_zoo.literature), **vars(larq_zoo.sota)}
    if isinstance(sys.modules.get("tensorflow_datasets"), MagicMock):
        del sys.modules["tensorflow_datasets"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_weights_of_larq_zoo_fit_and_give_its_answers(name, larq_zoo, tmp_path) -> None:
    theirs = larq_zoo[ZOO[name]](weights=None)
    figures = network(name).published
    counts = models.count(theirs)
    assert (counts.binary_macs, counts.macs) == figures.macs
    path = tmp_path / f"{figures.zoo_name}_weights.h5"
    theirs.save_weights(str(path))
    ours = models.load_larq_zoo_weights(path)
    image = np.random.default_rng(0).standard_normal((1, 224, 224, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ours.predict(image, verbose=0), theirs.predict(image, verbose=0), atol=1e-5
    )
    tf.keras.backend.clear_session()


SMALL = {
    "binarynet_small": lambda latent: models.binarynet_small(latent_weights=latent),
    "birealnet_small": lambda latent: models.birealnet_small(latent_weights=latent),
    "quicknet_cifar": lambda latent: models.quicknet_cifar(latent_weights=latent),
    "binary_resnet20": lambda latent: models.binary_resnet20(
        blocks=(1, 1, 1), quantizers="recu" if latent else "sign", latent_weights=latent
    ),
    "densenet": lambda latent: models.binary_densenet(
        (32, 32, 3), 10, (2, 2), (2.0,), latent_weights=latent
    ),
}


@pytest.mark.parametrize("latent", [True, False], ids=["latent", "bop"])
@pytest.mark.parametrize("name", SMALL)
def test_small_versions_learn_a_batch(name, latent) -> None:
    tf.keras.utils.set_random_seed(0)
    model = SMALL[name](latent)
    assert binary_variables(model)
    adam = tf.keras.optimizers.legacy.Adam(0.01)
    optimizer = adam if latent else bop_optimizer(0.05, 1e-7, adam, model=model)
    logits = name in ("binarynet_small", "binary_resnet20")
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    x = np.random.default_rng(0).standard_normal((16, 32, 32, 3)).astype(np.float32)
    y = np.arange(16) % 4
    losses = []
    for _ in range(8):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        losses.append(float(value))
        gradients = tape.gradient(value, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert min(losses[4:]) < 0.7 * losses[0], losses


def test_scaled_signs() -> None:
    w = tf.constant([[0.5, -2.0], [-0.25, 0.5]])
    xnor = filter_scaled_sign()
    xnor.build(w.shape)
    np.testing.assert_allclose(xnor(w), [[0.375, -0.75], [-0.375, 0.75]])
    dorefa = layer_scaled_sign()
    dorefa.build(w.shape)
    np.testing.assert_allclose(dorefa(w), np.sign(w) * 0.8125)
    with tf.GradientTape() as tape:
        tape.watch(w)
        total = tf.reduce_sum(dorefa(w) * [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(tape.gradient(total, w), [[1, 2], [3, 4]])
    assert type(xnor).from_config(xnor.get_config()).per_filter
    assert lq.quantizers.get(lq.quantizers.serialize(dorefa)).clip_value is None


def test_quicknets_blur_keeps_a_constant_image() -> None:
    blur = next(
        layer
        for layer in models.quicknet_cifar().layers
        if isinstance(layer, tf.keras.layers.DepthwiseConv2D) and not layer.trainable
    )
    kernel = blur.get_weights()[0][..., 0]
    np.testing.assert_allclose(kernel.sum(axis=(0, 1)), 1.0)
    assert kernel[1, 1, 0] == 0.25 and kernel[0, 0, 0] == 0.0625


def test_loading_weights_says_what_does_not_fit(tmp_path) -> None:
    ours = models.quicknet_cifar()
    path = tmp_path / "mine.h5"
    ours.save_weights(str(path))
    again = models.load_larq_zoo_weights(path, models.quicknet_cifar())
    for a, b in zip(ours.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="needs"):
        models.load_larq_zoo_weights(path, models.quicknet_cifar(classes=7))
    with pytest.raises(InputError, match="layers with weights"):
        models.load_larq_zoo_weights(path, models.birealnet_small())
    with pytest.raises(InputError, match="names no network"):
        models.load_larq_zoo_weights(path)
    with pytest.raises(InputError, match="no file"):
        models.load_larq_zoo_weights(tmp_path / "gone.h5")
    bad = tmp_path / "quicknet_weights_notop.h5"
    bad.write_bytes(b"nothing")
    with pytest.raises(InputError, match="classifier"):
        models.load_larq_zoo_weights(bad)
    with pytest.raises(InputError, match="not a Keras weight file"):
        models.load_larq_zoo_weights(bad, ours)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.quicknet((225, 224, 3)), "multiples"),
        (lambda: models.quicknet((None, None, 3)), "input_shape"),
        (lambda: models.quicknet(classes=1), "classes"),
        (lambda: models.quicknet(filters=(6,), blocks=(1,)), "multiple of 4"),
        (lambda: models.birealnet(filters=0), "filters"),
        (lambda: models.binarynet(filters=()), "filters"),
        (lambda: models.binary_densenet((32, 32, 3), 10, (1, 1), ()), "reductions"),
        (lambda: models.xnornet((100, 100, 3)), "multiples"),
    ],
)
def test_bad_arguments_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
