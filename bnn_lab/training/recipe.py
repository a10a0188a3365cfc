"""Recipes: whole trainings as readable TOML files, checked before anything is built."""

from __future__ import annotations

import inspect
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.named import LOADERS
from bnn_lab.errors import InputError

FOLDER = Path(__file__).parent / "recipes"
MODELS = (
    "digits_mlp",
    "digits_bnn",
    "binarynet",
    "binarynet_small",
    "birealnet",
    "birealnet_small",
    "binary_alexnet",
    "xnornet",
    "meliusnet22",
    "real_to_binary",
    "quicknet",
    "quicknet_small",
    "quicknet_large",
    "quicknet_cifar",
    "binary_densenet28",
    "binary_densenet37",
    "binary_densenet45",
    "dorefanet",
)
# Without latent weights only: built with NoOp quantizers.
_BOP_ONLY = ("digits_mlp", "digits_bnn")
DATA = (*LOADERS, "imagenet")
_SECTIONS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "model": {"name": str, "options": dict},
    "data": {"name": str, "augment": bool, "size": int},
    "training": {"epochs": int, "batch": int},
    "binary": {
        "optimizer": str,
        "gamma": (float, int, dict),
        "threshold": (float, int, dict),
        "learning_rate": (float, int, dict),
    },
    "rest": {"optimizer": str, "learning_rate": (float, int, dict)},
}
_SCHEDULES = {
    "step": ("start", "factor", "every_epochs"),
    "linear": ("start", "end"),
    "exponential": ("start", "end"),
    "warmup_cosine": ("peak", "warmup_epochs"),
}


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        name: of the recipe.
        description: in a line.
        source: of the settings.
        model: name of a function of `bnn_lab.models`, and its options.
        data: name, and whether and how images are changed.
        training: epochs and batch (images a step, over all devices).
        binary: optimizer of the binary weights.
        rest: optimizer of all other weights.
    """

    name: str
    description: str
    source: str
    model: dict[str, Any]
    data: dict[str, Any]
    training: dict[str, Any]
    binary: dict[str, Any]
    rest: dict[str, Any]

    @property
    def bop(self) -> bool:
        """Whether the binary weights are flipped by Bop."""
        return self.binary["optimizer"] == "bop"

    def with_training(self, **changes: int) -> Recipe:
        """The same recipe with other epochs or batch; schedules keep their proportions."""
        return replace(self, training={**self.training, **changes})


def recipe_names() -> list[str]:
    """Names of the recipes that come with bnn_lab."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        name: of a recipe that comes with bnn_lab, or the path of a .toml file.

    Returns:
        The recipe, checked.

    Raises:
        InputError: there is no such recipe, or the file says something that is not understood.
    """
    path = Path(name)
    if path.suffix != ".toml":
        path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise InputError(
            f"there is no recipe {str(name)!r}. Fix: use one of {', '.join(recipe_names())}, or "
            "the path of a .toml file."
        )
    try:
        content = tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML file ({error}).") from error
    missing = [key for key in _SECTIONS if key not in content]
    unknown = sorted(set(content) - set(_SECTIONS) - {"description", "source"})
    if missing or unknown:
        raise InputError(f"{path.name}: missing sections {missing}, unknown ones {unknown}.")
    for section, fields in _SECTIONS.items():
        _check_section(path.name, section, content[section], fields)
    recipe = Recipe(
        path.stem,
        content.get("description", ""),
        content.get("source", ""),
        **{section: content[section] for section in _SECTIONS},
    )
    _check(recipe)
    return recipe


def build_model(recipe: Recipe, input_shape: tuple[int, ...], classes: int, seed: int) -> Any:
    """Build the recipe's network for data of this shape; weights depend on `seed`."""
    from bnn_lab import models

    tf = require_tensorflow()
    tf.keras.utils.set_random_seed(seed)
    function = getattr(models, recipe.model["name"])
    options = dict(recipe.model.get("options", {}))
    if recipe.model["name"] in _BOP_ONLY:
        return function(seed=seed, **options)
    if recipe.bop:
        options["latent_weights"] = False
    try:
        inspect.signature(function).bind(input_shape, classes, **options)
    except TypeError as error:
        raise InputError(f"recipe {recipe.name}: [model] options do not fit: {error}.") from error
    return function(input_shape, classes, **options)


def build_optimizer(recipe: Recipe, model: Any, steps_per_epoch: int) -> Any:
    """Build the recipe's optimizers; with Bop, the binary weights are set to ±1.

    Args:
        recipe: what to build.
        model: the network.
        steps_per_epoch: turns epochs of schedules into steps.

    Returns:
        `larq.optimizers.CaseOptimizer`.
    """
    require_tensorflow()
    import larq as lq

    from bnn_lab.training.bop import bop_optimizer

    epochs = recipe.training["epochs"]

    def hyper(value: Any) -> Any:
        return _schedule(value, steps_per_epoch, epochs) if isinstance(value, dict) else value

    rest = _plain_optimizer(recipe.rest["optimizer"], hyper(recipe.rest["learning_rate"]))
    if recipe.bop:
        gamma, threshold = hyper(recipe.binary["gamma"]), hyper(recipe.binary["threshold"])
        return bop_optimizer(gamma, threshold, rest, model=model)
    latent = _plain_optimizer(recipe.binary["optimizer"], hyper(recipe.binary["learning_rate"]))
    return lq.optimizers.CaseOptimizer(
        (lq.optimizers.Bop.is_binary_variable, latent), default_optimizer=rest
    )


def _schedule(value: dict[str, Any], steps: int, epochs: int) -> Any:
    from bnn_lab.training import schedules

    kind, total = value["schedule"], steps * epochs
    if kind == "step":
        every = max(1, round(value["every_epochs"] * steps))
        return schedules.step_decay(value["start"], value["factor"], every)
    if kind == "linear":
        return schedules.linear_decay(value["start"], value["end"], total)
    if kind == "exponential":
        return schedules.exponential_decay(value["start"], value["end"], total)
    warmup = min(max(1, round(value["warmup_epochs"] * steps)), max(1, total - 1))
    return schedules.warmup_cosine(value["peak"], warmup, max(total, warmup + 1))


def _plain_optimizer(name: str, learning_rate: Any) -> Any:
    legacy = require_tensorflow().keras.optimizers.legacy
    if name == "adam":
        return legacy.Adam(learning_rate)
    return legacy.SGD(learning_rate, momentum=0.9 if name == "momentum" else 0.0)


def _check_section(file: str, section: str, content: Any, fields: dict[str, Any]) -> None:
    if not isinstance(content, dict):
        raise InputError(f"{file}: [{section}] must be a table.")
    for key, value in content.items():
        if key not in fields:
            raise InputError(f"{file}: [{section}] has no {key!r}; it has {', '.join(fields)}.")
        wrong_bool = isinstance(value, bool) and fields[key] is not bool
        if not isinstance(value, fields[key]) or wrong_bool:
            raise InputError(f"{file}: [{section}] {key} = {value!r} is of the wrong kind.")
        if isinstance(value, dict) and key != "options":
            wanted = _SCHEDULES.get(value.get("schedule", ""))
            if wanted is None or set(value) != {"schedule", *wanted}:
                known = "; ".join(f"{k}: {', '.join(v)}" for k, v in _SCHEDULES.items())
                raise InputError(f"{file}: [{section}] {key} = {value}; schedules are {known}.")


def _check(recipe: Recipe) -> None:
    def refuse(condition: bool, text: str) -> None:
        if condition:
            raise InputError(f"recipe {recipe.name}: {text}.")

    refuse(recipe.model.get("name") not in MODELS, f"[model] name must be one of {MODELS}")
    refuse(recipe.data.get("name") not in DATA, f"[data] name must be one of {DATA}")
    for key in ("epochs", "batch"):
        refuse(recipe.training.get(key, 0) < 1, f"[training] {key} must be given, at least 1")
    kinds = ("bop", "adam", "momentum", "sgd")
    refuse(recipe.binary.get("optimizer") not in kinds, f"[binary] optimizer: one of {kinds}")
    refuse(recipe.rest.get("optimizer") not in kinds[1:], f"[rest] optimizer: one of {kinds[1:]}")
    wanted = {"optimizer", "gamma", "threshold"} if recipe.bop else {"optimizer", "learning_rate"}
    refuse(set(recipe.binary) != wanted, f"[binary] needs exactly {sorted(wanted)}")
    refuse("learning_rate" not in recipe.rest, "[rest] needs a learning_rate")
    only = recipe.model["name"] in _BOP_ONLY
    refuse(only and not recipe.bop, f"{recipe.model['name']} has no latent weights; use bop")
    refuse(only and recipe.data["name"] != "digits", f"{recipe.model['name']} is for digits")
    refuse(
        recipe.bop and recipe.model["name"] == "dorefanet",
        "dorefanet needs latent weights, not bop",
    )
    densenet = recipe.model["name"].startswith("binary_densenet")
    refuse(recipe.bop and densenet, "the densenets are built with latent weights; use adam")
