"""The race of models that write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.data.sentences import ALPHABET, encode
from bnn_lab.errors import InputError
from bnn_lab.lessons.race import race, step_of, table
from bnn_lab.models.generation import generate

pytestmark = pytest.mark.slow  # TensorFlow's converter


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    from bnn_lab.experiments.latency.generation import files_of
    from bnn_lab.models.char_transformer import CharTransformer

    def decoder(quantizer: Any) -> Any:
        sizes: dict[str, Any] = {"context": 16, "width": 16, "depth": 1, "heads": 2}
        return CharTransformer(len(ALPHABET), kernel_quantizer=quantizer, **sizes).decoder()

    return files_of(decoder(None), decoder("absmean_ternary"))


def test_each_writes_what_it_writes_alone(files: dict[str, bytes]) -> None:
    runners = race(files, "the ", 30, seed=3)
    assert [runner.name for runner in runners] == list(files)
    for runner, file in zip(runners, files.values(), strict=True):
        step, shape = step_of(file)
        alone = generate(step, encode("the "), 30, cache_shape=shape, seed=3)
        assert np.array_equal(encode(runner.text), alone)
        assert runner.seconds > 0 and runner.rate == pytest.approx(30 / runner.seconds)
        assert runner.file_bytes == len(file)
    assert len({runner.text for runner in runners}) > 1  # other models, other texts
    shown = table(runners, "the ")
    assert shown.count("\n") == 1 + len(runners) and all(f"**{name}**" in shown for name in files)


def test_what_cannot_race_is_refused(files: dict[str, bytes]) -> None:
    from bnn_lab.lessons.drawn_digits import FILE

    with pytest.raises(InputError, match="not character, place and cache"):
        race({"digits": FILE.read_bytes()}, "the ", 3)
    for wrong in ({}, files):
        with pytest.raises(InputError, match="at least"):
            race(wrong, "the ", 0)
    with pytest.raises(InputError, match="prompt must have 1 to 8"):
        race(files, "the cat and", 3)
