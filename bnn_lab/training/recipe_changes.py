"""Single settings of a recipe, changed without a file: ``--set gamma=1e-3``."""

from __future__ import annotations

import difflib
import inspect
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from bnn_lab.errors import InputError
from bnn_lab.models.registry import network
from bnn_lab.training.recipe import Recipe, convert_recipe

# Of the function that builds the network, but not the reader's to set: the recipe does.
_SET_BY_RECIPE = ("input_shape", "classes", "latent_weights", "seed")


def change_recipe(recipe: Recipe, settings: Sequence[str]) -> tuple[Recipe, dict[str, Any]]:
    """Change keys of a recipe.

    Args:
        recipe: stays as it is.
        settings: each ``key=value``. The key is dotted, as ``binary.gamma``, or its last part where
            only one key ends in it, as ``gamma``; the value is written as in TOML, and a word may
            do without quotes.

    Returns:
        (the changed recipe, the changes by their full names).

    Raises:
        InputError: a key is unknown, ambiguous or given twice, or a value does not fit it.
    """
    content = msgspec.to_builtins(recipe)
    keys = [*dict.fromkeys(_keys(recipe))]
    changes: dict[str, Any] = {}
    for setting in settings:
        short, value = parse_setting(setting)
        key = _find(recipe.name, short, keys)
        if key in changes:
            raise InputError(f"--set {setting}: {key} is given twice. Fix: leave one out.")
        changes[key] = value
        *path, last = key.split(".")
        table = content
        for part in path:
            if isinstance(table, list):
                table = next(stage for stage in table if stage["name"] == part)
            else:  # a table that another --set has replaced may lack its tables
                table = table.setdefault(part, {})
            if isinstance(table, list):
                continue
            if not isinstance(table, dict):
                raise InputError(
                    f"--set {setting}: another --set has made {part} a single value. Fix: leave "
                    "one of them out."
                )
        table[last] = changes[key]
    return convert_recipe(content, f"recipe {recipe.name} with {', '.join(settings)}"), changes


def parse_setting(setting: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is read as in TOML, and a word may do without quotes.

    Raises:
        InputError: there is no ``=``.
    """
    key, equals, text = setting.partition("=")
    if not equals:
        raise InputError(f"--set {setting}: there is no '='. Fix: write KEY=VALUE.")
    try:
        return key.strip(), tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return key.strip(), text.strip()  # what fits no key is refused with the key's name


def near_names(name: str, known: Sequence[str], short: Mapping[str, str] = {}) -> str:
    """A question for an unknown name: did you mean those most like it? "" if none is.

    Args:
        name: the unknown one.
        known: those that there are.
        short: other spellings of some of them.
    """
    found = difflib.get_close_matches(name, [*known, *short], n=3)
    near = [*dict.fromkeys(short.get(key, key) for key in found)]
    return f"did you mean {' or '.join(near)}?" if near else ""


def folder_name(recipe: str, changes: dict[str, Any]) -> str:
    """A folder's name that differs between the points of a sweep.

    Args:
        recipe: the recipe's name.
        changes: the changes by full names.
    """
    parts = [f"{key}={value}" for key, value in sorted(changes.items())]
    return re.sub(r"[^\w.,=+-]+", "_", ",".join([recipe, *parts]))


def _keys(recipe: Recipe) -> Iterator[str]:
    """Every key that may be set, dotted: those that are there, and those with a default."""

    def below(value: Any, prefix: str) -> Iterator[str]:
        tag = value.__struct_config__.tag_field  # `optimizer`, `schedule`
        if tag:
            yield f"{prefix}{tag}"
        for name in value.__struct_fields__:
            yield f"{prefix}{name}"
            inner = getattr(value, name)
            if isinstance(inner, msgspec.Struct):
                yield from below(inner, f"{prefix}{name}.")

    def options(model: Any, prefix: str) -> Iterator[str]:
        for name in inspect.signature(network(model.name).build).parameters:
            if name not in _SET_BY_RECIPE:
                yield f"{prefix}options.{name}"

    for name in ("description", "source"):
        yield name
    for name in ("model", "data", "training", "binary", "rest"):
        yield name
        yield from below(getattr(recipe, name), f"{name}.")
    yield from options(recipe.model, "model.")
    for stage in recipe.stages:
        for name in ("start", "model", "training", "binary", "rest", "distill"):
            yield f"stages.{stage.name}.{name}"
            inner = getattr(stage, name)
            if isinstance(inner, msgspec.Struct):
                yield from below(inner, f"stages.{stage.name}.{name}.")
        if stage.model is not None:
            yield from options(stage.model, f"stages.{stage.name}.model.")
    if recipe.distill is not None:
        yield "distill"
        yield from below(recipe.distill, "distill.")


def _find(recipe: str, name: str, keys: list[str]) -> str:
    if name in keys:
        return name
    found = [key for key in keys if key.endswith(f".{name}")] if name else []
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(
            f"--set {name}: recipe {recipe} has {len(found)} keys of this name. Fix: write "
            f"{' or '.join(found)}."
        )
    lasts = {key.rpartition(".")[2]: key for key in reversed(keys)}
    fix = near_names(name, keys, lasts) or f"use one of {', '.join(keys)}."
    raise InputError(f"--set {name}: recipe {recipe} has no such key. Fix: {fix}")
