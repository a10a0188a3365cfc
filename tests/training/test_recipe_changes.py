"""`bnn-lab train --set key=value`, and cited results beside one's own."""

from __future__ import annotations

import json

import pytest

from bnn_lab.cli.main import main
from bnn_lab.errors import InputError
from bnn_lab.training.recipe import Bop2, load_recipe, recipe_names
from bnn_lab.training.recipe_changes import change_recipe, folder_name
from bnn_lab.training.recipe_schedules import Step


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("gamma=1e-3", "binary.gamma", 1e-3),
        ("binary.gamma=1", "binary.gamma", 1),
        ("threshold = 0.0", "binary.threshold", 0.0),
        ("training.epochs=7", "training.epochs", 7),
        ("data.name=mnist5k", "data.name", "mnist5k"),
        ('data.name="mnist5k"', "data.name", "mnist5k"),
        ("augment=false", "data.augment", False),
        ("momentum=0.5", "model.options.momentum", 0.5),
        ("filters=[8, 16]", "model.options.filters", [8, 16]),
        ("rest.learning_rate=0.1", "rest.learning_rate", 0.1),
        ("source=mine", "source", "mine"),
    ],
)
def test_a_key_is_changed(setting: str, key: str, value: object) -> None:
    recipe = load_recipe("bop-cifar10")
    changed, changes = change_recipe(recipe, [setting])
    assert changes == {key: value}
    found = changed
    for part in key.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value and recipe == load_recipe("bop-cifar10") != changed


def test_sections_and_schedules_are_changed() -> None:
    recipe = load_recipe("bop-cifar10")
    changed, _ = change_recipe(recipe, ["gamma.start=1e-3", "every_epochs=5"])
    assert changed.binary.gamma == Step(start=1e-3, factor=0.1, every_epochs=5)
    second = 'binary={optimizer="bop2", gamma=1e-3, threshold=0.01, sigma=1, correction="start"}'
    changed, _ = change_recipe(recipe, [second])
    assert changed.bop and changed.binary == Bop2(
        gamma=1e-3, threshold=0.01, sigma=1, correction="start"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["gama=1e-3"], "--set gama: .* has no such key. Fix: did you mean binary.gamma"),
        (["training.epoch=3"], "did you mean training.epochs"),
        (["momentun=0.9"], "did you mean model.options.momentum"),
        (["zzz=1"], "no such key. Fix: use one of description, source, model, model.name"),
        (["=1"], "no such key"),
        (["name=digits"], "2 keys of this name. Fix: write model.name or data.name"),
        (["epochs"], "no '='"),
        (["epochs=2", "training.epochs=3"], "training.epochs is given twice"),
        (["epochs=0"], r"with epochs=0: \[training\] epochs: Expected `int` >= 1"),
        (["epochs=many"], r"\[training\] epochs: Expected `int`, got `str`. Fix: write an integer"),
        (["gamma=fast"], r"\[binary\] gamma: Expected .* Fix: write a number or"),
        (["gamma=1e-3", "gamma.start=1e-4"], "made gamma a single value"),
        (["binary.optimizer=adam"], "'adam' with learning_rate"),
        (["data.name=mnist"], "no data set 'mnist'"),
        (["data={"], "got `str`"),
        (["rest.learning_rate=0"], "learning_rate must be"),
        (["rest.learning_rate=nan"], "learning_rate must be"),
        (["every_epochs=0"], "Expected `float` > 0"),
        (["data.size=64"], "size is for imagenet"),
    ],
)
def test_bad_settings_are_refused(settings: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        change_recipe(load_recipe("bop-cifar10"), settings)


def test_a_key_of_a_table_that_was_replaced() -> None:
    """The new table may lack what the second setting goes into."""
    recipe = load_recipe("real-to-binary-digits")
    model = '{name = "real_to_binary"}'
    changed, _ = change_recipe(recipe, [f"model={model}", "model.options.filters=8"])
    assert changed.model.options == {"filters": 8}
    settings = [f"stages.tanh.model={model}", "stages.tanh.model.options.filters=8"]
    changed, _ = change_recipe(recipe, settings)
    assert changed.stages[1].model is not None
    assert changed.stages[1].model.options == {"filters": 8}
    with pytest.raises(InputError, match="gamma"):
        change_recipe(load_recipe("bop-cifar10"), ['binary={optimizer="bop"}', "gamma.start=1e-3"])


def test_points_of_a_sweep_have_folders_of_their_own() -> None:
    assert folder_name("digits", {}) == "digits"
    assert folder_name("x", {"b": 1e-3, "a.c": "p/q r"}) == "x,a.c=p_q_r,b=0.001"


def test_the_command_changes_records_and_cites(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "--recipe", "bop-cifar10", "--smoke", "--set", "filters=[8]"]
    with pytest.raises(SystemExit) as stop:
        main([*command, "--set", "units=8", "--set", "gamma=1e-3"])
    printed = " ".join(capsys.readouterr().out.split())
    assert stop.value.code == 0, printed
    assert "changed: binary.gamma = 0.001" in printed
    assert "test accuracy here: " in printed and "cited: 91.3 % (BinaryNet on CIFAR-10" in printed
    assert "synthetic images" in printed and "--logdir runs/bop-cifar10-smoke" in printed
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("bop-cifar10-smoke,binary.gamma=0.001,model.options.filters=")
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["changes"]["binary.gamma"] == 0.001 == settings["recipe"]["binary"]["gamma"]


def test_the_list_of_recipes_cites(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["train"])
    assert {"bop2-cifar10", "latent-cifar10"} <= set(recipe_names())
    assert "91.9 %" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["train", "--set", "gamma=1"])
    assert "name one with --recipe" in capsys.readouterr().err
