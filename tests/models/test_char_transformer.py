"""The transformer: its two forms agree, it looks back only, and it writes text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.data.sentences import ALPHABET
from bnn_lab.errors import InputError
from bnn_lab.models.char_transformer import CharTransformer
from bnn_lab.models.generation import generate

SMALL: dict[str, Any] = {"context": 12, "width": 16, "depth": 2, "heads": 2}


@pytest.fixture(scope="module")
def small() -> CharTransformer:
    return CharTransformer(7, kernel_quantizer=None, **SMALL)


def test_steps_equal_a_window(small: CharTransformer) -> None:
    text = np.random.default_rng(0).integers(0, 7, (1, 12)).astype(np.int32)
    expected = small.model(text).numpy()[0]
    decoder, cache = small.decoder(), np.zeros((1, 4, 12, 16), np.float32)
    places = np.eye(12, dtype=np.float32)
    for at in range(12):
        logits, cache = decoder([text[0, at : at + 1], places[at : at + 1], cache])
        np.testing.assert_allclose(logits[0], expected[at], atol=1e-4)


def test_no_place_sees_what_follows(small: CharTransformer) -> None:
    text = np.zeros((1, 12), np.int32)
    changed = text.copy()
    changed[0, 6:] = 3
    first, second = small.model(text).numpy()[0], small.model(changed).numpy()[0]
    assert np.array_equal(first[:6], second[:6])
    assert (first[6:] != second[6:]).any(axis=1).all()


def test_layers_and_forms(small: CharTransformer) -> None:
    assert len(small.bit_layers()) == 12
    assert small.bit_layers()[6].name == "block1_query"
    ternary = CharTransformer(7, **SMALL)
    assert {layer.kernel_quantizer for layer in ternary.bit_layers()} == {"absmean_ternary"}
    assert ternary.model.name == "char_transformer_ternary"
    assert small.model.name == "char_transformer_float"
    with pytest.raises(InputError, match="a multiple of the heads"):
        CharTransformer(7, context=12, width=15, depth=1, heads=2)


def test_the_default_has_a_million_weights() -> None:
    per_block = 4 * 128 * 128 + 2 * 128 * 512
    transformer = CharTransformer(len(ALPHABET))
    packed = sum(int(np.prod(layer.kernel.shape)) for layer in transformer.bit_layers())
    assert packed == 5 * per_block
    assert 0.95e6 < transformer.model.count_params() < 1.05e6


class Counting:
    """A step that always wants the next code, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, code: Any, place: Any, cache: Any) -> tuple[np.ndarray, Any]:
        self.asked.append((int(code[0]), int(place.argmax())))
        logits = np.zeros((1, 10), np.float32)
        logits[0, (int(code[0]) + 1) % 10] = 9
        return logits, cache


def test_text_goes_on_beyond_the_window() -> None:
    step = Counting()
    codes = generate(step, np.array([4, 5]), 12, cache_shape=(1, 2, 8, 4), temperature=0)
    assert codes.tolist() == [6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7]
    read = [code for code, _ in step.asked]
    # The window of 8 is full behind "...1": its last half is read again from place 0 on.
    assert read[:8] == [4, 5, 6, 7, 8, 9, 0, 1] and read[8:13] == [9, 0, 1, 2, 3]
    assert [at for _, at in step.asked[:12]] == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]


def test_draws_are_seeded_and_follow_the_temperature() -> None:
    options: dict[str, Any] = {"cache_shape": (1, 2, 8, 4)}
    hot = [
        generate(Counting(), np.array([0]), 40, temperature=9, seed=s, **options) for s in (1, 1, 2)
    ]
    assert np.array_equal(hot[0], hot[1]) and not np.array_equal(hot[0], hot[2])
    cold = generate(Counting(), np.array([0]), 40, temperature=0.1, **options)
    assert cold.tolist() == [(1 + i) % 10 for i in range(40)]


def test_wrong_requests_are_refused() -> None:
    for prompt in (np.zeros(0, np.int32), np.zeros(5, np.int32)):
        with pytest.raises(InputError, match="1 to 4 characters"):
            generate(Counting(), prompt, 3, cache_shape=(1, 2, 8, 4))
    with pytest.raises(InputError, match="temperature must be at least 0"):
        generate(Counting(), np.array([1]), 3, cache_shape=(1, 2, 8, 4), temperature=-1)
