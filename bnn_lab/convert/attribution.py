"""Makes the `Report` of a conversion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.ir.lce_format import LQ_CODES, file_kind, file_options
from bnn_lab.convert.ir.lq_dialect import Bconv2d, BinaryConv, Dequantize, Quantize, TernaryDense
from bnn_lab.convert.ir.tfl_dialect import Const, LabOp, NoValue, TflOp, is_absent, is_tfl
from bnn_lab.convert.layer_map import LayerMap, SourceLayer, reader_layer
from bnn_lab.convert.layer_report import (
    BINARY,
    FLOAT,
    FOLDED,
    NONE,
    PARTLY,
    TERNARY,
    LayerReport,
    Report,
    counted,
)
from bnn_lab.convert.rewrite.base import Outcome, first_causes
from bnn_lab.convert.rewrite.binary_values import MOVES
from bnn_lab.convert.rewrite.build import shape_of
from bnn_lab.convert.rewrite.layer_ops import source_and_filter
from bnn_lab.tflite.macs import op_macs, over_pixels

# Kinds that need no weights: where nothing else is left of a layer, its weights are in a neighbor.
_CARRY = {
    *LQ_CODES,
    *(mnemonic.upper() for mnemonic in MOVES),
    *("QUANTIZE", "DEQUANTIZE", "MAX_POOL_2D", "PAD", "PADV2", "CONCATENATION"),
}


Profile = Callable[[Any, bool], tuple[int, int, float]]


class _Tally:
    """What the file holds for one layer."""

    def __init__(self) -> None:
        self.bytes = 0
        self.binary = 0
        self.ternary = 0
        self.float = 0
        self.kinds: set[str] = set()  # BINARY, TERNARY or FLOAT, of its multiplying ops
        self.ops: list[str] = []
        self.refusals: list[Outcome] = []


def make_report(
    name: str,
    layers: Sequence[SourceLayer],
    layer_map: LayerMap,
    outcomes: Sequence[Outcome],
    tflite: bytes,
    profile: Profile,
    framework: str = "Keras",
) -> Report:
    """Attribute a file's ops and bytes to the layers of the model it was made of.

    Args:
        name: the model's.
        layers: its leaf layers.
        layer_map: made from the graph before the passes.
        outcomes: outcomes of all passes.
        tflite: the resulting file.
        profile: of a layer, and whether it is binary: its 1-bit weights, all others, and their
            bytes.
        framework: what the model is written in.

    Returns:
        The report; its bytes add up to ``len(tflite)``.
    """
    module = import_model(tflite)
    tallies = {layer.path: _Tally() for layer in layers}
    _count_ops(module, layer_map, tallies)
    other_bytes, constant_bytes = _count_bytes(module, layer_map, tallies)
    refusals = first_causes(outcomes)
    for op in module.walk():
        if isinstance(op, TflOp) and source_and_filter(op) is not None:
            owner, refusal = layer_map.of_op(op), refusals.get(op.tensor_name())
            if owner is not None and refusal is not None:
                tallies[owner.path].refusals.append(refusal)
    profiles = {x.path: profile(x.layer, BINARY in tallies[x.path].kinds) for x in layers}
    return Report(
        model=name,
        layers=tuple(_layer_report(x, tallies[x.path], *profiles[x.path]) for x in layers),
        other_bytes=other_bytes,
        structure_bytes=len(tflite) - constant_bytes,
        file_bytes=len(tflite),
        larq_bytes=sum(size for _, _, size in profiles.values()),
        framework=framework,
    )


def _owner(op: LabOp, layer_map: LayerMap) -> SourceLayer | None:
    if isinstance(op, Quantize | Dequantize) or is_tfl(op, "dequantize"):
        found = reader_layer(op, layer_map)
        if found is not None:
            return found
    return layer_map.of_op(op)


def _count_ops(module: ModuleOp, layer_map: LayerMap, tallies: dict[str, _Tally]) -> None:
    for op in module.walk():
        if not isinstance(op, LabOp) or isinstance(op, Const | NoValue):
            continue
        owner = _owner(op, layer_map)
        if owner is None:
            continue
        tally = tallies[owner.path]
        tally.ops.append(file_kind(op))
        if source_and_filter(op) is not None:
            macs = _macs(op, layer_map)
            if isinstance(op, BinaryConv):
                tally.kinds.add(BINARY)
                tally.binary += macs
            elif isinstance(op, TernaryDense):
                tally.kinds.add(TERNARY)
                tally.ternary += macs
            else:
                tally.kinds.add(FLOAT)
                tally.float += macs


def _macs(op: LabOp, layer_map: LayerMap) -> int:
    """Multiply-accumulates of one op; channels added to fill words are not counted."""
    output = shape_of(op.results[0])
    if isinstance(op, Bconv2d) and (size := layer_map.filter_size(op)):
        return over_pixels(output, size)
    operands = [() if is_absent(value) else shape_of(value) for value in op.operands]
    return op_macs(file_kind(op), operands, output, file_options(op)) or 0


def _count_bytes(
    module: ModuleOp, layer_map: LayerMap, tallies: dict[str, _Tally]
) -> tuple[int, int]:
    """(bytes of constants without a layer, bytes of all constants); equal ones are stored once."""
    seen: set[bytes] = set()
    other = total = 0
    for op in module.walk():
        if not isinstance(op, Const) or not op.value.values.size:
            continue
        if op.value.data.digest in seen:
            continue
        seen.add(op.value.data.digest)
        size = op.value.values.nbytes
        total += size
        readers = {use.operation for use in op.result.uses}
        owners = {
            found.path
            for reader in readers
            if isinstance(reader, LabOp) and (found := _owner(reader, layer_map)) is not None
        }
        if len(owners) == 1:
            tallies[owners.pop()].bytes += size
        else:
            other += size
    return other, total


def keras_profile(layer: Any, _: bool) -> tuple[int, int, float]:
    """(1-bit weights, other weights, bytes by larq's summary) of a Keras layer; see `make_report`.

    Counted here: larq's own profile knows neither a quantizer without a precision nor a dense layer
    on five dimensions.
    """
    binary = sum(w.shape.num_elements() for w in layer.weights if _precision(w) == 1)
    every = sum(w.shape.num_elements() for w in layer.weights)
    bits = sum(w.shape.num_elements() * _precision(w) for w in _summed_weights(layer))
    return binary, every - binary, bits / 8


def _summed_weights(layer: Any) -> list[Any]:
    """The weights that larq's summary counts: of a BatchNormalization a scale and a shift."""
    names = [weight.name.split("/")[-1].removesuffix(":0") for weight in layer.weights]
    joined = {"beta": "moving_mean", "gamma": "moving_variance"}
    if not type(layer).__name__.startswith("BatchNorm"):
        joined = {}
    return [
        weight
        for weight, name in zip(layer.weights, names, strict=True)
        if joined.get(name) not in names
    ]


def _precision(weight: Any) -> int:
    return getattr(weight, "precision", None) or 32


def _layer_report(
    layer: SourceLayer, tally: _Tally, ones: int, others: int, larq_bytes: float
) -> LayerReport:
    verdict, reason, advice = _verdict(tally, ones + others)
    return LayerReport(
        name=layer.path,
        kind=type(layer.layer).__name__,
        verdict=verdict,
        reason=reason,
        advice=advice,
        weights_1bit=ones,
        weights_other=others,
        larq_bytes=larq_bytes,
        file_bytes=tally.bytes,
        macs_binary=tally.binary,
        macs_float=tally.float,
        ops=counted(tally.ops),
        macs_ternary=tally.ternary,
    )


def _verdict(tally: _Tally, weights: int) -> tuple[str, str, str]:
    if tally.kinds in ({BINARY}, {TERNARY}):
        return min(tally.kinds), "", ""
    if tally.kinds:
        verdict = PARTLY if BINARY in tally.kinds else FLOAT
        if not tally.refusals:
            return verdict, "no pass speaks of it", ""
        refusal = tally.refusals[0]
        return verdict, refusal.reason, refusal.advice
    if not weights:
        return NONE, "", ""
    if computing := [kind for kind in tally.ops if kind not in _CARRY]:
        return FLOAT, f"it runs as {', '.join(counted(computing))}", ""
    return FOLDED, "its weights joined the constants of a neighbor", ""
