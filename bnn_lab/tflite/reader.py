"""Reads `.tflite` files: LiteRT's schema, with checks where it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from bnn_lab.errors import ModelFileError
from bnn_lab.tflite.contents import check_identifier

BUILTIN_NAMES: dict[int, str] = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_") and name != "CUSTOM"
}


_MOST_SHARING = 4  # how often bytes of a file may be used, on average


class OpCode(NamedTuple):
    """What kind of op it is.

    Attributes:
        name: TFLite's of a builtin op such as "CONV_2D", or the custom code.
        custom: whether it is a custom op.
        version: version of the builtin op.
    """

    name: str
    custom: bool
    version: int


@dataclass(frozen=True)
class Signature:
    """A named entry point.

    Attributes:
        key: such as "serving_default".
        subgraph: index of the function.
        inputs: (name, position among the function's inputs).
        outputs: (name, position among the function's results).
    """

    key: str
    subgraph: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class ModelInfo:
    """What a file says besides its graphs.

    Attributes:
        version: version of the format.
        description: free text.
        metadata: (name, content).
        metadata_buffers: contents without a name.
        signatures: the entry points.
    """

    version: int = 3
    description: str | None = None
    metadata: tuple[tuple[str, bytes | None], ...] = ()
    metadata_buffers: tuple[bytes | None, ...] = ()
    signatures: tuple[Signature, ...] = ()


class ModelFile:
    """A parsed `.tflite` file.

    Args:
        content: the file's contents.

    Attributes:
        content: the same.
        model: `ModelT` of the schema's object API; its vectors of numbers are views of `content`.
        subgraphs: its graphs, at least one.
        codes: kinds of ops, by the number that operators give.

    Raises:
        ModelFileError: not a `.tflite` model, truncated, corrupt, or without a graph.
    """

    def __init__(self, content: bytes) -> None:
        check_identifier(content, "the model")
        self.content = content
        try:
            root = schema.Model.GetRootAs(content, 0)
            _check_size(root, len(content))
            self.model: Any = schema.ModelT.InitFromObj(root)
            self._buffers = tables(self.model.buffers)
            self.codes = [_op_code(entry) for entry in tables(self.model.operatorCodes)]
        except ModelFileError:
            raise
        except Exception as error:
            raise corrupt(error) from error
        if self.model.externalBuffers is not None and len(self.model.externalBuffers):
            raise ModelFileError(
                "the model keeps its weights in external files, which is not supported. "
                "Fix: export it as a single .tflite file."
            )
        self.subgraphs = tables(self.model.subgraphs)
        if not self.subgraphs:
            raise ModelFileError("the .tflite model has no subgraph, so there is nothing to run")

    def code(self, op: Any, where: str) -> OpCode:
        """Kind of an operator."""
        if not 0 <= op.opcodeIndex < len(self.codes):
            raise ModelFileError(f"{where} has the operator code {op.opcodeIndex} out of range")
        return self.codes[op.opcodeIndex]

    def buffer(self, index: int, where: str) -> NDArray[np.uint8] | None:
        """Bytes of a buffer, None if it is empty; `where` is who asks, for messages."""
        if not 0 <= index < len(self._buffers):
            raise ModelFileError(
                f"{where} uses buffer {index}, but the file has {len(self._buffers)} buffers"
            )
        buffer = self._buffers[index]
        if buffer.offset > 1:  # files past 2 GB keep data after the flatbuffer
            return self._tail(buffer.offset, buffer.size, where)
        if buffer.data is None or not len(buffer.data):
            return None
        return np.asarray(buffer.data, np.uint8)

    def custom_options(self, op: Any, where: str) -> bytes | None:
        """Options of a custom op, None if it has none."""
        if op.largeCustomOptionsOffset > 1:
            return self._tail(
                op.largeCustomOptionsOffset, op.largeCustomOptionsSize, where
            ).tobytes()
        if op.customOptions is None:
            return None
        return np.asarray(op.customOptions, np.uint8).tobytes()

    def _tail(self, offset: int, size: int, where: str) -> NDArray[np.uint8]:
        if offset + size > len(self.content):
            raise ModelFileError(f"{where}: its data lies past the end of the file")
        return np.frombuffer(self.content, np.uint8, size, offset)

    def info(self) -> ModelInfo:
        """What the file says besides its graphs."""

        def blob(index: int, where: str) -> bytes | None:
            found = self.buffer(index, where)
            return None if found is None else found.tobytes()

        model = self.model
        return ModelInfo(
            version=model.version,
            description=None if model.description is None else text(model.description),
            metadata=tuple(
                (text(entry.name), blob(entry.buffer, f"metadata {text(entry.name)!r}"))
                for entry in tables(model.metadata)
            ),
            metadata_buffers=tuple(
                blob(index, "metadata") for index in numbers(model.metadataBuffer)
            ),
            signatures=tuple(self._signature(entry) for entry in tables(model.signatureDefs)),
        )

    def _signature(self, entry: Any) -> Signature:
        key = text(entry.signatureKey)
        if not 0 <= entry.subgraphIndex < len(self.subgraphs):
            raise ModelFileError(f"signature {key!r} names subgraph {entry.subgraphIndex}")
        subgraph = self.subgraphs[entry.subgraphIndex]

        def positions(entries: Any, tensors: Any, what: str) -> tuple[tuple[str, int], ...]:
            found = []
            known = numbers(tensors)
            for item in tables(entries):
                if item.tensorIndex not in known:
                    raise ModelFileError(
                        f"signature {key!r}: {what} {text(item.name)!r} is tensor "
                        f"{item.tensorIndex}, which is not an {what} of its subgraph"
                    )
                found.append((text(item.name), known.index(item.tensorIndex)))
            return tuple(found)

        return Signature(
            key=key,
            subgraph=entry.subgraphIndex,
            inputs=positions(entry.inputs, subgraph.inputs, "input"),
            outputs=positions(entry.outputs, subgraph.outputs, "output"),
        )


def _check_size(root: Any, size: int) -> None:
    """Refuse a file whose parts lie over each other: a few kilobytes can say terabytes.

    In an honest file each entry of a vector and each name has bytes of its own; some writers share
    equal ones.
    """
    left = _MOST_SHARING * size

    def take(amount: int) -> None:
        nonlocal left
        left -= amount
        if left < 0:
            raise ModelFileError(
                "the .tflite model is corrupt: its parts add up to more than the file holds"
            )

    take(4 * (root.OperatorCodesLength() + root.BuffersLength() + root.MetadataLength()))
    take(4 * (root.SubgraphsLength() + root.SignatureDefsLength()))
    for index in range(root.SignatureDefsLength()):
        signature = root.SignatureDefs(index)
        take(4 * (signature.InputsLength() + signature.OutputsLength()))
    for index in range(root.SubgraphsLength()):
        graph = root.Subgraphs(index)
        take(4 * (graph.TensorsLength() + graph.OperatorsLength()))
        take(4 * (graph.InputsLength() + graph.OutputsLength()))
        for position in range(graph.TensorsLength()):
            tensor = graph.Tensors(position)
            take(len(tensor.Name() or b"") + 4 * tensor.ShapeLength() + 4)
            take(4 * (tensor.ShapeSignatureLength() + tensor.VariantTensorsLength()))
            if (quantization := tensor.Quantization()) is not None:
                take(4 * (quantization.ScaleLength() + quantization.MinLength()))
                take(8 * quantization.ZeroPointLength() + 4 * quantization.MaxLength())
            if (sparsity := tensor.Sparsity()) is not None:
                take(4 * sparsity.DimMetadataLength())
        for position in range(graph.OperatorsLength()):
            op = graph.Operators(position)
            take(4 * (op.InputsLength() + op.OutputsLength() + op.IntermediatesLength()) + 4)
            take(op.CustomOptionsLength() + op.MutatingVariableInputsLength())


def corrupt(error: Exception) -> ModelFileError:
    """What to raise for an exception of the flatbuffers library, which checks no offset."""
    detail = f"{type(error).__name__}: {error}"
    return ModelFileError(f"the .tflite model is truncated or corrupt ({detail})")


def _op_code(entry: Any) -> OpCode:
    number = max(entry.builtinCode, entry.deprecatedBuiltinCode)
    if number == schema.BuiltinOperator.CUSTOM:
        return OpCode(text(entry.customCode), True, entry.version)
    return OpCode(BUILTIN_NAMES.get(number, f"builtin type {number}"), False, entry.version)


# --- fields, as flatbuffers' Python library reads them, in plain Python types ---------------------


def text(name: Any) -> str:
    """A name; bytes that are not UTF-8 are escaped."""
    if isinstance(name, bytes):
        return name.decode("utf-8", "backslashreplace")
    return name or ""


def numbers(values: Any) -> tuple[Any, ...]:
    """A vector of numbers, empty if it is absent."""
    return () if values is None else tuple(np.asarray(values).tolist())


def tables(values: Any) -> list[Any]:
    """A vector of tables, empty if it is absent."""
    return [] if values is None else list(values)
