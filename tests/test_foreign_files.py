"""Empty, truncated and foreign files: each reader refuses them with an error of ours."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn_lab import Interpreter
from bnn_lab.bench.report import read_report
from bnn_lab.cli.convert import load_samples
from bnn_lab.cli.inspect import describe_file
from bnn_lab.costmodel.model import CostModel
from bnn_lab.course.folder import read_notebook
from bnn_lab.errors import BnnLabError
from bnn_lab.tflite.contents import read_contents
from bnn_lab.tflite.options import builtin
from bnn_lab.tflite.writer import GraphWriter
from bnn_lab.training.movie import WeightMovie
from bnn_lab.training.recipe import FOLDER as RECIPES
from bnn_lab.training.recipe import load_recipe
from bnn_lab.training.recipe_run import SETTINGS, _refuse_another
from bnn_lab.training.recording import Recording

sys.path.insert(0, str(Path(__file__).parent))
import file_tables  # a script beside this file

sys.path.pop(0)


def a_model() -> bytes:
    writer = GraphWriter()
    x = writer.input((1, 4), np.float32, "x")
    y = writer.output((1, 4), np.float32, "y")
    writer.op("ADD", [x, x], [y], builtin("AddOptions"))
    return writer.finish()


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def array(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    return stream.getvalue()


FOREIGN = {
    "empty": b"",
    "one byte": b"\0",
    "zeros": bytes(4096),
    "noise": np.random.default_rng(0).bytes(4096),
    "UTF-16": "{}".encode("utf-16"),
    "not UTF-8": b'{"schema": "\xff\xfe"}',
    "a number": b"1e999",
    "a string": b'"x"',
    "a list": b"[1, 2]",
    "an object": b"{}",
    "null": b"null",
    "brackets without end": b"[" * 200_000,
    "objects without end": b'{"a":' * 100_000,
    "a number of many digits": b"9" * 10_000,
    "HTML": b"<!DOCTYPE html><title>404</title>",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "an empty archive": archive(),
    "an archive of others": archive(x=b"nothing", y=array(np.zeros(3))),
    "objects in an archive": archive(layers=array(np.array([{}], object))),
    "a TFLite file's head": b"\x1c\0\0\0TFL3" + bytes(20),
    "an HDF5 file's head": b"\x89HDF\r\n\x1a\n" + bytes(64),
    "a notebook's head": b'{"cells": [], "metadata": 5, "nbformat": "4"}',
}


def run(path: Path) -> object:
    return Interpreter(path)


def inspect(path: Path) -> object:
    return describe_file(read_contents(path, "inspect"))


def result(path: Path) -> object:
    store = file_tables.ResultStore(path.parent, file_tables.experiment)
    store.path = lambda point: path  # type: ignore[method-assign,assignment]
    return store.get({"x": 1})


def settings(path: Path) -> None:
    path.rename(path.with_name(SETTINGS))
    _refuse_another(path.parent, '{"recipe": {"name": "x"}, "seed": 0}')


def made_by(name: str) -> Callable[[Path], None]:
    return lambda path: (file_tables.KINDS[name].write(path, 0), None)[1]


# Name -> (how the reader is called, ending of the file, what makes a whole one)
READERS: dict[str, tuple[Callable[[Path], object], str, Callable[[Path], None]]] = {
    "model": (run, ".tflite", lambda path: path.write_bytes(a_model()) and None),
    "inspected model": (inspect, ".tflite", lambda path: path.write_bytes(a_model()) and None),
    "recording": (Recording.load, ".npz", made_by("recording")),
    "film": (WeightMovie.load, ".npz", made_by("film of weights")),
    "report": (read_report, ".json", made_by("benchmark report")),
    "calibration": (CostModel.load, ".json", made_by("calibration")),
    "result": (result, ".json", made_by("result of a sweep")),
    "recipe": (
        load_recipe,
        ".toml",
        lambda path: path.write_bytes(sorted(RECIPES.glob("*.toml"))[0].read_bytes()) and None,
    ),
    "settings of a training": (
        settings,
        ".json",
        lambda path: path.write_text('{"recipe": {"name": "x"}, "seed": 0}') and None,
    ),
    "samples": (load_samples, ".npz", lambda path: np.savez(path, x=np.zeros((2, 3)))),
    "one sample array": (load_samples, ".npy", lambda path: np.save(path, np.zeros((2, 3)))),
    "notebook of a course": (
        read_notebook,
        ".ipynb",
        lambda path: (
            path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
            and None
        ),
    ),
}
# What is whole as another kind too.
MAY_BE_READ = {
    ("samples", "an archive of others"),
    ("samples", "an empty archive"),
    ("one sample array", "an archive of others"),
    ("one sample array", "an empty archive"),
}


@pytest.mark.parametrize("name", READERS)
def test_foreign_files(name: str, tmp_path: Path) -> None:
    read, ending, _ = READERS[name]
    for kind, content in FOREIGN.items():
        folder = tmp_path / kind
        folder.mkdir()
        path = folder / f"x{ending}"
        path.write_bytes(content)
        if (name, kind) in MAY_BE_READ:
            continue
        try:
            found = read(path)
        except BnnLabError as error:
            assert len(str(error)) < 1500, (name, kind)
        except Exception as error:
            pytest.fail(f"{kind} as {name}: {type(error).__name__}: {error}")
        else:
            pytest.fail(f"{kind} as {name} was read: {found!r:.200}")


@pytest.mark.parametrize("name", READERS)
def test_truncated_files(name: str, tmp_path: Path) -> None:
    """Each is read as the whole one was, or refused; the whole one is read."""
    read, ending, make = READERS[name]
    whole = tmp_path / f"whole{ending}"
    make(whole)
    content = whole.read_bytes()
    read(whole)
    refused = 0
    lengths = np.linspace(0, len(content) - 1, 24).astype(int)
    for number, length in enumerate(lengths):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / f"x{ending}"
        path.write_bytes(content[:length])
        try:
            read(path)
        except BnnLabError:
            refused += 1
        except Exception as error:
            pytest.fail(f"{length} bytes of {name}: {type(error).__name__}: {error}")
    assert refused >= (2 if name == "recipe" else 20)  # half a recipe may be one


@pytest.mark.parametrize("name", READERS)
def test_no_file(name: str, tmp_path: Path) -> None:
    read, ending, _ = READERS[name]
    if name not in ("result", "settings of a training"):
        with pytest.raises(BnnLabError):
            read(tmp_path / f"none{ending}")
    if name != "settings of a training":
        (tmp_path / f"folder{ending}").mkdir()
        with pytest.raises(BnnLabError):
            read(tmp_path / f"folder{ending}")
