"""The README's code runs, and its files and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_python_example(trained_digits, monkeypatch):
    from bnn_lab import training

    # As written, but for the training, which the whole run of tests does once.
    monkeypatch.setattr(
        training, "train_digits", lambda seed: (trained_digits.model, trained_digits.history)
    )
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict = {}
    exec(code, names)
    data = trained_digits.data
    assert names["logits"].shape == (len(data.test_images), data.classes)
    assert (names["logits"].argmax(-1) == data.test_labels).mean() >= 0.95


def test_first_screen_gives_the_two_commands():
    first_screen = "\n".join(README.splitlines()[:25])
    assert "make lab" in first_screen and "make test" in first_screen
    assert "docs/images/" in first_screen


def test_commands_are_targets_of_make():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z][a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
