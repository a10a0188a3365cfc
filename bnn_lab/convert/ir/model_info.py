"""What a `.tflite` file says besides its graph."""

from __future__ import annotations

from dataclasses import dataclass


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
    """File-level data, kept from import to export."""

    version: int = 3
    description: str | None = None
    metadata: tuple[tuple[str, bytes | None], ...] = ()
    metadata_buffers: tuple[bytes | None, ...] = ()
    signatures: tuple[Signature, ...] = ()
