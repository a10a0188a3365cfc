"""Films of weights: what the recorder sees, and what is packed for a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.training.movie import WeightMovie, make_movie_recorder


def movie(steps: int = 60, shape: tuple[int, int] = (4, 6), share: float = 0.1) -> WeightMovie:
    rng = np.random.default_rng(0)
    flips = rng.random((steps, shape[0] * shape[1])) < share
    step, pixel = np.nonzero(flips)
    start = rng.random(shape) < 0.5
    return WeightMovie(
        "run",
        "dense",
        start,
        step + 1,
        pixel,
        flips.sum(axis=1),
        flips.shape[1],
        np.array([0.5, 0.75]),
    )


@pytest.fixture(scope="module")
def trained() -> tuple[Any, list[np.ndarray], list[WeightMovie]]:
    """A recorder, the first layer's and the middle layer's signs after every step, the films."""
    from bnn_lab._keras import require_tensorflow
    from bnn_lab.models import digits_mlp
    from bnn_lab.training import bop_optimizer

    tf = require_tensorflow()
    model = digits_mlp((24, 20), seed=1)
    model.compile(
        bop_optimizer(0.1, 0.0, model=model),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    films: list[WeightMovie] = []
    recorder = make_movie_recorder("run", rows=12, columns=16, on_epoch=films.append)
    signs = [model.layers[3].kernel.numpy() < 0]

    class Watch(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            signs.append(model.layers[3].kernel.numpy() < 0)

    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (96, 8, 8, 1)).astype(np.float32)
    model.fit(
        x, rng.integers(0, 10, 96), batch_size=16, epochs=3, verbose=0,
        callbacks=[recorder, Watch()],
    )  # fmt: skip
    assert model.layers[3].name == "dense_2"
    return recorder, signs, films


def test_recorder_films_the_last_layer_that_is_large_enough(trained) -> None:
    recorder, signs, _ = trained
    film = recorder.movie()
    assert film.layer == "dense_2" and film.label == "run"
    assert film.start.shape == (12, 16) and len(film.flips) == 18
    for step, expected in enumerate(signs):
        np.testing.assert_array_equal(film.signs_at(step), expected[:12, :16])
    assert len(film.steps) > 100  # it did flip


def test_flips_are_those_of_the_whole_model(trained) -> None:
    recorder, _, _ = trained
    film = recorder.movie()
    np.testing.assert_array_equal(film.flips, recorder.flips_per_step())
    assert film.weights == 64 * 24 + 24 * 20 + 20 * 10
    assert len(film.epoch_pi) == 3


def test_films_grow_with_each_epoch(trained) -> None:
    _, signs, films = trained
    assert [len(film.flips) for film in films] == [6, 12, 18]
    assert [len(film.accuracy) for film in films] == [1, 2, 3]
    np.testing.assert_array_equal(films[1].signs_at(12), signs[12][:12, :16])


def test_a_layer_that_is_too_small_is_refused_by_name() -> None:
    from bnn_lab._keras import require_tensorflow
    from bnn_lab.models import digits_mlp
    from bnn_lab.training import bop_optimizer

    tf = require_tensorflow()
    model = digits_mlp((24, 20))
    model.compile(bop_optimizer(0.1, 0.0, model=model), "mse", metrics=["accuracy"])
    x, y = np.zeros((4, 8, 8, 1), np.float32), np.zeros((4, 10), np.float32)
    for options, words in (
        ({"layer": "dense_3"}, r"'dense_3' has no 12 inputs and 12 outputs.*dense_1, dense_2"),
        ({"rows": 100}, "layers that do: none"),
        ({"layer": "conv"}, "'conv'"),
    ):
        recorder = make_movie_recorder("run", **{"rows": 12, "columns": 12, **options})
        with pytest.raises(InputError, match=words):
            model.fit(x, y, verbose=0, callbacks=[recorder])
    assert tf is not None
    with pytest.raises(InputError, match="at least 1"):
        make_movie_recorder("run", rows=0)


def test_training_without_accuracy_is_refused() -> None:
    from bnn_lab.models import digits_mlp
    from bnn_lab.training import bop_optimizer

    model = digits_mlp((24, 20))
    model.compile(bop_optimizer(0.1, 0.0, model=model), "mse")
    x, y = np.zeros((4, 8, 8, 1), np.float32), np.zeros((4, 10), np.float32)
    with pytest.raises(InputError, match=r"Fix: model\.compile"):
        model.fit(x, y, verbose=0, callbacks=[make_movie_recorder("run", rows=12, columns=12)])


def test_saved_films_are_read_again(tmp_path) -> None:
    film = movie()
    path = film.save(tmp_path / "film.npz")
    again = WeightMovie.load(path)
    for name in ("start", "steps", "pixels", "flips", "accuracy"):
        np.testing.assert_array_equal(getattr(again, name), getattr(film, name))
    assert (again.label, again.layer, again.weights) == ("run", "dense", 24)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4 cut"])
def test_files_that_are_no_films_are_refused(tmp_path, content: bytes) -> None:
    path = tmp_path / "film.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a film of weights"):
        WeightMovie.load(path)
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros(2))
    with pytest.raises(InputError, match="not a film of weights"):
        WeightMovie.load(other)
    with pytest.raises(InputError, match=r"end in \.npz"):
        movie().save(tmp_path / "film.txt")


def test_steps_that_were_not_are_refused() -> None:
    for step in (-1, 61):
        with pytest.raises(InputError, match="has 60 steps"):
            movie().signs_at(step)


def test_packing_merges_steps_and_stays_small() -> None:
    film = movie(steps=500)
    packed = film.packed(frames=50)
    assert packed["every"] == 10 and len(packed["pi"]) == 50 and packed["steps"] == 500
    quiet = movie(steps=200, shape=(40, 40), share=0.0005)
    assert len(quiet.packed()["flips"]) < 4000
