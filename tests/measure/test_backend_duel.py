"""The measurement that chooses a backend, with two backends of this machine as stand-ins."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from bnn_lab import _native, doctor, kernels
from bnn_lab.cli import calibrate as calibrate_module
from bnn_lab.cli.main import app
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.kernels import choice
from bnn_lab.kernels.choice_file import Cpu
from bnn_lab.measure import backend_duel
from bnn_lab.measure.backend_duel import measure_duel, save_duel
from bnn_lab.measure.host import EmulatedError
from bnn_lab.measure.noise import NoisyMachineError
from bnn_lab.measure.timing import Timing, TimingTable

AVAILABLE = kernels.available_backends()
pytestmark = pytest.mark.skipif(len(AVAILABLE) < 2, reason="one backend is no choice")
DEFAULT, RIVAL = AVAILABLE[-1], AVAILABLE[-2] if len(AVAILABLE) > 1 else ""
SMALL: dict[str, Any] = {"seconds": 0.0, "stages": ((6, 32), (5, 64)), "layers": 2}


def be(monkeypatch: pytest.MonkeyPatch, stepping: int) -> None:
    """Run on another CPU from now on."""
    monkeypatch.setattr(
        _native, "cpu_identity", lambda: ("GenuineFake", "Fake 9000", 6, 143, stepping)
    )
    choice.forget()


@pytest.fixture(autouse=True)
def other_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("BNN_LAB_BACKEND", raising=False)
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "BY_MEASUREMENT", frozenset({RIVAL}))
    be(monkeypatch, 8)
    yield
    monkeypatch.undo()
    choice.forget()


def pretend(monkeypatch: pytest.MonkeyPatch, gains: list[float], undisturbed: int = 99) -> None:
    """Let the default take these times as long as the other one, in as many rounds."""
    rival = np.linspace(1e-3, 2e-3, len(gains))
    times = {DEFAULT: rival * gains, RIVAL: rival}

    def fake(calls: dict[str, Any], **_: Any) -> TimingTable:
        for call in calls.values():
            call()
        counted = np.arange(100) < undisturbed
        return TimingTable(tuple(Timing(name, times[name], 1) for name in calls), counted)

    monkeypatch.setattr(backend_duel, "measure", fake)


def test_real_rounds_are_measured_and_the_choice_follows_from_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend_duel, "LEAST_COUNTED", 0)  # other tests run beside this one
    duel = measure_duel(**SMALL)
    assert duel is not None
    assert (duel.default, duel.rival) == (DEFAULT, RIVAL)
    assert 0 < duel.rounds <= backend_duel.LEAST_ROUNDS
    assert duel.cpu == Cpu("GenuineFake", "Fake 9000", 6, 143, 8)
    assert 0 < duel.lower_quartile <= duel.median <= duel.upper_quartile
    save_duel(duel)
    assert kernels.active_backend() == duel.chosen
    assert kernels.backend_choice().source == "measured"


@pytest.mark.parametrize(
    ("gains", "lower", "switched"),
    [
        ([1.6] * 10, 1.6, True),
        ([0.7] * 2 + [1.6] * 8, 1.6, True),  # beside other work for a fifth of the time
        ([0.7] * 3 + [1.6] * 7, 0.925, False),  # for a third
        ([1.05] * 10, 1.05, False),
        ([0.5, 0.5, 9.0, 9.0], 0.5, False),  # a high mean is not enough
    ],
)
def test_the_lower_quartile_of_rounds_decides(
    monkeypatch: pytest.MonkeyPatch, gains: list[float], lower: float, switched: bool
) -> None:
    pretend(monkeypatch, gains)
    duel = measure_duel(**SMALL)
    assert duel is not None and duel.lower_quartile == pytest.approx(lower)
    save_duel(duel)
    assert kernels.active_backend() == (RIVAL if switched else DEFAULT)


def test_machines_that_share_a_home_keep_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {}
    for stepping, gain in ((8, 1.5), (4, 0.8), (9, 1.3), (4, 1.2)):
        be(monkeypatch, stepping)
        pretend(monkeypatch, [gain] * 4)
        duel = measure_duel(**SMALL)
        assert duel is not None
        file = save_duel(duel)
        expected[stepping] = gain
    assert len(json.loads(file.read_text())["duels"]) == 3
    for stepping, gain in expected.items():
        be(monkeypatch, stepping)
        assert kernels.active_backend() == (RIVAL if gain >= 1.1 else DEFAULT)


@pytest.mark.parametrize("before", [b"{", b"\xff", b'{"schema": "bnn_lab.backend/0"}'])
def test_a_broken_file_is_replaced(monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    choice.choice_path().parent.mkdir()
    choice.choice_path().write_bytes(before)
    pretend(monkeypatch, [1.5] * 4)
    duel = measure_duel(**SMALL)
    assert duel is not None
    save_duel(duel)
    assert kernels.active_backend() == RIVAL


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    pretend(monkeypatch, [1.5] * 4)
    duel = measure_duel(**SMALL)
    assert duel is not None
    with pytest.raises(InputError, match=r"cannot write .*backend\.json.*Fix"):
        save_duel(duel)
    assert kernels.active_backend() == DEFAULT


def test_different_results_choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = backend_duel._chain

    def wrong(file: bytes, backend: str) -> Any:
        call, outputs = real(file, backend)
        outputs[-1][..., -1] += backend == RIVAL
        return call, outputs

    monkeypatch.setattr(backend_duel, "_chain", wrong)
    with pytest.raises(BnnLabError, match=f"{RIVAL} and {DEFAULT} compute different results"):
        measure_duel(**SMALL)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_duration_that_is_none(seconds: float) -> None:
    with pytest.raises(InputError, match="seconds"):
        measure_duel(seconds)


def test_rounds_without_the_cpu_choose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_duel, "measure_duel", functools.partial(measure_duel, **SMALL))
    pretend(monkeypatch, [1.5] * 4, undisturbed=9)
    done = CliRunner().invoke(app, ["calibrate", "--backend-only"])
    assert isinstance(done.exception, NoisyMachineError)
    assert f"all but 9 of {backend_duel.LEAST_ROUNDS} rounds" in str(done.exception)
    assert not choice.choice_path().exists()
    assert kernels.active_backend() == DEFAULT

    monkeypatch.setattr(calibrate_module, "_fit", lambda *_: None)
    output = calibrate()
    assert "warning: choosing a backend" in output and f"kernel backend: {DEFAULT}" in output


def test_an_emulated_cpu_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(what: str) -> None:
        raise EmulatedError(what)

    monkeypatch.setattr(backend_duel, "real_host", refuse)
    with pytest.raises(EmulatedError, match="choosing a backend"):
        measure_duel(**SMALL)


# --- the command and the doctor ------------------------------------------------------------------


def calibrate(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["calibrate", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def backend_in_use() -> doctor.Check:
    (check,) = (c for c in doctor._kernels() if c.name == "backend in use")
    return check


def test_the_command_chooses_and_the_doctor_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_duel, "measure_duel", functools.partial(measure_duel, **SMALL))
    before = backend_in_use()
    assert before.status == doctor.NOTE and "--backend-only" in before.fix
    assert before.found.startswith(f"{DEFAULT}: ") and "not measured" in before.found

    pretend(monkeypatch, [1.5] * 4)
    output = calibrate("--backend-only")
    assert str(choice.choice_path()) in output
    assert f"kernel backend: {RIVAL} (measured" in output and "1.50 times" in output
    after = backend_in_use()
    assert after.status == doctor.OK and after.found.startswith(f"{RIVAL}: measured")

    monkeypatch.setenv("BNN_LAB_BACKEND", DEFAULT)
    output = calibrate("--backend-only")
    assert f"kernel backend: {DEFAULT} (BNN_LAB_BACKEND names it)" in output
    assert f"without BNN_LAB_BACKEND: {RIVAL} (measured" in output
    forced = backend_in_use()
    assert forced.status == doctor.NOTE and f"to use {RIVAL}" in forced.fix
    monkeypatch.delenv("BNN_LAB_BACKEND")

    be(monkeypatch, 4)
    stale = backend_in_use()
    assert stale.status == doctor.NOTE and "not of this CPU" in stale.found and stale.fix


def test_the_command_where_there_is_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "BY_MEASUREMENT", frozenset())
    choice.forget()
    assert measure_duel() is None
    output = calibrate("--backend-only")
    assert f"kernel backend: {DEFAULT} (the default of this CPU)" in output
    assert not choice.choice_path().exists()


def test_a_cost_model_for_elsewhere_chooses_nothing(tmp_path: Path) -> None:
    output = str(tmp_path / "model.json")
    for more in (["--output", output], ["--threads", "2"], ["--rounds", "15"], ["--force"]):
        done = CliRunner().invoke(app, ["calibrate", "--backend-only", *more])
        assert done.exit_code == 2 and more[0] in done.output
        assert not choice.choice_path().exists()
