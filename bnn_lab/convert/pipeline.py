"""The named, ordered list of passes that makes a binary model out of a float one."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from bnn_lab.convert.passes import (
    BinarizeConv,
    BinarizeOtherConvs,
    CancelDequantize,
    CenterZeroOne,
    CorrectZeroPadding,
    DenseToConv,
    EmitBits,
    EmitInt8,
    ExplainFloatOps,
    FoldConstants,
    FoldOnePadding,
    FoldZeroPadding,
    FuseScale,
    LiftInt8Convs,
    LiftInt8Sign,
    MergeQuantizes,
    MergeReshapes,
    Outcome,
    PackFilters,
    PadAfterReshape,
    PadGroups,
    Pass,
    QuantizeAfterMoves,
    QuantizeBeforeConcat,
    QuantizeBeforeLayout,
    QuantizeBeforePad,
    QuantizeBeforePool,
    QuantizeFromInt8,
    RecognizeSelect,
    RecognizeSign,
    RemoveDeadOps,
    RoundBeforeSign,
    ScaleBeforePool,
    ShrinkFilters,
    Together,
)
from bnn_lab.errors import BnnLabError, ModelFileError

Step = Pass | Together


def make_pipeline(*, lce_compatible: bool = True) -> tuple[Step, ...]:
    """The passes in order.

    Args:
        lce_compatible: use only what the Larq Compute Engine's own interpreter can run. Otherwise
            depthwise and transposed convolutions become binary ops of bnn_lab's, and convolutions
            padded with zeros may clamp and write bits.

    Returns:
        The passes.
    """
    return (
        FoldConstants(),  # before a kernel's quantizer is taken for an activation's
        LiftInt8Sign(),
        RecognizeSign(),  # first the signs: everything else asks whether a value is binary
        RecognizeSelect(),
        CenterZeroOne(),  # what remains of comparisons is 0 and 1
        QuantizeAfterMoves(),
        LiftInt8Convs(),
        PadAfterReshape(),  # the passes about padding look directly in front of a convolution
        FoldZeroPadding(),  # before binarizing, which refuses a zero-padded input
        CorrectZeroPadding(),  # what remains of zero padding is not SAME
        PadGroups(),  # after the paddings of height and width, which come behind its own
        DenseToConv(),
        BinarizeConv(lce_compatible),
        BinarizeOtherConvs(lce_compatible),
        FoldOnePadding(),
        RemoveDeadOps(),  # from here on, who reads a value matters
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
            MergeQuantizes(),  # a second reader would keep a convolution from writing bits
        ),
        RemoveDeadOps(),
        EmitBits(lce_compatible),  # after all that the threshold stands for
        EmitInt8(lce_compatible),
        PackFilters(),  # after all passes that read filters as ±1
        ExplainFloatOps(),
        ShrinkFilters(),  # what stays float with a binary kernel
        RemoveDeadOps(),
    )


PASSES: tuple[Step, ...] = make_pipeline()


@dataclass(frozen=True)
class PassResult:
    """What one pass did to the module.

    Attributes:
        name: the pass.
        summary: one line about its rewrite.
        outcomes: one per op it rewrote or refused.
        before: IR text, "" unless snapshots were asked for.
        after: IR text, "" unless snapshots were asked for.
    """

    name: str
    summary: str
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
        One result per pass.

    Raises:
        ModelFileError: the graph contradicts itself, as in a corrupt file.
    """
    results = []
    text = ir_text(module) if snapshots else ""
    for step in passes:
        progress(f"pass {step.name}")
        outcomes = _run(step, module)
        after = ir_text(module) if snapshots else ""
        results.append(PassResult(step.name, step.summary, outcomes, text, after))
        text = after
    return results


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


def ir_text(module: ModuleOp) -> str:
    """Short text of a module: constants show a digest instead of their data."""
    stream = io.StringIO()
    Printer(stream).print_op(module)
    return stream.getvalue() + "\n"
