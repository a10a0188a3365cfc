"""`bnn-lab experiment`, its list, and the experiments that came with it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from bnn_lab.cli.main import main
from bnn_lab.errors import InputError
from bnn_lab.experiments.training import (
    EXPERIMENTS,
    ExperimentResult,
    Figure2,
    Running,
    batch_against_gamma,
    figure2,
    run_experiment,
    scaling_factors,
)
from bnn_lab.experiments.training.factors import CASES
from bnn_lab.figures import draw
from bnn_lab.figures.experiments import _DRAWN

QUIET = Running(progress=False)


def test_every_experiment_has_a_figure_and_settings_that_may_be_changed() -> None:
    for name, entry in EXPERIMENTS.items():
        assert type(entry.config) in _DRAWN, name
        assert set(entry.quick) <= set(entry.config.__dataclass_fields__), name
        assert entry.question.endswith(("?", ".)")), name
        assert getattr(entry.config, "data", "mnist5k") == "mnist5k" or name == "scaling"


@pytest.fixture(scope="module")
def curves() -> ExperimentResult:
    changes = {"gamma": 1e-2, "tau": 1e-6, "data": "digits", "epochs": 3}
    return figure2((1e-1, 1e-2), (1e-6, 1e-3), running=QUIET, **changes)


def test_both_families_are_curves(curves) -> None:
    frame = curves.frame
    assert len(frame) == 4 * 3 and set(frame.epoch) == {1, 2, 3}
    by = frame[frame.epoch == 3].set_index(["family", "gamma", "threshold"])
    noisy, frozen = by.loc["gamma", 0.1, 1e-6], by.loc["tau", 1e-2, 1e-3]
    assert noisy.pi > -4 > -8 > frozen.pi
    shared = frame[(frame.gamma == 1e-2) & (frame.threshold == 1e-6)]
    one, other = (rows for _, rows in shared.groupby("family"))
    assert one.accuracy.tolist() == other.accuracy.tolist()  # trained once, in both families
    drawing = draw(curves)
    assert len(drawing.figure.data) == 8
    titles = [note.text for note in drawing.figure.layout.annotations]
    assert titles == ["γ varies, τ = 1e-06", "τ varies, γ = 0.01"]
    assert "γ varies, τ = 1e-06: 0.01 ends at" in drawing.words


def test_one_family_alone_is_drawn(curves) -> None:
    frame = curves.frame[curves.frame.family == "tau"]
    assert len(draw(ExperimentResult(Figure2(), frame)).figure.data) == 4


def test_a_second_command_does_what_is_missing(tmp_path, capsys, monkeypatch) -> None:
    from bnn_lab.experiments.training import curves as module

    ran = []
    monkeypatch.setattr(module, "mlp_run", lambda **point: ran.append(point) or _outcome(point))
    module.mlp_run.__qualname__ = "mlp_run"  # results of a lambda are not kept
    command = ["experiment", "batch-gamma", "--quick", "--folder", str(tmp_path / "runs")]
    files = ["--csv", str(tmp_path / "t.csv"), "--html", str(tmp_path / "p.html")]
    for gammas, runs in (("[0.1]", 2), ("[0.1, 0.01]", 2), ("[0.1, 0.01]", 0)):
        ran.clear()
        with pytest.raises(SystemExit) as stop:
            main([*command, *files, "--set", f"gammas={gammas}", "--set", "data=digits"])
        assert stop.value.code == 0 and len(ran) == runs
    assert "batch 64: γ = 0.01" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "t.csv")) == 4
    assert "Does a larger batch" in (tmp_path / "p.html").read_text()
    stored = [json.loads(p.read_text()) for p in (tmp_path / "runs/batch-gamma").iterdir()]
    assert len(stored) == 4 and {record["settings"]["data"] for record in stored} == {"digits"}


def _outcome(point: dict) -> dict:
    return {
        "accuracy": point["gamma"],
        "accuracies": [0.5],
        "pi": [-4.0],
        "total_flips": 10,
        "validation_accuracy": 0.5,
        "images": 100,
    }


def test_batch_normalization_takes_a_factor_back() -> None:
    """A power of two with epsilon scaled along changes no weight at any step; alone it does."""
    cases = tuple(CASES)[:3]
    result = scaling_factors(cases=cases, epochs=2, seeds=(0,), data="digits", running=QUIET)
    frame = result.frame.set_index("case")
    assert frame.first_difference.tolist()[0] == frame.first_difference.tolist()[2] == 0
    assert frame.accuracy.iloc[0] == frame.accuracy.iloc[2] > 0.5
    assert frame.first_difference.iloc[1] >= 1 and 0 < frame.different.iloc[1] < 0.5
    assert "0.0 % differ" in draw(result).words


def test_the_command_lists_experiments(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["experiment"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in EXPERIMENTS)
    with pytest.raises(SystemExit):
        main(["experiment", "memory"])
    assert "second-order Bop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("figure3", [], "no experiment 'figure3'. Fix: use one of figure2"),
        ("figure2", ["gamas=[1]"], "no such setting. Fix: did you mean gammas"),
        ("figure2", ["zzz=1"], "no such setting. Fix: use gammas, taus"),
        ("figure2", ["epochs"], "no '='"),
        ("figure2", ["epochs=1", "epochs=2"], "given twice"),
        ("figure2", ["epochs=x"], "Expected `int`, got `str`. Fix: .* default, 30"),
        ("figure2", ["gammas=0.1"], "Expected `array`"),
        ("figure2", ["gammas=[2]"], "must lie in"),
        ("figure2", ["taus=[-1]"], "at least 0"),
        ("figure2", ["gammas=[]", "taus=[]"], "a gamma or a tau"),
        ("figure2", ["seeds=[]"], "seeds: at least one"),
        ("bop-grid", ["seeds=[-1]"], "seeds: must be integers from 0"),
        ("bop-grid", ["seeds=[0, 0]"], "seeds: each counts"),
        ("bop-vs-latent", ["tuning_seeds=[]"], "tuning_seeds: at least one"),
        ("knobs", ["seed=-1"], "seed: must be integers"),
        ("latents", ["epochs=0"], "epochs: must be at least 1"),
        ("batch-gamma", ["batches=[0]"], "batches: must be at least 1"),
        ("dead-weights", ["hidden=[0]"], "hidden: must be at least 1"),
        ("factors", ["learning_rate=0"], "learning_rate: must be"),
        ("bop-grid", ["thresholds=[]"], "at least a gamma and a tau"),
        ("pseudo-gradients", ["names=[]"], "names: at least one"),
        ("scaling", ["cases=[]"], "a scale and a case"),
        ("scaling", ["scales=[inf]"], "finite number"),
        ("rate-over-start", ["pairs=[]"], "pairs: at least one"),
        ("noise", ["steps=0"], "a step at least"),
        ("shortcuts", ["images=0"], "images: must be"),
        ("ends", ["variants=[]"], "variants: at least one"),
        ("ternary-bop", ["methods=[]"], "methods: at least one"),
        ("clip-and-decay", ["l2=[-1]"], "l2=-1.0"),
        ("clip-and-decay", ["clips=[0]"], "weight_clip=0.0"),
        ("knobs", ["knobs={a={gama=1}}"], r"unknown settings \['gama'\]"),
        ("pace", ['methods={a={epochs="x"}}'], "of the wrong kind"),
        ("batch-gamma", ["batches=[]"], "at least one batch"),
        ("batch-gamma", ["gammas=[0]"], "must lie in"),
        ("factors", ['cases=["x"]'], "there are no"),
        ("factors", ["cases=[]"], "at least one"),
    ],
)
def test_what_is_refused(name: str, settings: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run_experiment(name, settings, running=QUIET)


def test_settings_are_checked_by_functions_too() -> None:
    with pytest.raises(InputError, match="no settings"):
        batch_against_gamma(gamma=1)
