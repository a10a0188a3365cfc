"""`bnn-lab train`: a paper's recipe, with checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import console, say


def train_command(
    recipe: Annotated[
        str | None, typer.Option(help="Name of a recipe, or path of a .toml file; none: list them.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of checkpoints and logs; default runs/RECIPE.")
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
    from bnn_lab.training.recipe import load_recipe, recipe_names

    if recipe is None:
        from rich.table import Table

        table = Table("recipe", "what", "source")
        for name in recipe_names():
            entry = load_recipe(name)
            table.add_row(name, entry.description, entry.source)
        console().print(table)
        return
    chosen = load_recipe(recipe)
    say(f"{chosen.name}: {chosen.description} ({chosen.source})", "bold")
    with console().status("Loading TensorFlow ..."):
        from bnn_lab.training.recipe_run import run_recipe
    default = Path("runs") / (f"{chosen.name}-smoke" if smoke else chosen.name)
    folder = out or default
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
        )
    except KeyboardInterrupt:
        say(f"interrupted; the same command resumes from the last checkpoint in {folder}")
        raise typer.Exit(130) from None
    say(f"results: {folder}   logs: tensorboard --logdir {folder / 'tb'}")
