"""Text from a model of one step, character by character."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError

# (character, place, cache) to (logits, next cache): see `CharTransformer.decoder`.
Step = Callable[[NDArray[np.int32], NDArray[np.float32], Any], tuple[NDArray[np.float32], Any]]


def generate(
    step: Step,
    prompt: NDArray[np.int32],
    characters: int,
    *,
    cache_shape: tuple[int, ...],
    temperature: float = 0.7,
    seed: int = 0,
) -> NDArray[np.int32]:
    """Go on with a text.

    What no longer fits into the window is forgotten: the last half of it is read again, which costs
    as many steps.

    Args:
        step: one step of the model.
        prompt: codes of the text before, int32 (N,), at least one and at most half a window.
        characters: how many to write.
        cache_shape: of the model's cache: (1, 2 * depth, context, width).
        temperature: 0 always takes the likeliest character, 1 draws from the model's distribution.
        seed: of the draws.

    Returns:
        The codes written, int32 (characters,).

    Raises:
        InputError: there is no prompt, it is too long, or the temperature is negative.
    """
    found = stream(step, prompt, cache_shape=cache_shape, temperature=temperature, seed=seed)
    return np.array([next(found) for _ in range(characters)], np.int32)


def stream(
    step: Step,
    prompt: NDArray[np.int32],
    *,
    cache_shape: tuple[int, ...],
    temperature: float = 0.7,
    seed: int = 0,
) -> Iterator[int]:
    """The codes that `generate` writes, one by one without end; arguments and errors are its."""
    context = cache_shape[2]
    if not 1 <= len(prompt) <= context // 2:
        raise InputError(
            f"generate: the prompt must have 1 to {context // 2} characters, not {len(prompt)}."
        )
    if temperature < 0:
        raise InputError(f"generate: temperature must be at least 0, not {temperature}.")
    return _written(step, [int(code) for code in prompt], cache_shape, temperature, seed)


def _written(
    step: Step, text: list[int], cache_shape: tuple[int, ...], temperature: float, seed: int
) -> Iterator[int]:
    context = cache_shape[2]
    rng = np.random.default_rng(seed)
    places = np.eye(context, dtype=np.float32)
    cache: Any = np.zeros(cache_shape, np.float32)
    at, waiting = 0, list(text)
    while True:
        for code in waiting:
            logits, cache = step(np.array([code], np.int32), places[at : at + 1], cache)
            at += 1
        text.append(_draw(np.asarray(logits).ravel(), temperature, rng))
        yield text[-1]
        waiting = text[-1:]
        if at == context:
            at, waiting = 0, text[-context // 2 :]
            cache = np.zeros(cache_shape, np.float32)


def _draw(logits: NDArray[np.float32], temperature: float, rng: np.random.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return int(rng.choice(len(weights), p=weights / weights.sum()))
