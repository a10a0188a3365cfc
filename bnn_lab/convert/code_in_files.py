"""Code that a Keras file or SavedModel brings along: it would run with the user's rights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError

# Keras's names for Python code in a configuration.
_CODE = ("Lambda", "__lambda__")
# TensorFlow's ops that touch files or call Python; a SavedModel may run them while it is loaded.
_OPS = re.compile(r".*(File|PyFunc|Socket|Subprocess|Shell|Decode.*Url|Dataset(V2)?$).*", re.DOTALL)
_HARMLESS = frozenset({"ShardedFilename", "MergeV2Checkpoints", "SaveV2", "RestoreV2"})


def refuse_code(path: Path) -> None:
    """Raise if a model's file holds code of its own.

    A `.keras` file is left to Keras, which refuses it too. A file that cannot be read holds nothing
    that could be loaded.

    Args:
        path: of a ``.h5`` file or a SavedModel.

    Raises:
        InputError: names what was found.
    """
    if path.is_dir():
        found = next(_code_of_saved_model(path), None)
    elif path.suffix in (".h5", ".hdf5"):
        found = next(_code_of_h5(path), None)
    else:
        found = None
    if found:
        raise InputError(
            f"'{path}' holds {found}: loading or converting it would run code from the file with "
            "your rights. Fix: if you know who wrote it, pass --trust (in Python trust=True)"
        )


def _code_of_h5(path: Path) -> Iterator[str]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config", "{}")
        config = json.loads(text)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError):
        return
    yield from _layers(config)


def _code_of_saved_model(path: Path) -> Iterator[str]:
    tf = require_tensorflow()
    from tensorflow.python.saved_model.loader_impl import parse_saved_model

    metadata = path / "keras_metadata.pb"
    if metadata.is_file():
        # Each layer's configuration lies in it as text.
        text = metadata.read_bytes().decode("latin-1")
        if re.search(r'"class_name":\s*"(Lambda|__lambda__)"', text):
            yield "a Lambda layer"
    binary = path / "saved_model.pb"
    if not binary.is_file():
        if (path / "saved_model.pbtxt").is_file():
            yield "a graph as text, which is not looked at"
        return
    try:
        model = parse_saved_model(str(path))
    except (OSError, tf.errors.OpError):
        return
    for meta in model.meta_graphs:
        graph = meta.graph_def
        functions = (function.node_def for function in graph.library.function)
        for nodes in (graph.node, *functions):
            for node in nodes:
                if _OPS.fullmatch(node.op) and node.op not in _HARMLESS:
                    yield f"the op {node.op}"


def _layers(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        if config.get("class_name") in _CODE:
            yield f"a {config['class_name'].strip('_').capitalize()} layer"
        if config.get("function_type") == "lambda":
            yield "a lambda function"
        for value in config.values():
            yield from _layers(value)
    elif isinstance(config, list):
        for value in config:
            yield from _layers(value)
