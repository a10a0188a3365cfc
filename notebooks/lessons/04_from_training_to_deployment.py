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
# **Can a network of bits read your handwriting?** Draw a digit.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import DrawDigit

DrawDigit()

# %% [markdown]
# The small squares are bits, layer by layer; press one of the weights to flip it. Two stopwatches
# race: the bits, and the same network computed with floats.
#
# **You should know** what a convolution and a training epoch are. Lessons 1 to 3 help but are not
# needed.
#
# **Time.** About 45 minutes to read and try; one minute to run.
#
# Where does such a network come from? How much faster does it run, and how much smaller is its
# file? You will train one, convert it, run it, and check that nothing was lost on the way.
#
# ## What a converter sees
#
# A graph of float ops, each handing its result to the next. The converter **folds** it. Pull the
# knob, or press **Play**: boxes merge, wires get thin, and some ops refuse. Press a box to read its
# text.

# %% tags=["hide-input", "nbval-ignore-output"]
import bnn_lab
from bnn_lab import figures, training, widgets

widgets.Fold(name="first")

# %% [markdown]
# ### Predict first
#
# Mark your guesses before you go on. A wrong guess teaches more than none.

# %% tags=["hide-input", "nbval-ignore-output"]
import numpy as np
import plotly.io
from IPython.display import Markdown

from bnn_lab.data import load_mnist5k
from bnn_lab.lessons import checks
from bnn_lab.lessons.checked import Checked
from bnn_lab.training.uncertainty import accuracy_uncertainty, difference_uncertainty

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
checks.progress(checks.check_threshold, checks.check_binary_layers, checks.check_speed_limit)

guess_accuracy = widgets.Prediction(
    "How many of the test images will be right?", unit="%", digits=1
)
guess_accuracy

# %% tags=["hide-input", "nbval-ignore-output"]
guess_smaller = widgets.Prediction(
    "How many times smaller than the float file will the binary file be?",
    unit="times",
    low=1,
    digits=1,
)
guess_smaller

# %% tags=["hide-input", "nbval-ignore-output"]
guess_speedup = widgets.Prediction(
    "How many times faster than the same network in float will it run?",
    unit="times",
    low=1,
    digits=1,
)
guess_speedup

# %% [markdown]
# ## The data
#
# 5,000 real handwritten digits of 28×28 pixels, from -1 (paper) to +1 (ink). The network never
# trains on 1,000 of them, which are for testing. (If you also import TensorFlow, import `bnn_lab`
# before it, because it chooses the Keras version that larq needs.)

# %% tags=["nbval-ignore-output"]
digits = load_mnist5k()
figures.draw_digits(digits.test_images[::200], digits.test_labels[::200])

# %% [markdown]
# ## The network
#
# Four 3×3 convolutions. All of them have binary weights. The first one reads the image, which is
# not binary; the other three are binary on both sides.

# %%
from bnn_lab.models import digits_bnn

model = digits_bnn(seed=0, input_shape=digits.input_shape, stride=2, pools=(2, 3))

# %% [markdown]
# Where is the work? Count the multiply-accumulates (MACs) of each convolution: the size of the
# kernel times the number of output pixels.

# %% tags=["hide-input"]
convolutions = [layer for layer in model.layers if layer.name.startswith("conv")]
macs = {
    layer.name: layer.kernel.shape.num_elements() * int(np.prod(layer.output_shape[1:3]))
    for layer in convolutions
}
rows = [
    f"| {layer.name} | {'×'.join(map(str, layer.output_shape[1:]))} | {macs[layer.name] / 1e6:.1f} "
    f"million | {100 * (macs[layer.name] / sum(macs.values())):.1f} % |"
    for layer in convolutions
]
Markdown("\n".join(["| layer | output | MACs | share |", "|---|---|---:|---:|", *rows]))

# %% [markdown]
# The binary convolutions do nearly everything. That is what makes binarizing them worthwhile.

# %% [markdown]
# ## Training with Bop
#
# Most methods keep a float "latent" weight behind every binary one. **Bop** (binary optimizer) does
# without: a weight *is* +1 or -1, and training decides only when to **flip** it.
#
# So the weights must start at exactly +1 or -1. Keras starts them at small floats; this replaces
# each by its sign:

# %%
count = training.set_binary_signs(model)  # of 369,216 weights
checked("All weights of the four convolutions are signs now", count == 369_216)

# %% [markdown]
# For each weight $w$ with gradient $g$, Bop keeps a moving average $m$ of the gradient:
#
# $$m \leftarrow (1-\gamma)\, m + \gamma\, g \qquad \text{and flips } w \text{ when } w\,m > \tau$$
#
# * the **adaptivity rate** $\gamma$ says how fast $m$ forgets,
# * the **threshold** $\tau$ says how strongly $m$ must ask for a flip.
#
# We lower $\gamma$ step by step, so that the weights come to rest.

# %%
epochs = 5
steps = epochs * training.update_steps(digits)
optimizer = training.bop_optimizer(
    gamma=training.gamma_decay(start=1e-2, end=2e-4, steps=steps),
    threshold=1e-6,
)

# %% [markdown]
# Bop trains the binary weights; Adam trains the rest (batch normalization and the classifier).
# Watch the flips.


# %% tags=["nbval-ignore-output"]
def show(result):
    print(
        f"epoch {result.epoch}   test accuracy {100 * result.test_accuracy:6.1f} %"
        f"   flips {result.flips:7,d}"
    )


history = training.train(model, digits, optimizer, epochs=epochs, on_epoch=show)

# %% [markdown]
# The **flip measure** is $\pi_t = \log(\text{flips} / \text{weights} + e^{-9})$ at each training
# step $t$. It starts high, while the network searches, and reaches -9 when nothing flips any more.

# %% tags=["nbval-ignore-output"]
figures.draw(history)

# %% [markdown]
# Does the accuracy jump about? Batch normalization keeps running averages of what it sees, and each
# flip shifts the sums that it averages. Now that the weights rest, compute its means and variances
# once more:

# %%
training.adjust_statistics(model, digits.train_images)
expected = model.predict(digits.test_images, verbose=0)
accuracy = (expected.argmax(axis=-1) == digits.test_labels).mean()

# %% tags=["hide-input", "nbval-ignore-output"]
Markdown(
    f"**{100 * accuracy:.1f} %** of the test images are right, ± "
    f"{100 * accuracy_uncertainty(accuracy, 1000):.1f} points for 1,000 images."
)

# %% tags=["hide-input", "nbval-ignore-output"]
guess_accuracy.reveal(100 * accuracy)

# %% tags=["hide-input"]
signs = np.unique(np.concatenate([layer.kernel.numpy().ravel() for layer in convolutions]))
checked("After training every weight of a convolution is +1 or -1", signs.tolist() == [-1, 1])
checked("More than 92 % of the test images are right", accuracy > 0.92)
checked(
    "Fewer than a tenth as many weights flip in the last epoch as in the first",
    10 * history.epochs[-1].flips < history.epochs[0].flips,
)
checked.new()

# %% [markdown]
# ## Conversion
#
# TensorFlow's own converter first makes a float model out of ours. Then bnn_lab's passes look for
# the binary parts and rewrite them. `trace_keras_model` keeps every stage, so that we can look.
# (When you only want the file: `bnn_lab.convert_keras_model(model)`.)

# %% tags=["nbval-ignore-output"]
from bnn_lab.convert import trace_keras_model

trace = trace_keras_model(model)
widgets.Fold(trace)

# %% [markdown]
# This is the network that you have trained, fold by fold. A pass that might change the results
# **refuses**, and says why. Before you look: which pass removes most ops? And does *pack_filters*
# change the graph at all?

# %% [markdown]
# Where did the signs and the batch normalization go? Only the sign of the normalized sum matters to
# the next layer. So all of it became one **threshold** per channel: is the count of differing bits
# above it or not?

# %% [markdown] tags=["folded-section"]
# ## Further: the converter's own words
#
# *Open this section to read what the converter reads and writes.*
#
# * `tfl.` marks ops of TensorFlow Lite, `lq.` marks binary ones.
# * `1x7x7x128xf32` means one image of 7×7 pixels with 128 float channels; `1x7x7x4xi32` are the
#   same 128 channels as four words of 32 bits.
#
# Between convolutions 2 and 3 the float graph has a max pool, *sign, add, sign* (larq's way to make
# sign(0) = +1), a pad, and a convolution of floats that happen to be ±1. Two ops are left, and both
# read bits and write bits.

# %% tags=["hide-input"]
ends = {"after": "conv_2_binary", "through": "conv_3_binary"}
before, after = (figures.ops_between(ir, **ends) for ir in (trace.ir_before, trace.ir_after))
Markdown(f"Before:\n\n```text\n{before}\n```\n\nAfter:\n\n```text\n{after}\n```")

# %% [markdown]
# ## Exercise 1: from batch normalization to a threshold
#
# A binary convolution counts $p$, the places where signs differ. Its accumulator is $K - 2p$
# (lesson 3). Here batch normalization subtracts a mean and adds beta. The next layer asks: is
# $(K - 2p) - \mathrm{mean} + \mathrm{beta}$ negative?
#
# Find the whole number $t$ with: negative if and only if $p > t$.


# %%
def threshold(K, mean, beta):
    """The largest count for which the normalized value is not negative."""
    return K // 2  # not quite: this ignores mean and beta


checks.check_threshold(threshold)

# %% [markdown]
# ## What stays float, and why?
#
# `bnn_lab.explain` converts a model and reports what became of each layer. In a notebook, `report`
# alone shows a large table; here are its main columns:

# %%
report = bnn_lab.explain(model)

# %% tags=["hide-input"]
rows = [
    f"| {layer.name} | {layer.verdict} | {layer.reason} |"
    for layer in report.layers
    if layer.verdict != "no weights"
]
Markdown("\n".join(["| layer | became | because |", "|---|---|---|", *rows]))

# %% tags=["nbval-ignore-output"]
figures.draw(report)

# %% [markdown]
# Left: bytes of each layer's weights, in the file and as larq's summary counts them. Right: the
# work. *Folded* layers have joined another layer's constants. Hover over a bar for the reasons.
#
# A layer that silently stays float is the usual reason why a BNN is slow and its file large. So ask
# the report before you train for a week.

# %% [markdown]
# ### Exercise 2: fix a network
#
# `conv_b` and `conv_c` should be binary, but each has a mistake. Run the cell and follow the
# converter's advice.

# %%
import larq as lq
import tf_keras as keras


def conv(name, **quantizers):
    """A 3×3 convolution that pads with +1."""
    options = {"padding": "same", "pad_values": 1.0, "use_bias": False}
    return lq.layers.QuantConv2D(
        32, 3, name=name, kernel_constraint="weight_clip", **options, **quantizers
    )


def small_network():
    """Images of 8×8 pixels with 3 channels to 10 classes."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            conv("conv_a", kernel_quantizer="ste_sign"),
            keras.layers.BatchNormalization(scale=False),
            conv("conv_b", kernel_quantizer="ste_sign"),
            keras.layers.BatchNormalization(scale=False),
            conv("conv_c", kernel_quantizer="ste_tern", input_quantizer="ste_sign"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, name="classifier"),
        ],
        name="small",
    )


checks.check_binary_layers(small_network, ["conv_b", "conv_c"])

# %% [markdown]
# ## The file
#
# The weights shrink 32 times. The float layers and the descriptions of the ops do not, so the whole
# file shrinks less than that:

# %% tags=["hide-input", "nbval-ignore-output"]
smaller = len(trace.stock) / len(trace.tflite)
Markdown(
    f"As floats {len(trace.stock) / 1000:,.0f} kB, as bits {len(trace.tflite) / 1000:,.0f} kB: "
    f"**{smaller:.1f} times smaller**."
)

# %% tags=["hide-input", "nbval-ignore-output"]
guess_smaller.reveal(smaller)

# %% tags=["hide-input"]
checked("The binary file is more than 20 times smaller than the float one", smaller > 20)
checked.new()

# %% [markdown]
# ## Running it
#
# The file runs in LiteRT, Google's runtime for `.tflite` files. bnn_lab adds a *delegate* that does
# the binary ops with its own compiled kernels, one set of them for each kind of processor. Yours:

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab import kernels

others = [name for name in kernels.available_backends() if name != kernels.active_backend()]
Markdown(f"In use: **{kernels.active_backend()}**. Available, too: {', '.join(others) or 'none'}.")

# %%
interpreter = bnn_lab.Interpreter(trace.tflite)
logits = interpreter.predict(digits.test_images)

# %% [markdown]
# ### Is it still the same network?
#
# Keras computed with floats that happen to be ±1; the kernels computed with bits. The answers must
# agree, for every test image.

# %% tags=["hide-input"]
same_class = logits.argmax(axis=-1) == expected.argmax(axis=-1)
checked("The logits are float32, one for each image and digit", logits.shape == (1000, 10))
checked("Keras and the bits give each of 1,000 test images the same class", same_class.all())
checked("No logit differs by more than 0.0001", np.abs(logits - expected).max() < 1e-4)
checked.new()

# %% [markdown]
# ### What it gets wrong
#
# Truth → answer, the surest mistakes first. Would you have known?

# %% tags=["hide-input", "nbval-ignore-output"]
figures.draw_mistakes(digits.test_images, digits.test_labels, logits)

# %% [markdown]
# ## The rest as int8
#
# The first convolution and the classifier are still float. They can become **int8**: 8-bit integers
# with a scale. The converter needs a few sample images, to see how large the values get
# (*calibration*). Binary layers stay binary.

# %%
calibration = digits.train_images[:100]
mixed = trace_keras_model(model, representative_dataset=calibration, snapshots=False)
rounded = bnn_lab.Interpreter(mixed.tflite).predict(digits.test_images)

# %% [markdown]
# This rounds. So the answers may differ a little; measure how much before you use such a file.

# %% tags=["hide-input", "nbval-ignore-output"]
agree = (rounded.argmax(axis=-1) == logits.argmax(axis=-1)).mean()
right = (rounded.argmax(axis=-1) == digits.test_labels).mean()
unsure = difference_uncertainty(right, accuracy, 1000)
Markdown(
    f"The file has {len(mixed.tflite) / 1000:.0f} kB. {100 * agree:.1f} % of the test images get "
    f"the same class as before. {100 * right:.1f} % are right, {100 * (right - accuracy):+.1f} "
    f"points; two networks with *independent* mistakes would differ by {100 * unsure:.1f} points "
    "by chance."
)

# %% tags=["hide-input"]
ops = figures.op_counts(mixed.ir_after)
checked("The int8 file has the same three binary convolutions", ops["lq.Bconv2d"] == 3)
checked("More than 90 % of the test images get the class that they had before", agree > 0.9)
checked.new()

# %% [markdown]
# ## Compatible with the Larq Compute Engine
#
# The file format is that of the Larq Compute Engine (LCE), the first engine for such networks. So
# the same file runs on LCE's own interpreter. If LCE is installed here, this cell asks it:

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.bench.baselines import lce_call, lce_installed

found = "LCE is not installed: `pip install larq-compute-engine`"
if lce_installed():
    answer = np.asarray(lce_call(trace.tflite, digits.test_images[0])())
    difference = np.abs(answer.ravel() - logits[0]).max()
    found = f"LCE runs it, too. Its logits differ by {difference:.1g} at most."
Markdown(found)

# %% [markdown]
# And scripts written for LCE run on bnn_lab. `bnn_lab.compat` has the same functions under the same
# names:

# %%
import bnn_lab.compat.larq_compute_engine as lce

content = lce.convert_keras_model(model)
answer = lce.testing.Interpreter(content).predict(digits.test_images[:5])
checked("By LCE's names you get the same file", content == trace.tflite)
checked("By LCE's names you get the same logits", np.array_equal(answer, logits[:5]))
checked.new()

# %% [markdown]
# (`bnn_lab.compat.install_as_larq_compute_engine()` makes even `import larq_compute_engine` give
# this, so that a script needs one more line and no other change.)

# %% [markdown]
# ## How fast is it?
#
# Four versions of one network run in turn, in changing order, one image at a time on one thread:
#
# * **binary**: our file on our kernels,
# * **binary + int8**: the same with int8 in place of float,
# * **float32 TFLite**: the same network as floats on plain LiteRT,
# * **int8 TFLite**: the same network with 8-bit integers, the usual way to make networks faster.

# %% tags=["nbval-ignore-output"]
from bnn_lab.bench.baselines import litert_call
from bnn_lab.convert import stock_tflite
from bnn_lab.lessons import recorded
from bnn_lab.measure import measure

int8_file = stock_tflite(model, calibration)
image = digits.test_images[0]
versions = {
    "binary": litert_call(trace.tflite, image),
    "binary + int8": litert_call(mixed.tflite, image),
    "float32 TFLite": litert_call(trace.stock, image, delegate=False),
    "int8 TFLite": litert_call(int8_file, image, delegate=False),
}
latency = widgets.Measured(
    lambda: measure(versions),
    lambda table: figures.draw_latency(table, recorded=recorded.seconds(recorded.DIGITS)),
    recorded=recorded.sentence(recorded.DIGITS),
    name="four-versions",
)
latency

# %% tags=["hide-input", "nbval-ignore-output"]
speedup = latency.result.speedup("binary", over="float32 TFLite")
guess_speedup.reveal(speedup)

# %% tags=["hide-input", "nbval-ignore-output"]
checked.here("Bits are faster than floats", speedup > 1)
checked.here("Bits are faster than int8", latency.result.speedup("binary", over="int8 TFLite") > 1)
checked.cited(
    "Binary convolutions are 8.5 to 18.5 times as fast as float ones on a Pixel 1 phone",
    "abstract of arXiv:2011.09398",
)
checked.new()

# %% [markdown]
# One caution: the int8 file keeps its signs as floats, because TFLite has no 8-bit sign. A network
# designed for int8 has ReLU in place of sign. Compare with such a network, too, before you choose a
# BNN.

# %% [markdown]
# ## Where does the time go?
#
# `bnn_lab.profile` times each op inside the running network. Choose the file, join small ops with
# the slider, and tick *one scale for all files* to compare times between files.

# %% tags=["nbval-ignore-output"]
profiles = {
    "binary": bnn_lab.profile(trace.tflite, digits.test_images[:1], rounds=10),
    "binary + int8": bnn_lab.profile(mixed.tflite, digits.test_images[:1], rounds=10),
    "float": bnn_lab.profile(trace.stock, digits.test_images[:1], rounds=10),
}
widgets.OpProfile(profiles)

# %% [markdown]
# What no binary kernel can shorten sets a limit. And is *binary + int8* faster than *binary*? With
# so few float ops there is little to gain, and turning the input into int8 takes time, too. Measure
# before you choose.

# %% tags=["hide-input", "nbval-ignore-output"]
binary_macs = 1 - macs["conv_1_float_input"] / sum(macs.values())
rows = profiles["binary"].rows
share = sum(row.ms for row in rows if row.binary) / sum(row.ms for row in rows)
Markdown(
    f"The binary convolutions have {100 * binary_macs:.1f} % of the multiply-accumulates of all "
    f"convolutions, and the binary ops take {100 * share:.0f} % of the time."
)

# %% [markdown]
# ### Exercise 3: the speed limit
#
# The float ops of a network take `float_ms`, its binary ops `binary_ms`. Imagine kernels that take
# no time at all. How many times faster would the network get? (This is *Amdahl's law*.)


# %%
def speed_limit(float_ms, binary_ms):
    """Old time over new time, if the binary ops took no time."""
    return binary_ms / float_ms  # not quite


checks.check_speed_limit(speed_limit)

# %% [markdown]
# ## On a device
#
# **Not run here**: this lesson was written without a Raspberry Pi, and bnn_lab's ARM kernels were
# tested under emulation only. These are the steps on a board with a 64-bit system; the
# documentation's page *Deploy on a Raspberry Pi* has more.
#
# 1. Save the file, here: `Path("digits.tflite").write_bytes(trace.tflite)`.
# 2. On the board: `pip install ./bnn_lab`, from a copy of the repository. It compiles the kernels.
#    TensorFlow is not needed.
# 3. Copy the one file: `scp digits.tflite pi@raspberrypi:`
# 4. On the board:
#
# ```python
# import bnn_lab
#
# interpreter = bnn_lab.Interpreter("digits.tflite", num_threads=4)
# logits = interpreter.predict(images)  # float32, (N, 28, 28, 1), from -1 to 1
# ```
#
# 5. Measure there, not here: `bnn-lab profile digits.tflite`, or from your desk
#    `bnn-lab bench --ssh pi@raspberrypi`.
#
# What this computer can check is that the file needs nothing but itself. A fresh interpreter reads
# it from disk:

# %%
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "digits.tflite"
    file.write_bytes(trace.tflite)
    from_disk = bnn_lab.Interpreter(file).predict(digits.test_images)
checked("The saved file gives the same logits", np.array_equal(from_disk, logits))
checked.new()

# %% [markdown]
# More to try:
#
# * Train with a constant `gamma=0.1` and `threshold=0.0` (build a new model first). What does
#   $\pi_t$ do, and why does the accuracy suffer?
# * Restart the kernel, run `import os; os.environ["BNN_LAB_BACKEND"] = "scalar"` in the first cell,
#   then run everything. How much of the speed comes from wide instructions?
# * Build the network with `channels=192`. Which version's time grows least?

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
widgets.score_sheet()

# %% tags=["hide-input"]
checked.all()

# %% [markdown]
# ## Summary
#
# * A BNN with one-bit weights and activations reads handwriting well. Only its two ends stay float.
# * Bop trains binary weights without latent weights: it flips them, and $\gamma$ and $\tau$ decide
#   how readily. *Latent Weights Do Not Exist*, [arXiv:1906.02107](https://arxiv.org/abs/1906.02107):
#   section 4 (the optimizer), section 5 ($\pi_t$ and the roles of $\gamma$ and $\tau$).
# * The converter finds the signs and the ±1 convolutions and packs them into bits. *Larq Compute
#   Engine*, [arXiv:2011.09398](https://arxiv.org/abs/2011.09398): section 3 (converter and file
#   format, binary kernels).
# * A pass rewrites one pattern, or refuses and says why. `bnn_lab.explain` tells what became of
#   each layer; ask it before you train.
# * The converted network gives Keras's answers, is many times smaller, and runs many times faster.
#   What stays float sets the limit.
