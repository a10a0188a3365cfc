"""`bnn-lab train`: a paper's recipe, with checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnn_lab.cli.terminal import console, say

if TYPE_CHECKING:
    from bnn_lab.models.cited import CitedTraining


def train_command(
    recipe: Annotated[
        str | None, typer.Option(help="Name of a recipe, or path of a .toml file; none: list them.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a key of the recipe, as gamma=1e-3 or training.epochs=20; repeatable.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of checkpoints and logs; default runs/RECIPE and changes."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of CIFAR-10's or ImageNet's files.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order and augmentation.")] = 0,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="The same code in seconds, on synthetic data.")
    ] = False,
    strategy: Annotated[
        str, typer.Option(help="none, mirrored (all GPUs here) or multiworker (TF_CONFIG).")
    ] = "none",
    checkpoint_steps: Annotated[
        int, typer.Option(min=1, help="Steps between checkpoints; one after each epoch too.")
    ] = 500,
) -> None:
    """Train by a paper's recipe; an interrupted training resumes from its last checkpoint."""
    from bnn_lab.errors import InputError
    from bnn_lab.models.cited import cited_training
    from bnn_lab.training.recipe import load_recipe
    from bnn_lab.training.recipe_changes import change_recipe, folder_name

    if recipe is None:
        if changes:
            raise InputError("--set changes a recipe. Fix: name one with --recipe.")
        _list_recipes()
        return
    chosen, changed = change_recipe(load_recipe(recipe), changes or [])
    say(f"{chosen.name}: {chosen.description} ({chosen.source})", "bold")
    for key, value in changed.items():
        say(f"changed: {key} = {value!r}")
    with console().status("Loading TensorFlow ..."):
        from bnn_lab.training.recipe_run import run_recipe
    name = folder_name(f"{chosen.name}-smoke" if smoke else chosen.name, changed)
    folder = out or Path("runs") / name
    try:
        run_recipe(
            chosen,
            folder,
            data_folder=data,
            seed=seed,
            smoke=smoke,
            strategy=strategy,
            checkpoint_steps=checkpoint_steps,
            report=say,
            changes=changed,
        )
    except KeyboardInterrupt:
        say(f"interrupted; the same command resumes from the last checkpoint in {folder}")
        raise typer.Exit(130) from None
    cited = cited_training(chosen.name)
    if cited is not None:
        _compare(cited, folder, smoke=smoke, changed=bool(changed))
    # TensorBoard looks for logs in all folders below: each stage has its own.
    say(f"results: {folder}   logs: tensorboard --logdir {folder}")


def _list_recipes() -> None:
    from rich.table import Table

    from bnn_lab.models.cited import cited_training
    from bnn_lab.training.recipe import load_recipe, recipe_names

    table = Table("recipe", "what", "cited", "source")
    for name in recipe_names():
        entry, cited = load_recipe(name), cited_training(name)
        result = "" if cited is None else f"{cited.top1} %"
        table.add_row(name, entry.description, result, entry.source)
    console().print(table)


def _compare(cited: CitedTraining, folder: Path, *, smoke: bool, changed: bool) -> None:
    """One's own result beside the published one, and why they may not be compared."""
    import json

    from bnn_lab.training.recipe_run import HISTORY

    last = json.loads((folder / HISTORY).read_text())[-1]
    stage = f" of the stage {last['stage']}" if "stage" in last else ""
    say(
        f"test accuracy here: {last['val_accuracy']:.1%} after {last['epoch']} epochs{stage}; "
        f"cited: {cited.top1} % ({cited.network} on {cited.data}; {cited.source})"
    )
    if smoke:
        say(
            "A smoke run uses synthetic images: the two figures have nothing to do with each other."
        )
    elif changed:
        say("The cited figure belongs to the recipe without changes.")
