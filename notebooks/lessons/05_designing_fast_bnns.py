# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 5: designing fast BNNs
#
# **Where does a binarized network's time really go?**
#
# This is **QuickNet**, a network designed for speed. Each block is as wide as its time and as high
# as its channels. Drag a section up or down, add and remove blocks. Can you beat the pale strip
# below?

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import FilmStrip

FilmStrip(name="first")

# %% [markdown]
# **You should know** what a convolution's channels and strides are. Lesson 3 (why bits are fast)
# and lesson 4 (the converter) help.
#
# **Time.** About 35 minutes to read and try; one minute to run.
#
# A binary convolution runs many times faster than a float one. So take a good network, binarize
# nearly all of it, and it must be fast. Is it? And the field counts work in **MACs**,
# multiply-accumulates. Are two networks with equally many MACs equally fast?

# %% tags=["hide-input", "nbval-ignore-output"]
import numpy as np
import plotly.io
from IPython.display import Markdown

import bnn_lab
from bnn_lab import figures, widgets
from bnn_lab.lessons import checks, designer
from bnn_lab.lessons.checked import Checked

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
checks.progress(checks.check_conv_macs, checks.check_amdahl, checks.check_design)

# %% [markdown]
# ## Predict first
#
# We will look at **QuickNet Small**. 99 % of its MACs are binary.

# %% tags=["hide-input", "nbval-ignore-output"]
guess_share = widgets.Prediction("How much of its time do the binary ops take?", unit="%")
guess_share

# %% [markdown]
# Each binary convolution has a **shortcut**: its input is added to its output, as floats.

# %% tags=["hide-input", "nbval-ignore-output"]
guess_shortcuts = widgets.Prediction(
    "How much more time does the network take with its shortcuts than without?",
    unit="%",
    digits=1,
)
guess_shortcuts

# %% [markdown]
# ## Where the time goes
#
# We build the network with random weights, because values do not matter for speed, and convert it
# as in lesson 4.

# %%
small = designer.QUICKNETS["QuickNet Small"]
files = {"with shortcuts": bnn_lab.convert_keras_model(designer.build(small))}

# %% [markdown]
# `bnn_lab.profile` times each op inside the running network. Ops of one kind that follow each
# other share a bar; hover over it to see their shapes.

# %% tags=["nbval-ignore-output"]
profile = bnn_lab.profile(files["with shortcuts"], rounds=15)
figures.draw(profile)

# %% [markdown]
# Compare two shares: of the MACs, and of the time.

# %% tags=["nbval-ignore-output"]
macs = {row: row.macs or 0 for row in profile.rows}
binary_macs = sum(macs[row] for row in profile.rows if row.binary) / sum(macs.values())
binary_time = sum(row.ms for row in profile.rows if row.binary) / profile.sum_ms

guess_share.reveal(100 * binary_time)

# %% tags=["hide-input", "nbval-ignore-output"]
checked("More than 95 % of QuickNet Small's MACs are binary", binary_macs > 0.95)
checked.here(
    "The binary ops' share of the time is below their share of the MACs", binary_time < binary_macs
)
checked.new()

# %% tags=["hide-input", "nbval-ignore-output"]
limit = 1 / (1 - binary_time)
Markdown(
    f"The binary ops do {100 * binary_macs:.0f} % of the MACs in {100 * binary_time:.0f} % of the "
    "time. This is **Amdahl's law**: when one part gets fast, the rest is what is left. Even if "
    f"the binary ops took no time at all, this network would be {limit:.1f} times as fast, no "
    "more. Binarizing more layers cannot help: nearly everything is binary already."
)

# %% [markdown]
# ## MACs are not latency
#
# The four shapes below are those that the LCE paper measures. Each has 116 million MACs. We time
# each layer alone and in turn: binary with bits for output; binary as it stands in QuickNet, with
# its shortcut and floats for output; and float.

# %%
from bnn_lab.costmodel.fit import time_layers
from bnn_lab.tflite.layer_shapes import LayerShape

shapes = [(56, 64), (28, 128), (14, 256), (7, 512)]
kinds = {
    "bits out": {"kind": "binary_conv", "bits_only": True},
    "shortcut": {"kind": "binary_conv", "shortcuts": 1, "quantize": True},
    "float": {"kind": "conv"},
}
layers = [
    LayerShape(height=side, width=side, channels_in=channels, kernel=(3, 3), **options)
    for options in kinds.values()
    for side, channels in shapes
]

# %% tags=["nbval-ignore-output"]
bits, floats, real = np.split(1e3 * np.array(time_layers(layers)), 3)
rows = [
    f"| {side}×{side} | {channels} | {a:.3f} | {b:.3f} | {c:.3f} | {c / b:.1f} |"
    for (side, channels), a, b, c in zip(shapes, bits, floats, real, strict=True)
]
head = "| image | channels | bits out, ms | shortcut, ms | float, ms | float / shortcut |"
Markdown("\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows]))

# %% tags=["hide-input", "nbval-ignore-output"]
checked("The four layers have equally many MACs", len({layer.macs for layer in layers}) == 1)
checked.here(
    "Each binary convolution is faster than the float one of its shape",
    (real > floats).all() and (real > bits).all(),
)
checked.new()

# %% [markdown]
# Read down the "shortcut" column. The same number of MACs usually costs most on the large image
# with few channels. There each output is a sum over few bits, but eight times as many floats must
# be read and written as on the smallest image. A MAC has no fixed price.
#
# Papers often add up "binary MACs / 64 + float MACs" (cited: e.g. Bi-Real Net,
# [arXiv:1808.00278](https://arxiv.org/abs/1808.00278)). The column on the right is what your
# machine says in place of 64.

# %% [markdown]
# ### Work without MACs
#
# Some ops have no MACs at all, and still take time:

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.figures.op_names import plain as plain_name

free = [row for row in profile.rows if not row.macs]
kinds_of = {plain_name(row.kind): [r for r in free if r.kind == row.kind] for row in free}
rows = [
    f"| {kind} | {len(found)} | {sum(r.ms for r in found) * 1e3:.0f} |"
    for kind, found in sorted(kinds_of.items())
]
share = sum(row.ms for row in free) / profile.sum_ms
Markdown(
    f"{len(free)} ops without MACs take **{100 * share:.0f} %** of the time:\n\n"
    + "\n".join(["| op | how many | µs |", "|---|---:|---:|", *rows])
)

# %% [markdown]
# ### And other networks?
#
# A stored measurement of published networks. First the shares: which network spends least on its
# binary convolutions? Then show milliseconds, and let each op run on its own: which part grows?

# %% tags=["nbval-ignore-output"]
from bnn_lab.experiments.latency.files import recorded_study
from bnn_lab.figures.studies import draw_frame

others = recorded_study("breakdown").frame
some = ("quicknet", "birealnet", "resnet_e18", "real_to_binary", "reactnet_a", "meliusnet22")
some += ("binary_densenet28", "binary_alexnet")
widgets.StudyFigure(draw_frame("breakdown", others[others["name"].isin(some)]))

# %% [markdown]
# ## What shortcuts cost
#
# A shortcut carries floats around a binary convolution. It makes such networks trainable (cited:
# Bi-Real Net), but floats are 32 times as many bytes as bits:
#
# * **without** shortcuts, a binary convolution may write bits, because only the next sign reads
#   them;
# * **on its own**, an addition reads two float images and writes a third;
# * **fused**, bnn_lab's kernel adds the shortcut while the sum is still in a register, and writes
#   the next layer's bits in the same pass.
#
# Three versions of QuickNet Small, in turn:

# %% tags=["nbval-ignore-output"]
from dataclasses import replace

from bnn_lab.bench.baselines import litert_call
from bnn_lab.lessons import recorded
from bnn_lab.measure import measure

plain = designer.build(replace(small, shortcuts=designer.NONE))
files["no shortcuts"] = bnn_lab.convert_keras_model(plain)
versions = {
    "no shortcuts": litert_call(files["no shortcuts"]),
    "shortcuts, fused": litert_call(files["with shortcuts"]),
    "shortcuts, on their own": litert_call(files["with shortcuts"], fuse=False),
}
three = widgets.Measured(
    lambda: measure(versions),
    lambda table: figures.draw_latency(table, recorded=recorded.seconds(recorded.SHORTCUTS)),
    recorded=recorded.sentence(recorded.SHORTCUTS),
    name="three-versions",
)
three

# %% tags=["hide-input", "nbval-ignore-output"]
cost = three.result.speedup("no shortcuts", over="shortcuts, fused") - 1
guess_shortcuts.reveal(100 * cost)

# %% [markdown]
# And what do shortcuts **buy**? Here is a narrow network of eight binary convolutions, trained on
# 4,000 real digits, with and without them; then with its first and last layer binary, too. Each
# dot is one training run, a diamond the mean. 1,000 test images: a difference of two means below
# about 1.5 points may be chance.
#
# This is a stored run, which takes five to ten minutes:
# `python -m bnn_lab.experiments.training.architecture`.

# %% tags=["hide-input"]
from bnn_lab.experiments.training import recorded_shortcuts_and_ends
from bnn_lab.figures import draw_shortcuts_and_ends

runs = recorded_shortcuts_and_ends()
draw_shortcuts_and_ends(runs)

# %% tags=["hide-input"]
mean = runs.groupby("variant").accuracy.mean()
lost = 100 * (mean["shortcuts, float ends"] - mean)
Markdown(
    f"Without shortcuts the network loses {lost['no shortcuts, float ends']:.1f} points, with an "
    f"all-binary first and last layer {lost['shortcuts, all binary']:.1f}. larq's "
    "documentation asks the same question about first and last layers on CIFAR-10 (cited: 82.9 % "
    "with float ends, 80.2 % with binary weights there, 66.5 % all binary)."
)

# %% [markdown]
# Are all shortcuts worth the same? A smaller network has three sections; each choice of sections
# with shortcuts was trained and timed (stored, too). Take the shortcuts of one section away: how
# far do the large points move down, and how far to the left? Each is the mean of three runs, so a
# difference below about 1.5 points may be chance.

# %% tags=["nbval-ignore-output"]
from bnn_lab.experiments.training import recorded_section_shortcuts

widgets.StudyFigure(figures.draw_section_choices(recorded_section_shortcuts().frame))

# %% [markdown]
# What do the four of them cost in time? Converted and run here, one image at a time:

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.experiments.training.architecture import VARIANTS
from bnn_lab.models.deep_digits import deep_digits

variants = {
    name: litert_call(bnn_lab.convert_keras_model(deep_digits(*form)))
    for name, form in VARIANTS.items()
}
four = widgets.Measured(
    lambda: measure(variants),
    lambda table: figures.draw_accuracy_and_latency(runs, table),
    name="accuracy-and-latency",
)
four

# %% tags=["hide-input", "nbval-ignore-output"]
times = four.result
gain = times.speedup("no shortcuts, float ends", over="shortcuts, float ends")
ends = times.speedup("shortcuts, all binary", over="shortcuts, float ends")
word = f"{ends:.2f} times as fast" if ends > 1 else f"{1 / ends:.2f} times as slow"
costs = "more than" if ends < 0.95 else "less than" if ends > 1.05 else "about"
Markdown(
    f"Up and to the left is better. Without shortcuts the network is {gain:.2f} times as fast, and "
    f"{lost['no shortcuts, float ends']:.1f} points less accurate. With binary ends it is {word}: "
    "the first and the last layer are small here, and turning their input into bits costs "
    f"{costs} what the bits save."
)

# %% [markdown]
# ## What QuickNet does about it
#
# **The first layers** read an RGB image, which is not binary. Many networks begin with a 7×7
# convolution with 64 channels. QuickNet shrinks the image in two cheap steps instead:

# %% tags=["nbval-ignore-output"]
plain_names = {
    "binary_conv": "binary convolution",
    "conv": "convolution",
    "depthwise_conv": "depthwise convolution",
    "max_pool": "max pool",
}
usual = [
    LayerShape("conv", 224, 224, 3, 64, kernel=(7, 7), stride=2),
    LayerShape("max_pool", 112, 112, 64, kernel=(3, 3), stride=2),
]
quick = [step.layer for step in designer.steps(small) if step.part == designer.STEM]
times = time_layers([*usual, *quick])
rows = [
    f"| {name} | {plain_names[layer.kind]} {layer.kernel[0]}×{layer.kernel[1]}, "
    f"{layer.channels_in} → {layer.channels_out} channels | {layer.macs / 1e6:.1f} | "
    f"{second * 1e3:.3f} |"
    for name, chosen, found in (("7×7", usual, times[:2]), ("QuickNet", quick, times[2:]))
    for layer, second in zip(chosen, found, strict=True)
]
head = "| first layers | layer | million MACs | ms |"
Markdown("\n".join([head, "|---|---|---:|---:|", *rows]))

# %% [markdown]
# **Transitions** halve the image and change the number of channels. They are float too. A strided
# 3×3 convolution would mix 9 pixels of all channels; QuickNet pools, blurs each channel for itself
# and mixes with a 1×1 convolution:

# %%
strided = LayerShape("conv", 28, 28, 64, 256, kernel=(3, 3), stride=2)
quick = [s.layer for s in designer.steps(small) if s.part == designer.TRANSITION][3:6]
checked(
    "QuickNet's transition has less than a fifth of the MACs of a strided 3×3 convolution",
    5 * sum(layer.macs for layer in quick) < strided.macs,
)
checked.new()

# %% [markdown]
# **Filters grow late.** QuickNet Small has 32 filters where images are large, and 512 where they
# are small: there, a MAC costs least.
#
# Accuracy comes at a price (cited, LCE's README: ImageNet top-1):
#
# | | blocks | filters | top-1 |
# |---|---|---|---|
# | QuickNet Small | 4-4-4-4 | 32-64-256-512 | 59.4 % |
# | QuickNet | 4-4-4-4 | 64-128-256-512 | 63.3 % |
# | QuickNet Large | 6-8-12-6 | 64-128-256-512 | 66.9 % |

# %% [markdown]
# ### And energy?
#
# A phone's battery does not count milliseconds. Nothing here can measure energy, so this is a
# **cited model**: picojoules for each operation and each byte of a 45 nm chip. The table is M.
# Horowitz's (ISSCC 2014), and we know it only as others quote it. It has no entry for popcount:
# XOR, count and sum of a word are taken as one integer addition each, which is our assumption. A
# 3×3 convolution, 56×56 pixels, 64 channels:

# %% tags=["hide-input"]
from bnn_lab.bench.kernels import PAPER_CONVS
from bnn_lab.figures import draw_energy

draw_energy(PAPER_CONVS[0])

# %% [markdown]
# The arithmetic gets cheaper by far more than the bytes do. So in a binary network, it is bytes
# that cost energy: one more reason to write bits.
#
# ## Many networks at once
#
# The latency explorer shows whole networks. Filled points were measured; hollow ones are cited, and
# hovering shows their source. Put MACs on the horizontal and latency on the vertical axis. Do the
# points of one device lie on a line through zero, as they would if each MAC had a fixed price?
# Click a point, or choose it in the list, to see where that network's time goes.

# %% tags=["nbval-ignore-output"]
from bnn_lab.widgets.latency_explorer import LatencyExplorer

LatencyExplorer()

# %% [markdown]
# To add your own machine: `bnn-lab bench suite --json mine.json` in a terminal (some minutes), then
# `LatencyExplorer("mine.json")`. For the MACs and latencies of all networks that bnn_lab can build:
# `bnn-lab bench study macs`.
#
# How many binary MACs take the time of one float MAC? Drag the slider: at the left end all MACs
# count the same. Where do the points come closest to a line? The slider starts at the ratio that
# single convolutions gave on the same machine. Both are stored measurements.

# %% tags=["nbval-ignore-output"]
from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.experiments.latency.of_reports import study_frame

stored_run = read_report(EXAMPLE)
widgets.StudyFigure(draw_frame("macs", study_frame("macs", [stored_run])))

# %% [markdown]
# More such figures, of a grid of convolutions, of shortcuts, padding and threads, are on the page
# [Figures of the studies](../../docs/studies.md).

# %% [markdown]
# ## A model of the cost
#
# Building and timing each idea takes seconds. A **cost model** answers at once: for each kind of
# layer it was fitted to the times of many shapes. It is as good as its error on shapes that it has
# not seen:

# %% tags=["nbval-ignore-output"]
from bnn_lab.costmodel.model import CostModel

cost_model = CostModel.load()
rows = [f"| {name} | {100 * cost_model.error(kind):.0f} % |" for kind, name in plain_names.items()]
Markdown("\n".join([cost_model.origin, "", "| layer | median error |", "|---|---:|", *rows]))

# %% [markdown]
# The model comes from one machine. Is yours another? Run `bnn-lab calibrate` in a terminal (about a
# minute), then this cell again. How far off is it for QuickNet Small on your machine?

# %% tags=["nbval-ignore-output"]
estimated = designer.estimate(small, cost_model).total_ms
measured = three.result["shortcuts, fused"].minimum * 1e3  # other programs only ever slow it down
Markdown(
    f"Estimated {estimated:.2f} ms, measured {measured:.2f} ms at best: the estimate is off by "
    f"{100 * (estimated / measured - 1):+.0f} %."
)

# %% [markdown]
# ## Design your own
#
# Each block is as wide as its time and as high as its channels. Drag a section up or down, add and
# remove blocks: the estimate follows. Can you beat QuickNet, the pale strip below? Then press
# **Measure this design**: the network is really built, converted and timed, which takes some
# seconds.
#
# Try to answer by trying:
#
# * Add a block in section 1, then one in section 4. Which costs more? Which adds more bytes?
# * Set the shortcuts to "none" and to "added on their own". Which layers change?
# * Halve the image. Does the time fall to a quarter, as the MACs do?

# %% tags=["hide-input", "nbval-ignore-output"]
film = FilmStrip()
film

# %% [markdown]
# ## Your turn
#
# **1. Count MACs.** `side` is the side of the square input image. With SAME padding, `ceil(side /
# stride)` pixels come out along each side. Complete the function:


# %%
def conv_macs(side, kernel, channels_in, channels_out, stride, groups):
    """Multiply-accumulates of a convolution."""
    out = side  # not quite: what does the stride do?
    return out * out * kernel * kernel * channels_in * channels_out


checks.check_conv_macs(conv_macs)

# %% [markdown]
# **2. Amdahl's law.** A part of the network takes `share` of the time (0 to 1) and becomes `factor`
# times faster. How many times faster does the whole network become?


# %%
def whole_speedup(share, factor):
    """Speed-up of the whole."""
    return share * factor  # not quite: what about the rest?


checks.check_amdahl(whole_speedup)

# %% [markdown]
# With your function: how much faster could QuickNet Small still get if the binary ops took no time
# at all? Use `share=binary_time` and a very large `factor`.
#
# **3. More in less time.** Design a network with at least as many binary MACs as QuickNet, in at
# most 88 % of its estimated time. Keep 224 pixels and the shortcuts. Change the lists here, or drag
# above and write `checks.check_design(film.design)`.

# %%
my_design = designer.design(blocks=(4, 4, 4, 4), filters=(64, 128, 256, 512))

checks.check_design(my_design)

# %% [markdown]
# Your design beside QuickNet, part by part:

# %% tags=["hide-input", "nbval-ignore-output"]
found = {
    name: designer.estimate(state)
    for name, state in (("QuickNet", designer.Design()), ("yours", my_design))
}
rows = [
    f"| {name} | **{each.total_ms:.2f}** | "
    + " | ".join(f"{each.of_part(each.ms, part):.2f}" for part in designer.PARTS)
    + " |"
    for name, each in found.items()
]
head = f"| ms | all | {' | '.join(designer.PARTS)} |"
Markdown("\n".join([head, "|---|---:" + "|---:" * len(designer.PARTS) + "|", *rows]))

# %% [markdown]
# Would your design be as accurate as QuickNet? Nobody knows before training it. Speed can be
# measured in seconds, accuracy only in days: that is why a good cost model is worth having.

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
widgets.score_sheet()

# %% tags=["hide-input"]
checked.cited(
    "On CIFAR-10: 82.9 % with float ends, 80.2 % with binary weights there, 66.5 % all binary",
    "larq's documentation, first and last layers",
)
checked.cited(
    "A 32-bit float multiplication takes 3.7 pJ, 32 bits from DRAM 640 pJ",
    "secondary: Horowitz, ISSCC 2014, 45 nm, as quoted in PMC8934428, table 3, and elsewhere",
)
checked.cited(
    "QuickNet takes 45.0 ms on a Raspberry Pi 4B and 25.5 ms on a Pixel 1, on one thread",
    "README of the Larq Compute Engine",
)
checked.cited(
    "QuickNet Small, QuickNet and QuickNet Large reach 59.4, 63.3 and 66.9 % on ImageNet",
    "README of the Larq Compute Engine",
)
checked.all()

# %% [markdown]
# ## Summary
#
# * When the binary ops are fast, the few float ops take much of the time (Amdahl's law).
# * MACs are not latency: the same MACs cost more where many floats move, and pooling, packing and
#   additions have none.
# * Full-precision shortcuts cost memory traffic, and less of it when they are fused.
# * QuickNet has cheap first layers and transitions, and many filters only where images are small.
# * A cost model makes a design a matter of seconds; measure before you trust it.
#
# Source: *Larq Compute Engine*, [arXiv:2011.09398](https://arxiv.org/abs/2011.09398): its parts on
# MACs and latency, on full-precision shortcuts, and on QuickNet.
