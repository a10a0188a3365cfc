"""PyTorch modules to binary `.tflite` models, by litert-torch."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, overload

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr

from bnn_lab._quiet import without_native_chatter
from bnn_lab.convert.attribution import make_report
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.ir.tfl_dialect import LabOp
from bnn_lab.convert.layer_map import LayerMap, SourceLayer
from bnn_lab.convert.layer_report import Report
from bnn_lab.convert.pipeline import make_pipeline, run_pipeline
from bnn_lab.convert.stages import require_binary
from bnn_lab.convert.torch_words import translated
from bnn_lab.errors import BnnLabError, ConversionError, InputError

_NEVER_CALLED = ("ModuleList", "ModuleDict")  # so the exporter does not see them
# litert-converter pins an old xDSL for a tool that this conversion does not use.
_JAX = "" if sys.version_info >= (3, 13) else ' "jax<0.7.2"'  # later ones need NumPy 2
INSTALL_TORCH = f'pip install torch litert-torch{_JAX} && pip install "xdsl>=0.70,<0.76"'


@overload
def convert_torch_module(
    module: Any,
    example_inputs: Any,
    *,
    lce_compatible: bool = ...,
    report: Literal[False] = ...,
) -> bytes: ...


@overload
def convert_torch_module(
    module: Any, example_inputs: Any, *, lce_compatible: bool = ..., report: Literal[True]
) -> tuple[bytes, Report]: ...


def convert_torch_module(
    module: Any, example_inputs: Any, *, lce_compatible: bool = True, report: bool = False
) -> bytes | tuple[bytes, Report]:
    """Convert a PyTorch module with binary layers to a `.tflite` model with binary ops.

    A layer is binary if its input and its weight hold only +1 and -1 (times a scale for each output
    channel) where they meet in `forward`, however the code writes it. The module is converted in
    evaluation mode and is left as it was.

    Args:
        module: a `torch.nn.Module` that `torch.export` can trace.
        example_inputs: a float32 tensor, or a tuple of them for several inputs. They fix the shapes
            in the file, the batch too: it should be 1. Their layout stays: an image is
            (1, C, H, W) in the file as well.
        lce_compatible: see `bnn_lab.convert_keras_model`.
        report: also say what became of each layer.

    Returns:
        The `.tflite` file's contents; with `report`, a pair of them and the `Report`.

    Raises:
        BnnLabError: torch or litert-torch is not installed.
        ConversionError: not a module, or it cannot be exported.
        InputError: the example inputs are not tensors.
        NoBinaryLayerError: no layer can be binary; says why for each.
    """
    tflite, made = _convert(module, example_inputs, lce_compatible, require=True)
    return (tflite, made()) if report else tflite


def explain_torch_module(
    module: Any, example_inputs: Any, *, lce_compatible: bool = True
) -> Report:
    """Say of each layer of a PyTorch module what its conversion would make of it.

    Args:
        module: see `convert_torch_module`.
        example_inputs: see `convert_torch_module`.
        lce_compatible: see `convert_torch_module`.

    Returns:
        The report; a module without any binary layer gets one too.

    Raises:
        BnnLabError: see `convert_torch_module`.
        ConversionError: see `convert_torch_module`.
        InputError: see `convert_torch_module`.
    """
    return _convert(module, example_inputs, lce_compatible, require=False)[1]()


def _convert(
    module: Any, example_inputs: Any, lce_compatible: bool, *, require: bool
) -> tuple[bytes, Callable[[], Report]]:
    """The file, and what makes its report."""
    name = type(module).__name__
    graph = import_model(export_float(module, example_inputs))
    _name_layers(graph, module)
    layers = list(_layers(module))
    layer_map = LayerMap(layers, graph)
    results = translated(
        run_pipeline(graph, make_pipeline(lce_compatible=lce_compatible, of_torch=True))
    )
    if require:
        require_binary(graph, results, name)
    tflite = export_model(graph)
    outcomes = [outcome for result in results for outcome in result.outcomes]
    return tflite, lambda: make_report(
        name, layers, layer_map, outcomes, tflite, _profile, framework="PyTorch"
    )


def export_float(module: Any, example_inputs: Any) -> bytes:
    """The float `.tflite` file that litert-torch makes of a module in evaluation mode.

    Args:
        module: see `convert_torch_module`.
        example_inputs: see `convert_torch_module`.

    Returns:
        The file's contents.

    Raises:
        BnnLabError: see `convert_torch_module`.
        ConversionError: see `convert_torch_module`.
        InputError: see `convert_torch_module`.
    """
    torch, litert_torch = _require_torch()
    if not isinstance(module, torch.nn.Module):
        raise ConversionError(
            f"a {type(module).__name__} is not a torch.nn.Module. Fix: pass the module itself, not "
            "its state_dict; convert_keras_model takes Keras models, convert_tflite .tflite files"
        )
    inputs = example_inputs if isinstance(example_inputs, tuple | list) else (example_inputs,)
    for at, given in enumerate(inputs):
        if not isinstance(given, torch.Tensor):
            raise InputError(
                f"example input {at} is a {type(given).__name__}. Fix: pass a torch.Tensor, or a "
                "tuple of them, such as torch.zeros(1, 3, 32, 32)"
            )
    try:
        with _evaluating(module), _quietly(), torch.no_grad():
            model = litert_torch.convert(module, tuple(inputs))
            return bytes(model.model_content())
    except Exception as error:  # torch.export, JAX and the converter raise what they like
        lines = str(error).strip().splitlines() or [""]
        raise ConversionError(
            f"litert-torch cannot export the module '{type(module).__name__}' "
            f"({type(error).__name__}: {lines[0]}). Fix: torch.export must be able to trace its "
            "forward: no branches on values, and no writing into tensors by index or mask "
            "(torch.where does the same)"
        ) from error


def _require_torch() -> tuple[Any, Any]:
    try:
        with _quietly():
            import litert_torch
            import torch
    except ImportError as error:
        raise BnnLabError(
            f"{error.name or error} is not installed; PyTorch modules are exported by "
            f"litert-torch. Fix: {INSTALL_TORCH}"
        ) from error
    return torch, litert_torch


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's progress lines and warnings about its own code."""
    before = logging.root.manager.disable
    with (
        without_native_chatter(),
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """In evaluation mode; afterwards each part is back in its own mode."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


# --- layers ---------------------------------------------------------------------------------


def _layers(module: Any) -> Iterator[SourceLayer]:
    """The modules that hold no others, and those with weights of their own."""
    for path, part in module.named_modules():
        own = [weight for _, weight in part.named_parameters(recurse=False)]
        if own or not list(part.children()):
            sizes = [weight.numel() for weight in own if weight.ndim > 1]
            yield SourceLayer(path or type(module).__name__, part, sizes)


def _profile(part: Any, binary: bool) -> tuple[int, int, float]:
    """(1-bit weights, other weights, bytes of both) of a module, see `make_report`."""
    kept = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
    counts = [weight.numel() for weight in kept if weight.ndim > 0]
    ones = max((weight.numel() for weight in kept if weight.ndim > 1), default=0) if binary else 0
    others = sum(counts) - ones
    return ones, others, ones / 8 + 4 * others


def _name_layers(graph: ModuleOp, module: Any) -> None:
    """Give tensors names as Keras models have them: model, path of the layer, its class.

    The exporter writes classes and the last part of each path, such as
    ``app.Net/torch.nn.modules.container.Sequential_body/app.BinaryConv_0;``.
    """
    paths = _known_names(module)
    model = type(module).__name__
    for op in graph.walk():
        if isinstance(op, LabOp) and op.names is not None:
            op.names = ArrayAttr(
                StringAttr(_translated(name.data, paths, model)) for name in op.names.data
            )


def _known_names(module: Any) -> dict[str, str]:
    """Name by the exporter to path, for parts whose name tells them from all others."""
    found: dict[str, list[str]] = {}
    parts = dict(module.named_modules())
    for path, called in parts.items():
        if type(called).__name__ in _NEVER_CALLED:
            continue
        steps = path.split(".") if path else []
        names = [_full_name(module)]
        for at, step in enumerate(steps, start=1):
            part = parts[".".join(steps[:at])]
            if type(part).__name__ not in _NEVER_CALLED:
                names.append(f"{_full_name(part)}_{step}")
        found.setdefault("/".join(names), []).append(path)
    return {name: places[0] for name, places in found.items() if len(places) == 1}


def _full_name(part: Any) -> str:
    return f"{type(part).__module__}.{type(part).__qualname__}"


def _translated(name: str, paths: dict[str, str], model: str) -> str:
    *parts, count = name.split(";")
    if not parts:  # a constant, an input or an output
        return name
    return ";".join(_joined(parts, paths, model)) + (f"_{count}" if count else "")


def _joined(parts: Sequence[str], paths: dict[str, str], model: str) -> list[str]:
    joined = []
    for part in parts:
        if not part:
            continue
        path, kind = paths.get(part), part.split("/")[-1].split(".")[-1]
        joined.append("/".join([model, *([path] if path else []), kind]))
    return joined
