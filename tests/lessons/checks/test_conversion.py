from __future__ import annotations

import math

import pytest

from bnn_lab.lessons.checks import (
    check_binary_layers,
    check_speed_limit,
    check_threshold,
    threshold_picture,
)


def threshold(depth, mean, beta):
    return math.floor((depth - mean + beta) / 2)


def speed_limit(float_ms, binary_ms):
    return (float_ms + binary_ms) / float_ms


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    check_threshold(threshold)
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("✓ Right.")
    assert out[2].split("  ")[-1] == out[3].split("  ")[-1].strip()
    check_speed_limit(speed_limit)
    assert capsys.readouterr().out.startswith("✓ Right.")


@pytest.mark.parametrize("mean", [-4.2, -4, 0, 3.9, 4, 5])
def test_the_solution_decides_as_normalization_does(mean: float) -> None:
    for count in range(21):
        assert (20 - 2 * count - mean < 0) == (count > threshold(20, mean, 0))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda k, m, b: None, "returns None"),
        (lambda k, m, b: (k - m + b) / 2, "round down"),
        (lambda k, m, b: k // 2, "ignores mean"),
        (lambda k, m, b: math.floor((k - m) / 2), "beta is missing"),
        (lambda k, m, b: math.floor((k - m - b) / 2), "beta has the wrong sign"),
        (lambda k, m, b: math.floor((k + m - b) / 2), "mind the signs"),
        (lambda k, m, b: k - m + b, "counts twice"),
        (lambda k, m, b: m - b, "bound for the accumulator"),
        (lambda k, m, b: math.ceil((k - m + b) / 2), "Round down, not up"),
        (lambda k, m, b: -99, "Solve"),
        (lambda k, m, b: 8 if m == 5.3 else 0, "For K = 20, mean 4 and beta 0"),
        (lambda k, m, b: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_mistakes_with_thresholds(answer, hint: str) -> None:
    feedback = check_threshold.review(answer)
    assert not feedback.passed
    assert hint in feedback.message
    picture = threshold_picture(answer)
    assert "normalize, then sign" in picture
    # Of the case that the hint is about.
    for mean, beta in ((5.3, 2), (4, 0)):
        said = f"mean {mean} and beta {beta} it gives" in feedback.message
        assert not said or f"mean {mean}, beta {beta}:" in picture


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda f, b: None, "returns None"),
        (lambda f, b: b / f, "together"),
        (lambda f, b: f / (f + b), "Inverted"),
        (lambda f, b: b / (f + b), "binary share"),
        (lambda f, b: f, "new time"),
        (lambda f, b: f + b, "Divide it"),
        (lambda f, b: 17, "Divide."),
        (lambda f, b: f / 0, "raised ZeroDivisionError"),
    ],
)
def test_mistakes_with_the_limit(answer, hint: str) -> None:
    feedback = check_speed_limit.review(answer)
    assert not feedback.passed
    assert hint in feedback.message


def network(quantizer):
    import larq as lq
    import tf_keras

    def conv(name, sign):
        return lq.layers.QuantConv2D(
            32, 3, name=name, input_quantizer=sign, kernel_quantizer="ste_sign",
            padding="same", pad_values=1.0, use_bias=False,
        )  # fmt: skip

    image = tf_keras.Input((6, 6, 32))
    return tf_keras.Model(image, conv("conv_2", quantizer)(conv("conv_1", "ste_sign")(image)))


def test_a_network_is_judged_by_the_converter() -> None:
    fixed, broken = network("ste_sign"), network(None)
    feedback = check_binary_layers.review(fixed, ["conv_1", "conv_2"])
    assert feedback.passed and "100 % of" in feedback.message
    feedback = check_binary_layers.review(broken, ["conv_1", "conv_2"])
    assert not feedback.passed
    assert "The converter says of 'conv_2': its input" in feedback.message
    assert "ste_sign" in feedback.message
    assert "keep the layers' names" in check_binary_layers.review(fixed, ["conv_7"]).message
    assert "cannot be converted" in check_binary_layers.review("no model", ["conv_1"]).message
    assert check_binary_layers.review(lambda: fixed, ["conv_1", "conv_2"]).passed
