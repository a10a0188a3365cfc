from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from bnn_lab import models
from bnn_lab._files import locked
from bnn_lab._keras import require_tensorflow
from bnn_lab.cli.main import main
from bnn_lab.data import load_synthetic
from bnn_lab.errors import InputError
from bnn_lab.models import digits_mlp
from bnn_lab.training import recipe as recipes
from bnn_lab.training import recipe_run
from bnn_lab.training.quantizer_schedule import scheduled_quantizers
from bnn_lab.training.recipe import build_model, build_optimizer, load_recipe, recipe_names
from bnn_lab.training.recipe_changes import change_recipe
from bnn_lab.training.recipe_data import in_memory
from bnn_lab.training.recipe_run import run_recipe

tf = require_tensorflow()
OPTIONS = {"smoke": True, "checkpoint_steps": 3, "report": lambda line: None}


def final(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "checkpoint.npz") as file:
        return [file[name] for name in sorted(file.files) if name != "state"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run_recipe(load_recipe("digits"), folder, **OPTIONS)
    return folder


# Runs in a process of its own, which it kills itself at a chosen moment.
KILLED = """
import os, signal, sys
import numpy as np
from bnn_lab.training import recipe_run
from bnn_lab.training.recipe import load_recipe

moment, folder = sys.argv[1:]
calls = 0
if moment == "step":
    original = recipe_run.FlipRecorder.on_train_batch_end
    def count(self, batch, logs=None):
        global calls
        calls += 1
        if calls == 29:
            os.kill(os.getpid(), signal.SIGKILL)
        original(self, batch, logs)
    recipe_run.FlipRecorder.on_train_batch_end = count
else:
    original = np.savez
    def half(file, **arrays):
        global calls
        calls += 1
        if calls == 5:
            file.write(b"half a file")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        original(file, **arrays)
    np.savez = half
recipe_run.run_recipe(load_recipe("digits"), folder, smoke=True, checkpoint_steps=3)
"""


@pytest.mark.parametrize(("moment", "saved"), [("step", 27), ("saving", 12)])
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    moment, saved, whole, tmp_path
) -> None:
    command = [sys.executable, "-c", KILLED, moment, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert not (tmp_path / "weights.h5").exists()
    with np.load(tmp_path / "checkpoint.npz") as file:
        assert json.loads(str(file["state"]))["step"] == saved  # in mid-epoch: 20 steps each
    lines: list[str] = []
    run_recipe(load_recipe("digits"), tmp_path, **{**OPTIONS, "report": lines.append})
    assert f"resumed after step {saved} of 40" in lines
    for a, b in zip(final(whole), final(tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)
    one, other = (json.loads((f / "history.json").read_text()) for f in (whole, tmp_path))
    for key in ("epoch", "flips", "pi", "val_accuracy"):
        assert [row[key] for row in one] == [row[key] for row in other]


def test_a_training_leaves_what_it_promises(whole) -> None:
    history = json.loads((whole / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["val_accuracy"] > 0.85 and history[0]["flips"] > history[1]["flips"] > 0
    model = digits_mlp()
    model.load_weights(str(whole / "weights.h5"))
    assert set(np.unique(model.get_layer("dense_1").get_weights()[0])) == {-1.0, 1.0}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logs = EventAccumulator(str(whole / "tb"))
    logs.Reload()
    tags = set(logs.Tags()["tensors"])
    assert {"loss", "val_accuracy", "pi", "share_plus_one/dense_1"} <= tags


def test_a_finished_training_is_not_repeated(whole) -> None:
    before = final(whole)
    run_recipe(load_recipe("digits"), whole, **OPTIONS)
    for a, b in zip(before, final(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_training_is_kept_apart(whole) -> None:
    with pytest.raises(InputError, match="other settings: seed was 0, now 1"):
        run_recipe(load_recipe("digits"), whole, seed=1, **OPTIONS)
    changed = replace(load_recipe("digits"), rest=recipes.Adam(learning_rate=0.5))
    with pytest.raises(InputError, match=r"recipe\.rest\.learning_rate was 0\.01, now 0\.5"):
        run_recipe(changed, whole, **OPTIONS)


def test_folders_that_cannot_be_used(tmp_path) -> None:
    digits = load_recipe("digits")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder"):
        run_recipe(digits, tmp_path / "file", **OPTIONS)
    (tmp_path / "settings.json").write_text('{"recipe": {"bat')
    with pytest.raises(InputError, match=r"settings\.json is damaged"):
        run_recipe(digits, tmp_path, **OPTIONS)
    (tmp_path / "settings.json").rename(tmp_path / "checkpoint.npz")
    with pytest.raises(InputError, match=r"no settings\.json"):
        run_recipe(digits, tmp_path, **OPTIONS)


def test_a_training_that_was_refused_leaves_no_settings(tmp_path, monkeypatch) -> None:
    cifar, digits = load_recipe("bop-cifar10"), load_recipe("digits")
    (tmp_path / "empty").mkdir()
    for recipe, more in (
        (cifar, {"data_folder": tmp_path / "empty"}),
        (digits, {"data_folder": "x"}),
    ):
        with pytest.raises(InputError):
            run_recipe(recipe, tmp_path / "run", report=lambda text: None, **more)
    assert not (tmp_path / "run" / "settings.json").exists()
    # A training that ended before its first checkpoint left nothing that others could go on from.
    with monkeypatch.context() as patch:
        patch.setattr(recipe_run, "_fit", lambda *args: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            run_recipe(digits, tmp_path / "run", seed=3, **OPTIONS)
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["seed"] == 3
    recipe_run._refuse_another(tmp_path / "run", '{"recipe": {}, "seed": 4, "smoke": false}')
    (tmp_path / "run" / "1-teacher").mkdir()  # of a recipe in stages
    (tmp_path / "run" / "1-teacher" / "checkpoint.npz").touch()
    with pytest.raises(InputError, match=r"other settings: .*seed was 3, now 4"):
        run_recipe(digits, tmp_path / "run", seed=4, **OPTIONS)
    foreign = tmp_path / "editor" / "settings.json"
    foreign.parent.mkdir()
    foreign.write_text('{"editor.fontSize": 12}')
    with pytest.raises(InputError, match=r"editor\.fontSize was 12"):
        run_recipe(digits, foreign.parent, **OPTIONS)
    assert foreign.read_text() == '{"editor.fontSize": 12}'


def test_an_interrupted_command_says_how_to_go_on(tmp_path, monkeypatch, capsys) -> None:
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe_run, "_fit", interrupt)
    with pytest.raises(SystemExit) as stop:
        main(["train", "--recipe", "digits", "--smoke", "--out", str(tmp_path)])
    assert stop.value.code == 130
    assert "the same command resumes" in capsys.readouterr().out


def test_quantizers_follow_their_schedule_also_after_an_interruption(tmp_path, monkeypatch) -> None:
    settings = ["filters=4", "blocks=[1, 1]", "training.batch=320", "training.epochs=4"]
    recipe, _ = change_recipe(load_recipe("ir-net-digits"), settings)
    options = {"checkpoint_steps": 1, "report": lambda line: None}
    whole = run_recipe(recipe, tmp_path / "whole", **options)
    quantizers = scheduled_quantizers(whole)
    assert len(quantizers) == 2 * 4  # of inputs and kernels
    assert {float(q.value) for q in quantizers} == {np.float32(quantizers[0].at(0.75))}
    save, calls = recipe_run.write_arrays, 0

    def interrupted(*args, **more):
        nonlocal calls
        save(*args, **more)
        calls += 1
        if calls == 9:  # of 4 steps an epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe_run, "write_arrays", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, tmp_path / "parts", **options)
    monkeypatch.setattr(recipe_run, "write_arrays", save)
    again = run_recipe(recipe, tmp_path / "parts", **options)
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    plain, _ = change_recipe(recipe, ["quantizers=sign", "epochs=1"])
    assert not scheduled_quantizers(run_recipe(plain, tmp_path / "sign", **options))
    with pytest.raises(InputError, match="of which Bop has none"):
        models.binary_resnet20(quantizers="recu", latent_weights=False)


def test_a_damaged_checkpoint_is_named(tmp_path) -> None:
    run_recipe(load_recipe("digits"), tmp_path, **{**OPTIONS, "checkpoint_steps": 100})
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"checkpoint\.npz is not a checkpoint, or damaged"):
        run_recipe(load_recipe("digits"), tmp_path, **{**OPTIONS, "checkpoint_steps": 100})


def test_a_folder_is_trained_in_once_at_a_time(tmp_path) -> None:
    problem = "another process .* trains in"
    with locked(tmp_path, "trains"), pytest.raises(InputError, match=problem):
        run_recipe(load_recipe("digits"), tmp_path, **OPTIONS)


def test_a_full_disk_stops_a_training_that_can_go_on(mount, whole) -> None:
    disk = mount("size=900k")
    (disk / "other").write_bytes(bytes(600_000))
    options = {**OPTIONS, "checkpoint_steps": 7}
    with pytest.raises(InputError, match=r"cannot write .*checkpoint\.npz: No space left"):
        run_recipe(load_recipe("digits"), disk / "run", **options)
    (disk / "other").unlink()
    run_recipe(load_recipe("digits"), disk / "run", **options)
    for a, b in zip(final(whole), final(disk / "run"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_cifar_recipe_smokes_through_the_command(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    code = ["train", "--recipe", "bop-cifar10", "--smoke", "--out", str(out)]
    with pytest.raises(SystemExit) as stop:
        main(code)
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert "synthetic" in printed and "epoch 2" in printed
    assert (out / "weights.h5").exists()


# Second-order Bop's networks are those of Bop, and quantizers with a schedule run on digits.
ALIKE = ("bop2-imagenet", "ir-net-cifar10", "recu-")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    # Not what runs elsewhere; several stages are below.
    [
        n
        for n in recipe_names()
        if n not in ("digits", "bop-cifar10", "bop-cifar10-study")
        and not n.startswith(ALIKE)
        and not load_recipe(n).stages
    ],
)
def test_every_recipe_of_its_own_kind_smokes(name, tmp_path) -> None:
    smoke(name, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [n for n in recipe_names() if n.startswith(ALIKE)])
def test_every_recipe_that_is_like_another_smokes(name, tmp_path) -> None:
    smoke(name, tmp_path)


def smoke(name: str, folder: Path) -> None:
    run_recipe(load_recipe(name), folder, smoke=True, report=lambda line: None)
    history = json.loads((folder / "history.json").read_text())
    assert len(history) == 2 and np.isfinite(history[-1]["loss"])
    tf.keras.backend.clear_session()


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["real-to-binary", "adambnn"])
def test_the_papers_stages_smoke_on_small_images(name, tmp_path) -> None:
    recipe, _ = change_recipe(load_recipe(name), ["data.size=64"])
    run_recipe(recipe, tmp_path, smoke=True, report=lambda line: None)
    history = json.loads((tmp_path / "history.json").read_text())
    assert len(history) == 2 * len(recipe.stages)
    assert all(np.isfinite(row["loss"]) for row in history)


MIRRORED = """
import sys
from bnn_lab._keras import require_tensorflow
tf = require_tensorflow()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
real = tf.distribute.MirroredStrategy
tf.distribute.MirroredStrategy = lambda: real(["/cpu:0", "/cpu:1"])
from bnn_lab.training.recipe import load_recipe
from bnn_lab.training.recipe_run import run_recipe
run_recipe(load_recipe("digits"), sys.argv[1], smoke=True, strategy="mirrored")
print("replicas", tf.distribute.MirroredStrategy().num_replicas_in_sync)
"""


@pytest.mark.slow
def test_two_replicas_learn_together(tmp_path) -> None:
    command = [sys.executable, "-c", MIRRORED, str(tmp_path)]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment)
    assert result.returncode == 0, result.stderr[-3000:]
    assert "replicas 2" in result.stdout
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["val_accuracy"] > 0.8 and history[0]["flips"] > 1000


def test_recipes_are_the_papers() -> None:
    assert {"digits", "bop-cifar10", "bop-imagenet-alexnet"} <= set(recipe_names())
    cifar = load_recipe("bop-cifar10")
    assert cifar.training == recipes.Training(epochs=500, batch=50) and cifar.data.augment
    bop, rest = build_optimizer(cifar, digits_mlp(), 1000).optimizers
    gamma = bop._get_hyper("gamma")
    for epoch, value in ((0, 1e-4), (99, 1e-4), (100, 1e-5), (450, 1e-8)):
        assert float(gamma(epoch * 1000.0)) == pytest.approx(value, rel=1e-4)
    assert float(bop._get_hyper("threshold")) == pytest.approx(1e-8)
    assert float(rest._get_hyper("learning_rate")) == pytest.approx(0.01)
    for name, epochs in (("alexnet", 150), ("xnornet", 100), ("birealnet", 300)):
        imagenet = load_recipe(f"bop-imagenet-{name}")
        assert imagenet.training == recipes.Training(epochs=epochs, batch=1024)
        bop, rest = build_optimizer(imagenet, digits_mlp(), 1251).optimizers
        end = epochs * 1251.0
        assert float(bop._get_hyper("gamma")(end)) == pytest.approx(1e-6, rel=1e-4)
        assert float(rest._get_hyper("learning_rate")(0.0)) == pytest.approx(2.5e-3)
        assert float(rest._get_hyper("learning_rate")(end)) == pytest.approx(5e-6, rel=1e-4)
    quicknet = load_recipe("quicknet-large")
    assert not quicknet.bop and quicknet.training == recipes.Training(epochs=600, batch=2048)


def test_batches_are_functions_of_seed_and_step(caplog) -> None:
    tf.get_logger().addHandler(caplog.handler)
    data = load_synthetic(50, 10)
    batches = in_memory(data, 8, seed=3, augment=True)
    assert batches.steps_per_epoch == 6
    run = [(x.numpy(), y.numpy()) for x, y in batches.train_from(0).take(13)]
    assert "AutoGraph" not in caplog.text
    for step in (4, 6, 12):
        x, y = next(iter(batches.train_from(step)))
        np.testing.assert_array_equal(x, run[step][0])
        np.testing.assert_array_equal(y, run[step][1])
    other = next(iter(in_memory(data, 8, seed=4, augment=True).train_from(0)))[0]
    assert not np.array_equal(other, run[0][0])
    plain = in_memory(data, 8, seed=3)
    epoch = np.concatenate([x.numpy() for x, _ in plain.train_from(6).take(6)])
    assert len(np.unique(epoch.reshape(48, -1), axis=0)) == 48  # no image twice in an epoch


DIGITS = (recipes.FOLDER / "digits.toml").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("[rest]", "[remainder]"), "mine.toml: there is an unknown field `remainder`.*rest"),
        (
            ("[rest]", "[[rest]]"),
            r"\[rest\]: Expected `object`, got `array`. Fix: write 'adam' with",
        ),
        (("epochs = 30", "epochs = 0"), r"\[training\] epochs: Expected `int` >= 1"),
        (("epochs = 30", "epochs = true"), "got `bool`. Fix: write an integer"),
        (
            ("epochs = 30", "epoch = 30"),
            r"unknown field `epoch`. Fix: write the keys epochs, batch",
        ),
        (("epochs = 30", ""), r"\[training\]: there is no field `epochs`"),
        (('"digits_mlp"', '"resnet"'), "no network 'resnet'. Fix: use one of quicknet_small"),
        (('"digits_mlp"', '"quicknet_no_shortcuts"'), "is not trained; use quicknet"),
        (('"digits_mlp"', '"dorefanet"'), "is built with latent weights; use adam"),
        (('name = "digits"', 'name = "mnist"'), "no data set 'mnist'; use one of digits, mnist5k"),
        (('name = "digits"', 'name = "cifar10"'), "is for digits"),
        (
            ('"bop"', '"adam"'),
            r"\[binary\]: there is an unknown field `threshold`.*'adam' with lear",
        ),
        (
            ('"bop"', '"bob"'),
            r"\[binary\] optimizer: Invalid value 'bob'. Fix: write 'bop' with gam",
        ),
        (('"step"', '"jump"'), r"\[binary\] gamma.schedule: .* a number or 'step' with start, fac"),
        (("factor = 0.1, ", ""), r"\[binary\] gamma: there is no field `factor`"),
        (("threshold = 1e-6", "threshold = "), "not a TOML file"),
        (('optimizer = "adam"', 'optimizer = "bop"'), r"\[rest\] optimizer: Invalid value 'bop'"),
        (("epochs = 30", "epochs = 30  # \udcff"), "not a TOML file"),
    ],
)
def test_bad_recipes_are_refused(change, words: str, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    assert change[0] in DIGITS
    path.write_bytes(DIGITS.replace(*change).encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=words):
        load_recipe(path)


def test_other_errors(tmp_path, monkeypatch) -> None:
    digits = load_recipe("digits")
    with pytest.raises(InputError, match="bop-cifar10"):
        load_recipe("nothing")
    with pytest.raises(InputError, match="strategy"):
        run_recipe(digits, tmp_path, strategy="magic")
    with pytest.raises(InputError, match="checkpoint_steps"):
        run_recipe(digits, tmp_path, checkpoint_steps=0)
    for seed in (-1, 2**32):
        with pytest.raises(InputError, match="from 0 to"):
            run_recipe(digits, tmp_path, seed=seed)
    for setting in ("hidden=3", "kernel_quantizer=foo"):
        with pytest.raises(InputError, match="of the wrong kind"):
            build_model(change_recipe(digits, [setting])[0], (8, 8, 1), 10, 0)
    with pytest.raises(InputError, match="no data folder"):
        run_recipe(digits, tmp_path / "a", data_folder=tmp_path)
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="TF_CONFIG"):
        run_recipe(digits, tmp_path / "b", strategy="multiworker")
    with pytest.raises(InputError, match="do not fill"):
        in_memory(load_synthetic(10, 10), 11, seed=0)


def test_the_command_lists_recipes(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["train"])
    assert "bop-imagenet-xnornet" in capsys.readouterr().out
