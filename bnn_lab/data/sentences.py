"""A small language: sentences that a seeded grammar writes, and that it can tell from wrong ones.

Small language models need text that is available everywhere and that can be learned in seconds.
How often a model trained on this one gets things right can be *checked*: words, their order, and
the agreement of a verb with a noun some words before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError

ADJECTIVES = ("big", "small", "red", "old", "quiet", "clever", "hungry", "green")
NOUNS = ("cat", "dog", "bird", "robot", "farmer", "girl", "boy", "fox", "horse", "teacher")
PLACES = ("house", "tree", "river", "garden", "bridge", "field")
PREPOSITIONS = ("near", "behind", "under")
VERBS = ("see", "like", "follow", "help", "hear", "find")  # takes an object
MOVES = ("sleep", "sing", "wait", "run")  # takes none
ONE, MANY = ("one", "the", "this", "every"), ("two", "the", "these", "some")

ALPHABET = "\n ,." + "abcdefghijklmnopqrstuvwxyz"
_CODES = {character: code for code, character in enumerate(ALPHABET)}


@dataclass(frozen=True)
class Text:
    """Text as numbers.

    Attributes:
        train: int32 (N,), indices into `ALPHABET`.
        test: int32 (M,), other sentences of the same grammar.
    """

    train: NDArray[np.int32]
    test: NDArray[np.int32]


def load_sentences(characters: int = 400_000, test_characters: int = 20_000, seed: int = 0) -> Text:
    """Write text for training and testing.

    Args:
        characters: of the training text, at least 1000.
        test_characters: of the test text, at least 1000.
        seed: of both; they come from different streams.

    Raises:
        InputError: a text is too short.
    """
    if min(characters, test_characters) < 1000:
        raise InputError("load_sentences: each text needs at least 1000 characters.")
    streams = np.random.SeedSequence(seed).spawn(2)
    sizes = (characters, test_characters)
    train, test = (
        encode(write(size, np.random.default_rng(s)))[:size]
        for s, size in zip(streams, sizes, strict=True)
    )
    return Text(train, test)


def write(characters: int, rng: np.random.Generator) -> str:
    """Sentences, one a line, with at least this many characters in all."""
    lines: list[str] = []
    length = 0
    while length < characters:
        lines.append(sentence(rng) + "\n")
        length += len(lines[-1])
    return "".join(lines)


def sentence(rng: np.random.Generator) -> str:
    """One sentence: a clause, or two joined by a word."""
    words = _clause(rng)
    if rng.random() < 0.3:
        words[-1] += ","
        words += [str(rng.choice(["and", "but"])), *_clause(rng)]
    return " ".join(words) + "."


def is_sentence(line: str) -> bool:
    """Whether the grammar could have written a line, agreement of its verbs included."""
    if not line.endswith("."):
        return False
    clauses = line[:-1].split(", ")
    if len(clauses) > 2:
        return False
    first, *rest = [clause.split(" ") for clause in clauses]
    if rest and (rest[0][0] not in ("and", "but")):
        return False
    return _is_clause(first) and all(_is_clause(words[1:]) for words in rest)


def encode(text: str) -> NDArray[np.int32]:
    """Indices into `ALPHABET`, int32 (N,).

    Raises:
        InputError: a character is not in it.
    """
    try:
        return np.array([_CODES[character] for character in text], np.int32)
    except KeyError as error:
        raise InputError(f"encode: {error.args[0]!r} is not in the alphabet") from None


def decode(codes: NDArray[np.int32]) -> str:
    """Invert `encode`."""
    return "".join(ALPHABET[code] for code in np.asarray(codes).ravel())


def _clause(rng: np.random.Generator) -> list[str]:
    many = bool(rng.random() < 0.5)
    words = _nouns(rng, many)
    if rng.random() < 0.3:  # a place between a noun and its verb
        words += [str(rng.choice(PREPOSITIONS)), "the", str(rng.choice(PLACES))]
    ending = "" if many else "s"
    if rng.random() < 0.7:
        return [*words, str(rng.choice(VERBS)) + ending, *_nouns(rng, bool(rng.random() < 0.5))]
    return [*words, str(rng.choice(MOVES)) + ending]


def _nouns(rng: np.random.Generator, many: bool) -> list[str]:
    words = [str(rng.choice(MANY if many else ONE))]
    if rng.random() < 0.5:
        words.append(str(rng.choice(ADJECTIVES)))
    return [*words, _noun(str(rng.choice(NOUNS)), many)]


def _noun(word: str, many: bool) -> str:
    return word if not many else word + ("es" if word.endswith("x") else "s")


def _is_clause(words: list[str]) -> bool:
    return any(_parse(words, many) for many in (False, True))


def _parse(words: list[str], many: bool) -> bool:
    at = _after_nouns(words, many)
    if at is None:
        return False
    if words[at : at + 1] and words[at] in PREPOSITIONS:
        if words[at + 1 : at + 2] != ["the"] or not set(words[at + 2 : at + 3]) & set(PLACES):
            return False
        at += 3
    if at >= len(words):
        return False
    ending = "" if many else "s"
    verb, rest = words[at], words[at + 1 :]
    if verb in [move + ending for move in MOVES]:
        return not rest
    if verb not in [word + ending for word in VERBS]:
        return False
    return any(_after_nouns(rest, number) == len(rest) for number in (False, True))


def _after_nouns(words: list[str], many: bool) -> int | None:
    """Index after the noun phrase at the start, None if there is none of this number."""
    if not words or words[0] not in (MANY if many else ONE):
        return None
    at = 2 if len(words) > 1 and words[1] in ADJECTIVES else 1
    nouns = [_noun(noun, many) for noun in NOUNS]
    return at + 1 if at < len(words) and words[at] in nouns else None
