"""The small language: what its grammar writes, and what it tells to be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.data import sentences
from bnn_lab.errors import InputError


def test_what_it_writes_is_right() -> None:
    rng = np.random.default_rng(0)
    lines = [sentences.sentence(rng) for _ in range(2000)]
    assert all(map(sentences.is_sentence, lines))
    assert len(set(lines)) > 1800
    used = set(" ".join(lines).replace(",", "").replace(".", "").split())
    for words in (sentences.ADJECTIVES, sentences.PLACES, sentences.PREPOSITIONS):
        assert set(words) <= used
    assert {"foxes", "fox", "sees", "see", "sleep", "sleeps", "and", "but"} <= used


RIGHT = [
    "the cat sees two dogs.",
    "the cats near the river see the dog.",
    "two old foxes sleep, but this girl waits.",
]
WRONG = [
    "the cat see two dogs.",  # agreement
    "the cats near the river sees the dog.",  # with the first noun, not the nearer one
    "two cat sleep.",
    "one cats sleeps.",
    "the cat sees two dog.",
    "the cat sees.",  # needs an object
    "the cat sleeps the dog.",  # takes none
    "the cat near river sleeps.",
    "the cat near the cat sleeps.",
    "the old.",
    "the cat sleeps, this girl waits.",
    "the cat sleeps, but this girl waits, and two dogs run.",
    "the cat sleeps",
    "the  cat sleeps.",
    "the old red cat sleeps.",
    "cat sleeps.",
    "two foxs sleep.",
    ".",
    "",
]


@pytest.mark.parametrize("line", RIGHT)
def test_right(line: str) -> None:
    assert sentences.is_sentence(line)


@pytest.mark.parametrize("line", WRONG)
def test_wrong(line: str) -> None:
    assert not sentences.is_sentence(line)


def test_text_is_seeded_and_its_parts_differ() -> None:
    text = sentences.load_sentences(5000, 2000, seed=3)
    again = sentences.load_sentences(5000, 2000, seed=3)
    other = sentences.load_sentences(5000, 2000, seed=4)
    assert np.array_equal(text.train, again.train) and np.array_equal(text.test, again.test)
    assert not np.array_equal(text.train, other.train)
    assert (len(text.train), len(text.test)) == (5000, 2000)
    assert not np.array_equal(text.train[:2000], text.test)
    whole = sentences.decode(text.train).split("\n")[:-1]
    assert all(map(sentences.is_sentence, whole))


def test_codes() -> None:
    text = "".join(sentences.ALPHABET)
    assert sentences.decode(sentences.encode(text)) == text
    with pytest.raises(InputError, match="'Q' is not in the alphabet"):
        sentences.encode("Q")
    with pytest.raises(InputError, match="at least 1000"):
        sentences.load_sentences(10)
