"""Which layer of the model an op of the file belongs to.

TFLite keeps layers' names in tensor names, joined where it fused several, and lost where it folded
a constant, as of grouped convolutions. An op that multiplies is matched by those names and by the
size of its filter, and where several layers have that size, by the filter's values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.tfl_dialect import LabOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.layer_ops import source_and_filter
from bnn_lab.convert.tracing import keras_layers

_ALIKE = 0.98  # cosine; int8 rounds a kernel a little


@dataclass
class SourceLayer:
    """One leaf layer of the model that is converted.

    Attributes:
        path: name, after those of the nested models that hold it.
        layer: the Keras layer or torch module.
        sizes: of its kernels, in elements.
    """

    path: str
    layer: Any
    sizes: list[int] = field(default_factory=list)


def leaf_layers(model: Any, prefix: str = "") -> Iterator[SourceLayer]:
    """The layers of a Keras model, those of nested models in their place; inputs left out."""
    held = getattr(model, "layers", None)
    if held is None:  # a module that is not a model, or a function
        inner = keras_layers(model)
        held = [layer for layer in inner if not any(layer in x.submodules for x in inner)]
    for layer in held:
        path = prefix + layer.name
        if getattr(layer, "layers", None) and hasattr(layer, "summary"):
            yield from leaf_layers(layer, f"{path}/")
        elif type(layer).__name__ != "InputLayer":
            kinds = ("kernel", "depthwise_kernel", "pointwise_kernel")
            kernels = (getattr(layer, kind, None) for kind in kinds)
            yield SourceLayer(path, layer, [prod(x.shape) for x in kernels if x is not None])


class LayerMap:
    """Layers of a model by the tensors of its converted graph.

    Args:
        layers: layers of the model, in its order.
        module: the graph as the exporter wrote it, before any pass: later, filters are
            packed and layers joined.
    """

    def __init__(self, layers: list[SourceLayer], module: ModuleOp) -> None:
        self._by_path = {layer.path: layer for layer in layers}
        self._by_tensor: dict[str, SourceLayer] = {}
        self._filter_sizes: dict[str, int] = {}
        free = [(layer, size) for layer in layers for size in layer.sizes]
        unknown: list[Operation] = []
        # Names first; what they leave open is settled by the filter's values, then by the name of
        # what is read, which layers may share, then by size, in the order of the graph.
        for op in module.walk():
            operands = source_and_filter(op)
            if operands is None:
                continue
            size = _size(operands[1])
            by_name = self._named(op, operands)
            choice = next((layer for layer in by_name if size in layer.sizes), None)
            if choice is None:
                choice = self._like(operands, [layer for layer in layers if size in layer.sizes])
            if choice is None:
                unknown.append(op)
                continue
            self._keep(op, choice)
            if (choice, size) in free:
                free.remove((choice, size))
        for op in unknown:
            operands = source_and_filter(op)
            assert operands is not None
            size = _size(operands[1])
            left = next((entry for entry in free if entry[1] == size), None)
            named = [*self._named(op, operands), *self._reading(operands)]
            choice = next((layer for layer in named if size in layer.sizes), None)
            if choice is not None:
                left = (choice, size)
            if left is not None:
                if left in free:
                    free.remove(left)
                self._keep(op, left[0])
            elif named:
                self._keep(op, named[0])

    def _named(self, op: Operation, operands: tuple[SSAValue, SSAValue]) -> Iterator[SourceLayer]:
        values = [operands[1], *op.operands[2:], *op.results]
        if constant(operands[1]) is None:
            # A product of two computed values, as in Attention, is not of those who computed them.
            values = list(op.results)
        for value in values:
            yield from self._in_name(name_of(value))

    def _reading(self, operands: tuple[SSAValue, SSAValue]) -> Iterator[SourceLayer]:
        if constant(operands[1]) is not None:
            yield from self._in_name(name_of(operands[0]))

    def _like(
        self, operands: tuple[SSAValue, SSAValue], layers: list[SourceLayer]
    ) -> SourceLayer | None:
        """The layer whose kernel a filter is; of several, the one that names what is read."""
        values = constant(operands[1])
        if values is None or len(layers) < 2:
            return None
        alike = [layer for layer in layers if _likeness(values, layer.layer) > _ALIKE]
        reading = [layer for layer in self._reading(operands) if layer in alike]
        return (reading or alike)[0] if len(alike) == 1 or reading else None

    def _keep(self, op: Operation, layer: SourceLayer) -> None:
        operands = source_and_filter(op)
        assert operands is not None
        self._by_tensor[name_of(op.results[0])] = layer
        if filter_name := name_of(operands[1]):
            self._by_tensor[filter_name] = layer
            self._filter_sizes[filter_name] = _size(operands[1])

    def _in_name(self, name: str) -> Iterator[SourceLayer]:
        for part in name.split(";"):
            pieces = part.split("/")
            starts = (1, 0) if len(pieces) > 1 else (0,)
            for start in starts:
                for end in range(len(pieces), start, -1):
                    path = "/".join(pieces[start:end])
                    found = self._by_path.get(path) or self._by_path.get(_without_count(path))
                    if found is not None:
                        yield found
                        break

    def of_name(self, name: str) -> SourceLayer | None:
        """Layer of a tensor by its name alone."""
        return self._by_tensor.get(name) or next(self._in_name(name), None)

    def filter_size(self, op: LabOp) -> int:
        """Elements of the filter of a multiplying op before any pass; 0 if that is not known."""
        operands = source_and_filter(op)
        return 0 if operands is None else self._filter_sizes.get(name_of(operands[1]), 0)

    def of_op(self, op: LabOp) -> SourceLayer | None:
        """Layer of an op of the graph before or after the passes."""
        operands = source_and_filter(op)
        if operands is not None:
            for value in (operands[1], op.results[0]):
                if (found := self._by_tensor.get(name_of(value))) is not None:
                    return found
        return self.of_name(op.tensor_name())


def _likeness(filters: NDArray, layer: Any) -> float:
    """1 for a layer's kernel, whatever the scale and sign of each channel; 0 for another shape."""
    kernel: Any = getattr(layer, "kernel", None)
    quantizer: Any = getattr(layer, "kernel_quantizer", None)
    try:
        # Gradients that quantizers define cannot be of variables.
        value = kernel if quantizer is None else quantizer(kernel + 0)
        wanted = np.asarray(value, np.float64)
    except Exception:  # whatever a quantizer raises outside of its model
        return 0.0
    if wanted.ndim < 2 or wanted.size != filters.size or wanted.shape[-1] != len(filters):
        return 0.0
    a = filters.reshape(len(filters), -1).astype(np.float64)
    b = np.moveaxis(wanted, -1, 0).reshape(a.shape)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    same = np.abs((a * b).sum(axis=1))
    return float(np.divide(same, lengths, out=np.zeros_like(same), where=lengths > 0).mean())


def _without_count(path: str) -> str:
    """A layer called twice has `_1` after its name the second time."""
    return re.sub(r"_\d+$", "", path)


def _size(value: SSAValue) -> int:
    data = constant(value)
    return 0 if data is None else data.size


def reader_layer(op: Operation, layers: LayerMap) -> SourceLayer | None:
    """Layer of the multiplying op that reads an op's result, through ops that move values."""
    for use in op.results[0].uses:
        reader = use.operation
        if source_and_filter(reader) is not None and isinstance(reader, LabOp):
            return layers.of_op(reader)
        if is_tfl(reader, "reshape", "pad", "padv2") and producer(reader.operands[0]) is op:
            return reader_layer(reader, layers)
    return None
