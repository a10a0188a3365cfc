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
# # Assignment 3: bitpacked convolution
#
# A value that is +1 or -1 needs one bit. 32 of them fit into a word, and then one XOR and one
# popcount do the work of 32 multiplications. You will build a binary convolution from its bits up.
#
# Write your code where it says `YOUR CODE HERE`, run it, then the folded check cell below it, and
# follow its hints. More checks run when your teacher grades.
#
# 20 points: four exercises, and one question to answer in words.

# %%
import numpy as np

from bnn_lab import kernels, reference
from bnn_lab.course.checks import (
    attempt,
    expect,
    expect_equal,
    passed,
    show_progress,
    show_result,
)
from bnn_lab.figures import draw_binary_convolution

rng = np.random.default_rng(0)

show_progress(4)

# %% [markdown]
# ## Exercise 1: pack bits (4 points)
#
# Pack ±1 values into 32-bit words (`np.uint32`) along the last axis:
#
# * **-1 is bit 1**, +1 is bit 0,
# * the first value goes into the lowest bit: value $i$ has weight $2^i$,
# * if the last word is not full, its other bits are 0.
#
# So `[-1, +1, -1, -1]` becomes one word, $1 + 4 + 8 = 13$.


# %% nbgrader={"grade": false, "grade_id": "pack", "locked": false, "schema_version": 3, "solution": true, "task": false}
def pack(signs):
    """±1 values of shape (..., C) to uint32 words of shape (..., ceil(C / 32))."""
    ### BEGIN SOLUTION
    bits = (np.asarray(signs) < 0).astype(np.uint32)
    missing = -bits.shape[-1] % 32
    bits = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, missing)])
    bits = bits.reshape(*bits.shape[:-1], -1, 32)
    return (bits << np.arange(32, dtype=np.uint32)).sum(axis=-1, dtype=np.uint32)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_pack", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
words = attempt(pack, np.array([-1, 1, -1, -1]))
expect(np.shape(words) == (1,), f"4 values fit into 1 word. You gave shape {np.shape(words)}.")
expect(int(words[0]) != 0b1011, "Reversed: the first value goes into the LOWEST bit.")
expect(int(words[0]) != 2, "Inverted: -1 is bit 1, +1 is bit 0.")
expect_equal(words, [13], "Wanted: 1 + 4 + 8 = 13.")
expect(np.asarray(words).dtype == np.uint32, "The words should have dtype np.uint32.")
full = attempt(pack, np.concatenate([np.full(32, -1), [-1]]))
expect_equal(full, [2**32 - 1, 1], "33 values: a full word, then one bit. The rest of it is 0.")
expect_equal(attempt(pack, np.array([[-1], [1]])), [[1], [0]], "Pack along the last axis only.")
### BEGIN HIDDEN TESTS
for shape in [(32,), (33,), (2, 3, 70), (5, 64)]:
    signs = rng.choice([-1, 1], shape)
    wanted = reference.pack_bits(signs < 0).view(np.uint32)
    expect_equal(attempt(pack, signs), wanted, f"That is for values of shape {shape}.")
### END HIDDEN TESTS
passed("32 weights in 4 bytes.")

# %% [markdown]
# ## Exercise 2: a dot product by popcount (4 points)
#
# The product of two signs is +1 where they are equal and -1 where they differ. XOR marks the places
# that differ, and popcount counts them. From that count and the number of channels, you get the sum
# of all products.
#
# `int(word).bit_count()` is Python's popcount.


# %% nbgrader={"grade": false, "grade_id": "popcount_dot", "locked": false, "schema_version": 3, "solution": true, "task": false}
def popcount_dot(a, w, channels):
    """Dot product of two ±1 vectors, given as packed words, as an int."""
    ### BEGIN SOLUTION
    differ = sum(int(x ^ y).bit_count() for x, y in zip(a, w, strict=True))
    return channels - 2 * differ
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_popcount_dot", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
from bnn_lab.lessons.checks import check_binary_dot

review = check_binary_dot.review(popcount_dot)
expect(review.passed, review.message)
### BEGIN HIDDEN TESTS
for channels in (1, 31, 65, 512):
    x, y = rng.choice([-1, 1], (2, channels))
    packed = [reference.pack_bits(v < 0).view(np.uint32) for v in (x, y)]
    given = attempt(popcount_dot, *packed, channels)
    expect_equal(given, int(x @ y), f"That is for {channels} channels.")
### END HIDDEN TESTS
passed("No multiplication left.")

# %% [markdown]
# ## Exercise 3: how small? (2 points)
#
# A convolution has `O` filters of `kh` × `kw` pixels and `I` channels. As floats it takes 4 bytes a
# weight. Packed along the channels, each pixel of each filter takes whole words. How many bytes?


# %% nbgrader={"grade": false, "grade_id": "packed_bytes", "locked": false, "schema_version": 3, "solution": true, "task": false}
def packed_bytes(filters, kh, kw, channels):
    """Bytes of a packed filter bank."""
    ### BEGIN SOLUTION
    return filters * kh * kw * -(-channels // 32) * 4
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_packed_bytes", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(packed_bytes, 64, 3, 3, 64), 4608, "64 channels are 2 words of 4 bytes each.")
expect_equal(attempt(packed_bytes, 1, 1, 1, 33), 8, "33 channels do not fit into 1 word.")
### BEGIN HIDDEN TESTS
for shape in [(8, 3, 3, 40), (256, 1, 1, 31), (10, 5, 7, 96)]:
    wanted = reference.pack_bits(np.zeros(shape, bool)).nbytes
    expect_equal(attempt(packed_bytes, *shape), wanted, f"That is for a filter bank {shape}.")
### END HIDDEN TESTS
passed("32 times smaller, if the channels fill their words.")

# %% [markdown]
# ## Exercise 4: convolution with one-padding (6 points)
#
# Write the binary convolution on ±1 values; plain loops are fine. Around the image, pad with **+1**
# so that the output is as large as the input (kernel sizes are odd, stride 1):
#
# $$y[i, j, o] = \sum_{u, v, c} x[i + u - \tfrac{kh-1}{2},\; j + v - \tfrac{kw-1}{2},\; c]\;
# f[o, u, v, c]$$


# %% nbgrader={"grade": false, "grade_id": "bconv", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bconv(x, filters):
    """Integers of shape (H, W, O) for an image (H, W, C) and filters (O, kh, kw, C), all ±1."""
    ### BEGIN SOLUTION
    height, width, _ = x.shape
    out, kh, kw, _ = filters.shape
    rows, columns = kh // 2, kw // 2
    padded = np.pad(x, [(rows, rows), (columns, columns), (0, 0)], constant_values=1)
    result = np.zeros((height, width, out), int)
    for u in range(kh):
        for v in range(kw):
            result += padded[u : u + height, v : v + width] @ filters[:, u, v].T
    return result
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bconv", "locked": true, "points": 6, "schema_version": 3, "solution": false, "task": false}
rng = np.random.default_rng(0)
image, filters = rng.choice([-1, 1], (4, 5, 3)), rng.choice([-1, 1], (2, 3, 3, 3))
y = attempt(bconv, image, filters)
expect(np.shape(y) == (4, 5, 2), f"Wanted: shape (4, 5, 2). You gave {np.shape(y)}.")
inner = int((image[0:3, 0:3] * filters[1]).sum())
expect_equal(y[1][1][1], inner, "Inside the image it is the sum of products of a 3×3 patch.")
corner = np.pad(image, [(1, 1), (1, 1), (0, 0)], constant_values=1)[0:3, 0:3]
ones, zeros = (corner * filters[0]).sum(), (corner * filters[0])[1:, 1:].sum()
expect(y[0][0][0] != zeros, "In the corner you pad with 0. Pad with +1: a bit cannot be 0.")
expect_equal(y[0][0][0], ones, "Pad with +1 on all four sides.")
point = attempt(bconv, image, filters[:, 1:2, 1:2])
expect_equal(point, image @ filters[:, 1, 1].T, "A 1×1 filter needs no padding: use kh and kw.")
### BEGIN HIDDEN TESTS
for shape, bank in [
    ((6, 4, 33), (3, 3, 3, 33)),
    ((5, 5, 8), (4, 1, 1, 8)),
    ((7, 3, 2), (1, 5, 3, 2)),
]:
    x, f = rng.choice([-1, 1], shape), rng.choice([-1, 1], bank)
    wanted = reference.bconv2d_accumulators(
        reference.quantize(x[None].astype(np.float32)),
        reference.quantize(f.astype(np.float32)),
        channels_in=shape[-1],
        padding="same",
        pad_values=1,
    )[0]
    expect_equal(attempt(bconv, x, f), wanted, f"That is for an image {shape}, filters {bank}.")
### END HIDDEN TESTS
passed("Your convolution equals the reference, border and all.")

# %% [markdown]
# Your convolution on a handwritten digit: the filter looks for bright pixels above dark ones.

# %%
show_result(lambda: draw_binary_convolution(bconv))

# %% [markdown]
# The compiled kernels do the same on packed words. Yours is easy to read; theirs is fast:

# %%
x = rng.choice([-1, 1], (14, 14, 64)).astype(np.float32)
f = rng.choice([-1, 1], (64, 3, 3, 64)).astype(np.float32)
y = kernels.bconv2d(
    kernels.bitpack(x[None]), kernels.bitpack(f), channels_in=64, padding="same", pad_values=1
)
print("kernels:", kernels.active_backend(), " output:", y.shape, y.dtype)

# %% [markdown]
# ## Exercise 5: in your own words (4 points)
#
# Float networks pad with 0. Why is padding with +1 free in a bitpacked convolution, and padding with
# 0 not? What would a kernel have to do for zeros, and at which pixels? What does +1 cost, if not
# time? Three to five sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_padding", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# A bit stands for +1 or -1; there is no bit for 0. +1 is bit 0, so padding with +1 is a border of
# zero words, and the inner loop does not change at all. For zeros, the products of the border must
# be taken out again: each output pixel whose window reaches over the edge needs a correction that
# depends on which part of the filter lies outside. Only those border pixels need it. +1 costs
# truth: the network sees a bright frame that is not in the image, and has to be trained with it.
# (1 point each: no third value, zero words, the correction at the border, the frame.)
# ### END SOLUTION
