"""Exercises on fast networks: count MACs, Amdahl's law, and a design within a budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnn_lab.errors import BnnLabError
from bnn_lab.lessons import designer
from bnn_lab.lessons.checks.feedback import Feedback

# Share of QuickNet's estimated time that the student's design may take.
BUDGET = 0.88


def check_conv_macs(answer: Callable[..., Any]) -> None:
    """Check the first exercise of lesson 5 and print what `review_conv_macs` finds."""
    print(review_conv_macs(answer))


def review_conv_macs(answer: Callable[..., Any]) -> Feedback:
    """MACs of a convolution with SAME padding.

    Args:
        answer: ``answer(side, kernel, channels_in, channels_out, stride, groups)`` should return
            the multiply-accumulates for an image of side × side pixels.

    Returns:
        The verdict, with a hint that fits the mistake where it is a common one.
    """
    cases = (
        (56, 3, 64, 64, 1, 1),
        (56, 1, 64, 128, 1, 1),
        (224, 7, 3, 64, 2, 1),
        (112, 3, 16, 16, 2, 16),  # depthwise
        (15, 3, 8, 8, 2, 1),  # 8 pixels come out
    )
    for side, kernel, cin, cout, stride, groups in cases:
        out = -(-side // stride)
        expected = out**2 * kernel**2 * cin * cout // groups
        arguments = (side, kernel, cin, cout, stride, groups)
        given = _called(answer, *arguments)
        if isinstance(given, Feedback):
            return given
        if given == expected:
            continue
        hints = {
            side**2 * kernel**2 * cin * cout // groups: "You take the input's pixels. With a "
            "stride fewer pixels come out, and only those are computed.",
            out**2 * kernel**2 * cin * cout: "Each group of output channels sees only "
            "channels_in / groups input channels.",
            out**2 * kernel * cin * cout // groups: "A kernel is kernel × kernel pixels.",
            out
            * kernel**2
            * cin
            * cout
            // groups: "The output is an image: its side counts twice.",
            out**2 * kernel**2 * cout // groups: "Each output value sums over the input channels "
            "too.",
            out**2 * kernel**2 * cin // groups: "Every output channel needs its own sum.",
            (side // stride) ** 2 * kernel**2 * cin * cout // groups: "An odd side: with SAME "
            "padding the output has side / stride pixels rounded up.",
        }
        named = f"side {side}, kernel {kernel}, {cin} → {cout} channels, stride {stride}"
        named += f", {groups} groups" if groups > 1 else ""
        general = "Pixels that come out × channels that come out × what each of them sums over."
        return Feedback(
            False, f"For {named} it gives {given:,.0f}. {hints.get(int(given), general)}"
        )
    return Feedback(True, "Output pixels × output channels × (kernel² · channels_in / groups).")


def check_amdahl(answer: Callable[..., Any]) -> None:
    """Check the second exercise of lesson 5 and print what `review_amdahl` finds."""
    print(review_amdahl(answer))


def review_amdahl(answer: Callable[..., Any]) -> Feedback:
    """Amdahl's law: what a faster part does for the whole.

    Args:
        answer: ``answer(share, factor)``: a part takes `share` of the time and gets `factor` times
            faster; how many times faster does the whole get?

    Returns:
        The verdict, with a hint that fits the mistake where it is a common one.
    """
    for share, factor in ((0.5, 2.0), (0.9, 10.0), (1.0, 4.0), (0.0, 8.0)):
        left = 1 - share + share / factor
        given = _called(answer, share, factor)
        if isinstance(given, Feedback):
            return given
        if abs(given - 1 / left) < 1e-9 * factor:
            continue
        hints = (
            (left, "That is the time that is left, if all was 1 before. Faster means 1 over it."),
            (share * factor, "The rest of the network takes its time as before; add it."),
            (1 + share * (factor - 1), "Do not average the speeds: add the times, then invert."),
            (factor, "Only a share of the time gets faster."),
        )
        hint = next((text for value, text in hints if abs(given - value) < 1e-9), "")
        hint = hint or "Say the whole takes 1. How long do the two parts take afterwards, together?"
        return Feedback(
            False, f"For share {share:g} and factor {factor:g} it gives {given:.3g}. {hint}"
        )
    return Feedback(True, "1 / (1 - share + share / factor). The slow rest sets the limit.")


def check_design(answer: Any) -> None:
    """Check the third exercise of lesson 5 and print what `review_design` finds."""
    print(review_design(answer))


def review_design(answer: designer.Design | Any) -> Feedback:
    """A design with at least QuickNet's binary MACs in 88 % of its estimated time.

    Both times are the cost model's, so that the verdict is the same in every run.

    Args:
        answer: a `bnn_lab.lessons.designer.Design`, or a widget that has one as its
            `state`.

    Returns:
        The verdict; the hint names the part of the network that takes most of the time.
    """
    state = getattr(answer, "state", answer)
    if not isinstance(state, designer.Design):
        return Feedback(False, f"A Design is wanted, or the designer; not {type(answer).__name__}.")
    if state.image != "224":
        return Feedback(False, "Keep the image at 224 pixels: a smaller one sees less.")
    if state.shortcuts == designer.NONE:
        return Feedback(
            False, "Keep the shortcuts: without them such networks train badly (cited)."
        )
    try:
        mine, base = designer.estimate(state), designer.estimate(designer.Design())
    except BnnLabError as error:
        return Feedback(False, f"The cost model says: {error}")
    work, time = mine.binary_macs / base.binary_macs, mine.total_ms / base.total_ms
    got = f"It has {work:.0%} of QuickNet's binary MACs in {time:.0%} of its time. "
    if work < 1 and time > BUDGET:
        return Feedback(False, got + "Both must change: work where it is cheap, less elsewhere.")
    if work < 1:
        return Feedback(False, got + "Fast, but it does less work. Add blocks in late sections.")
    if time > BUDGET:
        return Feedback(False, got + _where(mine))
    return Feedback(True, got + "MACs are not latency.")


def _where(found: Any) -> str:
    first = found.steps[2].layer.channels_out
    if first > 32:
        return (
            "The first section's filters also make the first layers and the first transition "
            "dear, which are float. Try fewer there."
        )
    costly = max(
        (s for s in zip(found.ms, found.steps, strict=True) if s[1].part == designer.BINARY),
        key=lambda pair: pair[0],
    )[1].layer
    return (
        f"Its dearest binary layer works on {costly.height}×{costly.width} pixels with "
        f"{costly.channels_in} filters. Compare time per MAC between sections."
    )


def _called(answer: Callable[..., Any], *arguments: Any) -> float | Feedback:
    """The answer's number, or what to say if there is none."""
    try:
        given = answer(*arguments)
    except Exception as error:  # whatever a student's code raises becomes a hint
        return Feedback(False, f"Your function raised {type(error).__name__}: {error}.")
    if given is None:
        return Feedback(False, "Your function returns None; let it return a number.")
    try:
        return float(given)
    except (TypeError, ValueError):
        return Feedback(
            False, f"Your function returns a {type(given).__name__}; a number is wanted."
        )
