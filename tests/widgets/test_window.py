"""The window's default scene is the one that Python defines."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import reference
from bnn_lab.errors import InputError
from bnn_lab.widgets import Switches, Window
from bnn_lab.widgets.window import Scene, example_scene


def test_default_scene_is_the_example() -> None:
    assert Window.schema["fields"]["scene"]["default"] == example_scene().packed()


def test_another_scene_is_drawn() -> None:
    rng = np.random.default_rng(1)
    scene = Scene(
        rng.integers(0, 17, (8, 8)),
        rng.choice([-1, 1], (8, 8, 32)).astype(np.int8),
        rng.choice([-1, 1], (8, 3, 3, 32)).astype(np.int8),
    )
    shown = Window(scene=scene.packed(), filter=2, step=27, padding="0, corrected")
    expected = reference.bconv2d_accumulators(
        reference.pack_bits(scene.image[None] < 0),
        reference.pack_bits(scene.filters[2:3] < 0),
        channels_in=32,
        padding="same",
        pad_values=0,
    )[0, 3, 3, 0]
    assert f"= {expected:+d}.".replace("-", "−").replace("+0", "0") in shown.describe()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"digit": np.full((8, 8), 17)}, "grey values 0 to 16"),
        ({"image": np.zeros((8, 8, 32), np.int8)}, r"image must be \+1 and -1"),
        ({"filters": np.ones((8, 3, 3, 31), np.int8)}, "filters must be"),
    ],
)
def test_scenes_that_do_not_fit_are_refused(change, words) -> None:
    example = example_scene()
    parts = {"digit": example.digit, "image": example.image, "filters": example.filters}
    with pytest.raises(InputError, match=words):
        Scene(**parts | change)


def test_switches_pack_as_the_oracle_does() -> None:
    signs = np.where(np.random.default_rng(2).random((2, 32)) < 0.5, -1, 1)
    a, w = (int(reference.pack_bits(row < 0).view(np.uint32)[0]) for row in signs)
    shown = Switches(length=32, a=a, w=w)
    assert f"= {int(signs[0] @ signs[1]):+d}.".replace("-", "−") in shown.describe().replace(
        " 0.", " +0."
    )
