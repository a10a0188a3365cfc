from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bnn_lab import reference
from bnn_lab.errors import InputError
from bnn_lab.figures.bitpack_stepper import (
    ONES,
    WORDS,
    ZEROS,
    Scene,
    StepperState,
    compute_window,
    describe_stepper,
    example_scene,
    next_word,
    stepper_figure,
)


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(0)
    signs = np.array([-1, 1], np.int8)
    return Scene(rng.choice(signs, (8, 8, 32)), rng.choice(signs, (8, 3, 3, 32)))


@pytest.mark.parametrize(("padding", "pad_value"), [(ONES, 1), (ZEROS, 0)])
def test_every_window_gives_the_convolution(scene: Scene, padding: str, pad_value: int) -> None:
    expected = reference.bconv2d_accumulators(
        reference.pack_bits(scene.image[None] < 0),
        reference.pack_bits(scene.filters < 0),
        channels_in=32,
        padding="same",
        pad_values=pad_value,
    )[0]
    for row in (0, 3, 7):
        for column in (0, 4, 7):
            for channel in (0, 7):
                state = StepperState(row, column, 0, channel, padding=padding)
                window = compute_window(scene, state)
                assert window.accumulator == expected[row, column, channel]
                assert window.output[row, column] == window.accumulator


def test_the_correction_is_what_the_padding_added(scene: Scene) -> None:
    corner = StepperState(0, 0, padding=ZEROS)
    window = compute_window(scene, corner)
    assert window.outside.sum() == 5
    assert window.correction == -int(scene.filters[0].reshape(9, 32)[window.outside].sum())
    assert compute_window(scene, StepperState(3, 3, padding=ZEROS)).correction == 0
    assert compute_window(scene, StepperState(0, 0, padding=ONES)).correction == 0


def test_the_example_has_a_perfect_match() -> None:
    window = compute_window(example_scene(), StepperState(3, 3))
    assert window.accumulator == 288
    assert not window.differ.any()


def test_stepping_goes_through_all_words_and_round(scene: Scene) -> None:
    state = StepperState(0, 0, word=0)
    assert next_word(state) == StepperState(0, 0, word=1)
    assert next_word(state, WORDS) == StepperState(0, 1, word=0)
    assert next_word(StepperState(0, 7, word=8)) == StepperState(1, 0, word=0)
    assert next_word(state, -1) == StepperState(7, 7, word=8)
    assert next_word(StepperState(7, 7, word=8)) == state


def test_the_figure_shows_the_chosen_word(scene: Scene) -> None:
    state = StepperState(2, 3, word=5, output_channel=4, channel=9)
    window = compute_window(scene, state)
    image, output, popcounts, words = stepper_figure(scene, state).data
    assert np.array_equal(np.array(image.z)[1:-1, 1:-1], scene.image[..., 9] < 0)
    assert np.array_equal(output.z, window.output)
    assert list(popcounts.x) == window.popcounts.tolist()
    bits = [window.image_bits[5], window.filter_bits[5], window.differ[5]]
    assert np.array_equal(words.text, np.array(bits).astype(int))


def test_the_words_say_the_numbers(scene: Scene) -> None:
    state = StepperState(0, 0, word=0, padding=ZEROS)
    text = describe_stepper(scene, state)
    kernel = reference.pack_bits(scene.filters[0, 0, 0] < 0).view(np.uint32)[0]
    assert f"image 0x00000000, filter 0x{kernel:08x}, XOR 0x{kernel:08x}" in text
    assert "5 of the 9 words lie in the padding" in text
    window = compute_window(scene, state)
    assert f"correction {window.correction:+d}" in text
    assert "padding" not in describe_stepper(scene, dataclasses.replace(state, row=3, column=3))


def test_a_scene_of_other_values_or_sizes_is_refused(scene: Scene) -> None:
    with pytest.raises(InputError, match=r"image must be \+1 and -1 of shape \(8, 8, 32\)"):
        Scene(scene.image[:4], scene.filters)
    with pytest.raises(InputError, match=r"filters must be .* np.where"):
        Scene(scene.image, scene.filters * 2)
    with pytest.raises(InputError, match=r"row=8"):
        StepperState(row=8)
