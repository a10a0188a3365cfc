"""Running a recipe: checkpoints that survive a kill at any step, logs, several devices."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bnn_lab._arrays import read_arrays, write_arrays
from bnn_lab._files import locked, write_whole
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.training.bop import binary_variables, has_binary_weights, negative
from bnn_lab.training.distillation import Lesson, logits_of, with_lesson
from bnn_lab.training.flip_statistics import flip_measure
from bnn_lab.training.flips import FlipRecorder
from bnn_lab.training.latent_weights import latent_scope, save_latents
from bnn_lab.training.quantizer_schedule import QuantizerSchedule, scheduled_quantizers
from bnn_lab.training.recipe import MODEL_FILES, Recipe, build_model, build_optimizer
from bnn_lab.training.recipe_data import SHIPPED, SMOKE_BATCH, open_data

STRATEGIES = ("none", "mirrored", "multiworker")
CHECKPOINT, SETTINGS, HISTORY, WEIGHTS = (
    "checkpoint.npz",
    "settings.json",
    "history.json",
    "weights.h5",
)


def run_recipe(
    recipe: Recipe,
    folder: str | Path,
    *,
    data_folder: str | Path | None = None,
    seed: int = 0,
    smoke: bool = False,
    strategy: str = "none",
    checkpoint_steps: int = 500,
    report: Callable[[str], None] = print,
    changes: Mapping[str, Any] | None = None,
) -> Any:
    """Train; if the folder holds a checkpoint of the same training, go on from it.

    Batches and hyper-parameters are functions of the step alone, and a checkpoint holds all
    weights and the optimizers' state, so on a CPU a training that was killed ends with the very
    weights of one that was not.

    Args:
        recipe: what to do.
        folder: gets the checkpoint, ``history.json`` (a record an epoch; an epoch that was
            interrupted has the loss of its last part), TensorBoard logs (``tb``), ``weights.h5``
            (latent weights, at the end) and ``settings.json``. A recipe of several stages has a
            folder for each, ``1-NAME`` and so on; its ``history.json`` has all their records, and
            ``weights.h5`` is the last one's.
        data_folder: folder of CIFAR-10's or ImageNet's files.
        seed: seed of weights, order and augmentation.
        smoke: the same code in seconds: two epochs of a few small batches, synthetic images in
            place of downloads. Images that come with a package keep their batch.
        strategy: ``none``, ``mirrored`` (`tf.distribute.MirroredStrategy`: all GPUs of this
            machine) or ``multiworker`` (`MultiWorkerMirroredStrategy`, set up by TF_CONFIG).
        checkpoint_steps: steps between checkpoints, at least 1; there is one after each epoch too.
        report: gets lines of text.
        changes: what `recipe_changes.change_recipe` has changed, to be recorded in
            ``settings.json``; `recipe` is the changed one.

    Returns:
        The trained Keras model, of the last stage.

    Raises:
        InputError: the folder holds another training, another process trains in it, it cannot be
            written, or an argument is out of range.
        BnnLabError: the data is not available, or TensorBoard is not installed.
    """
    if strategy not in STRATEGIES:
        raise InputError(f"run_recipe({strategy=}): must be one of {STRATEGIES}.")
    if checkpoint_steps < 1:
        raise InputError(f"run_recipe({checkpoint_steps=}): must be at least 1.")
    if not 0 <= seed < 2**32:
        raise InputError(f"run_recipe({seed=}): must be from 0 to 2^32 - 1.")
    tf = require_tensorflow()
    folder = Path(folder)
    if smoke:
        batch = recipe.training.batch if recipe.data.name in SHIPPED else SMOKE_BATCH
        recipe = recipe.with_training(epochs=2, batch=batch)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made a folder ({error}). Fix: choose another.") from (
            error
        )
    with locked(folder, "trains"):
        settings = {"recipe": msgspec.to_builtins(recipe), "seed": seed, "smoke": smoke}
        settings |= {"changes": dict(changes)} if changes else {}
        text = json.dumps(settings, indent=2, sort_keys=True)
        _refuse_another(folder, text)
        options: dict[str, Any] = {
            "begin": lambda: write_whole(folder / SETTINGS, text),
            "data_folder": data_folder,
            "seed": seed,
            "smoke": smoke,
            "strategy": strategy,
            "checkpoint_steps": checkpoint_steps,
            "report": report,
        }
        if recipe.stages:
            return _train_stages(tf, recipe, folder, options)
        return _train(tf, recipe, folder, trained={}, start="", **options)


def _train_stages(tf: Any, recipe: Recipe, folder: Path, options: dict[str, Any]) -> Any:
    """One after the other; a stage that is done only loads its last checkpoint."""
    trained: dict[str, Any] = {}
    history: list[dict[str, Any]] = []
    count = len(recipe.stages)
    for number, stage in enumerate(recipe.stages, start=1):
        options["report"](f"stage {number} of {count}: {stage.name}")
        own = folder / f"{number}-{stage.name}"
        own.mkdir(exist_ok=True)
        trained[stage.name] = _train(
            tf, recipe.of_stage(stage), own, trained=trained, start=stage.start, **options
        )
        records = json.loads((own / HISTORY).read_text())
        history += [{"stage": stage.name, **record} for record in records]
        write_whole(folder / HISTORY, json.dumps(history, indent=1))
    save_latents(trained[stage.name], folder / WEIGHTS)
    return trained[stage.name]


def _train(
    tf: Any,
    recipe: Recipe,
    folder: Path,
    *,
    trained: Mapping[str, Any],
    start: str,
    begin: Callable[[], None],
    data_folder: str | Path | None,
    seed: int,
    smoke: bool,
    strategy: str,
    checkpoint_steps: int,
    report: Callable[[str], None],
) -> Any:
    with _strategy(tf, strategy).scope():
        batches = open_data(recipe, folder=data_folder, seed=seed, smoke=smoke)
        report(f"data: {batches.name}; {batches.steps_per_epoch} steps an epoch")
        built = build_model(recipe, batches.input_shape, batches.classes, seed)
        if start:
            _begin_with(trained[start], built, start)
        optimizer = build_optimizer(recipe, built, batches.steps_per_epoch)
        lesson = _lesson(tf, recipe, trained)
        model = built if lesson is None else with_lesson(built, lesson)
        logits = logits_of(built) is built.output
        model.compile(
            optimizer,
            tf.keras.losses.SparseCategoricalCrossentropy(from_logits=logits),
            loss_weights=None if lesson is None else [lesson.labels],
            metrics=["accuracy"],
        )
    saver = _saver_class(tf)(folder, batches.steps_per_epoch, checkpoint_steps, report)
    done = saver.restore(model, batches)
    epochs = recipe.training.epochs
    scheduled = [QuantizerSchedule(epochs)] if scheduled_quantizers(built) else []
    callbacks = [*scheduled, saver]
    total = epochs * batches.steps_per_epoch
    if done:
        report(f"resumed after step {done} of {total}")
    begin()
    epoch, inside = divmod(done, batches.steps_per_epoch)
    if inside:
        rest = batches.steps_per_epoch - inside
        _fit(model, batches, callbacks, done, epoch, epoch + 1, rest)
        epoch += 1
    if epoch < epochs:
        steps = batches.steps_per_epoch
        _fit(model, batches, callbacks, epoch * steps, epoch, epochs, steps)
    save_latents(built, folder / WEIGHTS)
    return built


def _begin_with(before: Any, model: Any, stage: str) -> None:
    """Give a network the weights of the stage before, whose kernels may be of another kind."""
    with latent_scope():
        values = before.get_weights()
        shapes = [value.shape for value in model.get_weights()]
        if [value.shape for value in values] != shapes:
            raise InputError(
                f"start = {stage!r}: that stage's {before.name} has other weights than this "
                f"{model.name}. Fix: give both stages the same [model] but for kernels and signs."
            )
        model.set_weights(values)


def _lesson(tf: Any, recipe: Recipe, trained: Mapping[str, Any]) -> Lesson | None:
    """What a training learns from beside the labels; None: nothing."""
    distill, decay = recipe.distill, recipe.training.weight_decay
    if distill is None:
        return Lesson(weight_decay=decay) if decay else None
    teacher = trained.get(distill.teacher)
    if teacher is None:
        teacher = _load_teacher(tf, Path(distill.teacher))
    return Lesson(
        teacher,
        distill.labels,
        distill.logits,
        distill.temperature,
        distill.attention,
        tuple(distill.layers),
        decay,
    )


def _load_teacher(tf: Any, path: Path) -> Any:
    try:
        return tf.keras.models.load_model(str(path), compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"the teacher {path} cannot be loaded ({error}). Fix: give a file that tf_keras has "
            f"saved, ending in {' or '.join(MODEL_FILES)}."
        ) from error


def _fit(
    model: Any,
    batches: Any,
    callbacks: list[Any],
    start: int,
    first: int,
    last: int,
    steps: int,
) -> None:
    model.fit(
        batches.train_from(start),
        initial_epoch=first,
        epochs=last,
        steps_per_epoch=steps,
        validation_data=batches.test,
        verbose=0,
        callbacks=callbacks,
    )


def _strategy(tf: Any, name: str) -> Any:
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multiworker":
        if "TF_CONFIG" not in os.environ:
            raise InputError(
                "strategy multiworker needs the environment variable TF_CONFIG, which names the "
                "cluster's workers and this one. Fix: set it, or use mirrored."
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def _refuse_another(folder: Path, settings: str) -> None:
    """Refuse a folder in which something else was trained.

    Settings that left no checkpoint do not count: nothing of that training is there.
    """
    path = folder / SETTINGS
    trained = (folder / CHECKPOINT).exists() or any(folder.glob(f"[0-9]*-*/{CHECKPOINT}"))
    if not path.exists():
        if trained:
            raise InputError(
                f"{folder} holds a checkpoint but no {SETTINGS}, so what was trained is not known. "
                "Fix: use another folder."
            )
        return
    try:
        before = json.loads(path.read_text())
        differences = _differences(before, json.loads(settings))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged ({error}). Fix: delete {folder} and start anew, or use another "
            "folder."
        ) from error
    ours = {"recipe", "seed", "smoke"} <= set(before)  # and not a file of another program
    if differences and (trained or not ours):
        raise InputError(
            f"{folder} holds a training with other settings: {'; '.join(differences)}. Fix: use "
            "the same recipe, seed and options to go on with it, or another folder."
        )


def _differences(before: dict[str, Any], now: dict[str, Any], name: str = "") -> list[str]:
    """Settings by their dotted names, where two nested dictionaries differ."""
    found: list[str] = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += _differences(old, new, f"{name}{key}.")
        elif old != new:
            found.append(f"{name}{key} was {old!r}, now {new!r}")
    return found


def _saver_class(tf: Any) -> Any:
    class Saver(FlipRecorder):
        """Checkpoints, history and logs; counts flips over a kill."""

        def __init__(
            self, folder: Path, steps: int, every: int, report: Callable[[str], None]
        ) -> None:
            super().__init__()
            self.folder, self.steps, self.every, self.report = folder, steps, every, report
            self.step = 0
            self.flips = 0  # in the present epoch
            self.history: list[dict[str, float]] = []
            self.writer: Any = None

        def restore(self, model: Any, batches: Any) -> int:
            """Load the checkpoint, if any; returns the number of steps done."""
            self._open_logs()
            path = self.folder / CHECKPOINT
            if not path.exists():
                return 0
            fix = f"delete {self.folder} and start anew"
            file = read_arrays(path, None, what="a checkpoint", fix=fix)
            try:
                state = json.loads(str(file["state"]))
                weights = [file[f"model_{i}"] for i in range(state["model"])]
                slots = [
                    [file[f"optimizer_{k}_{i}"] for i in range(count)]
                    for k, count in enumerate(state["optimizers"])
                ]
                step, flips, history = int(state["step"]), int(state["flips"]), state["history"]
                # One step makes the optimizers create their slots; all it changed is overwritten.
                model.fit(batches.train_from(0).take(1), verbose=0)
                with latent_scope():
                    model.set_weights(weights)
                for part, values in zip(model.optimizer.optimizers, slots, strict=True):
                    part.set_weights(values)
            except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
                raise InputError(f"{path} is damaged ({error}). Fix: {fix}.") from error
            self.step, self.flips, self.history = step, flips, history
            return self.step

        def _save(self) -> None:
            with latent_scope():
                weights = self.model.get_weights()
            parts = [part.get_weights() for part in self.model.optimizer.optimizers]
            state = {
                "step": self.step,
                "flips": self.flips,
                "history": self.history,
                "model": len(weights),
                "optimizers": [len(values) for values in parts],
            }
            arrays = {f"model_{i}": value for i, value in enumerate(weights)}
            for k, values in enumerate(parts):
                arrays |= {f"optimizer_{k}_{i}": value for i, value in enumerate(values)}

            arrays["state"] = np.array(json.dumps(state))
            write_arrays(self.folder / CHECKPOINT, arrays, compress=False)

        def on_train_begin(self, logs: Any = None) -> None:
            """Remember signs, if there are any: a teacher's weights are floats."""
            self.flipping = has_binary_weights(self.model)
            if self.flipping:
                super().on_train_begin(logs)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Count flips; save if it is time."""
            if self.flipping:
                super().on_train_batch_end(batch, logs)
            self.step += 1
            if self.step % self.every == 0 and self.step % self.steps:
                self._count()
                self._save()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            """Record, log, save."""
            self._count()
            record = {name: float(value) for name, value in (logs or {}).items()}
            if self.flipping:
                rate = flip_measure(self.flips / self.steps, self.total_weights)
                record |= {"flips": self.flips, "pi": rate}
            self.history.append({"epoch": epoch + 1, **record})
            self.flips = 0
            with self.writer.as_default(step=epoch + 1):
                for name, value in record.items():
                    tf.summary.scalar(name, value)
                kernels = binary_variables(self.model) if self.flipping else {}
                for name, variable in kernels.items():
                    tf.summary.scalar(f"share_plus_one/{name}", np.mean(~negative(variable)))
            self.writer.flush()
            write_whole(self.folder / HISTORY, json.dumps(self.history, indent=1))
            self._save()
            flips = f", {record['flips']:,} flips, π {record['pi']:.2f}" if self.flipping else ""
            self.report(
                f"epoch {epoch + 1}: loss {record['loss']:.4f}, test accuracy "
                f"{record['val_accuracy']:.1%}{flips}"
            )

        def _count(self) -> None:
            for flips in self.step_flips.values():
                self.flips += sum(flips)
                flips.clear()

        def _open_logs(self) -> None:
            try:
                import tensorboard  # noqa: F401
            except ImportError as error:
                raise BnnLabError(
                    'TensorBoard is not installed. Fix: pip install "bnn-lab[tensorboard]"'
                ) from error
            self.writer = tf.summary.create_file_writer(str(self.folder / "tb"))

    return Saver
