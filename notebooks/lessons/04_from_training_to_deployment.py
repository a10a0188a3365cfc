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
# # Lesson 4: from training to deployment
#
# **Goal.** Train a small binarized neural network (BNN), convert it to a `.tflite` file, run it on
# compiled kernels, and check that nothing was lost on the way.
#
# **You should know** what a convolution and a training epoch are. Lessons 1 to 3 help but are not
# needed.
#
# **Time.** About 25 minutes to read and try; one minute to run.

# %% [markdown]
# ## The question
#
# In a BNN the weights and the activations of most layers are only +1 or -1. One bit each, instead
# of the 32 bits of a float.
#
# * Can such a network still read handwritten digits?
# * How much faster does it run, and how much smaller is its file?

# %% [markdown]
# ### Predict first
#
# Write down your guesses before you go on. A wrong guess teaches more than none.

# %%
guess_accuracy = 90  # percent of the test images
guess_speedup = 5  # times faster than the same network in float
guess_smaller = 5  # times smaller than the float file

# %% [markdown]
# ## The data
#
# We use the digits of scikit-learn: tiny 8×8 images. Import `bnn_lab` before TensorFlow, because it
# chooses the Keras version that larq needs.

# %%
import numpy as np
import plotly.io

import bnn_lab
from bnn_lab import explore, lab
from bnn_lab.data import load_digits

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small

# %%
digits = load_digits()
print("training images:", digits.train_images.shape)
print("test images:    ", digits.test_images.shape)
print("pixel values:   ", digits.train_images.min(), "to", digits.train_images.max())

# %% tags=["nbval-ignore-output"]
explore.digits_figure(digits.test_images[:10], digits.test_labels[:10])

# %% [markdown]
# ## The network
#
# Four 3×3 convolutions. All of them have binary weights. The first one reads the image, which is
# not binary; the other three are binary on both sides.

# %%
from bnn_lab.models import digits_bnn

model = digits_bnn(seed=0)
for layer in model.layers:
    print(f"{layer.name:<20} {layer.output_shape[1:]}")

# %% [markdown]
# Where is the work? Count the multiply-accumulates (MACs) of each convolution: the size of the
# kernel times the number of output pixels.

# %%
macs = {}
for layer in model.layers:
    if layer.name.startswith("conv"):
        height, width = layer.output_shape[1:3]
        macs[layer.name] = layer.kernel.shape.num_elements() * height * width
for name, count in macs.items():
    print(f"{name:<20} {count / 1e6:5.2f} million MACs  {count / sum(macs.values()):6.1%}")

# %% [markdown]
# The binary convolutions do nearly everything. That is what makes binarizing them worthwhile.

# %% [markdown]
# ## Training with Bop
#
# Most methods keep a float "latent" weight behind every binary one. **Bop** (binary optimizer) does
# without: a weight *is* +1 or -1, and training decides only when to **flip** it.
#
# So the weights must start at exactly +1 or -1. Keras starts them at small floats:

# %%
kernel = model.get_layer("conv_3_binary").kernel
print(f"before: {kernel.numpy().min():.2f} to {kernel.numpy().max():.2f}")

lab.set_binary_signs(model)
print("after: ", *np.unique(kernel.numpy()))

# %% [markdown]
# For each weight $w$ with gradient $g$, Bop keeps a moving average $m$ of the gradient:
#
# $$m \leftarrow (1-\gamma)\, m + \gamma\, g \qquad \text{and flips } w \text{ when } w\,m > \tau$$
#
# * the **adaptivity rate** $\gamma$ says how fast $m$ forgets,
# * the **threshold** $\tau$ says how strong the wish for a flip must be.
#
# We lower $\gamma$ step by step, so that the weights come to rest.

# %%
epochs = 10
steps = epochs * lab.update_steps(digits)
optimizer = lab.bop_optimizer(
    gamma=lab.gamma_decay(start=1e-2, end=5e-4, steps=steps),
    threshold=1e-6,
)

# %% [markdown]
# Bop trains the binary weights; Adam trains the rest (batch normalization and the classifier).
# Watch the flips.


# %% tags=["nbval-ignore-output"]
def show(result):
    print(
        f"epoch {result.epoch:2d}   test accuracy {result.test_accuracy:6.1%}"
        f"   flips {result.flips:7,d}"
    )


history = lab.train(model, digits, optimizer, epochs=epochs, on_epoch=show)

# %% [markdown]
# The **flip measure** is $\pi_t = \log(\text{flips} / \text{weights} + e^{-9})$ at each training
# step $t$. It starts high, while the network searches, and reaches -9 when nothing flips any more.

# %% tags=["nbval-ignore-output"]
print(explore.describe_training(history))
explore.training_figure(history)

# %%
assert history.final_accuracy >= 0.95
print("at least 95 % of the test images are right")

# %% [markdown]
# ## Conversion
#
# TensorFlow's own converter first makes a float model out of ours. Then bnn_lab's passes look for
# the binary parts and rewrite them. `trace_keras_model` keeps every stage, so that we can look.
# (When you only want the file: `bnn_lab.convert_keras_model(model)`.)

# %% tags=["nbval-ignore-output"]
from bnn_lab.convert import trace_keras_model

trace = trace_keras_model(model)
for result in trace.passes:
    if result.applied:
        print(f"{result.name:<20} {result.summary}")

# %% [markdown]
# Look at one layer. **Before**, its input goes through *sign, add, sign* (larq's way to make
# sign(0) = +1), is padded, and is then convolved as floats:

# %%
print(explore.ops_between(trace.ir_before, after="conv_2_binary", through="conv_3_binary"))

# %% [markdown]
# **After**, one op is left. It reads bits and writes bits: 128 channels are four 32-bit words.

# %%
print(explore.ops_between(trace.ir_after, after="conv_2_binary", through="conv_3_binary"))

# %% [markdown]
# Where did the signs and the batch normalization go? Only the sign of the normalized sum matters to
# the next layer. So all of it became one threshold per channel: is the count of differing bits
# above it or not?

# %% [markdown]
# What stays float, and why? The converter says so:

# %%
for outcome in trace.refused:
    print(f"{outcome.layer}: {outcome.reason}")

# %% [markdown]
# The weights shrink 32 times. The float layers and the descriptions of the ops do not, so the whole
# file shrinks less than that:

# %% tags=["nbval-ignore-output"]
smaller = len(trace.stock) / len(trace.tflite)
assert smaller > 20
print(f"float  {len(trace.stock) / 1000:5.0f} kB")
print(f"binary {len(trace.tflite) / 1000:5.0f} kB, {smaller:.0f} times smaller")

# %% [markdown]
# ## Running it
#
# The file runs in LiteRT, Google's runtime for `.tflite` files. bnn_lab adds a *delegate* that does
# the binary ops with its own compiled kernels, one set of them for each kind of processor. Yours:

# %% tags=["nbval-ignore-output"]
from bnn_lab import kernels

print("available:", ", ".join(kernels.available_backends()))
print("in use:   ", kernels.active_backend())

# %%
interpreter = bnn_lab.Interpreter(trace.tflite)
logits = interpreter.predict(digits.test_images)
print("logits:", logits.shape, logits.dtype)

# %% [markdown]
# ### Is it still the same network?
#
# Keras computed with floats that happen to be ±1; the kernels computed with bits. The answers must
# agree, for every test image.

# %%
expected = model.predict(digits.test_images, verbose=0)
same_class = logits.argmax(axis=-1) == expected.argmax(axis=-1)
difference = np.abs(logits - expected).max()

assert same_class.all()
assert difference < 1e-4
print(f"same class: {same_class.sum()} of {same_class.size} images")
print("largest difference of the logits is below 0.0001")

# %% [markdown]
# ## How fast is it?
#
# Three peers run the same network, in turn and in changing order, one image at a time on one
# thread:
#
# * **binary**: our file on our kernels,
# * **float TFLite**: the same network as floats on stock LiteRT,
# * **int8 TFLite**: the same network with 8-bit integers, the usual way to make networks faster.

# %% tags=["nbval-ignore-output"]
from bnn_lab.bench.models import BINARY, FLOAT, measure_latency, model_files

files = model_files(model, digits.train_images)
latency = measure_latency(files, digits.test_images[0], with_lce=False)
print(explore.describe_latency(latency.table))
explore.latency_figure(latency.table)

# %% [markdown]
# And your guesses?

# %% tags=["nbval-ignore-output"]
speedup = latency.table.speedup(BINARY, over=FLOAT)
print(f"accuracy       you: {guess_accuracy:3} %   measured: {history.final_accuracy:.1%}")
print(f"times faster   you: {guess_speedup:3}     measured: {speedup:.1f}")
print(f"times smaller  you: {guess_smaller:3}     measured: {smaller:.1f}")

# %% [markdown]
# ## Why it is fast
#
# The product of two signs is +1 where they are equal and -1 where they differ. So a dot product of
# $K$ signs needs no multiplication. Write -1 as bit 1 and +1 as bit 0. Then XOR marks the places
# that differ, and **popcount** counts them:
#
# $$\sum_{i=1}^{K} a_i w_i = K - 2\,\mathrm{popcount}(a \oplus w)$$
#
# A processor with 512-bit registers does 512 products in three instructions: XOR, popcount, add.
# See it on eight signs:

# %%
a = np.array([+1, -1, -1, +1, +1, -1, +1, -1])
w = np.array([+1, +1, -1, -1, +1, -1, -1, -1])
differ = (a < 0) ^ (w < 0)
print("sum of products:       ", int(a @ w))
print("8 - 2 * popcount(XOR): ", 8 - 2 * int(differ.sum()))

# %% [markdown]
# Two things to keep in mind before you praise the numbers above:
#
# * The first convolution, the average and the classifier still compute in float. They take a part
#   of the binary time that no binary kernel can shorten.
# * The int8 file keeps the sign ops as floats, because TFLite has no 8-bit sign. A network designed
#   for int8, with ReLU in place of sign, was about 15 % faster when we tried. Compare with that too
#   before you choose a BNN.

# %% [markdown]
# ## Your turn: a dot product in words
#
# Real kernels read packed words. `a` and `w` are arrays of 32-bit words (`uint32`) that hold
# `channels` signs each; bits past `channels` are 0. Complete the function, run the cell, and follow
# the hint.

# %%
from bnn_lab.lab.exercises import check_binary_dot


def binary_dot(a, w, channels):
    """Dot product of two vectors of ±1, packed into words."""
    differ = 0
    for a_word, w_word in zip(a, w, strict=True):
        marked = a_word & w_word  # not quite: AND does not mark the places that differ
        differ += int(marked).bit_count()  # bit_count() is Python's popcount
    return None  # your formula, from channels and differ


check_binary_dot(binary_dot)

# %% [markdown]
# More to try:
#
# * Train with a constant `gamma=0.1` and `threshold=0.0` (build a new model first). What does
#   $\pi_t$ do, and why does the accuracy suffer?
# * Restart the kernel, run `import os; os.environ["BNN_LAB_BACKEND"] = "scalar"` in the first cell,
#   then run everything. How much of the speed comes from wide instructions?
# * Build `digits_bnn(channels=192)`. Which peer's time grows least?

# %% [markdown]
# ## Summary
#
# * A BNN with one-bit weights and activations reads the digits well; only float layers at both ends
#   remain.
# * Bop trains binary weights without latent weights: it flips them, and $\gamma$ and $\tau$ decide
#   how readily. *Latent Weights Do Not Exist*, [arXiv:1906.02107](https://arxiv.org/abs/1906.02107):
#   section 4 (the optimizer), section 5 ($\pi_t$ and the roles of $\gamma$ and $\tau$).
# * The converter finds the signs and the ±1 convolutions and packs them into bits. *Larq Compute
#   Engine*, [arXiv:2011.09398](https://arxiv.org/abs/2011.09398): section 3 (converter and file
#   format, binary kernels).
# * The converted network gives Keras' answers, is many times smaller, and runs many times faster.
