"""LiteRT's interpreter, opened quietly, with or without its own delegate for float ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bnn_lab._quiet import without_native_chatter

# What LiteRT raises for a file that it cannot run.
LITERT_ERRORS = (ValueError, RuntimeError)


def open_litert(
    content: bytes,
    delegates: Sequence[Any],
    *,
    num_threads: int = 1,
    xnnpack: bool = True,
    sizes: Mapping[int, Sequence[int]] | None = None,
) -> Any:
    """LiteRT's interpreter, ready to run.

    Args:
        content: bytes of a `.tflite` file.
        delegates: new ones; the interpreter keeps them alive.
        num_threads: threads of the interpreter.
        xnnpack: run float and int8 ops on XNNPACK, which LiteRT does unless told.
        sizes: shapes of inputs that are not to have the file's, by position.

    Returns:
        An `ai_edge_litert.interpreter.Interpreter`.

    Raises:
        ValueError: LiteRT cannot run the file.
        RuntimeError: likewise.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with without_native_chatter():
        litert = Interpreter(
            model_content=content,
            num_threads=num_threads,
            experimental_delegates=list(delegates),
            experimental_op_resolver_type=resolver,
        )
        resize(litert, sizes or {})
        litert.allocate_tensors()
    return litert


def resize(litert: Any, sizes: Mapping[int, Sequence[int]]) -> None:
    """Change the shapes of inputs, by position; they hold after the next allocation."""
    details = litert.get_input_details() if sizes else []
    for position, shape in sizes.items():
        litert.resize_tensor_input(details[position]["index"], list(shape))


def is_of_xnnpack(error: Exception) -> bool:
    """Whether it was XNNPACK that refused the file; an input's size it refuses with good reason."""
    text = str(error).lower()
    return "xnnpack" in text and "reshape" not in text


def one_line(error: Exception) -> str:
    """LiteRT's message, without its line breaks."""
    return " ".join(str(error).split()) or type(error).__name__
