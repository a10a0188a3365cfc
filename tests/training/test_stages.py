"""Recipes of several stages: teachers, starts, and going on in the middle of one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models import network
from bnn_lab.training import recipe_run, schedules
from bnn_lab.training.recipe import build_model, convert_recipe, load_recipe
from bnn_lab.training.recipe_changes import change_recipe
from bnn_lab.training.recipe_run import run_recipe

tf = require_tensorflow()

DIGITS = load_recipe("real-to-binary-digits")
TEXT = (Path(recipe_run.__file__).parent / "recipes" / "real-to-binary-digits.toml").read_text()
OPTIONS = {"smoke": True, "checkpoint_steps": 7, "report": lambda line: None}


def content() -> dict:
    import tomllib

    return {**tomllib.loads(TEXT), "name": "mine"}


def short() -> object:
    """A teacher, a student with float kernels, and the binary one that begins with its weights."""
    made = content()
    made["stages"] = [stage for stage in made["stages"] if stage["name"] != "tanh"]
    made["stages"][1]["distill"]["teacher"] = "teacher"
    return convert_recipe(made, "mine")


def test_stages_go_on_where_a_training_stopped(tmp_path, monkeypatch) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    model = run_recipe(short(), whole, **OPTIONS)
    history = json.loads((whole / "history.json").read_text())
    stages = ["teacher", "activations", "weights"]
    assert [row["stage"] for row in history] == [name for name in stages for _ in range(2)]
    assert "flips" not in history[0] and history[-1]["flips"] > 0
    assert all(np.isfinite(row["loss"]) for row in history)
    # Half of the second stage, then again from the beginning.
    steps = 0
    class_of = recipe_run._saver_class

    def stopping(tf):
        class Stopping(class_of(tf)):
            def on_train_batch_end(self, batch, logs=None):
                nonlocal steps
                super().on_train_batch_end(batch, logs)
                steps += 1
                if steps == 40 + 15:
                    raise KeyboardInterrupt

        return Stopping

    monkeypatch.setattr(recipe_run, "_saver_class", stopping)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(short(), parts, **OPTIONS)
    monkeypatch.setattr(recipe_run, "_saver_class", class_of)
    lines: list[str] = []
    again = run_recipe(short(), parts, **{**OPTIONS, "report": lines.append})
    assert {"resumed after step 40 of 40", "resumed after step 14 of 40"} <= set(lines)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (parts / "3-weights" / "checkpoint.npz").exists()
    kernel = tf.keras.models.clone_model(again)
    kernel.load_weights(str(parts / "weights.h5"))
    with pytest.raises(InputError, match=r"recipe\.stages was"):
        run_recipe(DIGITS, parts, **OPTIONS)


@pytest.mark.parametrize("name", ["real-to-binary", "adambnn"])
def test_the_papers_stages(name) -> None:
    recipe = load_recipe(name)
    stages = [recipe.of_stage(stage) for stage in recipe.stages]
    assert network(stages[0].model.name).teacher and not stages[-1].training.weight_decay
    assert stages[-1].model == recipe.model and recipe.stages[-1].start == "activations"
    small = {"real_to_binary": {"filters": 8}, "reactnet_a": {"channels": (8, 16, 16, 32)}}
    built = []
    for stage in stages[1:]:  # kernels of another kind, the same weights
        stage.model.options.update(small[stage.model.name])
        built.append(build_model(stage, (64, 64, 3), 10, 0))
    shapes = [[w.shape for w in model.get_weights()] for model in built]
    assert all(one == shapes[0] for one in shapes)
    if name == "real-to-binary":
        attention = [stage.distill.attention for stage in stages[1:]]
        assert attention == [30, 30, 0] and [s.distill.logits for s in stages[1:]] == [3, 3, 0.8]
        assert [stage.training.epochs for stage in stages] == [100, 75, 75, 75]
        rate = stages[1].rest.learning_rate.build(100, 7500)
        for epoch, value in (
            (0, 0),
            (2.5, 5e-4),
            (5, 1e-3),
            (39.9, 1e-3),
            (40, 3e-4),
            (74, 2.7e-5),
        ):
            assert float(rate(epoch * 100)) == pytest.approx(value, rel=1e-5)
    else:
        assert [stage.training.weight_decay for stage in stages] == [0, 5e-6, 0]
        assert [stage.distill.labels for stage in stages[1:]] == [0, 0]


def test_a_fall_of_the_rate_is_serialized() -> None:
    schedule = schedules.warmup_steps(1.0, 4, 0.5, [8, 9])
    found = [float(schedule(step)) for step in (0, 2, 4, 7, 8, 9, 20)]
    assert found == [0, 0.5, 1, 1, 0.5, 0.25, 0.25]
    again = tf.keras.optimizers.schedules.deserialize(
        tf.keras.optimizers.schedules.serialize(schedule)
    )
    assert float(again(8)) == 0.5
    for bad in ([9, 8], [3], [8, 8]):
        with pytest.raises(InputError, match="must rise"):
            schedules.warmup_steps(1.0, 4, 0.5, bad)


def test_keys_of_stages_are_changed() -> None:
    settings = ["stages.tanh.distill.attention=10", "stages.weights.start=tanh"]
    changed, changes = change_recipe(DIGITS, settings)
    assert changed.stages[1].distill.attention == 10 and changed.stages[3].start == "tanh"
    assert set(changes) == {"stages.tanh.distill.attention", "stages.weights.start"}
    with pytest.raises(InputError, match=r"[23] keys of this name"):
        change_recipe(DIGITS, ["logits=1"])
    with pytest.raises(InputError, match="no such key"):
        change_recipe(DIGITS, ["stages.odd.start=tanh"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["stages"][0].update(name="Two words"), r"\[stages\[0\]\] name"),
        (lambda c: c["stages"][1].update(name="teacher"), "two stages of this name"),
        (lambda c: c["stages"][1]["distill"].update(teacher="weights"), "there is no teacher"),
        (lambda c: c["stages"][3].update(start="later"), "is not an earlier stage"),
        (lambda c: c["stages"][3]["distill"].update(logits=0), "nothing is learned"),
        (lambda c: c["stages"][3]["distill"].update(attention=1), "go together"),
        (lambda c: c["stages"][3]["distill"].update(temperature=0), "temperature"),
        (lambda c: c["training"].update(weight_decay=-1), "weight_decay"),
        (lambda c: c.update(distill={"teacher": "a.h5", "logits": 1}), "belongs in one"),
        (
            lambda c: c["stages"][1].update(
                binary={"optimizer": "bop", "gamma": 1, "threshold": 0}
            ),
            "stage tanh: real_to_binary has float weights",
        ),
    ],
)
def test_stages_that_make_no_sense(change, words) -> None:
    made = content()
    change(made)
    with pytest.raises(InputError, match=words):
        convert_recipe(made, "mine")


def test_a_teacher_may_be_a_file(tmp_path) -> None:
    made = content()
    made["stages"], path = [], tmp_path / "teacher.keras"
    made["distill"] = {"teacher": str(path), "logits": 1.0}
    recipe = convert_recipe(made, "mine")
    with pytest.raises(InputError, match=r"teacher\.keras cannot be loaded"):
        run_recipe(recipe, tmp_path / "a", **OPTIONS)
    with pytest.raises(InputError, match="other weights than this"):
        recipe_run._begin_with(
            build_model(DIGITS.of_stage(DIGITS.stages[0]), (8, 8, 1), 10, 0),
            build_model(DIGITS.of_stage(DIGITS.stages[1]), (8, 8, 1), 10, 0),
            "teacher",
        )
