from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.lessons import designer
from bnn_lab.lessons.checks.design import (
    check_amdahl,
    check_conv_macs,
    check_design,
)
from bnn_lab.lessons.designer import design

SOLUTION = design((1, 1, 6, 10), (32, 32, 384, 256))


CALIBRATED = sorted({e["backend"] for e in json.loads(SHIPPED.read_text())["entries"]} - {None})


@pytest.fixture(autouse=True, params=CALIBRATED)
def shipped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped calibration, whatever machine this is."""
    model = CostModel.load(SHIPPED, backend=request.param)
    monkeypatch.setattr(CostModel, "load", classmethod(lambda cls: model))


def macs(side, kernel, cin, cout, stride, groups):
    return (-(-side // stride)) ** 2 * kernel**2 * (cin // groups) * cout


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    check_conv_macs(macs)
    check_amdahl(lambda share, factor: 1 / (1 - share + share / factor))
    check_design(SOLUTION)
    check_design(SimpleNamespace(design=SOLUTION))
    assert capsys.readouterr().out.count("✓ Right.") == 4


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, k, i, o, t, g: s * s * k * k * i * o // g, "fewer pixels come out"),
        (lambda s, k, i, o, t, g: (-(-s // t)) ** 2 * k * k * i * o, "Each group"),
        (lambda s, k, i, o, t, g: (-(-s // t)) ** 2 * k * i * o // g, "kernel × kernel"),
        (lambda s, k, i, o, t, g: -(-s // t) * k * k * i * o // g, "side counts twice"),
        (lambda s, k, i, o, t, g: (-(-s // t)) ** 2 * k * k * i // g, "its own sum"),
        (lambda s, k, i, o, t, g: (s // t) ** 2 * k * k * i * o // g, "rounded up"),
        (lambda s, k, i, o, t, g: 1, "Pixels that come out"),
        (lambda *a: None, "returns None"),
        (lambda *a: "many", "A number is wanted"),
        (lambda: 1, "Keep its first line"),
    ],
)
def test_hints_on_macs(answer, hint: str) -> None:
    feedback = check_conv_macs.review(answer)
    assert not feedback.passed and hint in feedback.message


def test_equal_channels_do_not_hide_a_missing_sum() -> None:
    feedback = check_conv_macs.review(
        lambda s, k, i, o, t, g: (-(-s // t)) ** 2 * k * k * max(i, o) // g
    )
    assert not feedback.passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s, f: 1 - s + s / f, "1 over it"),
        (lambda s, f: s * f, "takes its time as before"),
        (lambda s, f: 1 + s * (f - 1), "Do not average"),
        (lambda s, f: f, "Only a share"),
        (lambda s, f: 77, "the two parts"),
        (lambda s, f: None, "returns None"),
        (lambda s, f: s / 0, "raised ZeroDivisionError"),
    ],
)
def test_hints_on_amdahl(answer, hint: str) -> None:
    feedback = check_amdahl.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (designer.Design(), "Try fewer there"),
        (design((4, 12, 12, 12), (32, 64, 256, 512)), "most expensive binary layer"),
        (design((1, 1, 1, 1), (32, 32, 32, 32)), "does less work"),
        (design((10, 1, 1, 1), (64, 256, 64, 64)), "Both must change"),
        (design((4, 4, 4, 4), (64, 128, 256, 512), image=64), "224 pixels"),
        (design((1, 1, 6, 10), (32, 32, 384, 256), shortcuts=designer.NONE), "Keep the shortcuts"),
        ((4, 4, 4, 4), "A Design is wanted"),
    ],
)
def test_hints_on_the_design(answer, hint: str) -> None:
    feedback = check_design.review(answer)
    assert not feedback.passed and hint in feedback.message
