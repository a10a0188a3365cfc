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
# # Assignment 4: from training to deployment
#
# A converter makes a fast binary file out of a trained network. You will do by hand what it does:
# turn batch normalization into thresholds, write a rewrite pass, and read its report to repair a
# network that did not become binary.
#
# Write your code where it says `YOUR CODE HERE`, run it, then the folded check cell below it, and
# follow its hints. More checks run when your teacher grades.
#
# 24 points: five exercises, and one question to answer in words. Loading TensorFlow takes some
# seconds.

# %%
from itertools import zip_longest

import numpy as np

import bnn_lab
from bnn_lab import convert
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.tfl_dialect import is_tfl, producer
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.rewrite.base import Pass, Refusal
from bnn_lab.course.checks import (
    attempt,
    expect,
    expect_equal,
    in_students_kernel,
    passed,
    show_progress,
    show_result,
)
from bnn_lab.figures import draw_threshold
from bnn_lab.models import digits_bnn
from bnn_lab.tflite.ops import count_macs

digits_bnn()  # loads TensorFlow, quietly
import larq as lq
import tensorflow as tf

rng = np.random.default_rng(0)

show_progress(5)

# %% [markdown]
# ## Exercise 1: thresholds instead of batch normalization (4 points)
#
# A binary convolution counts $p$, the places where signs differ. Its accumulator is $a = K - 2p$.
# Batch normalization makes $\mathrm{gamma}\,(a - \mathrm{mean}) / \mathrm{std} + \mathrm{beta}$ of
# it, and the next layer only wants the sign: is that **negative**?
#
# So one comparison is enough. Find the integer threshold $t$, for `gamma` > 0, such that
#
# $$\text{the normalized value is negative} \iff p > t$$


# %% nbgrader={"grade": false, "grade_id": "threshold", "locked": false, "schema_version": 3, "solution": true, "task": false}
def threshold(K, gamma, beta, mean, std):
    """Integer thresholds (arrays in, array out): negative if and only if p > t. gamma > 0."""
    ### BEGIN SOLUTION
    zero_at = mean - beta * std / gamma  # the accumulator that is normalized to 0
    return np.floor((K - zero_at) / 2).astype(int)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_threshold", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
def is_right(t, K, gamma, beta, mean, std):
    """Whether the threshold decides as batch normalization does, for every possible count."""
    p = np.arange(K + 1)
    negative = gamma * (K - 2 * p - mean) / std + beta < 0
    return bool(np.array_equal(negative, p > t))


t = attempt(threshold, 100, 1.0, 0.0, 10.3, 2.0)
expect(np.all(np.asarray(t) == np.round(t)), "A count is compared with a whole number: np.floor.")
expect(
    is_right(t, 100, 1.0, 0.0, 10.3, 2.0),
    "gamma=1, beta=0, mean=10.3: for which p is 100 - 2p < 10.3?",
)
t = attempt(threshold, 100, 0.5, 1.7, 10.3, 2.0)
expect(is_right(t, 100, 0.5, 1.7, 10.3, 2.0), "beta counts too: solve for the accumulator.")
t = attempt(threshold, 100, 1.0, 0.0, 10.0, 1.0)
expect(is_right(t, 100, 1.0, 0.0, 10.0, 1.0), "mean=10: at p = 45 it is 0, which is not negative.")
t = attempt(threshold, 100, 1.0, 0.0, 101.0, 1.0)
expect(is_right(t, 100, 1.0, 0.0, 101.0, 1.0), "mean=101: negative for every p, from 0 on.")
two = np.array([1.0, 2.0]), np.zeros(2), np.array([10.3, 7.5]), np.ones(2)
t = attempt(threshold, 100, *two)
expect(np.shape(t) == (2,), "Arrays in, array out: np.floor takes both.")
for i in range(2):
    expect(is_right(t[i], 100, *(values[i] for values in two)), "Each channel has its own.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(5)
for _ in range(200):
    case = rng.uniform(0.1, 3), rng.normal(), rng.normal(scale=20), rng.uniform(0.5, 5)
    expect(is_right(attempt(threshold, 72, *case), 72, *case), f"Wrong for gamma, ... = {case}.")
### END HIDDEN TESTS
passed("One integer comparison replaces the whole batch normalization.")

# %% [markdown]
# Your threshold beside the batch normalization that it replaces. A cross marks a popcount at which
# the two disagree.

# %%
normalization = {"gamma": 0.5, "beta": 1.7, "mean": 10.3, "std": 2.0}
show_result(lambda: draw_threshold(threshold(48, **normalization), 48, **normalization))

# %% [markdown]
# ## Exercise 2: a negative gamma (3 points)
#
# With `gamma` < 0 the comparison is reversed, but a kernel can only do `p > t`. The way out: flip
# the signs of the filter. Then $p$ becomes $K - p$.
#
# Return `(flip, t)`: whether to flip the filter, and the threshold for the count of the filter that
# is used. `gamma` is a single number here, of either sign, but not 0.


# %% nbgrader={"grade": false, "grade_id": "flip_and_threshold", "locked": false, "schema_version": 3, "solution": true, "task": false}
def flip_and_threshold(K, gamma, beta, mean, std):
    """(True if the filter's signs are flipped, threshold for the then counted p)."""
    ### BEGIN SOLUTION
    if gamma > 0:
        return False, int(threshold(K, gamma, beta, mean, std))
    # With a flipped filter the accumulator is -a: negate gamma and mean with it.
    return True, int(threshold(K, -gamma, beta, -mean, std))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_flip", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
def decides_alike(answer, K, gamma, beta, mean, std):
    """Whether (flip, t) decides as batch normalization does."""
    flip, t = answer
    p = np.arange(K + 1)
    negative = gamma * (K - 2 * p - mean) / std + beta < 0
    return bool(np.array_equal(negative, (K - p if flip else p) > t))


answer = attempt(flip_and_threshold, 64, -1.0, 0.0, 4.2, 1.0)
expect(isinstance(answer, tuple) and len(answer) == 2, "Return two things: flip, t.")
expect(answer[0], "gamma is negative here: flip the filter.")
expect(decides_alike(answer, 64, -1.0, 0.0, 4.2, 1.0), "With p' = K - p, what is the accumulator?")
for beta, mean in ((1.5, 4.2), (0.0, 4.0)):
    answer = attempt(flip_and_threshold, 64, -1.0, beta, mean, 1.0)
    expect(
        decides_alike(answer, 64, -1.0, beta, mean, 1.0),
        f"gamma=-1, beta={beta:g}, mean={mean:g}, std=1: for which p is it negative? 0 is not.",
    )
answer = attempt(flip_and_threshold, 64, 2.0, 1.5, 4.2, 1.0)
expect(not answer[0], "gamma is positive here: leave the filter as it is.")
expect(decides_alike(answer, 64, 2.0, 1.5, 4.2, 1.0), "gamma > 0 is exercise 1.")
answer = attempt(flip_and_threshold, 64, 2.0, 0.0, 4.0, 1.0)
expect(decides_alike(answer, 64, 2.0, 0.0, 4.0, 1.0), "gamma > 0 is exercise 1.")
### BEGIN HIDDEN TESTS
rng = np.random.default_rng(6)
for _ in range(200):
    gamma = rng.choice([-1, 1]) * rng.uniform(0.1, 3)
    case = gamma, rng.normal(), rng.normal(scale=20), rng.uniform(0.5, 5)
    expect(decides_alike(attempt(flip_and_threshold, 72, *case), 72, *case), f"Wrong for {case}.")
### END HIDDEN TESTS
passed("Every batch normalization in front of a sign becomes a threshold.")

# %% [markdown]
# ## Exercise 3: write a rewrite pass (5 points)
#
# The converter is a list of small passes over a graph. You will add one. A `LeakyReLU` in front of
# a sign is wasted time: for a positive slope `alpha`, it never changes the sign.
#
#         x -> tfl.leaky_relu -> lq.Quantize
#     =>
#         x -> lq.Quantize
#
# Look at the graph of a tiny network, before:


# %%
def leaky_network(alpha):
    """LeakyReLU, sign and a binary convolution, for images of 6 × 6 pixels and 32 channels."""
    conv = lq.layers.QuantConv2D(
        32,
        3,
        padding="same",
        pad_values=1.0,
        use_bias=False,
        input_quantizer=lq.quantizers.SteSign(),
        kernel_quantizer=lq.quantizers.SteSign(),
        kernel_constraint=lq.constraints.WeightClip(),
    )
    image = tf.keras.Input((6, 6, 32))
    return tf.keras.Model(image, conv(tf.keras.layers.LeakyReLU(alpha)(image)))


def graph_of(alpha):
    """Its graph, with the sign recognized as lq.Quantize."""
    module = convert.import_model(convert.stock_tflite(leaky_network(alpha)))
    RecognizeSign().run(module)
    RemoveDeadOps().run(module)
    return module


for line in convert.ir_text(graph_of(0.1)).splitlines():
    if "leaky" in line or "lq." in line:
        print(line.strip())

# %% [markdown]
# A pass has two steps. `check` looks at one op and changes nothing; it returns
#
# * `None` if the op is not its subject,
# * a `Refusal("reason")` if the rewrite would be wrong here,
# * or a match: whatever `rewrite` needs. Return the value that the quantize op is to read.
#
# `rewrite` is written for you. Useful: `isinstance(op, Quantize)`, `producer(op.input)` is the op
# that made a value (or `None`), `is_tfl(op, "leaky_relu")`, `op.option("alpha")`, and
# `op.operands[0]` is what an op reads.


# %% nbgrader={"grade": false, "grade_id": "drop_leaky_relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
class DropLeakyRelu(Pass):
    """leaky_relu, Quantize => Quantize."""

    name = "drop_leaky_relu"
    summary = "a LeakyReLU in front of lq.Quantize disappears"

    def check(self, op):
        """Match a quantize of a LeakyReLU; refuse where alpha is not positive."""
        ### BEGIN SOLUTION
        if not isinstance(op, Quantize):
            return None
        relu = producer(op.input)
        if not is_tfl(relu, "leaky_relu"):
            return None
        if relu.option("alpha") <= 0:
            return Refusal(
                f"alpha is {relu.option('alpha'):g}, so negative values change their sign"
            )
        return relu.operands[0]
        ### END SOLUTION

    def rewrite(self, op, match, rewriter):
        """Read the value in front of the LeakyReLU."""
        rewriter.replace(op, Quantize.build(operands=[match], result_types=op.result_types))
        return "the sign does not need the LeakyReLU"


# %% nbgrader={"grade": true, "grade_id": "check_drop_leaky_relu", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
@in_students_kernel
def outcomes_of(alpha):
    """Run the pass on a fresh graph; returns it as text before and after, and what it says."""
    module = graph_of(alpha)
    before = convert.exact_text(module)
    outcomes = attempt(DropLeakyRelu().run, module)
    return before, convert.exact_text(module), [(o.applied, o.reason) for o in outcomes]


@in_students_kernel
def outcomes_on(graph):
    """Run the pass on a graph that is given as text; returns what it says."""
    return [(o.applied, o.reason) for o in attempt(DropLeakyRelu().run, convert.parse_ir(graph))]


before, graph, outcomes = attempt(outcomes_of, 0.1)
expect(len(outcomes) > 0, "The pass found nothing. Does check return the value to be read?")
expect(outcomes[0][0], f"The pass refused: {outcomes[0][1]}")
ops = list(convert.parse_ir(graph).walk())
quantize = next(op for op in ops if isinstance(op, Quantize))
expect(
    not is_tfl(producer(quantize.input), "leaky_relu"),
    "lq.Quantize still reads the LeakyReLU. Return what the LeakyReLU reads: its operands[0].",
)
*_, refused = attempt(outcomes_of, -0.5)
expect(
    len(refused) == 1 and not refused[0][0],
    "With alpha = -0.5 the sign of negative values changes: return a Refusal.",
)
flat = attempt(outcomes_on, before.replace("alpha = 0.1", "alpha = 0.0"))
expect(
    len(flat) == 1 and not flat[0][0],
    "With alpha = 0 negative values become 0, whose sign is +1: return a Refusal.",
)
expect(
    attempt(outcomes_on, graph) == [],
    "A quantize that reads no LeakyReLU is not your subject, nor one that reads the input.",
)
### BEGIN HIDDEN TESTS
other = before.replace("tfl.leaky_relu", "tfl.relu")
expect(attempt(outcomes_on, other) == [], "Behind a ReLU the sign of negative values changes.")
expect(len(outcomes) == 1, "The pass should rewrite the quantize once, and no other op.")
expect(producer(quantize.input) is None, "lq.Quantize should read what the LeakyReLU read.")
*_, steep = attempt(outcomes_of, 2.0)
expect(len(steep) == 1 and steep[0][0], "Any positive alpha keeps the sign, 2.0 too.")
### END HIDDEN TESTS
passed("You have taught the converter something new.")

# %% [markdown]
# ## Exercise 4: read a conversion report (3 points)
#
# This network should be binary everywhere but at its two ends. It is not. `bnn_lab.explain`
# converts it and says what became of each layer.


# %%
def conv(name, filters, **quantizers):
    """A 3×3 convolution that pads with +1."""
    return lq.layers.QuantConv2D(
        filters,
        3,
        padding="same",
        pad_values=1.0,
        use_bias=False,
        kernel_constraint=lq.constraints.WeightClip(),
        name=name,
        **quantizers,
    )


def broken_network():
    """Images of 8 × 8 pixels to 10 classes."""
    norm = tf.keras.layers.BatchNormalization
    sign, ternary, dorefa = lq.quantizers.SteSign, lq.quantizers.SteTern, lq.quantizers.DoReFa
    return tf.keras.Sequential(
        [
            tf.keras.Input((8, 8, 3)),
            conv("conv_1", 32, kernel_quantizer=sign()),
            norm(scale=False),
            conv("conv_2", 32, kernel_quantizer=sign(), input_quantizer=sign()),
            norm(scale=False),
            conv("conv_3", 32, kernel_quantizer=ternary(), input_quantizer=sign()),
            norm(scale=False),
            conv("conv_4", 32, kernel_quantizer=sign(), input_quantizer=dorefa(2)),
            norm(scale=False),
            conv("conv_5", 32, kernel_quantizer=sign()),
            norm(scale=False),
            tf.keras.layers.GlobalAveragePooling2D(),
            tf.keras.layers.Dense(10, name="classifier"),
        ],
        name="broken",
    )


report = bnn_lab.explain(broken_network())
for layer in report.layers:
    if layer.name.startswith(("conv", "class")):
        print(f"{layer.name:<11} {layer.verdict:<7} {layer.reason}")

# %% [markdown]
# The image and the classifier's input are not binary, so `conv_1` and `classifier` are float on
# purpose. Which other layers are float, and what is to blame: the `"input"` or the `"filter"`?

# %% nbgrader={"grade": false, "grade_id": "blame", "locked": false, "schema_version": 3, "solution": true, "task": false}
blame = {"some_layer": "input or filter"}
### BEGIN SOLUTION
blame = {"conv_3": "filter", "conv_4": "input", "conv_5": "input"}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_blame", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
names = [name for name in report.float_layers if name not in ("conv_1", "classifier")]
expect(isinstance(blame, dict), "Write a dictionary: each layer's name, and what is to blame.")
unknown = sorted(set(blame) - {layer.name for layer in report.layers})
expect(not unknown, f"There is no layer {unknown}.")
expect(not set(blame) - set(names), "You name a layer that is binary, or float on purpose.")
expect(set(blame.values()) <= {"input", "filter"}, 'Write "input" or "filter" for each.')
expect_equal(sorted(blame), sorted(names), "These are not all of the float layers.")
for name in names:
    guilty = "filter" if "filter" in report.float_layers[name] else "input"
    expect(blame[name] == guilty, f"{name}: read its reason again.")
### BEGIN HIDDEN TESTS
expect_equal(
    sorted(names),
    ["conv_3", "conv_4", "conv_5"],
    "Leave the network as it is, and read its report.",
)
### END HIDDEN TESTS
passed("You can read what the converter says.")

# %% [markdown]
# ## Exercise 5: repair it (5 points)
#
# Build the network anew, so that `conv_2` to `conv_5` become binary. Keep the layers, their names
# and their sizes. `sign` means `lq.quantizers.SteSign`; give each layer an instance of its own.


# %% nbgrader={"grade": false, "grade_id": "repaired", "locked": false, "schema_version": 3, "solution": true, "task": false}
def repaired_network():
    """The same network, binary from conv_2 to conv_5."""
    ### BEGIN SOLUTION
    norm, sign = tf.keras.layers.BatchNormalization, lq.quantizers.SteSign
    layers = [
        tf.keras.Input((8, 8, 3)),
        conv("conv_1", 32, kernel_quantizer=sign()),
        norm(scale=False),
    ]
    for number in range(2, 6):
        layers += [
            conv(f"conv_{number}", 32, kernel_quantizer=sign(), input_quantizer=sign()),
            norm(scale=False),
        ]
    layers += [
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(10, name="classifier"),
    ]
    return tf.keras.Sequential(layers, name="repaired")
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_repaired", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
@in_students_kernel
def repaired_file():
    """Your network as TensorFlow's converter writes it, and its layers and their sizes in words."""
    network = attempt(repaired_network)
    expect(isinstance(network, tf.keras.Model), "Return a Keras network: tf.keras.Sequential(...).")
    layers = [x for x in network.layers if not isinstance(x, tf.keras.layers.InputLayer)]
    words = [f"{type(x).__name__} {tuple(x.output_shape[1:])}" for x in layers]
    return convert.stock_tflite(network), words


file, layers = attempt(repaired_file)
module = convert.import_model(file)
said = [o for result in convert.run_pipeline(module) for o in result.outcomes]
convs = [o for o in said if o.pass_name == "binarize_conv"]
binary_now = sorted(o.layer for o in convs if o.applied)
expect("conv_1" not in binary_now, "conv_1 reads the image, which a sign would destroy.")
still = {o.layer: o.reason for o in convs if not o.applied and o.layer != "conv_1"}
reasons = "; ".join(f"{name}, because {reason}" for name, reason in still.items())
expect(not still, f"Still float: {reasons}.")
expect(
    binary_now == ["conv_2", "conv_3", "conv_4", "conv_5"],
    f"Binary now: {', '.join(binary_now)}. Wanted: conv_2 to conv_5. Keep their names.",
)
conv_and_norm = ["QuantConv2D (8, 8, 32)", "BatchNormalization (8, 8, 32)"]
kept = [*conv_and_norm * 5, "GlobalAveragePooling2D (32,)", "Dense (10,)"]
for number, (given, wanted) in enumerate(zip_longest(layers, kept, fillvalue="missing"), 1):
    expect(
        given == wanted,
        f"Layer {number}: {given} in place of {wanted}. Change the quantizers and nothing else.",
    )
macs, binary = count_macs(convert.export_model(module))
### BEGIN HIDDEN TESTS
total = sum(x.macs_binary + x.macs_float for x in report.layers)
expect_equal(macs, total, "The kernels' sizes changed.")
### END HIDDEN TESTS
passed(f"Repaired: {binary / macs:.0%} of the multiply-accumulates are binary now.")

# %% [markdown]
# ## Exercise 6: in your own words (4 points)
#
# A colleague converts a network, and the file is nearly as large as before. "The converter is
# broken", she says. Which three questions would you ask about her network, and where in the report
# would you look for each? Why is it better that a converter *says* why a layer stays float, than
# that it quietly converts what it can?

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_report", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Are the filters ±1 (column verdict and reason: a ternary or float filter stays float)? Are the
# inputs ±1 where the layer reads them (reason names the op that computes them)? Which layers hold the
# bytes (column file bytes: perhaps a float first layer or classifier dominates)? If a converter is
# silent, the network gives right answers and is merely slow and large, so nobody notices; with a
# reason and some advice, the model can be fixed before it is trained again.
# (1 point for each question with its place in the report, 1 for the silence.)
# ### END SOLUTION
