"""Each network is listed once, in `models.registry`, and has one name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bnn_lab
from bnn_lab import models
from bnn_lab.bench import runs
from bnn_lab.errors import InputError
from bnn_lab.models import NETWORKS, network, networks
from bnn_lab.models.cited import cited_latencies, cited_trainings
from bnn_lab.training.recipe import load_recipe, recipe_names

PACKAGE = Path(bnn_lab.__file__).parent
LISTS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


def names_in(node: ast.AST) -> set[str]:
    """Networks that a literal list, tuple, set or dictionary names itself."""
    parts = node.keys + node.values if isinstance(node, ast.Dict) else node.elts
    return {
        part.value for part in parts if isinstance(part, ast.Constant) and part.value in NETWORKS
    }


def test_there_is_no_other_list_of_networks() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}": names
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "models" / "__init__.py"  # compared below
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, LISTS) and len(names := names_in(node)) > 1
    }
    assert not found


def test_the_search_for_lists_finds_one() -> None:
    for text in ("('quicknet', 'xnornet')", "{'quicknet': 1, 'xnornet': 2}"):
        assert names_in(ast.parse(text, mode="eval").body) == {"quicknet", "xnornet"}


def test_names_are_those_of_public_functions() -> None:
    for entry in networks():
        assert getattr(models, entry.name) is entry.build, entry.name
        assert entry.name in models.__all__
    builders = {name for name in models.__all__ if hasattr(getattr(models, name), "__code__")}
    others = {"count", "load_larq_zoo_weights", "models_table", "network", "networks"}
    others |= {"filter_mean_sign", "rprelu", "rsign"}
    others |= {"resnet18", "resnet34"}  # teachers
    others |= {"channel_scale", "ede_sign", "libra_sign", "recu_input_sign", "recu_sign"}
    assert builders - others - {"binary_densenet"} == {entry.name for entry in networks()}


def test_variants_are_changed_copies() -> None:
    found = networks(variants=True)
    assert found and not {entry.name for entry in found} & {entry.name for entry in networks()}
    for entry in found:
        assert entry.input_shape == network(entry.variant_of).input_shape
        assert entry.published is None and not entry.latent and not entry.bop


def test_every_published_network_has_its_sources() -> None:
    for entry in networks(published=True):
        assert entry.paper and entry.published.source and entry.published.macs[1]
    zoo = [e.published.zoo_name for e in networks(published=True) if e.published.zoo_name]
    assert len(set(zoo)) == len(zoo)


def test_whoever_names_networks_names_these() -> None:
    for name in recipe_names():
        entry = network(load_recipe(name).model.name)
        assert entry.bop if load_recipe(name).bop else entry.latent
        for stage in load_recipe(name).stages:
            assert stage.model is None or network(stage.model.name)
    for device in cited_latencies()["devices"]:
        for of_threads in device["latency_ms"].values():
            assert all(network(name).published for name in of_threads)
    for entry in cited_trainings():
        assert entry.recipe in recipe_names() and 0 < entry.top1 < 100 and entry.source
    assert runs.PUBLISHED[: len(runs.SUITE)] == runs.SUITE
    assert {network(name).family for name in runs.SUITE} == {"quicknet"}


def test_looking_up() -> None:
    assert network("quicknet-small") is NETWORKS["quicknet_small"]
    assert network("resnet18").teacher and "resnet18" not in NETWORKS
    with pytest.raises(InputError, match=r"no network 'quicknet-tiny'. Fix: use one of quicknet_"):
        network("quicknet-tiny")
    assert [entry.name for entry in networks(family="digits")] == ["digits_bnn", "digits_mlp"]
    assert {entry.imagenet for entry in networks(imagenet=False)} == {False}
