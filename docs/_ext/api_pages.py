"""The Python API, a page for each part of the package: a table of names, then each in full."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any, NamedTuple

from sphinx.application import Sphinx

FOLDER = Path(__file__).resolve().parents[1] / "reference" / "api"


class Part(NamedTuple):
    """Modules of one page; of a module only some members, where names follow after ":"."""

    title: str
    modules: tuple[str, ...]


PARTS = {
    "convert": Part(
        "Convert, run, explain, profile",
        (
            "bnn_lab: convert_keras_model convert_saved_model explain profile Interpreter "
            "load_delegate",
        ),
    ),
    "kernels": Part("Kernels on NumPy arrays", ("bnn_lab.kernels",)),
    "reference": Part("The definition", ("bnn_lab.reference",)),
    "converter": Part(
        "Converter",
        (
            "bnn_lab.convert.pipeline",
            "bnn_lab.convert.layer_report",
            "bnn_lab.convert.rewrite.base",
        ),
    ),
    "tflite": Part(
        ".tflite files",
        (
            "bnn_lab.tflite.reader: ModelFile ModelInfo Signature",
            "bnn_lab.tflite.writer",
            "bnn_lab.tflite.options",
            "bnn_lab.tflite.ops",
            "bnn_lab.tflite.layer_shapes",
        ),
    ),
    "compat": Part(
        "Other projects' interfaces", ("bnn_lab.compat: install_as_larq_compute_engine",)
    ),
    "training": Part(
        "Training",
        (
            "bnn_lab.training.simulate",
            "bnn_lab.training.closed_forms",
            "bnn_lab.training.bop: bop_optimizer binary_variables set_binary_signs gamma_decay",
            "bnn_lab.training.optimizers",
            "bnn_lab.training.schedules",
            "bnn_lab.training.flips",
            "bnn_lab.training.recording",
            "bnn_lab.training.loop",
            "bnn_lab.training.latent_weights",
            "bnn_lab.training.sweeps",
            "bnn_lab.training.recipe",
            "bnn_lab.training.recipe_run",
        ),
    ),
    "experiments": Part(
        "Experiments", ("bnn_lab.experiments.training", "bnn_lab.experiments.latency")
    ),
    "models": Part("Networks", ("bnn_lab.models",)),
    "data": Part("Data", ("bnn_lab.data",)),
    "bench": Part(
        "Measuring, benchmarks and reports",
        (
            "bnn_lab.measure.timing",
            "bnn_lab.measure.noise",
            "bnn_lab.measure.host",
            "bnn_lab.bench.kernels",
            "bnn_lab.bench.backend_comparison",
            "bnn_lab.bench.machine",
            "bnn_lab.bench.model_bench",
            "bnn_lab.bench.report",
            "bnn_lab.bench.compare",
        ),
    ),
    "profiling": Part(
        "Profiles and predicted times",
        (
            "bnn_lab.profiling.model_profile",
            "bnn_lab.profiling.node_clock",
            "bnn_lab.costmodel.model",
        ),
    ),
    "figures": Part("Figures", ("bnn_lab.figures",)),
    "widgets": Part("Widgets", ("bnn_lab.widgets",)),
    "lessons": Part(
        "Lessons",
        (
            "bnn_lab.lessons.checks",
            "bnn_lab.lessons.designer",
            "bnn_lab.lessons.lesson_map",
            "bnn_lab.lessons.drawn_digits",
            "bnn_lab.lessons.strokes",
        ),
    ),
    "doctor": Part("Doctor and errors", ("bnn_lab.doctor: examine table Check", "bnn_lab.errors")),
}


def members_of(module: Any) -> list[str]:
    """Public functions and classes, in the source's order; re-exports if it lists its names."""
    listed = getattr(module, "__all__", None)
    names = listed or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
    found = [(name, getattr(module, name)) for name in names]
    kept = [
        n for n, v in found if (inspect.isroutine(v) or inspect.isclass(v)) and inspect.getdoc(v)
    ]
    return sorted(kept) if listed else kept


def page(part: Part) -> str:
    """Markdown of one page."""
    lines = ["<!-- made by docs/_ext/api_pages.py -->", "", f"# {part.title}"]
    for entry in part.modules:
        name, _, chosen = entry.partition(": ")
        module = importlib.import_module(name)
        members = chosen.split() or members_of(module)
        about = (inspect.getdoc(module) or "").split("\n\n")[:1]
        lines += ["", f"## {name}", "", *([] if name == "bnn_lab" else about), ""]
        # Tables and texts alike are read from docstrings, so they cannot disagree.
        lines += ["```{eval-rst}", f".. currentmodule:: {name}", "", ".. autosummary::"]
        lines += ["   :nosignatures:", "", *(f"   {member}" for member in members), ""]
        for member in members:
            kind = "class" if inspect.isclass(getattr(module, member)) else "function"
            if inspect.isclass(getattr(module, member)) and issubclass(
                getattr(module, member), BaseException
            ):
                kind = "exception"
            lines += [f".. auto{kind}:: {name}.{member}"]
            lines += ["   :members:", ""] if kind == "class" else [""]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def make_pages(app: Sphinx) -> None:
    """Called before Sphinx reads any page."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        if old.stem not in PARTS:
            old.unlink()
    for name, part in PARTS.items():
        path, text = FOLDER / f"{name}.md", page(part)
        if not path.exists() or path.read_text() != text:  # unchanged pages are not built again
            path.write_text(text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("builder-inited", make_pages)
    return {"parallel_read_safe": True}
