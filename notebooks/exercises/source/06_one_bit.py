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
# # Assignment 6: from BNNs to 1-bit language models
#
# A "1-bit" language model has weights of -1, 0 and +1. You will quantize weights, multiply them by
# the binary products of assignment 3, pack them, and work out how fast such a model can write.
#
# Write your code where it says `YOUR CODE HERE`, run it, then the folded check cell below it, and
# follow its hints. More checks run when your teacher grades.
#
# 22 points: five exercises, and one question to answer in words.

# %%
import numpy as np
import plotly.graph_objects as go

from bnn_lab import reference
from bnn_lab import ternary_reference as ternary
from bnn_lab.course.checks import (
    attempt,
    expect,
    expect_equal,
    passed,
    show_progress,
    show_result,
)

rng = np.random.default_rng(0)


def binary(a, w):
    """Dot product of two vectors of ±1, an int, by XOR and popcount."""
    a, w = np.asarray(a), np.asarray(w)
    if not (np.isin(a, (-1, 1)).all() and np.isin(w, (-1, 1)).all()):
        raise ValueError("binary(a, w) takes values of -1 and +1 only")
    words = [reference.pack_bits(values[None] < 0) for values in (a, w)]
    return int(reference.binary_gemm(*words, len(a))[0, 0])


show_progress(5)

# %% [markdown]
# ## Exercise 1: absmean (4 points)
#
# Divide the weights by the mean of their magnitudes, round, and clip to -1 and +1. Return the trits
# as integers, and the mean magnitude, which is their scale. If all weights are 0, so are the trits;
# return the scale 1e-5 then.


# %% nbgrader={"grade": false, "grade_id": "absmean", "locked": false, "schema_version": 3, "solution": true, "task": false}
def absmean(weights):
    """Integers -1, 0, +1 in the shape of the weights, and their scale."""
    ### BEGIN SOLUTION
    scale = max(np.abs(weights).mean(), 1e-5)
    return np.clip(np.round(weights / scale), -1, 1).astype(int), scale
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_absmean", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
weights = np.array([[0.9, -0.3, 0.1], [-1.4, 0.35, -0.05]])
given = attempt(absmean, weights)
expect(
    isinstance(given, tuple) and len(given) == 2, "Return two things: the trits, and their scale."
)
trits, scale = given
expect(np.shape(trits) == (2, 3), f"Wanted: the weights' shape, (2, 3), not {np.shape(trits)}.")
expect(abs(float(scale) - 3.1 / 6) < 1e-9, "The scale is the mean of the magnitudes, here 0.517.")
expect(np.abs(trits).max() <= 1, "Clip: -1.4 is beyond -1 after it was divided.")
expect_equal(trits, [[1, -1, 0], [-1, 1, 0]], "Divide by the scale, then round.")
none = attempt(absmean, np.zeros((2, 2)))
expect_equal(none[0], [[0, 0], [0, 0]], "Weights that are all 0 become trits that are all 0.")
expect(float(none[1]) == 1e-5, "The scale is at least 1e-5.")
### BEGIN HIDDEN TESTS
for seed, size in enumerate([0.01, 1.0, 30.0]):
    w = np.random.default_rng(seed).normal(0, size, (17, 9)).astype(np.float32)
    expect_equal(attempt(absmean, w)[0], ternary.absmean(w).trits, f"For weights of size {size}.")
### END HIDDEN TESTS
passed("Within half a mean magnitude of 0 lies the dead zone.")

# %% [markdown]
# ## Exercise 2: sixteen binary products (5 points)
#
# Multiply signs only: `binary(a, w)`, above, is the dot product of two vectors of ±1. Compute the
# dot product of bytes `x` (from -128 to 127) with trits `t` by it.
#
# * A trit is half the sum of two signs, $t = (p + q)/2$.
# * $x = \sum_{b=0}^{6} 2^b x_b - 128\, x_7$, where $x_b$ is bit $b$: `(x >> b) & 1` for integers.
# * A bit is half of one plus a sign: $x_b = (1 + s_b)/2$.


# %% nbgrader={"grade": false, "grade_id": "by_signs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def by_signs(x, t):
    """Dot product of integers x (-128 to 127) and trits t, an int."""
    ### BEGIN SOLUTION
    p, q = np.where(t < 0, -1, 1), np.where(t > 0, 1, -1)
    total = 0
    for bit in range(8):
        weight = -128 if bit == 7 else 2**bit
        s = 2 * ((x >> bit) & 1) - 1
        for signs in (p, q):
            total += weight * (binary(s, signs) + int(signs.sum()))
    return total // 4
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_by_signs", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
one = attempt(by_signs, np.array([5, 5]), np.array([1, 0]))
expect_equal(one, 5, "5 · 1 + 5 · 0 is 5.")
expect_equal(attempt(by_signs, np.array([-3]), np.array([1])), -3, "Bit 7 counts -128, not 128.")
x, t = np.array([100, -128, 7, 0, -1]), np.array([-1, 1, 0, 1, -1])
expect_equal(attempt(by_signs, x, t), int(x @ t), "For bytes and trits of all kinds.")
### BEGIN HIDDEN TESTS
for length in (1, 31, 64, 200):
    x, t = rng.integers(-128, 128, length), rng.integers(-1, 2, length)
    expect_equal(attempt(by_signs, x, t), int(x @ t), f"For {length} weights.")
### END HIDDEN TESTS
passed("A 1-bit language model runs on the kernels of a BNN.")

# %% [markdown]
# ## Exercise 3: five trits in a byte (3 points)
#
# Pack trits along the last axis, five in a byte: the number with the digits `trit + 1` to the base
# 3, the first trit in the lowest digit. If the last byte is not full, its other digits are 0.


# %% nbgrader={"grade": false, "grade_id": "pack_five", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pack_five(trits):
    """Trits of shape (K,) to uint8 of shape (ceil(K / 5),)."""
    ### BEGIN SOLUTION
    codes = np.asarray(trits) + 1
    codes = np.pad(codes, (0, -len(codes) % 5)).reshape(-1, 5)
    return (codes * 3 ** np.arange(5)).sum(axis=1).astype(np.uint8)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pack_five", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
given = attempt(pack_five, np.array([1, 0, -1, 1, 1]))
expect(np.shape(given) == (1,), f"Five trits take one byte. You gave shape {np.shape(given)}.")
expect(int(given[0]) != 203, "Reversed: the first trit is the LOWEST digit.")
expect_equal(given, [221], "2 + 1 · 3 + 0 · 9 + 2 · 27 + 2 · 81 = 221.")
expect(np.asarray(given).dtype == np.uint8, "The bytes should have dtype np.uint8.")
expect_equal(attempt(pack_five, np.array([1] * 6)), [242, 2], "Six trits: a full byte, and a 2.")
### BEGIN HIDDEN TESTS
for length in (5, 9, 33, 1000):
    t = rng.integers(-1, 2, length).astype(np.int8)
    expect_equal(attempt(pack_five, t), ternary.pack_base3(t), f"For {length} trits.")
### END HIDDEN TESTS
passed("1.6 bits a weight.")

# %% [markdown]
# ## Exercise 4: how fast can it write? (3 points)
#
# To write one token, a model reads all its weights once. To read a prompt of `tokens` tokens, it
# reads them once as well, and does one multiply-accumulate for each weight and token. The machine
# reads `bandwidth` bytes and does `macs` multiply-accumulates a second; the slower of the two
# decides. How many seconds does it take?


# %% nbgrader={"grade": false, "grade_id": "seconds", "locked": false, "schema_version": 3, "solution": true, "task": false}
def seconds(weights, bits, tokens, bandwidth, macs):
    """Least time for so many tokens at once."""
    ### BEGIN SOLUTION
    return max(weights * bits / 8 / bandwidth, weights * tokens / macs)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_seconds", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
def near(given, wanted):
    """Whether two times agree."""
    return abs(float(given) - wanted) <= 1e-9 * wanted


one = attempt(seconds, 2e9, 2, 1, 20e9, 1e12)
expect(not near(one, 8 * 0.025), "A weight of 2 bits takes a quarter of a byte.")
expect(not near(one, 0.002), "With one token, reading takes longer than computing.")
expect(near(one, 0.025), "0.5 GB at 20 GB a second take 0.025 s.")
many = attempt(seconds, 2e9, 2, 100, 20e9, 1e12)
expect(not near(many, 2.5), "100 tokens at once read the weights once, not 100 times.")
expect(not near(many, 0.225), "Both go on at the same time: the slower one decides.")
expect(near(many, 0.2), "With 100 tokens, computing takes 0.2 s.")
### BEGIN HIDDEN TESTS
for bits, tokens in [(16, 1), (1.6, 1), (8, 512)]:
    wanted = max(7e9 * bits / 8 / 50e9, 7e9 * tokens / 2e12)
    expect(near(attempt(seconds, 7e9, bits, tokens, 50e9, 2e12), wanted), f"{bits} bits.")
### END HIDDEN TESTS
passed("Writing waits for the memory; reading a prompt does not.")

# %% [markdown]
# Your bound, for a model of 2 billion weights: seconds for prompts of different lengths.


# %%
def draw_seconds():
    """A line for each number of bits."""
    tokens = np.array([1, 2, 4, 8, 16, 32, 64, 128, 256])
    figure = go.Figure()
    for bits in (16, 8, 2):
        times = [float(seconds(2e9, bits, int(count), 20e9, 1e12)) for count in tokens]
        figure.add_scatter(x=tokens, y=times, name=f"{bits} bits")
    figure.update_layout(height=320, title="Where does the number of bits stop to matter?")
    figure.update_xaxes(type="log", title="tokens at once")
    figure.update_yaxes(type="log", title="seconds")
    return figure


show_result(lambda: draw_seconds())

# %% [markdown]
# ## Exercise 5: Bop for trits (4 points)
#
# Bop averages gradients: $m \leftarrow (1-\gamma)\,m + \gamma g$. Where $|m| > \tau$, step the trit
# **one** step against the sign of $m$, never beyond -1 and +1. Where a trit has moved, $m$ starts
# again at 0; elsewhere it is kept.


# %% nbgrader={"grade": false, "grade_id": "bop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ternary_bop_step(t, m, gradient, gamma, tau):
    """The trits and the averages after one step, arrays."""
    ### BEGIN SOLUTION
    m = (1 - gamma) * m + gamma * gradient
    after = np.clip(t - np.sign(m) * (np.abs(m) > tau), -1, 1)
    return after, np.where(after != t, 0.0, m)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bop", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
def step(t, m, gradient, gamma=0.5, tau=0.1):
    """One step for a single weight."""
    arrays = (np.array([float(value)]) for value in (t, m, gradient))
    after, average = attempt(ternary_bop_step, *arrays, gamma, tau)
    return float(after[0]), float(average[0])


expect(step(1, 0.0, 1.0)[0] != -1, "One step at a time: from +1 to 0, not to -1.")
expect(step(0, 0.0, 1.0)[0] == -1, "A positive gradient asks for a smaller weight: 0 becomes -1.")
expect(step(0, 0.0, -1.0)[0] == 1, "A negative gradient asks for a larger weight: 0 becomes +1.")
expect(step(1, 0.0, 0.1) == (1, 0.05), "m = 0.05 is below τ = 0.1: nothing moves, m is kept.")
expect(step(1, 0.0, 1.0) == (0, 0.0), "After a move, m starts again at 0.")
expect(step(-1, 0.4, 0.4) == (-1, 0.4), "-1 cannot go down, has not moved, and keeps its m.")
### BEGIN HIDDEN TESTS
t, m = rng.integers(-1, 2, 200).astype(float), rng.normal(0, 0.1, 200)
for _ in range(20):
    gradient = rng.normal(0, 1, 200)
    average = 0.9 * m + 0.1 * gradient
    wanted = np.clip(t - np.sign(average) * (np.abs(average) > 0.15), -1, 1)
    given, kept = attempt(ternary_bop_step, t.copy(), m.copy(), gradient, 0.1, 0.15)
    expect_equal(given, wanted, "That is for 200 weights and random gradients.")
    m = np.where(wanted != t, 0.0, average)
    expect(np.allclose(kept, m), "The averages are wrong after random gradients.")
    t = wanted
### END HIDDEN TESTS
passed("Ternary weights without latent ones.")

# %% [markdown]
# ## Exercise 6: in your own words (3 points)
#
# Why do fewer bits a weight make a language model *write* faster, but hardly help it *read* a long
# prompt? And which part of lesson 1 is still true for weights of three values? Three to five
# sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_memory", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# For each token it writes, the model reads all its weights and uses each once, so the time is their
# bytes over the bandwidth, and fewer bits are fewer bytes. A prompt has many tokens at once; each
# weight that was read serves all of them, so arithmetic is the limit and the bytes hardly count.
# As in lesson 1, a latent weight is only inertia: the network sees its trit, and how far the latent
# weight is from the next border of the dead zone says how long it takes to move.
# (1 point each: weights are read for each token; a prompt shares them; inertia.)
# ### END SOLUTION
