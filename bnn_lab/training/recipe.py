"""Recipes: whole trainings as readable TOML files, checked before anything is built."""

from __future__ import annotations

import inspect
import math
import tomllib
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.named import LOADERS
from bnn_lab.errors import InputError
from bnn_lab.models.registry import network
from bnn_lab.training.bop import bop_optimizer, has_binary_weights
from bnn_lab.training.recipe_schedules import Section, Value

FOLDER = Path(__file__).parent / "recipes"
DATA = (*LOADERS, "imagenet")
AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]
StageName = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_-]*$")]
# Files that a teacher may be, beside an earlier stage.
MODEL_FILES = (".keras", ".h5")


class _Optimizer(Section, tag_field="optimizer"):
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
    correction: Literal["none", "start", "rates"] = "none"


class _Keras(_Optimizer):
    learning_rate: Value


class Adam(_Keras, tag="adam"):
    """Keras's Adam."""


class Momentum(_Keras, tag="momentum"):
    """Gradient descent with a momentum of 0.9."""


class Sgd(_Keras, tag="sgd"):
    """Plain gradient descent."""


class Model(Section):
    """A network of `bnn_lab.models.NETWORKS`, and options of the function that builds it."""

    name: str
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class Data(Section):
    """A data set of `bnn_lab.data`, whether images are changed at random, and ImageNet's side."""

    name: str
    augment: bool = False
    size: AtLeastOne | None = None


class Training(Section, omit_defaults=True):
    """How long; `batch` is the number of images a step, over all devices.

    `weight_decay` times the float or latent kernel is added to each convolution's gradient.
    """

    epochs: AtLeastOne
    batch: AtLeastOne
    weight_decay: NotNegative = 0.0


class Distill(Section, omit_defaults=True):
    """A teacher, and the weights of the loss's parts (`bnn_lab.training.distillation`).

    `teacher` is the name of an earlier stage, or the path of a .keras or .h5 file of a Keras model.
    """

    teacher: str
    labels: NotNegative = 1.0
    logits: NotNegative = 0.0
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0
    attention: NotNegative = 0.0
    layers: list[str] = msgspec.field(default_factory=list)


class Stage(Section, omit_defaults=True):
    """One of several runs in sequence: what differs from the recipe's own tables.

    `start` names the earlier stage whose weights this one begins with.
    """

    name: StageName
    start: str = ""
    model: Model | None = None
    training: Training | None = None
    binary: Bop | Bop2 | Adam | Momentum | Sgd | None = None
    rest: Adam | Momentum | Sgd | None = None
    distill: Distill | None = None


class Recipe(Section, omit_defaults=True):
    """One training run, or several in sequence.

    Attributes:
        model: the network.
        data: the images.
        training: how long.
        binary: optimizer of the binary weights.
        rest: optimizer of all other weights.
        distill: the teacher that it learns from, besides the labels.
        stages: runs in sequence, each with what differs from the tables above; empty: a single run.
        name: name of the recipe's file.
        description: in a line.
        source: source of the settings.
    """

    model: Model
    data: Data
    training: Training
    binary: Bop | Bop2 | Adam | Momentum | Sgd
    rest: Adam | Momentum | Sgd
    distill: Distill | None = None
    stages: list[Stage] = msgspec.field(default_factory=list)
    name: str = ""
    description: str = ""
    source: str = ""

    @property
    def bop(self) -> bool:
        """Whether the binary weights are flipped by Bop."""
        return isinstance(self.binary, Bop | Bop2)

    def with_training(self, **changes: int) -> Recipe:
        """The same recipe with other epochs or batch; schedules keep their proportions."""
        replace = msgspec.structs.replace
        stages = [
            replace(stage, training=replace(stage.training, **changes)) if stage.training else stage
            for stage in self.stages
        ]
        return replace(self, training=replace(self.training, **changes), stages=stages)

    def of_stage(self, stage: Stage) -> Recipe:
        """The recipe of one stage alone."""
        own = {
            name: getattr(stage, name) or getattr(self, name)
            for name in ("model", "training", "binary", "rest")
        }
        return msgspec.structs.replace(self, **own, distill=stage.distill, stages=[])


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
    for number, stage in enumerate(recipe.stages):
        _check_stage(recipe, stage, [earlier.name for earlier in recipe.stages[:number]])
    if not recipe.stages:
        _check(recipe, f"recipe {recipe.name}")
        _check_teacher(recipe.distill, [], f"recipe {recipe.name}")
    return recipe


def _explain(problem: str) -> str:
    """msgspec's message, with the place as TOML names it, and what may stand there."""
    text, _, path = problem.partition(" - at `$")
    keys = [key for key in path.strip("`").split(".") if key]
    kind: Any = Recipe
    for key in (key.partition("[")[0] for key in keys):  # `stages[0]` is one of `stages`
        structs = [
            k for k in _alternatives(kind) if isinstance(k, type) and issubclass(k, msgspec.Struct)
        ]
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
    if isinstance(kind, str):  # of a `Literal`
        return repr(kind)
    if issubclass(kind, msgspec.Struct):
        fields, tag = ", ".join(kind.__struct_encode_fields__), kind.__struct_config__.tag
        return f"{tag!r} with {fields}" if tag else f"the keys {fields}"
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}
    return words.get(kind, "nothing")


def _check_stage(recipe: Recipe, stage: Stage, earlier: list[str]) -> None:
    place = f"recipe {recipe.name}, stage {stage.name}"
    _check(recipe.of_stage(stage), place)
    _check_teacher(stage.distill, earlier, place)
    before = f"Fix: name one of {', '.join(earlier)}" if earlier else "Fix: leave it out"
    if recipe.distill is not None:
        raise InputError(f"{place}: with stages, [distill] belongs in one of them.")
    if stage.name in earlier:
        raise InputError(f"{place}: there are two stages of this name. Fix: rename one.")
    if stage.start and stage.start not in earlier:
        raise InputError(f"{place}: start = {stage.start!r} is not an earlier stage. {before}.")


def _check_teacher(distill: Distill | None, earlier: list[str], place: str) -> None:
    if distill is None:
        return
    if distill.teacher not in earlier and not distill.teacher.endswith(MODEL_FILES):
        stages = f"an earlier stage ({', '.join(earlier)})" if earlier else "an earlier stage"
        raise InputError(
            f"{place}: there is no teacher {distill.teacher!r}. Fix: name {stages} or a file that "
            f"ends in {' or '.join(MODEL_FILES)}."
        )
    if not distill.logits and not distill.attention:
        raise InputError(
            f"{place}: nothing is learned from the teacher. Fix: give logits or attention a weight."
        )
    if bool(distill.attention) != bool(distill.layers):
        raise InputError(
            f"{place}: attention and layers go together. Fix: give attention a weight and name the "
            "layers to compare, or leave both out."
        )


def float_kernels(recipe: Recipe) -> bool:
    """Whether the network has no binary weights, as a teacher or a first stage."""
    return network(recipe.model.name).teacher or not recipe.model.options.get(
        "binary_kernels", True
    )


def _check(recipe: Recipe, place: str) -> None:
    """What no type says: which networks go with which optimizer and data."""
    entry = network(recipe.model.name)
    problem = ""
    if recipe.data.name not in DATA:
        problem = f"there is no data set {recipe.data.name!r}; use one of {', '.join(DATA)}"
    elif entry.variant_of:
        problem = f"{entry.name} is for comparing speed and is not trained; use {entry.variant_of}"
    elif recipe.bop and float_kernels(recipe):
        problem = f"{entry.name} has float weights here; use adam, momentum or sgd"
    elif recipe.bop and recipe.training.weight_decay:
        problem = "weight_decay makes kernels smaller, but signs have no size; leave it out"
    elif recipe.bop and not entry.bop:
        problem = f"{entry.name} is built with latent weights; use adam, momentum or sgd"
    elif not recipe.bop and not entry.latent and not float_kernels(recipe):
        problem = f"{entry.name} has no latent weights; use bop"
    elif not all(0 < rate < math.inf for rate in _constant_rates(recipe)):
        problem = "learning_rate must be a finite number above 0"
    elif recipe.data.size is not None and recipe.data.name != "imagenet":
        problem = (
            f"size is for imagenet, and images of {recipe.data.name} keep theirs; leave it out"
        )
    elif entry.family == "digits" and recipe.data.name != "digits":
        problem = f"{entry.name} is for digits, not {recipe.data.name}"
    if problem:
        raise InputError(f"{place}: {problem}.")


def _constant_rates(recipe: Recipe) -> list[float]:
    """Learning rates without a schedule; those check themselves."""
    rates = [getattr(part, "learning_rate", None) for part in (recipe.binary, recipe.rest)]
    return [rate for rate in rates if isinstance(rate, float)]


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
    try:
        return entry.build(*arguments, **options)
    except (TypeError, AttributeError) as error:  # such as a number where a list is wanted
        raise InputError(
            f"recipe {recipe.name}: [model] options are of the wrong kind: {error}. Fix: write "
            f"them as {entry.name} takes them."
        ) from error


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
    from larq.optimizers import CaseOptimizer

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
    if not has_binary_weights(model):
        return CaseOptimizer(default_optimizer=rest)
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
            correction=recipe.binary.correction,
        )
    return BinaryAndRest(optimizer(recipe.binary), rest)
