"""Element types of a `.tflite` file's tensors."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

# TFLite's name of each type -> NumPy's; None where NumPy has none, so that data stays raw bytes.
DTYPES: dict[str, np.dtype | None] = {
    name: None for name in vars(schema.TensorType) if not name.startswith("_")
}
DTYPES |= {
    name: np.dtype(dtype)
    for name, dtype in {
        "FLOAT32": "<f4",
        "FLOAT16": "<f2",
        "FLOAT64": "<f8",
        "BOOL": "?",
        "INT8": "<i1",
        "INT16": "<i2",
        "INT32": "<i4",
        "INT64": "<i8",
        "UINT8": "<u1",
        "UINT16": "<u2",
        "UINT32": "<u4",
        "UINT64": "<u8",
        "COMPLEX64": "<c8",
        "COMPLEX128": "<c16",
    }.items()
}
TYPE_NAMES: dict[int, str] = {getattr(schema.TensorType, name): name for name in DTYPES}
_CODES = {dtype: getattr(schema.TensorType, name) for name, dtype in DTYPES.items() if dtype}


def dtype_of_code(code: int) -> np.dtype | None:
    """NumPy type of a tensor type's code, None if data of it stays raw bytes."""
    return DTYPES[TYPE_NAMES[code]]


def code_of_dtype(dtype: np.dtype) -> int:
    """Code of a tensor type that NumPy has."""
    return int(_CODES[dtype])
