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
# # Start here
#
# **Can a network learn if each of its weights can only be +1 or -1?**
#
# Each small square is such a weight. Noisy gradients push it towards the right sign, and all it can
# do is **flip**. Press **Play**: three sets of 400 weights learn to draw a heart, each by its own
# rule. Why does only the middle one manage?

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import Flicker

Flicker(name="heart")

# %% [markdown]
# On the left the weights listen to every gradient, even to the noise. On the right they hardly
# listen at all. How to listen just enough is what lessons 1 and 2 are about; lessons 3 to 5 are
# about the reward: networks that run many times faster.
#
# **You should know** a little Python and what a neural network's weights are.
#
# **Time.** About 10 minutes to read and try; 20 seconds to run.
#
# **How to use a lesson.** Click a cell and press `Shift`+`Enter` to run it, or choose *Run → Run
# All Cells* first and then read. A narrow bar is a folded cell: click it to see the code. Change
# things. Nothing can break: *Kernel → Restart* brings you back.

# %% [markdown]
# ## The map
#
# In a **binarized neural network** (BNN) most weights and activations are +1 or -1. The upper row
# is about how such a network *learns*, the lower row about how it *runs*.

# %% tags=["hide-input", "nbval-ignore-output"]
import plotly.io

from bnn_lab import figures

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
figures.draw_lesson_map().figure

# %% [markdown]
# * [1. Latent weights as inertia](01_latent_weights_as_inertia.ipynb): what is the float behind a
#   binary weight?
# * [2. Bop and flips](02_bop_flip_dynamics.ipynb): when should a weight flip?
# * [3. Bitpacked convolution](03_bitpacked_convolution.ipynb): why are bits so fast?
# * [4. From training to deployment](04_from_training_to_deployment.ipynb): what happens between
#   Keras and a device?
# * [5. Designing fast BNNs](05_designing_fast_bnns.ipynb): which network is really fast?
# * [6. From BNNs to 1-bit LLMs](06_from_bnns_to_one_bit_llms.ipynb): is a 1-bit language model a
#   BNN?
#
# Short of time? Lesson 4 tells the whole story once, in 45 minutes.

# %% [markdown]
# ## Does everything work?
#
# Open the line below to see each check: ✓ works, · is optional and missing, ✗ must be fixed, and
# how. (The same in a terminal: `bnn-lab doctor`.)

# %% tags=["hide-input", "nbval-ignore-output"]
import sys

from IPython.display import Markdown

from bnn_lab import doctor

examined = doctor.examine()
marks = {doctor.OK: "✓", doctor.NOTE: "·", doctor.WRONG: "✗"}
wrong = [check.name for check in examined if check.status == doctor.WRONG]
verdict = f"✗ To fix, from the top down: {', '.join(wrong)}" if wrong else "✓ All is well"
lines = [
    f"| {marks[check.status]} | {check.name} | {check.found.replace(sys.prefix, '…')}"
    f"{f' **Fix:** {check.fix}' if check.fix else ''} |"
    for check in examined
]
table = "\n".join(["| | | |", "|---|---|---|", *lines])
Markdown(f"<details><summary>{verdict}</summary>\n\n{table}\n\n</details>")

# %% [markdown]
# If something is wrong, fix it from the top down: a later check may fail only because an earlier
# one did. Then choose *Kernel → Restart* and run this notebook again.
#
# Some figures of later lessons are redrawn by Python. Move the slider, with the mouse or with the
# arrow keys. The bars must follow. No slider? Reload the browser page. If that does not help, look
# at the line "widgets in JupyterLab" above.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab import widgets

widgets.Explorer(figures.PackedSizes(), figures.draw_packed_sizes, name="packed-sizes")

# %% [markdown]
# ## A first taste
#
# ### Predict
#
# Every lesson asks you to guess before you see. Your guess is kept and shown beside the result.

# %% tags=["hide-input", "nbval-ignore-output"]
flips = widgets.Prediction(
    "200 noisy gradients pull a binary weight from -1 to +1. How many times will it flip?",
    unit="flips",
    low=0,
    high=200,
)
flips

# %% [markdown]
# ### One weight that flips
#
# **Bop** trains a weight that is only ever +1 or -1. It averages the gradient into $m$ and flips
# the weight when $w\,m$ exceeds a threshold $\tau$:

# %%
import numpy as np

generator = np.random.default_rng(0)
w, m, flipped_at = -1, 0.0, []
gamma, tau = 0.1, 0.02
for step in range(200):
    gradient = -0.1 + generator.normal(0, 0.3)  # on average -0.1: "go up"
    m = (1 - gamma) * m + gamma * gradient
    if w * m > tau:
        w, flipped_at = -w, [*flipped_at, step]

print("the weight ends at", w, "after", len(flipped_at), "flips, at steps", flipped_at)

# %% tags=["hide-input", "nbval-ignore-output"]
flips.reveal(len(flipped_at))

# %% [markdown]
# The average $m$ filters the noise, and the threshold ignores weak requests. Lessons 1 and 2 are
# about this rule.

# %% [markdown]
# ### Two dot products
#
# The product of two signs is +1 where they are equal and -1 where they differ. So a dot product of
# signs is a matter of counting, and one instruction counts 512 bits at once. Two vectors of 256
# signs, once by 256 multiplications and additions, once by 8 XORs and popcounts:

# %%
from bnn_lab import kernels

a, b = (np.where(generator.random(256) < 0.5, -1, 1).astype(np.float32) for _ in range(2))
by_multiplying = int(a @ b)

words_a, words_b = (kernels.bitpack(x).view(np.uint32) for x in (a, b))
differ = sum(int(word).bit_count() for word in words_a ^ words_b)
by_counting = 256 - 2 * differ

# %% tags=["hide-input"]
from bnn_lab.lessons.checked import Checked

checked = Checked()
checked("The weight ends at +1", w == 1)
checked("Multiplying and counting give the same dot product", by_multiplying == by_counting)
checked("256 signs fit into 8 words, 1/32 of the floats' memory", 32 * words_a.nbytes == a.nbytes)
checked.all()

# %% [markdown]
# Behind a line like this is every claim that a lesson has checked while it ran. Same number, 32
# times less memory: lesson 3 makes a whole convolution of this, and measures it.

# %% [markdown]
# ## Your turn
#
# Three small ones to get used to the form: change the line, run the cell, read the answer.
#
# **1.** How many bytes do 1,000 binary weights take when they are packed into 32-bit words? (The
# last word may be partly empty.)

# %%
from bnn_lab.lessons.checks.first_steps import check_packed_bytes

packed_bytes = 1000  # change me

check_packed_bytes(packed_bytes)

# %% [markdown]
# **2.** Two vectors of 64 signs differ in 20 places. What is their dot product?

# %%
from bnn_lab.lessons.checks.first_steps import check_dot_of_differing

dot = 20  # change me

check_dot_of_differing(dot)

# %% [markdown]
# **3.** Complete Bop's rule: should this weight flip?

# %%
from bnn_lab.lessons.checks.first_steps import check_should_flip


def should_flip(w, m, tau):
    """True if weight w (+1 or -1) with averaged gradient m flips at threshold tau."""
    return m > tau  # not quite: whether m is good or bad news depends on w


check_should_flip(should_flip)

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import score_sheet

score_sheet()

# %% [markdown]
# ## Summary
#
# * Your installation works, or you know what to fix.
# * A binary weight learns by **flipping**. *Latent Weights Do Not Exist*,
#   [arXiv:1906.02107](https://arxiv.org/abs/1906.02107), section 4.
# * Dot products of signs are **XOR and popcount**. *Larq Compute Engine*,
#   [arXiv:2011.09398](https://arxiv.org/abs/2011.09398), section 3.
#
# Next: [lesson 1](01_latent_weights_as_inertia.ipynb), or [lesson
# 3](03_bitpacked_convolution.ipynb) if you came for speed.
