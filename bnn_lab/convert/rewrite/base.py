"""What a pass is: one rewrite that says what it did and, where it did nothing, why.

A pass is a class with a name, a summary and two steps:

* `check(op)` looks and changes nothing. It returns None (the op is not this pass's subject), a
  `Refusal` (it is, but the rewrite would not be right) or a match: whatever `rewrite` needs.
* `rewrite(op, match, rewriter)` changes the graph and returns one line about it. What lost its last
  reader by that is removed: a dead reader would keep its producer from writing bits, for instance.

It also says what it takes for granted (`needs`), and what it brings about or ends (`gives`,
`ends`), so that the order of the passes can be checked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from xdsl.dialects.builtin import ModuleOp, UnrankedTensorType
from xdsl.ir import Operation, OpResult
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.transforms.dead_code_elimination import is_trivially_dead

from bnn_lab.convert.ir.tfl_dialect import LabOp
from bnn_lab.convert.layer_names import layer_of


@dataclass(frozen=True)
class Refusal:
    """Why a rewrite does not apply, and what the user can change."""

    reason: str
    advice: str = ""


class Role(Enum):
    """What a pass is to a layer."""

    BINARIZES = "its rewrite makes the layer binary"
    PREPARES = "where it refuses, the layer stays float"
    IMPROVES = "the layer is binary, or is not, without it too"
    CLEANS = "it removes what is left over"


class Fact(Enum):
    """What a pass may take for granted of the graph."""

    ALL_READ = "every op has a reader"
    CONSTANTS_FOLDED = "what is computed of constants alone is a constant"
    SIGNS_KNOWN = "a choice of -1 and +1 is lq.Quantize, lq.Dequantize"
    BINARY_KNOWN = "layers of any two values are of -1 and +1: all that can be binary is known"
    MOVES_IN_FLOAT = "binary values are moved as floats, not as int8"
    LAYERS_IN_FLOAT = "layers of binary values are float, not int8"
    PADDING_IN_FRONT = "padding stands directly in front of its convolution"
    SAME_JOINED = "zero padding that is SAME has joined its convolution"
    NO_ZERO_PADDING = "no binary value is padded with zeros by an op of its own"
    WORDS_FILLED = "the groups of a binary convolution fill words"
    DENSE_ARE_CONVS = "binary dense layers are convolutions"
    CONVS_ARE_BINARY = "all convolutions that can be are binary"
    ROUNDING_SHIFTS = "rounding in front of a sign is the addition of half a step"
    SCALES_JOINED = "scales and shifts have joined their binary convolution"
    QUANTIZES_MOVED = "lq.Quantize stands as early as it can"
    FILTERS_ARE_FLOAT = "filters are float constants"


@dataclass(frozen=True)
class Outcome:
    """What a pass did with one op.

    Attributes:
        pass_name: name of the pass.
        role: what the pass is to a layer.
        op: the op's name, such as "tfl.conv_2d".
        layer: the Keras layer, as far as tensor names tell.
        tensor: name of the op's first result.
        applied: False for a refusal.
        reason: what was done, or why not.
        advice: what to change in the model so that the rewrite applies; "" if nothing helps.
    """

    pass_name: str
    role: Role
    op: str
    layer: str
    tensor: str
    applied: bool
    reason: str
    advice: str = ""

    @property
    def makes_binary(self) -> bool:
        """Whether it made a layer binary."""
        return self.applied and self.role is Role.BINARIZES

    @property
    def says_why_float(self) -> bool:
        """Whether it tells why a layer computes in float.

        Other refusals are of optimisations, which a binary layer may lack too.
        """
        return not self.applied and self.role in (Role.BINARIZES, Role.PREPARES)

    def __str__(self) -> str:
        verdict = "applied" if self.applied else "refused"
        tail = f" Fix: {self.advice}." if self.advice else ""
        return f"{self.pass_name}: {verdict} on {self.op} '{self.layer}': {self.reason}.{tail}"


def first_causes(outcomes: Iterable[Outcome]) -> dict[str, Outcome]:
    """Why layers are float: of each tensor's refusals the first that the user can act on.

    Args:
        outcomes: of all passes, in order.

    Returns:
        The refusal of each tensor that one of `Outcome.says_why_float` speaks of.
    """
    found: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.says_why_float:
            known = found.get(outcome.tensor)
            if known is None or (outcome.advice and not known.advice):
                found[outcome.tensor] = outcome
    return found


class Pass(ABC):
    """One rewrite; see the module's docstring."""

    name: ClassVar[str]
    summary: ClassVar[str]
    role: ClassVar[Role] = Role.IMPROVES
    needs: ClassVar[
        tuple[Fact, ...]
    ] = ()  # it runs after all that give them, before what ends them
    gives: ClassVar[tuple[Fact, ...]] = ()
    ends: ClassVar[tuple[Fact, ...]] = ()
    includes_dead_ops: ClassVar[bool] = False  # looks at ops that nobody reads

    @abstractmethod
    def check(self, op: Operation) -> Any:
        """Return None, a `Refusal`, or the match that `rewrite` needs. Changes nothing."""

    @abstractmethod
    def rewrite(self, op: Any, match: Any, rewriter: PatternRewriter) -> str:
        """Change the graph; return one line saying what was done."""

    def run(self, module: ModuleOp) -> list[Outcome]:
        """Apply the pass wherever it matches, until nothing changes.

        Args:
            module: rewritten in place.

        Returns:
            One outcome per op that was rewritten or refused, in graph order of the visits.
        """
        pattern = _Pattern(self)
        PatternRewriteWalker(pattern, walk_reverse=self.includes_dead_ops).rewrite_module(module)
        return pattern.outcomes()


class Together:
    """Passes that make room for each other, applied in turn until none finds anything.

    Attributes:
        name: name of the group.
        summary: one line about what it does as a whole.
        passes: the members.
    """

    def __init__(self, name: str, summary: str, *passes: Pass) -> None:
        self.name = name
        self.summary = summary
        self.passes = passes

    def run(self, module: ModuleOp) -> list[Outcome]:
        """Apply all members; see `Pass.run`."""
        patterns = [_Pattern(member) for member in self.passes]
        applier = GreedyRewritePatternApplier(list(patterns))
        PatternRewriteWalker(applier).rewrite_module(module)
        return [outcome for pattern in patterns for outcome in pattern.outcomes()]


class _Pattern(RewritePattern):
    """Drives `check` and `rewrite` and keeps the last word about each op."""

    def __init__(self, owner: Pass) -> None:
        self.owner = owner
        self.seen: dict[Operation, Outcome] = {}

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if not isinstance(op, LabOp):
            return
        if not self.owner.includes_dead_ops and is_trivially_dead(op):
            self.seen.pop(op, None)
            return
        if not _shapes_are_known(op):
            return
        match = self.owner.check(op)
        if match is None:
            self.seen.pop(op, None)
            return
        layer, tensor = layer_of(op), op.tensor_name()
        if isinstance(match, Refusal):
            applied, reason, advice = False, match.reason, match.advice
        else:
            read = _producers(op)
            applied, reason, advice = True, self.owner.rewrite(op, match, rewriter), ""
            if not self.owner.includes_dead_ops:
                _erase_unread(read, rewriter)
        self.seen[op] = Outcome(
            self.owner.name, self.owner.role, op.name, layer, tensor, applied, reason, advice
        )

    def outcomes(self) -> list[Outcome]:
        # An op refused first may have been rewritten away since: then the refusal is stale.
        return [
            outcome for op, outcome in self.seen.items() if outcome.applied or op.parent is not None
        ]


def _producers(op: Operation) -> list[Operation]:
    return [value.op for value in op.operands if isinstance(value, OpResult)]


def _erase_unread(ops: list[Operation], rewriter: PatternRewriter) -> None:
    """Erase those of `ops` that nobody reads, and what only they read."""
    while ops:
        op = ops.pop()
        if op.parent is not None and is_trivially_dead(op):
            ops += _producers(op)
            rewriter.erase(op)


def _shapes_are_known(op: LabOp) -> bool:
    """Whether the tensors of an op, and those its producers read, have a rank.

    Files of old converters may leave it out; no rewrite is certain then.
    """
    values = [*op.results, *op.operands]
    for operand in op.operands:
        values.extend(operand.owner.operands if isinstance(operand.owner, Operation) else ())
    return not any(isinstance(value.type, UnrankedTensorType) for value in values)
