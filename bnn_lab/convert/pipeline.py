"""The named, ordered list of passes that makes a binary model out of a float one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from xdsl.dialects.builtin import ModuleOp

from bnn_lab.convert.ir.text import ir_text
from bnn_lab.convert.ir.tfl_dialect import LabOp
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.binarize_other_convs import BinarizeOtherConvs
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.cancel_transposes import CancelTransposes
from bnn_lab.convert.passes.center_two_values import CenterTwoValues
from bnn_lab.convert.passes.correct_zero_padding import CorrectZeroPadding
from bnn_lab.convert.passes.dense_to_conv import DenseToConv
from bnn_lab.convert.passes.drop_straight_through import DropStraightThrough
from bnn_lab.convert.passes.emit_bits import EmitBits
from bnn_lab.convert.passes.emit_int8 import EmitInt8
from bnn_lab.convert.passes.even_filters import EvenFilters
from bnn_lab.convert.passes.explain_float_ops import ExplainFloatOps
from bnn_lab.convert.passes.fold_constants import FoldConstants
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.lift_int8_convs import LiftInt8Convs
from bnn_lab.convert.passes.merge_groups import MergeGroups
from bnn_lab.convert.passes.merge_quantizes import MergeQuantizes
from bnn_lab.convert.passes.merge_reshapes import MergeReshapes
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.pad_after_reshape import PadAfterReshape
from bnn_lab.convert.passes.pad_groups import PadGroups
from bnn_lab.convert.passes.permute_dense import PermuteDense
from bnn_lab.convert.passes.quantize_after_moves import QuantizeAfterMoves
from bnn_lab.convert.passes.quantize_before_concat import QuantizeBeforeConcat
from bnn_lab.convert.passes.quantize_before_layout import QuantizeBeforeLayout
from bnn_lab.convert.passes.quantize_before_pad import QuantizeBeforePad
from bnn_lab.convert.passes.quantize_before_pool import QuantizeBeforePool
from bnn_lab.convert.passes.quantize_from_int8 import QuantizeFromInt8
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.passes.round_before_sign import RoundBeforeSign
from bnn_lab.convert.passes.scale_before_pool import ScaleBeforePool
from bnn_lab.convert.passes.shrink_filters import ShrinkFilters
from bnn_lab.convert.passes.ternary_dense import MakeTernaryDense
from bnn_lab.convert.rewrite.base import Outcome, Pass, Role, Together
from bnn_lab.errors import BnnLabError, InputError, ModelFileError
from bnn_lab.ternary_reference import PACK, TRITS_OF_2BIT

Step = Pass | Together


def make_pipeline(
    *, lce_compatible: bool = True, trits_per_byte: int = TRITS_OF_2BIT, of_torch: bool = False
) -> tuple[Step, ...]:
    """The passes in order; `order_faults` checks it against what each needs and gives.

    Args:
        lce_compatible: use only what the Larq Compute Engine's own interpreter can run. Otherwise
            depthwise and transposed convolutions become binary ops of bnn_lab's, `BitLinear` layers
            ternary ones, and convolutions padded with zeros may clamp and write bits.
        trits_per_byte: how the weights of ternary layers are packed, 4 or 5.
        of_torch: also undo the transposes that exporters of PyTorch modules leave. Files of Keras
            models hold none.

    Returns:
        The passes.

    Raises:
        InputError: `trits_per_byte` is neither.
    """
    if isinstance(trits_per_byte, bool) or trits_per_byte not in PACK:
        raise InputError(f"trits_per_byte must be 4 or 5, not {trits_per_byte!r}")
    # Before signs are recognized: in other layouts they would pack pixels instead of channels.
    layouts = (CancelTransposes(), PermuteDense()) if of_torch else ()
    return (
        RemoveDeadOps(),
        FoldConstants(),
        MakeTernaryDense(lce_compatible, trits_per_byte),
        EvenFilters(),
        *layouts,
        RecognizeSign(),
        DropStraightThrough(),
        QuantizeAfterMoves(),
        LiftInt8Convs(),
        CenterTwoValues(),
        PadAfterReshape(),
        FoldZeroPadding(),
        CorrectZeroPadding(),
        PadGroups(),
        DenseToConv(),
        BinarizeConv(lce_compatible),
        BinarizeOtherConvs(lce_compatible),
        FoldOnePadding(),
        RoundBeforeSign(),
        Together(
            "move_scales",
            "per-channel scales move to their binary convolution and join it",
            ScaleBeforePool(),
            FuseScale(),
        ),
        Together(
            "move_quantize",
            "lq.Quantize moves up to what computes the values, so that less moves about in floats",
            CancelDequantize(),
            QuantizeFromInt8(),
            QuantizeBeforePool(),
            QuantizeBeforeLayout(),
            QuantizeBeforePad(),
            QuantizeBeforeConcat(),
            MergeReshapes(),
            MergeQuantizes(),
        ),
        MergeGroups(),
        EmitBits(lce_compatible),
        EmitInt8(lce_compatible),
        ExplainFloatOps(),
        PackFilters(),
        ShrinkFilters(),
    )


def passes_of(steps: Sequence[Step]) -> Iterator[Pass]:
    """The passes of a pipeline, members of groups one by one."""
    for step in steps:
        yield from step.passes if isinstance(step, Together) else [step]


def order_faults(steps: Sequence[Step]) -> list[str]:
    """Where an order of passes contradicts what they say of themselves.

    Args:
        steps: a pipeline. Members of a group take turns, so among them no order counts.

    Returns:
        One line for each pass that runs too early, before one that gives what it needs, or too
        late, after one that ends it; and for each that needs what none gives.
    """
    placed = [(member, at) for at, step in enumerate(steps) for member in passes_of([step])]
    faults = []
    for member, at in placed:
        for fact in member.needs:
            what = f"{member.name} needs '{fact.value}'"
            givers = [(other.name, there) for other, there in placed if fact in other.gives]
            enders = [(other.name, there) for other, there in placed if fact in other.ends]
            faults += [f"{what}: {name} comes after it" for name, there in givers if there > at]
            faults += [f"{what}: {name} comes before it" for name, there in enders if there < at]
            if not givers and not enders:
                faults.append(f"{what}, which no pass gives or ends")
    return faults


PASSES: tuple[Step, ...] = make_pipeline()


@dataclass(frozen=True)
class PassResult:
    """What one pass did to the module.

    Attributes:
        name: the pass.
        summary: one line about its rewrite.
        cleans: whether it only removes what is left over.
        outcomes: one per op it rewrote or refused.
        before: IR text, "" unless snapshots were asked for.
        after: IR text, "" unless snapshots were asked for.
    """

    name: str
    summary: str
    cleans: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    before: str = ""
    after: str = ""

    @property
    def applied(self) -> list[Outcome]:
        """The rewrites."""
        return [outcome for outcome in self.outcomes if outcome.applied]

    @property
    def refused(self) -> list[Outcome]:
        """The refusals."""
        return [outcome for outcome in self.outcomes if not outcome.applied]


def run_pipeline(
    module: ModuleOp,
    passes: Sequence[Step] = PASSES,
    *,
    snapshots: bool = False,
    progress: Callable[[str], None] = lambda step: None,
) -> list[PassResult]:
    """Run the passes in order.

    Args:
        module: rewritten in place; verified after each pass.
        passes: the pipeline.
        snapshots: also keep the IR's text before and after each pass.
        progress: called with a line before each pass.

    Returns:
        One result per pass. Refusals that a later pass made void are left out.

    Raises:
        ModelFileError: the graph contradicts itself, as in a corrupt file.
    """
    results = []
    text = ir_text(module) if snapshots else ""
    for step in passes:
        progress(f"pass {step.name}")
        outcomes = _run(step, module)
        cleans = isinstance(step, Pass) and step.role is Role.CLEANS
        after = ir_text(module) if snapshots else ""
        results.append(PassResult(step.name, step.summary, cleans, outcomes, text, after))
        text = after
    return [_without_stale(result, module) for result in results]


def _without_stale(result: PassResult, module: ModuleOp) -> PassResult:
    """Drops refusals about ops that a later pass replaced, which has made them void."""
    left = {(op.name, op.tensor_name()) for op in module.walk() if isinstance(op, LabOp)}
    kept = [o for o in result.outcomes if o.applied or (o.op, o.tensor) in left]
    return replace(result, outcomes=kept)


def _run(step: Step, module: ModuleOp) -> list[Outcome]:
    try:
        outcomes = step.run(module)
        module.verify()
        return outcomes
    except BnnLabError:
        raise
    except Exception as error:
        # What `shape_rules` does not know of may contradict itself in a corrupt file.
        short = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise ModelFileError(
            f"the pass {step.name} fails ({type(error).__name__}: {short}): the file is corrupt, "
            "or it holds a pattern that this version does not know"
        ) from error
