"""Recipes: whole trainings as readable TOML files, checked before anything is built."""

from __future__ import annotations

import inspect
import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any

import msgspec

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.named import LOADERS
from bnn_lab.errors import InputError
from bnn_lab.models.registry import network
from bnn_lab.training.bop import bop_optimizer
from bnn_lab.training.schedules import (
    exponential_decay,
    linear_decay,
    step_decay,
    warmup_cosine,
)

FOLDER = Path(__file__).parent / "recipes"
DATA = (*LOADERS, "imagenet")
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class _Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: other keys than its fields are refused."""


class _Schedule(_Section, tag_field="schedule"):
    """A hyper-parameter that changes with the step; see `bnn_lab.training.schedules`."""


class Step(_Schedule, tag="step"):
    """Multiplied by `factor` after every `every_epochs` epochs."""

    start: float
    factor: float
    every_epochs: float

    def build(self, steps: int, total: int) -> Any:
        """The schedule, for this many steps in an epoch and altogether."""
        return step_decay(self.start, self.factor, max(1, round(self.every_epochs * steps)))


class Linear(_Schedule, tag="linear"):
    """From `start` to `end`, straight, over the whole training."""

    start: float
    end: float

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        return linear_decay(self.start, self.end, total)


class Exponential(_Schedule, tag="exponential"):
    """From `start` to `end` by the same factor in each step, over the whole training."""

    start: float
    end: float

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        return exponential_decay(self.start, self.end, total)


class WarmupCosine(_Schedule, tag="warmup_cosine"):
    """From 0 to `peak` in `warmup_epochs`, then down to 0 as a cosine."""

    peak: float
    warmup_epochs: float

    def build(self, steps: int, total: int) -> Any:
        """See `Step.build`."""
        warmup = min(max(1, round(self.warmup_epochs * steps)), max(1, total - 1))
        return warmup_cosine(self.peak, warmup, max(total, warmup + 1))


Value = float | Step | Linear | Exponential | WarmupCosine


class _Optimizer(_Section, tag_field="optimizer"):
    """The optimizer of one kind of weights."""


class Bop(_Optimizer, tag="bop"):
    """Flips binary weights (arXiv:1906.02107)."""

    gamma: Value
    threshold: Value


class Bop2(_Optimizer, tag="bop2"):
    """Flips binary weights by gradients over their own size (arXiv:2104.05124)."""

    gamma: Value
    threshold: Value
    sigma: Value
    unbiased: bool = False


class _Keras(_Optimizer):
    learning_rate: Value


class Adam(_Keras, tag="adam"):
    """Keras' Adam."""


class Momentum(_Keras, tag="momentum"):
    """Gradient descent with a momentum of 0.9."""


class Sgd(_Keras, tag="sgd"):
    """Plain gradient descent."""


class Model(_Section):
    """A network of `bnn_lab.models.NETWORKS`, and options of the function that builds it."""

    name: str
    options: dict[str, Any] = {}


class Data(_Section):
    """A data set of `bnn_lab.data`, whether images are changed at random, and ImageNet's side."""

    name: str
    augment: bool = False
    size: AtLeastOne | None = None


class Training(_Section):
    """How long; `batch` is the number of images a step, over all devices."""

    epochs: AtLeastOne
    batch: AtLeastOne


class Recipe(_Section):
    """One training.

    Attributes:
        model: the network.
        data: the images.
        training: how long.
        binary: optimizer of the binary weights.
        rest: optimizer of all other weights.
        name: name of the recipe's file.
        description: in a line.
        source: source of the settings.
    """

    model: Model
    data: Data
    training: Training
    binary: Bop | Bop2 | Adam | Momentum | Sgd
    rest: Adam | Momentum | Sgd
    name: str = ""
    description: str = ""
    source: str = ""

    @property
    def bop(self) -> bool:
        """Whether the binary weights are flipped by Bop."""
        return isinstance(self.binary, Bop | Bop2)

    def with_training(self, **changes: int) -> Recipe:
        """The same recipe with other epochs or batch; schedules keep their proportions."""
        training = msgspec.structs.replace(self.training, **changes)
        return msgspec.structs.replace(self, training=training)


def recipe_names() -> list[str]:
    """Names of the recipes that come with bnn_lab."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe.

    Args:
        name: name of a recipe that comes with bnn_lab, or the path of a .toml file.

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
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # also of an encoding, or of a date or number
        raise InputError(f"{path} is not a TOML file ({error}).") from error
    return convert_recipe({**content, "name": path.stem}, path.name)


def convert_recipe(content: dict[str, Any], place: str) -> Recipe:
    """Check a recipe's content.

    Args:
        content: as read from a TOML file.
        place: where it comes from, for the message.

    Returns:
        The recipe.

    Raises:
        InputError: a key or value is not understood, or network, optimizer and data do not fit.
    """
    try:
        recipe = msgspec.convert(content, Recipe)
    except msgspec.ValidationError as error:
        raise InputError(f"{place}: {_explain(str(error))}.") from error
    _check(recipe)
    return recipe


def _explain(problem: str) -> str:
    """msgspec's message, with the place as TOML names it, and what may stand there."""
    text, _, path = problem.partition(" - at `$")
    keys = [key for key in path.strip("`").split(".") if key]
    kind: Any = Recipe
    for key in keys:
        structs = [k for k in _alternatives(kind) if issubclass(k, msgspec.Struct)]
        fields = {k: v for struct in structs for k, v in typing.get_type_hints(struct).items()}
        if key not in fields:  # such as `schedule`, which chooses among the alternatives
            break
        kind = fields[key]
    place = f"[{keys[0]}] {'.'.join(keys[1:])}".strip() + ": " if keys else ""
    text = text.replace("Object contains", "there is an").replace(
        "Object missing required", "there is no"
    )
    return f"{place}{text}. Fix: write {' or '.join(map(_form, _alternatives(kind)))}"


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) or (kind,)


def _form(kind: Any) -> str:
    """What a type takes, in words."""
    if issubclass(kind, msgspec.Struct):
        fields, tag = ", ".join(kind.__struct_encode_fields__), kind.__struct_config__.tag
        return f"{tag!r} with {fields}" if tag else f"the keys {fields}"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
    return words.get(kind, "nothing")


def _check(recipe: Recipe) -> None:
    """What no type says: which networks go with which optimizer and data."""
    entry = network(recipe.model.name)
    problem = ""
    if recipe.data.name not in DATA:
        problem = f"there is no data set {recipe.data.name!r}; use one of {', '.join(DATA)}"
    elif entry.variant_of:
        problem = f"{entry.name} is for comparing speed and is not trained; use {entry.variant_of}"
    elif recipe.bop and not entry.bop:
        problem = f"{entry.name} is built with latent weights; use adam, momentum or sgd"
    elif not recipe.bop and not entry.latent:
        problem = f"{entry.name} has no latent weights; use bop"
    elif entry.family == "digits" and recipe.data.name != "digits":
        problem = f"{entry.name} is for digits, not {recipe.data.name}"
    if problem:
        raise InputError(f"recipe {recipe.name}: {problem}.")


def build_model(recipe: Recipe, input_shape: tuple[int, ...], classes: int, seed: int) -> Any:
    """Build the recipe's network for data of this shape; weights depend on `seed`.

    Raises:
        InputError: the options of [model] are not the network's.
    """
    require_tensorflow().keras.utils.set_random_seed(seed)
    entry, options = network(recipe.model.name), dict(recipe.model.options)
    arguments: tuple[Any, ...] = (input_shape, classes)
    if entry.family == "digits":
        arguments, options = (), {"seed": seed, **options}
    elif recipe.bop:
        options["latent_weights"] = False
    try:
        inspect.signature(entry.build).bind(*arguments, **options)
    except TypeError as error:
        raise InputError(f"recipe {recipe.name}: [model] options do not fit: {error}.") from error
    return entry.build(*arguments, **options)


def build_optimizer(recipe: Recipe, model: Any, steps_per_epoch: int) -> Any:
    """Build the recipe's optimizers; with Bop, the binary weights are set to ±1.

    Args:
        recipe: what to build.
        model: the network.
        steps_per_epoch: turns epochs of schedules into steps.

    Returns:
        `larq.optimizers.CaseOptimizer`.
    """
    legacy = require_tensorflow().keras.optimizers.legacy
    from bnn_lab.training.optimizers import BinaryAndRest

    def value(of: Value) -> Any:
        if isinstance(of, float):
            return of
        return of.build(steps_per_epoch, steps_per_epoch * recipe.training.epochs)

    def optimizer(of: Adam | Momentum | Sgd) -> Any:
        if isinstance(of, Adam):
            return legacy.Adam(value(of.learning_rate))
        momentum = 0.9 if isinstance(of, Momentum) else 0.0
        return legacy.SGD(value(of.learning_rate), momentum=momentum)

    rest = optimizer(recipe.rest)
    if isinstance(recipe.binary, Bop):
        gamma, threshold = value(recipe.binary.gamma), value(recipe.binary.threshold)
        return bop_optimizer(gamma, threshold, rest, model=model)
    if isinstance(recipe.binary, Bop2):
        return bop_optimizer(
            value(recipe.binary.gamma),
            value(recipe.binary.threshold),
            rest,
            model=model,
            order=2,
            sigma=value(recipe.binary.sigma),
            unbiased=recipe.binary.unbiased,
        )
    return BinaryAndRest(optimizer(recipe.binary), rest)
