"""Advice of the passes, which speak of larq's layers, in the words of PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from bnn_lab.convert.pipeline import PassResult

SIGN = "torch.where(x >= 0, 1.0, -1.0)"
_ONES = "pad the signs with ones, F.pad(x, ..., value=1.0), and convolve without padding"
# The longer phrase first.
_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r'use input_quantizer="ste_sign", whose zero is \+1',
            f"write the sign as {SIGN}, whose zero is +1, in place of torch.sign",
        ),
        (
            r'use input_quantizer="ste_sign" and \w+_quantizer="ste_sign"',
            f"make both its input and its weight binary in forward, by {SIGN}",
        ),
        (r'use input_quantizer="ste_sign"', f"make its input binary in forward, by {SIGN}"),
        (r'use \w+_quantizer="ste_sign"', f"make its weight binary in forward, by {SIGN}"),
        (r"such as ste_sign", f"such as {SIGN}"),
        (
            r'use padding="same" \(with pad_values=1 for the fastest result\)',
            f"let the convolution pad, or {_ONES}",
        ),
        (r'use padding="same", or pad with ones \(a binary value\)', _ONES),
        (r'(use )?padding="same", pad_values=1', _ONES),
        (r"use pad_values=1", _ONES),
        (r'use padding="same"', "let the convolution pad"),
        (r"\bquantizer\b", "sign"),
    )
)


def in_torch_words(advice: str) -> str:
    """Advice for a torch module.

    Args:
        advice: of a pass, see `bnn_lab.convert.rewrite.base.Refusal`.
    """
    for pattern, words in _WORDS:
        advice = pattern.sub(words, advice)
    return advice


def translated(results: Iterable[PassResult]) -> list[PassResult]:
    """Results of passes whose advice is for a torch module."""
    return [
        replace(
            result,
            outcomes=[replace(o, advice=in_torch_words(o.advice)) for o in result.outcomes],
        )
        for result in results
    ]
