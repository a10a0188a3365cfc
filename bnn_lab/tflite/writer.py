"""Writes `.tflite` files."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

from bnn_lab.errors import ModelFileError
from bnn_lab.tflite.contents import IDENTIFIER
from bnn_lab.tflite.reader import ModelInfo, Signature
from bnn_lab.tflite.types import code_of_dtype

ALIGNMENT = 16  # bytes; TFLite maps constants in place
_CUSTOM = schema.BuiltinOperator.CUSTOM
_DEPRECATED_LIMIT = 127  # the old 8-bit field holds "see builtinCode" from here on


def pack(model: Any) -> bytes:
    """The file of a model.

    Args:
        model: `ModelT` of the schema's object API.

    Returns:
        The file's contents; buffers start on 16-byte boundaries.

    Raises:
        ModelFileError: it would exceed the 2 GB that a flatbuffer can address.
    """
    aligned = copy.copy(model)
    aligned.buffers = [_Buffer(buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(1 << 12)
    try:
        builder.Finish(aligned.Pack(builder), file_identifier=IDENTIFIER)
    except flatbuffers.builder.BuilderSizeError as error:
        raise ModelFileError("the model exceeds 2 GB, the most a .tflite file holds") from error
    return bytes(builder.Output())


class _Buffer:
    """A buffer whose data is aligned: Python's packing ignores `force_align`."""

    def __init__(self, buffer: Any) -> None:
        self.data = buffer.data

    def Pack(self, builder: Any) -> Any:
        data = None if self.data is None else _aligned_vector(builder, self.data)
        schema.BufferStart(builder)
        if data is not None:
            schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)


def _aligned_vector(builder: Any, data: Any) -> Any:
    builder.StartVector(1, len(data), ALIGNMENT)
    start = builder.Head() - len(data)
    builder.head = start
    builder.Bytes[start : start + len(data)] = memoryview(data)
    builder.vectorNumElems = len(data)
    return builder.EndVector()


class ModelWriter:
    """Collects what the graphs of one file share: data, and kinds of ops.

    Equal data, and equal kinds, are stored once.
    """

    def __init__(self) -> None:
        self._buffers = [schema.BufferT()]  # by convention buffer 0 is empty
        self._buffer_of: dict[Any, int] = {}
        self._codes: list[Any] = []
        self._code_of: dict[tuple[int, str, int], int] = {}

    def buffer(self, data: bytes | None, key: Any = None) -> int:
        """Number of the buffer with this data; 0 for none.

        Args:
            data: the bytes.
            key: stands for the data, default the data itself.
        """
        if not data:
            return 0
        key = data if key is None else key
        if key not in self._buffer_of:
            self._buffer_of[key] = len(self._buffers)
            self._buffers.append(schema.BufferT(data=data))
        return self._buffer_of[key]

    def known_buffer(self, key: Any) -> int | None:
        """Number of the buffer that was stored under this key."""
        return self._buffer_of.get(key)

    def code(self, name: str, *, custom: bool = False, version: int = 1) -> int:
        """Number of a kind of op: TFLite's name of a builtin op, or a custom code."""
        builtin = _CUSTOM if custom else getattr(schema.BuiltinOperator, name)
        key = (builtin, name if custom else "", version)
        if key not in self._code_of:
            self._code_of[key] = len(self._codes)
            self._codes.append(
                schema.OperatorCodeT(
                    deprecatedBuiltinCode=min(builtin, _DEPRECATED_LIMIT),
                    customCode=key[1] or None,
                    version=version,
                    builtinCode=builtin,
                )
            )
        return self._code_of[key]

    def finish(self, subgraphs: Sequence[Any], info: ModelInfo | None = None) -> bytes:
        """The file of these graphs (`SubGraphT`); see `pack`."""
        info = info or ModelInfo()
        model = schema.ModelT(version=info.version, description=info.description)
        model.subgraphs = list(subgraphs)
        model.metadata = [
            schema.MetadataT(name=name, buffer=self.buffer(data)) for name, data in info.metadata
        ] or None
        model.metadataBuffer = [self.buffer(data) for data in info.metadata_buffers] or None
        model.signatureDefs = [
            _signature(entry, model.subgraphs[entry.subgraph]) for entry in info.signatures
        ] or None
        model.operatorCodes = self._codes
        model.buffers = self._buffers
        return pack(model)


def _signature(entry: Signature, subgraph: Any) -> Any:
    def maps(items: tuple[tuple[str, int], ...], tensors: list[int]) -> list[Any]:
        return [schema.TensorMapT(name=name, tensorIndex=tensors[at]) for name, at in items]

    return schema.SignatureDefT(
        signatureKey=entry.key,
        subgraphIndex=entry.subgraph,
        inputs=maps(entry.inputs, subgraph.inputs),
        outputs=maps(entry.outputs, subgraph.outputs),
    )


class GraphWriter:
    """A file of one graph, tensor by tensor and op by op.

    Attributes:
        inputs: numbers of the graph's input tensors.
        outputs: numbers of its output tensors.
    """

    def __init__(self) -> None:
        self._file = ModelWriter()
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(
        self,
        shape: Sequence[int],
        dtype: Any,
        name: str = "",
        *,
        scale: ArrayLike | None = None,
        zero_point: int = 0,
        axis: int = 0,
    ) -> int:
        """Add a tensor.

        Args:
            shape: shape of the tensor.
            dtype: NumPy type.
            name: default "t" and its number.
            scale: scale of a quantized one; several for the indices along `axis`.
            zero_point: zero point of a quantized one.
            axis: the quantized dimension.

        Returns:
            Its number.
        """
        tensor = schema.TensorT(name=name or f"t{len(self._tensors)}", shape=list(shape))
        tensor.type = code_of_dtype(np.dtype(dtype))
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT(
                scale=scales,
                zeroPoint=np.full(len(scales), zero_point, np.int64),
                quantizedDimension=axis,
            )
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def input(self, shape: Sequence[int], dtype: Any, name: str = "", **options: Any) -> int:
        """`tensor` that is an input of the graph."""
        self.inputs.append(self.tensor(shape, dtype, name, **options))
        return self.inputs[-1]

    def output(self, shape: Sequence[int], dtype: Any, name: str = "", **options: Any) -> int:
        """`tensor` that is an output of the graph."""
        self.outputs.append(self.tensor(shape, dtype, name, **options))
        return self.outputs[-1]

    def constant(self, value: NDArray, name: str = "", **options: Any) -> int:
        """`tensor` with a value."""
        index = self.tensor(value.shape, value.dtype, name, **options)
        self._tensors[index].buffer = self._file.buffer(np.ascontiguousarray(value).tobytes())
        return index

    def op(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        *,
        version: int = 1,
    ) -> None:
        """Add an op.

        Args:
            name: TFLite's of a builtin op such as "CONV_2D", or a custom code.
            inputs: numbers of tensors, -1 for an absent one.
            outputs: numbers of tensors.
            options: options of a custom op flexbuffer bytes, see `tflite.options.encode`; of a
                builtin one the schema's object, see `tflite.options.builtin`.
            version: version of a builtin op.
        """
        custom = not hasattr(schema.BuiltinOperator, name)
        op = schema.OperatorT(
            opcodeIndex=self._file.code(name, custom=custom, version=version),
            inputs=list(inputs),
            outputs=list(outputs),
        )
        if custom:
            op.customOptions = np.frombuffer(options or b"", np.uint8)
        elif options is not None:
            kind = type(options).__name__.removesuffix("T")
            op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            op.builtinOptions = options
        self._operators.append(op)

    def finish(self) -> bytes:
        """The file's contents."""
        graph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=self.inputs,
            outputs=self.outputs,
            operators=self._operators,
            name="main",
        )
        return self._file.finish([graph])
