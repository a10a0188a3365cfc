"""The sizes of a model's inputs that a user asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab.errors import InputError
from bnn_lab.runtime.samples import ModelEnd

if TYPE_CHECKING:
    from bnn_lab.tflite.reader import ModelFile

Sizes = Sequence[int] | Sequence[Sequence[int]] | Mapping[str, Sequence[int]]


def file_inputs(file: ModelFile) -> list[ModelEnd]:
    """The inputs as a file states them, named as `Interpreter.input_names` does."""
    from bnn_lab.tflite.reader import numbers, text
    from bnn_lab.tflite.types import dtype_of_code

    graph, signatures = file.subgraphs[0], file.info().signatures
    names = {at: name for name, at in signatures[0].inputs} if len(signatures) == 1 else {}
    ends = []
    for position, index in enumerate(numbers(graph.inputs)):
        tensor = graph.tensors[index]
        detail = {
            "shape": numbers(tensor.shape),
            "shape_signature": numbers(tensor.shapeSignature) or numbers(tensor.shape),
            "dtype": dtype_of_code(tensor.type) or np.bytes_,
        }
        ends.append(ModelEnd.of(names.get(position, text(tensor.name)), detail))
    return ends


def positions_of(sizes: Any, inputs: Sequence[ModelEnd]) -> dict[int, tuple[int, ...]]:
    """Shapes by the position of the input.

    Args:
        sizes: the shape of a single input, a list of all shapes, or a dict by name.
        inputs: of the model.

    Raises:
        InputError: a name is unknown, a shape is not one of positive integers of the input's number
            of dimensions, or it changes the channels.
    """
    names = [end.name for end in inputs]
    if isinstance(sizes, np.ndarray):
        sizes = sizes.tolist()
    if isinstance(sizes, Mapping):
        if unknown := set(sizes) - set(names):
            raise InputError(
                f"Interpreter: resize names {sorted(map(str, unknown))}, but the inputs are {names}"
            )
        given = {names.index(name): shape for name, shape in sizes.items()}
    else:
        listed = list(sizes) if isinstance(sizes, Sequence) else []
        if listed and all(isinstance(size, int | np.integer) for size in listed):
            listed = [listed]
        if len(listed) != len(names):
            raise InputError(
                f"Interpreter: resize must be the shape of one input, a list of {len(names)} "
                f"shapes or a dict by name ({names}), not {sizes!r}"
            )
        given = dict(enumerate(listed))
    return {position: _shape(inputs[position], shape) for position, shape in given.items()}


def _shape(end: ModelEnd, shape: Any) -> tuple[int, ...]:
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    whole = isinstance(shape, Sequence) and all(
        isinstance(size, int | np.integer) and not isinstance(size, bool) and 1 <= size < 2**31
        for size in shape
    )
    if not whole or len(shape) != len(end.shape):
        raise InputError(
            f"Interpreter: resize of input {end.name!r} must be {len(end.shape)} positive "
            f"integers, as its shape {end.shape} has, not {shape!r}"
        )
    if len(shape) > 2 and not end.free[-1] and shape[-1] != end.shape[-1]:
        # Of convolutions on plain kernels LiteRT does not check it.
        raise InputError(
            f"Interpreter: resize of input {end.name!r} to {tuple(shape)} changes its "
            f"{end.shape[-1]} channels, for which the weights are made; keep them"
        )
    return tuple(int(size) for size in shape)
