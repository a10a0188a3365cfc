"""What a term means, shown where the pointer rests on it: the first time a lesson uses it."""

from __future__ import annotations

import re
from html import escape
from typing import Any

# Terms as the lessons write them; a plural s may follow.
TERMS = {
    "accumulator": "the whole number that a binary dot product gives: K - 2 popcount",
    "adaptivity rate": "gamma: the share of the newest gradient in Bop's average",
    "Amdahl's law": "when one part gets faster, the rest limits what the whole can gain",
    "batch normalization": "shifts and scales each channel to mean 0 and variance 1",
    "BNN": "binarized neural network: most weights and activations are +1 or -1",
    "Bop": "binary optimizer: averages gradients and flips weights, without latent weights",
    "calibration": "running a few sample images to see how large the values get",
    "delegate": "code that LiteRT lets run some of a network's ops",
    "im2col": "copies the window of each pixel into a row of a matrix",
    "inertia": "latent magnitude over learning rate: how much push a flip takes",
    "larq": "a library to train binarized networks in Keras",
    "Larq Compute Engine": "the first engine that ran larq's networks on phones and boards",
    "latent weight": "the float behind a binary weight in ordinary training; its sign is used",
    "LiteRT": "Google's runtime for .tflite files, once called TensorFlow Lite",
    "MAC": "multiply-accumulate: one multiplication and one addition",
    "one-padding": "the border around an image counts as +1, which is bit 0",
    "popcount": "the number of ones in a word",
    "pseudo-gradient": "what training uses for the derivative of the sign, which has none",
    "QuickNet": "a binarized network of the makers of larq, designed for speed",
    "shortcut": "adds a layer's float input to its output",
    "straight-through estimator": "the backward pass treats the sign as if it were not there",
    "XOR": "exclusive or: 1 where two bits differ",
}

# Code, formulas, links, headings, tables, quotes and tags keep their text.
_KEPT = re.compile(
    r"(```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|!?\[[^\]]*\]\([^)]*\)|<[^>]+>|^(?:#|\||>)[^\n]*$)",
    re.DOTALL | re.MULTILINE,
)


def mark(text: str, terms: dict[str, str]) -> tuple[str, set[str]]:
    """Put each term's meaning after its first occurrence.

    Args:
        text: Markdown.
        terms: term to meaning.

    Returns:
        The text, and the terms that were found.
    """
    found: set[str] = set()

    def explained(match: re.Match[str]) -> str:
        term = match[1]
        if term in found:
            return match[0]
        found.add(term)
        return f'<abbr title="{escape(terms[term])}">{match[0]}</abbr>'

    if not terms:
        return text, found
    longest_first = sorted(terms, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})s?(?![\w-])")
    parts = _KEPT.split(text)
    for number in range(0, len(parts), 2):
        parts[number] = pattern.sub(explained, parts[number])
    return "".join(parts), found


def mark_notebook(notebook: Any) -> Any:
    """`mark` a lesson's text, but for its first cell, which should read without a distraction.

    Args:
        notebook: a node of nbformat 4, changed in place.

    Returns:
        The same notebook.
    """
    left = dict(TERMS)
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown":
            cell.source, found = mark(cell.source, left)
            left = {term: meaning for term, meaning in left.items() if term not in found}
    return notebook
