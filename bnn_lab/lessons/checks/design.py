"""Exercises on fast networks: count MACs, Amdahl's law, and a design within a budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnn_lab.errors import BnnLabError
from bnn_lab.lessons import designer
from bnn_lab.lessons.checks.feedback import NotYet, as_number, attempt, exercise
from bnn_lab.tflite.layer_shapes import CONV, LayerShape

# Share of QuickNet's estimated time that the student's design may take.
BUDGET = 0.88


@exercise
def check_conv_macs(answer: Callable[..., Any]) -> str:
    """MACs of a convolution with SAME padding.

    Args:
        answer: ``answer(side, kernel, channels_in, channels_out, stride, groups)`` should return
            the multiply-accumulates for an image of side × side pixels.
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
        window = (kernel, kernel)
        layer = LayerShape(CONV, side, side, cin, cout, window, stride=stride, groups=groups)
        expected = layer.macs
        arguments = (side, kernel, cin, cout, stride, groups)
        given = as_number(attempt(answer, *arguments))
        if given == expected:
            continue
        hints: dict[float, str] = {
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
            (side / stride) ** 2 * kernel**2 * cin * cout / groups: "Half a pixel? With SAME "
            "padding the output has side / stride pixels rounded up.",
            ((side - kernel) // stride + 1) ** 2 * kernel**2 * cin * cout // groups: "That is the "
            "output without padding. With SAME padding it has side / stride pixels, rounded up.",
            2 * expected: "A multiplication and its addition are one MAC together.",
        }
        named = f"side {side}, kernel {kernel}, {cin} → {cout} channels, stride {stride}"
        named += f", {groups} groups" if groups > 1 else ""
        general = "Pixels that come out × channels that come out × what each of them sums over."
        raise NotYet(f"For {named} it gives {given:,.0f}. {hints.get(given, general)}")
    return "Output pixels × output channels × (kernel² · channels_in / groups)."


check_conv_macs.help(
    hint=(
        "Output pixels × output channels × what one output value sums over: kernel × kernel pixels "
        "of channels_in / groups channels."
    ),
    solution="""
    def conv_macs(side, kernel, channels_in, channels_out, stride, groups):
        out = -(-side // stride)  # rounded up
        return out * out * channels_out * kernel * kernel * channels_in // groups
    """,
)


@exercise
def check_amdahl(answer: Callable[..., Any]) -> str:
    """Amdahl's law: what a faster part does for the whole.

    Args:
        answer: ``answer(share, factor)``: a part takes `share` of the time and gets `factor` times
            faster; how many times faster does the whole get?
    """
    for share, factor in ((0.6, 3.0), (0.9, 10.0), (1.0, 4.0), (0.0, 8.0)):
        left = 1 - share + share / factor
        given = as_number(attempt(answer, share, factor))
        if abs(given - 1 / left) < 1e-9 * factor:
            continue
        hints = (
            (left, "That is the time that is left, if all was 1 before. Faster means 1 over it."),
            (share * factor, "The rest of the network takes its time as before; add it."),
            (1 + share * (factor - 1), "Do not average the speeds: add the times, then invert."),
            (factor, "Only a share of the time gets faster."),
            (factor / share if share else 0.0, "And the rest? It still takes 1 - share."),
            (share / factor, "That is the time of the faster part. The rest takes 1 - share."),
            (
                1 / (1 - share) if share < 1 else 0.0,
                "That is the limit of a part that takes no "
                "time at all. Here it still takes share / factor.",
            ),
        )
        hint = next((text for value, text in hints if abs(given - value) < 1e-9), "")
        hint = hint or "Say the whole takes 1. How long do the two parts take afterwards, together?"
        raise NotYet(f"For share {share:g} and factor {factor:g} it gives {given:.3g}. {hint}")
    return "1 / (1 - share + share / factor). The slow rest sets the limit."


check_amdahl.help(
    hint=(
        "Let the whole take 1. The part takes share / factor afterwards, the rest still 1 - share. "
        "How many times does that sum go into 1?"
    ),
    solution="""
    def whole_speedup(share, factor):
        return 1 / (1 - share + share / factor)
    """,
)


@exercise
def check_design(answer: designer.Design | Any) -> str:
    """A design with at least QuickNet's binary MACs in 88 % of its estimated time.

    Both times are the cost model's, so that the verdict is the same in every run.

    Args:
        answer: a `bnn_lab.lessons.designer.Design`, or a `bnn_lab.widgets.FilmStrip`.
    """
    state = getattr(answer, "design", answer)
    if not isinstance(state, designer.Design):
        raise NotYet(f"A Design is wanted, or the designer; not {type(answer).__name__}.")
    if state.image != "224":
        raise NotYet("Keep the image at 224 pixels: a smaller one sees less.")
    if state.shortcuts == designer.NONE:
        raise NotYet("Keep the shortcuts: without them such networks train badly (cited).")
    try:
        mine, base = designer.estimate(state), designer.estimate(designer.Design())
    except BnnLabError as error:
        raise NotYet(f"The cost model says: {error}") from None
    work, time = mine.binary_macs / base.binary_macs, mine.total_ms / base.total_ms
    got = f"It has {100 * work:.0f} % of QuickNet's binary MACs in {100 * time:.0f} % of its time. "
    if work < 1 and time > BUDGET:
        raise NotYet(got + "Both must change: work where it is cheap, less elsewhere.")
    if work < 1:
        raise NotYet(got + "Fast, but it does less work. Add blocks in late sections.")
    if time > BUDGET:
        raise NotYet(got + _where(mine))
    return got + "MACs are not latency."


check_design.help(
    hint=(
        "Filters of the first section make its own blocks, the first layers and the first "
        "transition expensive. Blocks of the last section do the same work on small images."
    )
)


def _where(found: Any) -> str:
    first = found.steps[2].layer.channels_out
    if first > 32:
        return (
            "The first section's filters also make the first layers and the first transition "
            "expensive, which are float. Try fewer there."
        )
    costly = max(
        (s for s in zip(found.ms, found.steps, strict=True) if s[1].part == designer.BINARY),
        key=lambda pair: pair[0],
    )[1].layer
    return (
        f"Its most expensive binary layer works on {costly.height}×{costly.width} pixels with "
        f"{costly.channels_in} filters. Compare time per MAC between sections."
    )
