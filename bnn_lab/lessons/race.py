"""A race of models that write: each gets the next turn, and a clock that runs in its turn only."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import Interpreter
from bnn_lab.data.sentences import decode, encode
from bnn_lab.errors import InputError
from bnn_lab.lessons.checks.cards import in_notebook
from bnn_lab.models.generation import stream


@dataclass
class Runner:
    """One model in the race.

    Attributes:
        name: of the model.
        file_bytes: size of its file.
        text: what it has written.
        seconds: what that took, without the others' turns.
    """

    name: str
    file_bytes: int
    text: str = ""
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Characters a second, 0 before the first one."""
        return len(self.text) / self.seconds if self.seconds else 0.0


def step_of(file: bytes) -> tuple[Callable[..., tuple[NDArray, NDArray]], tuple[int, ...]]:
    """`bnn_lab.models.generation.Step` of a file of `CharTransformer.decoder`.

    Returns:
        The step, and the shape of its cache.

    Raises:
        InputError: the file is of something else.
    """
    interpreter = Interpreter(file)
    shapes = dict(zip(interpreter.input_names, interpreter.input_shapes, strict=True))
    if set(shapes) != {"character", "place", "cache"}:
        raise InputError(
            f"step_of: the file's inputs are {', '.join(shapes)}, not character, place and cache. "
            "Fix: convert CharTransformer.decoder()."
        )
    first = next(i for i, s in enumerate(interpreter.output_shapes) if len(s) == 2)

    def step(character: NDArray, place: NDArray, cache: NDArray) -> tuple[NDArray, NDArray]:
        found = interpreter.predict({"character": character, "place": place, "cache": cache})
        return found[first], found[1 - first]

    return step, tuple(int(size) for size in shapes["cache"])


def race(
    files: Mapping[str, bytes],
    prompt: str,
    characters: int,
    *,
    temperature: float = 0.7,
    seed: int = 0,
    every: int = 4,
) -> list[Runner]:
    """Let each file write, a character in turn, and show it in a notebook while it goes on.

    Args:
        files: name to a file of `CharTransformer.decoder`.
        prompt: how the text begins.
        characters: how many each writes, at least 1.
        temperature: see `bnn_lab.models.generation.generate`.
        seed: of the draws, the same for all.
        every: characters between two pictures.

    Returns:
        The runners, in the order of `files`.

    Raises:
        InputError: no file, nothing to write, or see `generate` and `step_of`.
    """
    if not files or characters < 1 or every < 1:
        raise InputError(
            f"race: needs at least one file, and {characters=} and {every=} at least 1."
        )
    runners, texts = [], []
    for name, file in files.items():
        step, cache_shape = step_of(file)
        written = stream(
            step, encode(prompt), cache_shape=cache_shape, temperature=temperature, seed=seed
        )
        runners.append(Runner(name, len(file)))
        texts.append(written)
    for count in range(characters):
        for runner, written in zip(runners, texts, strict=True):
            start = time.perf_counter()
            code = next(written)
            runner.seconds += time.perf_counter() - start
            runner.text += decode(np.array([code]))
        if count % every == 0 or count == characters - 1:
            _show(runners, prompt, first=count == 0)
    return runners


def table(runners: list[Runner], prompt: str) -> str:
    """The race as Markdown: size, speed and the text, a row for each."""
    lines = ["| model | file | characters a second | text |", "|---|--:|--:|---|"]
    for runner in runners:
        text = (prompt + runner.text).replace("\n", " ⏎ ")
        size = f"{runner.file_bytes / 1000:,.0f} kB"
        lines.append(f"| **{runner.name}** | {size} | {runner.rate:,.0f} | {text} |")
    return "\n".join(lines)


_handle: Any = None


def _show(runners: list[Runner], prompt: str, *, first: bool) -> None:
    global _handle
    if not in_notebook():
        return
    from IPython.display import Markdown, display

    content = Markdown(table(runners, prompt))
    if first:
        _handle = display(content, display_id=True)
    else:
        _handle.update(content)
