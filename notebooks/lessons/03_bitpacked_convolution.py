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
# # Lesson 3: bitpacked convolution
#
# **How does a processor multiply 32 numbers at once, without multiplying?** Press the switches.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import Switches

Switches()

# %% [markdown]
# Which switches move the dot product up, and which down? Can you make it odd?
#
# **You should know** what a convolution is, and a little NumPy. Lessons 1 and 2 are not needed.
#
# **Time.** About 40 minutes to read and try; half a minute to run.
#
# In a binarized neural network (BNN), a convolution multiplies +1 and -1 with +1 and -1. One bit is
# enough for each; a float takes 32 bits and a real multiplication. You will build that convolution
# from its bits, and see how much faster it is, and why.

# %% tags=["hide-input", "nbval-ignore-output"]
import numpy as np
import plotly.io
from IPython.display import Markdown

from bnn_lab import figures, kernels, reference, widgets
from bnn_lab.lessons import checks
from bnn_lab.lessons.checked import Checked

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
checks.progress(
    checks.check_pack_word,
    checks.check_binary_dot,
    checks.check_zero_padded,
    checks.check_attainable,
)

# %% [markdown]
# ## Predict first
#
# Mark your guesses. You will see them again beside the measurements. NumPy multiplies floats with a
# good library; compare with that:

# %% tags=["hide-input", "nbval-ignore-output"]
guess_numpy = widgets.Prediction(
    "Bits in NumPy, XOR and a table of popcounts: how many times as fast as floats in NumPy?",
    unit="times",
    low=0.01,
    high=1000,
    digits=2,
)
guess_numpy

# %% tags=["hide-input", "nbval-ignore-output"]
guess_kernel = widgets.Prediction(
    "The fastest compiled kernel of your processor: how many times as fast as floats in NumPy?",
    unit="times",
    low=0.1,
    high=10_000,
    digits=1,
)
guess_kernel

# %% [markdown]
# ## Eight signs by hand
#
# The product of two signs is +1 where they are equal and -1 where they differ. Their dot product is
# a sum of such products:

# %%
a = np.array([+1, -1, -1, +1, +1, -1, +1, -1])
w = np.array([+1, +1, -1, -1, +1, -1, -1, -1])
products = a * w
products, int(products.sum())

# %% [markdown]
# Now as bits. **-1 is bit 1, +1 is bit 0.** XOR gives 1 where two bits differ, and so does
# `!=` on signs:

# %%
a_bits, w_bits = a < 0, w < 0
differ = a_bits ^ w_bits
differ.astype(int), int(differ.sum())  # the number of ones is called popcount

# %% [markdown]
# Of $K$ products, $p$ are -1 and $K - p$ are +1, where $p$ is the popcount. So
#
# $$\sum_{i=1}^{K} a_i w_i = (K - p) - p = K - 2p .$$
#
# The result is called the **accumulator**. Some texts use XNOR, which marks *equal* bits. That is
# the same idea: $K - p$ is the popcount of the XNOR.

# %% [markdown]
# Is that always so? There are only 256 patterns of eight signs. Here all pairs are tried:

# %%
patterns = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)  # bits
signs = 1 - 2 * patterns.astype(int)  # bit 0 -> +1, bit 1 -> -1
popcounts = (patterns[:, None] ^ patterns[None]).sum(axis=-1, dtype=int)

checked(
    "For each of 65,536 pairs of eight signs, the dot product is 8 - 2 popcount",
    np.array_equal(signs @ signs.T, 8 - 2 * popcounts),
)
checked("The dot product of eight signs is never odd", (signs @ signs.T % 2 == 0).all())
checked.new()

# %% [markdown]
# ## Packing
#
# A processor does not compute with single bits but with words. So 32 channels of a pixel go into
# one 32-bit word: channel 0 into the lowest bit, channel 1 into the next one, and so on.

# %%
rng = np.random.default_rng(0)
channels = rng.choice([-1, 1], 32)
(word,) = reference.pack_bits(channels < 0).view(np.uint32)
lowest = [int(word) >> i & 1 for i in range(8)]
np.array([channels[:8], lowest])  # channels 0 to 7, and the lowest 8 bits of the word

# %% [markdown]
# What if the channels do not fill the last word? The rest holds bit 0, in the image and in the
# filter alike. XOR of equal bits is 0, so they do not count:

# %%
x = rng.choice([-1.0, 1.0], (2, 40)).astype(np.float32)  # 40 channels: two words
packed = kernels.bitpack(x)
checked("40 channels take two words, 8 bytes in place of 160", packed.nbytes * 20 == x.nbytes)
unused = packed[:, 1].view(np.uint32) >> 8  # 40 - 32 = 8 bits of the second word are used
checked("The unused bits of a word are 0", (unused == 0).all())
checked.new()

# %% [markdown]
# ### Exercise 1: pack a word
#
# Complete the function and run the cell. It shows your bits below the expected ones.


# %%
def pack_word(signs):
    """Up to 32 values of ±1 as one integer: value i in bit i, 1 for -1."""
    word = 0
    for i, sign in enumerate(signs):
        if sign > 0:  # not quite: which of the signs is bit 1?
            word |= 1 << i  # sets bit i
    return word


checks.check_pack_word(pack_word)

# %% [markdown]
# ## A binary matrix product in NumPy
#
# NumPy has XOR but (before version 2) no popcount. A table helps: the popcounts of all 65,536
# half-words.

# %%
table = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)


def binary_product(a_words, w_words, channels):
    """Accumulators of all rows of a with all rows of w: (M, words), (N, words) -> (M, N)."""
    differ = a_words[:, None, :] ^ w_words[None, :, :]
    halves = differ.view(np.uint16)
    return channels - 2 * table[halves].sum(axis=-1, dtype=int)


# %% [markdown]
# It must equal the matrix product of the signs. Not nearly: exactly. These are integers.

# %%
a = rng.choice([-1.0, 1.0], (5, 100)).astype(np.float32)
w = rng.choice([-1.0, 1.0], (7, 100)).astype(np.float32)

bits = binary_product(kernels.bitpack(a), kernels.bitpack(w), channels=100)
checked("XOR and a table of popcounts give the matrix product", np.array_equal(bits, a @ w.T))
checked.new()

# %% [markdown]
# ### Exercise 2: a dot product in words
#
# Now by yourself, word by word, as a kernel does. `a` and `w` are arrays of 32-bit words (`uint32`)
# that hold `channels` signs each; bits past `channels` are 0.


# %%
def binary_dot(a, w, channels):
    """Dot product of two vectors of ±1, packed into words."""
    differ = 0
    for a_word, w_word in zip(a, w, strict=True):
        marked = a_word & w_word  # not quite: AND does not mark the places that differ
        differ += int(marked).bit_count()  # bit_count() is Python's popcount
    return None  # your formula, from channels and differ


checks.check_binary_dot(binary_dot)

# %% [markdown]
# ## One window, word by word
#
# A 3×3 convolution of an image with 32 channels reads nine words at each pixel, and nine words of
# the filter. Drag the window over the digit, or press *Play*.
#
# The digit is seen through 32 small edge detectors; *channel in the image* chooses whose signs you
# see. The first four filters were cut out of this very image, the others are random.

# %% tags=["hide-input", "nbval-ignore-output"]
widgets.Window()

# %% [markdown]
# Try this:
#
# * Filter 0 was cut out of the image. At which pixel? There the accumulator is 288, because nothing
#   differs: $288 - 2 \cdot 0$.
# * Click a bit of the filter. By how much does the accumulator move? Can it ever be odd?
# * Drag the window into a corner. What are the words outside the image?
# * Play slowly: the nine words are counted one after the other.

# %% [markdown]
# The page computes what the library's reference does. The compiled kernels give the same integers:

# %%
from bnn_lab.widgets.window import example_scene

scene = example_scene()
image = reference.pack_bits(scene.image[None] < 0)
filters = reference.pack_bits(scene.filters < 0)
options = {"channels_in": 32, "padding": "same", "pad_values": 1}

output = kernels.bconv2d(image, filters, **options)
checked(
    "The compiled kernel gives the reference's integers",
    np.array_equal(output, reference.bconv2d_accumulators(image, filters, **options)),
)
checked("Filter 0 finds its own cut: an accumulator of 288", output[0, ..., 0].max() == 288)
checked("No accumulator is odd", (output % 2 == 0).all())
checked.new()

# %% [markdown]
# ## The padding puzzle
#
# At the border, the window hangs over the image. Most networks pad with **zeros**. But a bit is +1
# or -1; **zero has no bit**.
#
# So binary networks like to pad with +1 (*one-padding*). Since +1 is bit 0, a kernel only has to
# leave zeros around the packed image. That costs nothing.
#
# What if a trained network needs zeros? Compare both paddings, by the difference of their outputs:

# %%
ones = reference.bconv2d_accumulators(image, filters, **options)
zeros = reference.bconv2d_accumulators(image, filters, **{**options, "pad_values": 0})
(ones - zeros)[0, ..., 0]

# %% [markdown]
# Inside they agree. At the border, one-padding added +1 times the filter's value at each tap that
# lies outside, and zero-padding added nothing. That difference knows nothing of the image! It is a
# constant of the filter, one for each kind of border pixel:

# %%
kernel = scene.filters[0].astype(int)
top_edge = kernel[0].sum()  # the first row of the filter lies outside
checked(
    "Along the upper edge the difference is the sum of the filter's first row",
    ((ones - zeros)[0, 0, 1:-1, 0] == top_edge).all(),
)
checked("Inside the image both paddings agree", ((ones - zeros)[0, 1:-1, 1:-1] == 0).all())
checked.new()

# %% [markdown]
# So the kernel pads with ones and then **corrects** the border by constants that were computed
# once. In the figure above, choose padding *0, corrected* and drag the window into a
# corner: you see the correction.

# %% [markdown]
# What does the correction cost? Here are the four 3×3 convolutions of ResNet-18, with 115.6 million
# multiply-accumulates (MACs) each, and a small image that is nearly all border. The first number of
# a layer is the image's side, the second its channels.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.experiments.latency import run_study
from bnn_lab.lessons import recorded

widgets.Measured(
    lambda: run_study("padding", seconds=1, force=True),
    figures.draw_finding,
    recorded=recorded.sentence(recorded.PADDING),
    name="padding",
)

# %% [markdown]
# ### Exercise 3: correct the padding


# %%
def zero_padded(accumulator, filter_signs, outside):
    """The accumulator if the padding were 0.

    accumulator: with the padding taken as +1. filter_signs: ±1, (3, 3, channels).
    outside: True for the taps that lie outside of the image, (3, 3).
    """
    return accumulator  # your correction


checks.check_zero_padded(zero_padded)

# %% [markdown]
# ## One function, many instructions
#
# bnn_lab has this convolution several times, once for each kind of processor. Each such *backend*
# counts differing bits in its own way:
#
# * **scalar**: XOR and popcount of one 64-bit word at a time.
# * **avx2**: 256-bit registers, but no popcount for them. A table look-up of half-bytes
#   (`vpshufb`) counts instead.
# * **amx**: a unit that multiplies tiles of *bytes*, in some server processors. A bit becomes a
#   byte of 0 or 1, a weight +1 or -1. *Why can a machine for bytes beat popcount?* (One of its
#   instructions is 16,384 products and their sums; XOR, popcount and add are 512.)
# * **avx512vpopcntdq**: 512-bit registers *with* a popcount: XOR, popcount, add are 512 products.
# * **neon**: the 128-bit registers of ARM processors, which count the bits of each byte (`cnt`).
# * **wasm**: the same in a browser, whose 128-bit registers know `i8x16.popcnt`.
# * **wasm_relaxed**: the look-up of half-bytes in a browser, with `relaxed_swizzle`.
#
# They must all agree, to the last integer:

# %% tags=["hide-input"]
checked(
    "Every backend of this machine gives the same integers",
    all(
        np.array_equal(kernels.bconv2d(image, filters, **options, backend=name), output)
        for name in kernels.available_backends()
    ),
)
checked.new()

# %% [markdown]
# ## How fast, with which instructions?
#
# Now the speed, on the four convolutions from above. Every row is the same convolution done
# another way, all on one thread. They take turns within each round, so that a slow moment of the
# machine hits all of them. For comparison there are float32 and int8 on TFLite, which is what you
# would use without a BNN.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.bench.backend_comparison import NUMPY_BITS, NUMPY_FLOAT, measure_backends
from bnn_lab.bench.kernels import PAPER_CONVS
from bnn_lab.bench.machine import measure_machine

ladder = [measure_backends(case) for case in PAPER_CONVS]
widgets.KernelLadder(ladder)

# %% [markdown]
# How to read it:
#
# * On the right is the speed, in 10⁹ MACs a second, and how many times that of the marked row.
#   Press another row, and everything is compared with it.
# * The scale is **logarithmic**: each line is ten times the one before. Switch to *linear* to feel
#   how far apart the rows are.
# * The dot is the best round; a thin line leads to the median round. If it is long, the machine was
#   busy: run the cell again.
# * A green mark is a **ceiling**: the backend's inner instructions on registers alone, measured in
#   the same rounds. (A backend without such a loop has no mark.)
# * *Measure this browser* times three of the layers with the kernels of this page, in WebAssembly
#   and in plain JavaScript.
#
# And your guesses?

# %% tags=["hide-input", "nbval-ignore-output"]
best_rounds = {name: ladder[0].table[name].minimum for name in ladder[0].table.names}
best = "bnn_lab " + kernels.active_backend()
guess_numpy.reveal(best_rounds[NUMPY_FLOAT] / best_rounds[NUMPY_BITS])

# %% tags=["hide-input", "nbval-ignore-output"]
guess_kernel.reveal(best_rounds[NUMPY_FLOAT] / best_rounds[best])

# %% tags=["hide-input", "nbval-ignore-output"]
slower = best_rounds[NUMPY_BITS] / best_rounds[NUMPY_FLOAT]
int8 = best_rounds["int8 TFLite"] / best_rounds[best]
Markdown(
    f"Bits alone make nothing fast: in NumPy they take **{slower:.1f} times** as long as floats. "
    "The words are few, but each goes through memory several times, for XOR, look-up and sum. "
    "The gain "
    "comes with a kernel that keeps words and counters in registers.\n\n"
    f"And do not compare with NumPy alone. int8 on TFLite needs no special training, and here the "
    f"binary kernel is **{int8:.1f} times** as fast as that."
)

# %% [markdown]
# ### One turn of the innermost loop
#
# On 64-bit ARM (the phone and the Raspberry Pi of the papers) there are three instructions for 128
# products: `eor` (XOR), `cnt` (ones in each byte), `add`. Whatever else stands in the loop, loading
# and sorting, takes a slot too. The bars show how many products each cycle is left with, in three
# loops of bnn_lab's NEON backend; the lines are what the three instructions alone would allow.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.figures import draw_inner_loops

draw_inner_loops()

# %% [markdown]
# These are cycles of a model of each processor (llvm-mca), not of a chip: no ARM machine was at
# hand. The page *Kernels on 64-bit ARM* of the documentation has all loops and the command.

# %% [markdown]
# ## Copy the windows, or read them where they are?
#
# A matrix product is the best-tuned routine of all. So many engines turn a convolution into one:
#
# * **im2col** copies the window of each pixel into a row of a matrix. Each pixel then appears
#   in it nine times.
# * **indirect** avoids the copy: a table holds the address of each word that a window needs.
# * **direct** avoids the table, too: its loops know the shape of the image. bnn_lab does
#   this, on a copy of the image with its border around it.
#
# What does each of them move?

# %% tags=["hide-input"]
figures.draw_bytes(PAPER_CONVS[0])

# %% [markdown]
# And the time? bnn_lab's inner loops can do both im2col and direct. If the Larq Compute Engine
# (LCE) is installed, its two kernels are shown beside them. They differ in their inner loops too,
# so compare an engine with itself.

# %% tags=["hide-input", "nbval-ignore-output"]
widgets.Measured(
    lambda: run_study("ways", seconds=1, force=True),
    figures.draw_finding,
    recorded=recorded.sentence(recorded.WAYS),
    name="ways",
)

# %% [markdown]
# ## What limits it: the roofline
#
# A layer needs arithmetic and data. For each byte that it reads or writes, it does some number of
# MACs: its **intensity**. The memory delivers a certain number of bytes a second; so
#
# $$\text{speed} \le \min(\text{ceiling},\ \text{intensity} \times \text{bandwidth}).$$
#
# In a picture with logarithmic axes this is a roof: it rises, then it is flat. Measure yours:

# %% tags=["hide-input", "nbval-ignore-output"]
machine = measure_machine()
widgets.Roofline(machine, ladder)

# %% [markdown]
# The points are the four convolutions from above, on each runtime. The star is a layer of your own:
# the most that it can reach. Drag it, or set its sizes. Try this:
#
# * Make the image 1×1 and the filter 1×1: a dense layer for one sample. What bounds it?
# * Binary values, then float32: why does the star move to the left?
# * A binary layer that *writes bits* instead of floats moves far to the right. Why? (Count the
#   bytes in the text below the figure.)
#
# A point above the slope of the memory is not an error: its data stayed in the cache from one round
# to the next. Set *data comes from* to cache.

# %% [markdown]
# Here is the effect of writing bits, as numbers:

# %% tags=["hide-input"]
from bnn_lab.bench.machine import conv_bytes

case, rows = PAPER_CONVS[0], ["| | kB | MACs per byte |", "|---|---:|---:|"]
for label, bits, output_bits in (
    ("float32", 32, 32),
    ("int8", 8, 8),
    ("binary, writes floats", 1, 32),
    ("binary, writes bits", 1, 1),
):
    size = conv_bytes(case, bits, output_bits)
    rows.append(f"| {label} | {size / 1e3:,.1f} | {case.macs / size:,.0f} |")
Markdown("\n".join(rows))

# %% [markdown]
# ### Exercise 4: the roof as a function


# %%
def attainable(intensity, ceiling, bandwidth):
    """Most GMAC/s of a layer: MACs per byte, GMAC/s, GB/s."""
    return ceiling  # your formula


checks.check_attainable(attainable)

# %% [markdown]
# More to try:
#
# * `measure_backends(ConvCase(28, 32, 32))` (from `bnn_lab.bench.kernels`): do narrow layers reach
#   the ceiling?
# * Restart the kernel and set `os.environ["BNN_LAB_BACKEND"] = "scalar"` in the first cell. What
#   does `kernels.active_backend()` say, and which numbers change?
# * In a terminal, `bnn-lab bench` measures more layers and baselines.

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
widgets.score_sheet()

# %% tags=["hide-input"]
checked.cited(
    "LCE's binary convolutions are 8.5 to 18.5 times as fast as float ones on Pixel 1 phones",
    "Bannink et al., arXiv:2011.09398, abstract",
)
checked.all()

# %% [markdown]
# ## Summary
#
# * With -1 as bit 1, XOR marks the products that are -1, and
#   $\text{accumulator} = K - 2\,\mathrm{popcount}(a \oplus w)$. It is exact.
# * 32 channels fit into a word: weights and activations shrink 32 times.
# * Zero has no bit. One-padding is free; zero-padding is one-padding and a constant correction.
# * The gain depends on the instructions: XOR, popcount and add on wide registers. In NumPy there is
#   none.
# * Copying windows (im2col) costs bytes and time, most on large images with few
#   channels.
# * Arithmetic bounds large convolutions, memory bounds dense layers. Writing bits instead of floats
#   raises the intensity.
#
# ## References
#
# * *Larq Compute Engine*, [arXiv:2011.09398](https://arxiv.org/abs/2011.09398). **Cited, not
#   checked here:** its abstract reports binary convolutions 8.5 to 18.5 times as fast as float
#   ones, on Pixel 1 phones.
# * M. Dukhan, *The Indirect Convolution Algorithm*,
#   [arXiv:1907.02129](https://arxiv.org/abs/1907.02129).
# * S. Williams, A. Waterman, D. Patterson, *Roofline*, Communications of the ACM 52(4), 2009.
#
# Next: [lesson 4](04_from_training_to_deployment.ipynb) trains a network and converts it to this
# form.
