"""The graphs of a `.tflite` file: which calls which, and one of several entry points alone."""

from __future__ import annotations

from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.tflite.reader import ModelFile, tables, text
from bnn_lab.tflite.writer import pack

# Fields of options that name another graph.
CALL_FIELDS = (
    "thenSubgraphIndex",
    "elseSubgraphIndex",
    "condSubgraphIndex",
    "bodySubgraphIndex",
    "subgraph",
    "initSubgraphIndex",
    "decompositionSubgraphIndex",
)


def call_fields(op: Any) -> list[tuple[Any, str]]:
    """(table of options, field) of each graph that an operator calls."""
    options = [table for table in (op.builtinOptions, op.builtinOptions2) if table is not None]
    return [(table, name) for table in options for name in vars(table) if name in CALL_FIELDS]


def only_signature(content: bytes, key: str) -> bytes:
    """A file whose main graph is that of a signature, the only one left.

    Args:
        content: the file's contents.
        key: the signature's, such as "serving_default".

    Returns:
        The contents of the changed file. Its inputs and outputs are the signature's, in the order
        of its graph.

    Raises:
        InputError: the file has no such signature; names those that it has.
        ModelFileError: the file cannot be parsed.
    """
    file = ModelFile(content)
    signatures = tables(file.model.signatureDefs)
    found = [entry for entry in signatures if text(entry.signatureKey) == key]
    if not found:
        known = ", ".join(repr(text(entry.signatureKey)) for entry in signatures) or "none"
        raise InputError(f"the model has no signature {key!r}. Fix: use one that it has: {known}")
    main = found[0].subgraphIndex
    if len(signatures) == 1 and main == 0:
        return content
    file.info()  # checks the signatures
    graphs = list(file.subgraphs)
    graphs[0], graphs[main] = graphs[main], graphs[0]
    moved = {0: main, main: 0}
    for graph in graphs:
        for op in tables(graph.operators):
            for table, name in call_fields(op):
                called = getattr(table, name)
                setattr(table, name, moved.get(called, called))
    found[0].subgraphIndex = 0
    file.model.subgraphs, file.model.signatureDefs = graphs, found[:1]
    return pack(file.model)
