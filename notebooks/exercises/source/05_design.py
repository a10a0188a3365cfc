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
# # Assignment 5: designing fast networks
#
# Where does the time of a network go, and what should you change to make it faster? You will count
# operations, read profiles, find out what a faster kernel can and cannot do, and design a network
# within a budget of time.
#
# Write your code where it says `YOUR CODE HERE`, run it, then the folded check cell below it, and
# follow its hints. More checks run when your teacher grades.
#
# 22 points: five exercises, and one question to answer in words. Loading TensorFlow takes some
# seconds.

# %%

import bnn_lab
from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.course.checks import (
    attempt,
    expect,
    expect_close,
    expect_equal,
    in_students_kernel,
    passed,
    show_progress,
    show_result,
)
from bnn_lab.figures import draw_budget
from bnn_lab.models import quicknet
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.reader import ModelFile

show_progress(5)

# %% [markdown]
# ## Exercise 1: count the work (2 points)
#
# A multiply-accumulate (MAC) is one product and one addition. A convolution does one for each
# output pixel, output channel, and weight of a filter. With `same` padding, an image of `size` ×
# `size` pixels becomes `ceil(size / stride)` × `ceil(size / stride)`.


# %% nbgrader={"grade": false, "grade_id": "count_macs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def count_macs(size, channels_in, channels_out, kernel, stride=1):
    """MACs of a convolution with square image, square kernel and `same` padding."""
    ### BEGIN SOLUTION
    out = -(-size // stride)
    return out * out * channels_out * kernel * kernel * channels_in
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_macs", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
expect_equal(
    attempt(count_macs, 56, 64, 64, 3), 115_605_504, "56·56 pixels, 64 channels, 3·3·64 weights."
)
expect_equal(attempt(count_macs, 7, 1, 1, 1, 2), 16, "7 pixels in steps of 2: 4 are left, not 3.5.")
expect_equal(attempt(count_macs, 9, 1, 1, 1, 4), 9, "9 pixels in steps of 4: 0, 4 and 8, so 3.")
### BEGIN HIDDEN TESTS
for size, cin, cout, kernel, stride in [(28, 128, 96, 5, 1), (15, 8, 8, 3, 2), (9, 3, 4, 1, 3)]:
    wanted = LayerShape("conv", size, size, cin, cout, (kernel, kernel), stride).macs
    given = attempt(count_macs, size, cin, cout, kernel, stride)
    expect_equal(given, wanted, f"That is for {size} pixels, {cin} to {cout} channels.")
### END HIDDEN TESTS
passed("MACs measure the work. They do not measure the time, as you will see.")

# %% [markdown]
# ## Exercise 2: find the slow op (3 points)
#
# `bnn_lab.profile(model)` measures where the time of a network goes, row by row. Each row has a
# `name`, its time in `ms`, its `macs` (`None` where they make no sense), and `binary`: whether it
# runs on bits. Here is a profile that was made up for practice:


# %%
def row(name, ms, macs=None, binary=False):
    """One row of a profile."""
    return ProfileRow(name, "CONV_2D", (1, 28, 28, 64), ms, 0.0, macs, binary, False)


def made_up(*rows):
    """A profile with these rows."""
    return Profile(rows, sum(r.ms for r in rows), "avx2", 1, 30)


example = made_up(
    row("stem", 0.30, 9_000_000),
    row("body_1", 0.20, 90_000_000, binary=True),
    row("pool", 0.05),
    row("body_2", 0.25, 120_000_000, binary=True),
    row("head", 0.20, 1_000_000),
)
for r in example.rows:
    print(
        f"{r.name:<7} {r.ms:.2f} ms  {r.macs or 0:>11,} MACs  {'binary' if r.binary else 'float'}"
    )

# %% [markdown]
# Two different questions, two answers:
#
# * `slowest`: the name of the row that takes the most time,
# * `least_efficient`: the name of the row with the fewest MACs per millisecond. Leave out the rows
#   without MACs.


# %% nbgrader={"grade": false, "grade_id": "slow_op", "locked": false, "schema_version": 3, "solution": true, "task": false}
def slowest(profile):
    """Name of the row that takes the most time."""
    ### BEGIN SOLUTION
    return max(profile.rows, key=lambda r: r.ms).name
    ### END SOLUTION


def least_efficient(profile):
    """Name of the row that does the fewest MACs per millisecond."""
    ### BEGIN SOLUTION
    return min((r for r in profile.rows if r.macs), key=lambda r: r.macs / r.ms).name
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_slow_op", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(slowest, example), "stem", "Compare the rows' ms.")
expect_equal(
    attempt(least_efficient, example), "head", "Compare macs / ms, and leave out the pool."
)
binary_one = made_up(
    row("quick", 0.01, 5_000_000),
    row("slow", 0.50, 20_000_000, binary=True),
    row("large", 0.60, 90_000_000),
)
expect_equal(attempt(slowest, binary_one), "large", "The rows may have any order.")
expect_equal(
    attempt(least_efficient, binary_one), "slow", "5 million in 0.01 ms are more per ms than that."
)
### BEGIN HIDDEN TESTS
other = made_up(
    row("a", 0.1, 10**6),
    row("b", 0.9, 8 * 10**7, binary=True),
    row("c", 0.3),
    row("d", 0.4, 5 * 10**7),
)
expect_equal(attempt(slowest, other), "b", "It should work for any profile.")
expect_equal(attempt(least_efficient, other), "a", "It should work for any profile.")
### END HIDDEN TESTS
passed("The op to improve is one that is slow AND inefficient. Here: the stem, then the head.")

# %% [markdown]
# ## Exercise 3: how much can it gain? (3 points)
#
# Somebody promises a binary kernel that is $k$ times faster. The float rows stay as they are. By
# what factor does the whole network become faster? (This is Amdahl's law. Add up the rows' times.)


# %% nbgrader={"grade": false, "grade_id": "whole_speedup", "locked": false, "schema_version": 3, "solution": true, "task": false}
def whole_speedup(profile, k):
    """Old time over new time, if each binary row takes 1/k of its time."""
    ### BEGIN SOLUTION
    old = sum(r.ms for r in profile.rows)
    new = sum(r.ms / k if r.binary else r.ms for r in profile.rows)
    return old / new
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_whole_speedup", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
expect_close(attempt(whole_speedup, example, 1), 1.0, "A kernel as fast as before changes nothing.")
expect_close(attempt(whole_speedup, example, 3), 1 / 0.7, "Of 1 ms, 0.45 are binary; 0.15 remain.")
### BEGIN HIDDEN TESTS
expect_close(
    attempt(whole_speedup, other, 1e9), 1.7 / 0.8, "Even an infinitely fast kernel has a limit."
)
### END HIDDEN TESTS
limit = whole_speedup(example, 1e12)
passed(f"Not even an infinitely fast kernel makes this network {limit:.2f} times faster.")

# %% [markdown]
# ## Exercise 4: MACs against latency (3 points)
#
# A **cost model** predicts the time of a layer from its shape. It was fitted to measurements on one
# machine, so that everyone in class gets the same numbers. Six layers with very different work:

# %%
cost = CostModel.load(SHIPPED, backend="avx2")
print(cost.origin)
layers = {
    "binary 3x3, 56 px, 64 ch": LayerShape("binary_conv", 56, 56, 64, 64, (3, 3)),
    "binary 3x3, 14 px, 256 ch": LayerShape("binary_conv", 14, 14, 256, 256, (3, 3)),
    "float 3x3, 56 px, 64 ch": LayerShape("conv", 56, 56, 64, 64, (3, 3)),
    "float 1x1, 56 px, 64 ch": LayerShape("conv", 56, 56, 64, 64, (1, 1)),
    "depthwise 3x3, 56 px, 64 ch": LayerShape("depthwise_conv", 56, 56, 64, 64, (3, 3)),
    "max pool 2x2, 56 px, 64 ch": LayerShape("max_pool", 56, 56, 64, 64, (2, 2)),
}
for name, layer in layers.items():
    print(f"{name:<28} {layer.macs / 1e6:7.2f} million MACs   {1e3 * cost.predict(layer):.3f} ms")

# %% [markdown]
# Return how many million MACs each layer does per millisecond, as a dictionary from name to number.
# Leave out layers that do no MACs.


# %% nbgrader={"grade": false, "grade_id": "mac_rates", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mac_rates(layers, cost):
    """Name to million MACs per ms, for layers that do MACs. `cost.predict` gives seconds."""
    ### BEGIN SOLUTION
    return {
        name: layer.macs / 1e6 / (1e3 * cost.predict(layer))
        for name, layer in layers.items()
        if layer.macs
    }
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_mac_rates", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
rates = attempt(mac_rates, layers, cost)
expect(isinstance(rates, dict), "Return a dictionary.")
expect("max pool 2x2, 56 px, 64 ch" not in rates, "A max pool multiplies nothing: leave it out.")
expect(len(rates) == 5, f"Wanted: 5 layers. You gave {len(rates)}.")
expect(set(rates) < set(layers), "Use the names of the layers as they are.")
name = "binary 3x3, 56 px, 64 ch"
expect(
    1 < rates[name] < 1e5,
    "Mind the units: predict gives seconds; millions per millisecond are wanted.",
)
### BEGIN HIDDEN TESTS
for name, rate in rates.items():
    wanted = layers[name].macs / cost.predict(layers[name]) / 1e9
    expect_close(
        rate / wanted, 1.0, f"Look again at '{name}'. That is your rate over the right one."
    )
### END HIDDEN TESTS
for name, rate in sorted(rates.items(), key=lambda item: -item[1]):
    print(f"{name:<28} {rate:8.1f} million MACs per ms")
passed("The same number of MACs can take very different times.")

# %% [markdown]
# ## Exercise 5: design a network under 2 ms (7 points)
#
# QuickNet has a float stem and then sections of binary 3×3 convolutions. `filters` gives the
# channels of each section, `blocks` how many convolutions it has; each section halves the image.
# This one is too slow:


# %%
def predicted(network):
    """The cost model's table for a Keras network: a row for each op, as it runs."""
    return cost.predict_file(bnn_lab.convert_keras_model(network))


def large():
    """Images of 224 × 224 pixels to 10 classes."""
    return quicknet((224, 224, 3), 10, filters=(96, 192, 256), blocks=(4, 4, 4))


table = predicted(large())
print(f"{table.ms.sum():.2f} ms, {table[table.binary].macs.sum() / 1e6:.0f} million binary MACs")
table.sort_values("ms", ascending=False).head(6)[["kind", "shape", "ms", "macs"]]

# %% [markdown]
# Design a QuickNet for the same images and classes that
#
# * takes less than **2 ms** by the cost model,
# * does at least **700 million** binary MACs, so that it can learn something,
# * has at least **3 sections**, and not more than **3 MB** of file.


# %% nbgrader={"grade": false, "grade_id": "design", "locked": false, "schema_version": 3, "solution": true, "task": false}
def design():
    """A Keras network made by quicknet(...)."""
    ### BEGIN SOLUTION
    return quicknet((224, 224, 3), 10, filters=(32, 64, 256, 512), blocks=(2, 2, 3, 3))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_design", "locked": true, "points": 7, "schema_version": 3, "solution": false, "task": false}
@in_students_kernel
def file_of_design():
    """The .tflite file of your network."""
    network = attempt(design)
    expect(hasattr(network, "layers"), "Return the network itself: what quicknet(...) gives.")
    return bnn_lab.convert_keras_model(network)


file = attempt(file_of_design)
graph = ModelFile(file).subgraphs[0]
image, classes = (graph.tensors[ends[0]].shape for ends in (graph.inputs, graph.outputs))
expect(tuple(image) == (1, 224, 224, 3), "Keep the input: 224 × 224 × 3.")
expect(tuple(classes) == (1, 10), "Keep the 10 classes.")
table = cost.predict_file(file)
ms, binary_macs = table.ms.sum(), table[table.binary].macs.sum() / 1e6
print(f"{ms:.2f} ms, {binary_macs:.0f} million binary MACs, {len(file) / 1e6:.2f} MB")
expect(ms < 2, "Too slow. Which rows take the time? Wide layers on large images cost most.")
expect(binary_macs >= 700, "Too little work: add blocks or filters where the image is small.")
expect(len(file) <= 3e6, "The file is too large. Filters grow with the square of the channels.")
pools = table.kind.str.contains("DEPTHWISE_CONV_2D").sum()
expect(pools >= 3, "At least 3 sections are wanted.")
### BEGIN HIDDEN TESTS
again = attempt(file_of_design)
expect(len(again) == len(file), "Called twice, your function builds two different networks.")
### END HIDDEN TESTS
passed(f"{ms:.2f} ms: a network made for its budget.")

# %% [markdown]
# Where your design's time goes, op by op. Hover over a piece for its shape.

# %%
show_result(lambda: draw_budget(predicted(design()), budget_ms=2))

# %% [markdown]
# ## Exercise 6: in your own words (4 points)
#
# Look at the rates of exercise 4 and the table of exercise 5. Why do two layers with equal MACs not
# take equal time? Name two reasons, with numbers from the tables. Why does a stem with few MACs
# deserve attention in a *binary* network more than in a float one? What would you measure before
# you trust the prediction on another machine? Four to six sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_latency", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# A binary convolution does many times more MACs per ms than the float one of the same shape, because
# one instruction does hundreds of products. A depthwise convolution does few products for each value
# that it reads and writes, so moving data takes its time, and its rate is the lowest. Once the binary layers
# are fast, the float stem is a large share of what remains, and no binary kernel can shorten it
# (exercise 3). On another machine the ratios differ: calibrate the cost model there, or profile the
# network itself.
# (1 point for each reason with a number, 1 for the stem, 1 for measuring.)
# ### END SOLUTION
