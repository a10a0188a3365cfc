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
# # Assignment 1: latent weights are inertia
#
# A binary weight is +1 or -1. Many methods keep a float behind it, the **latent weight**, and use
# only its sign. You will build that method, and find out what the float is good for.
#
# **How this works.** Write your code where it says `YOUR CODE HERE` and run it, then the check cell
# below it, whose text is folded away: select it and press Shift+Enter. If something is wrong, it
# gives you a hint. Hand in when all checks are green. More checks run when your teacher grades.
#
# 20 points: five exercises, and one question to answer in words.

# %%
import numpy as np

from bnn_lab.course.checks import (
    attempt,
    expect,
    expect_close,
    expect_equal,
    passed,
    show_progress,
    show_result,
)
from bnn_lab.figures import draw_signs
from bnn_lab.training import closed_forms
from bnn_lab.training.simulate import LatentAdam, LatentSGD, simulate_weights

show_progress(5)

# %% [markdown]
# ## Exercise 1: sign (2 points)
#
# Turn floats into ±1: +1 for values of at least 0, -1 for values below 0. Zero has no sign of its
# own, so we follow larq: **sign(0) = +1**. That holds for `-0.0` too.


# %% nbgrader={"grade": false, "grade_id": "sign", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sign(x):
    """±1 for an array of floats of any shape, as an array of the same shape."""
    ### BEGIN SOLUTION
    return np.where(np.asarray(x) < 0, -1.0, 1.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_sign", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(sign, np.array([2.5, -0.1])), [1, -1], "Only the sign matters, not the size.")
expect_equal(attempt(sign, np.array([0.0])), [1], "Here 0 becomes +1. (np.sign gives 0.)")
expect_equal(attempt(sign, np.array([-0.0])), [1], "-0.0 is not below 0, so it becomes +1 too.")
expect_equal(attempt(sign, np.array([[3.0], [-3.0]])), [[1], [-1]], "Keep the array's shape.")
### BEGIN HIDDEN TESTS
expect_equal(attempt(sign, np.array([-1e-30])), [-1], "Look at tiny values.")
random = np.random.default_rng(1).normal(size=(3, 4, 5))
expect_equal(attempt(sign, random), np.where(random < 0, -1, 1), "Any shape should work.")
### END HIDDEN TESTS
passed("Your sign gives ±1, and +1 for 0.")

# %% [markdown]
# ## Exercise 2: a gradient for the sign (3 points)
#
# The sign is flat: its derivative is 0 nearly everywhere, so gradients stop there. The
# **straight-through estimator** (STE) pretends that the sign were the identity, and passes the
# gradient on. It is often cut off: where $|w|$ is larger than a bound, 0 is passed on.
#
# $$\frac{\partial L}{\partial w} = \begin{cases} \frac{\partial L}{\partial\,\mathrm{sign}(w)} &
# |w| \le \mathrm{clip} \\ 0 & \text{otherwise} \end{cases}$$
#
# `clip=None` means that there is no bound.


# %% nbgrader={"grade": false, "grade_id": "ste", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ste_gradient(w, upstream, clip=1.0):
    """Gradient for the latent weights `w`, given the gradient `upstream` for their signs."""
    ### BEGIN SOLUTION
    if clip is None:
        return upstream
    return np.where(np.abs(w) <= clip, upstream, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_ste", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
w, upstream = np.array([0.2, -0.7, 3.0]), np.array([5.0, -6.0, 7.0])
expect_close(
    attempt(ste_gradient, w, upstream),
    [5, -6, 0],
    "Pass the gradient on where |w| <= clip. Negative weights have a magnitude too.",
)
unbound = "clip=None means that there is no bound: pass the whole gradient on."
passed_on = attempt(ste_gradient, w, upstream, None, hints={TypeError: unbound})
expect_close(passed_on, upstream, unbound)
edge = attempt(ste_gradient, np.array([1.0, -1.0]), np.ones(2))
expect_close(edge, [1, 1], "Only where |w| is larger than the bound is 0 passed on.")
expect_close(attempt(ste_gradient, w, upstream, 0.5), [5, 0, 0], "Use clip, not the number 1.")
### BEGIN HIDDEN TESTS
many = np.random.default_rng(4).normal(size=(2, 50))
cut = np.where(np.abs(many[0]) <= 0.75, many[1], 0.0)
expect_close(attempt(ste_gradient, *many, 0.75), cut, "With 50 random weights something differs.")
### END HIDDEN TESTS
passed("Gradients pass through the sign, up to the bound.")

# %% [markdown]
# ## Exercise 3: train a latent weight (4 points)
#
# Plain SGD moves the latent weights: $w \leftarrow w - \alpha\, g$. The network only ever sees
# their signs. Return those: row 0 before the first step, row $t$ after step $t$.


# %% nbgrader={"grade": false, "grade_id": "latent_sgd", "locked": false, "schema_version": 3, "solution": true, "task": false}
def signs_under_sgd(gradients, initial, learning_rate):
    """Signs of latent weights that all start at `initial` > 0.

    `gradients` has shape (steps, weights); the result has shape (steps + 1, weights).
    """
    ### BEGIN SOLUTION
    latent = np.full(gradients.shape[1], float(initial))
    rows = [sign(latent)]
    for gradient in gradients:
        latent = latent - learning_rate * gradient
        rows.append(sign(latent))
    return np.array(rows)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_latent_sgd", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
gradients = np.array([[1.0, -1.0], [1.0, -1.0], [1.0, 8.0]])
signs = attempt(signs_under_sgd, gradients, 0.25, 0.1)
expect(np.shape(signs) == (4, 2), f"Wanted: 4 rows of 2 signs. You gave shape {np.shape(signs)}.")
expect_equal(np.asarray(signs)[0], [1, 1], "Row 0 holds the signs before the first step.")
expect_equal(np.asarray(signs)[3], [-1, -1], "Go against the gradient: w = w - learning_rate * g.")
### BEGIN HIDDEN TESTS
run = simulate_weights(LatentSGD(0.02, initial=0.3), steps=300, weights=8, drift=0.1, seed=7)
given = attempt(signs_under_sgd, run.gradients, 0.3, 0.02)
expect_equal(given, run.signs, "With 300 random steps, your signs differ from the simulator's.")
### END HIDDEN TESTS
passed("You have trained binary weights through latent ones.")

# %% [markdown]
# Your weights, under a gradient that first asks for -1 and then for +1, with much noise. Each row is
# a weight, each column a step. Change `initial` or `learning_rate`: when do the weights turn later?

# %%
turning = np.where(np.arange(240) < 120, 0.3, -0.3)[:, None]
noisy = simulate_weights(LatentSGD(0.05), steps=240, weights=24, drift=turning, seed=3).gradients
show_result(lambda: draw_signs(signs_under_sgd(noisy, initial=0.5, learning_rate=0.05)))

# %% [markdown]
# ## Exercise 4: when does it flip? (3 points)
#
# Let the gradient be constant, $g$. After $n$ steps the latent weight is $w_0 - n\alpha g$. At
# which step does the sign change for the first time? Count from 1, and remember that 0 still
# counts as positive. Return `None` if the weight never flips.


# %% nbgrader={"grade": false, "grade_id": "flip_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def flip_step(initial, learning_rate, gradient):
    """Step of the first flip, counted from 1; None if there is none."""
    ### BEGIN SOLUTION
    if gradient <= 0:
        return None
    return int(np.floor(initial / (learning_rate * gradient))) + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_flip_step", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(flip_step, 1.0, 0.25, 1.5), 3, "Try by hand: 1.0, 0.625, 0.25, -0.125.")
expect_equal(attempt(flip_step, 1.0, 0.25, 1.0), 5, "After 4 steps it is exactly 0: still +1.")
away = attempt(flip_step, 1.0, 0.25, -1.0, may_be_none=True)
expect(away is None, f"You gave {away}. This gradient pushes the weight away from 0: return None.")
still = attempt(flip_step, 1.0, 0.25, 0.0, may_be_none=True)
expect(still is None, f"You gave {still}. Without a gradient the weight never moves: return None.")
### BEGIN HIDDEN TESTS
for initial, rate, gradient in [(0.3, 0.01, 0.7), (4.0, 0.5, 0.125), (0.05, 0.1, 2.0)]:
    wanted = closed_forms.latent_flip_step(initial, rate, gradient)
    expect_equal(attempt(flip_step, initial, rate, gradient), wanted, "Try other numbers.")
### END HIDDEN TESTS
passed("Only initial / learning_rate counts. That ratio is the weight's inertia.")

# %% [markdown]
# ## Exercise 5: the scaling theorem (4 points)
#
# Multiply the initial latent weights **and** the learning rate by the same factor. No sign changes,
# ever: the latent weights are just drawn to another scale. So neither of the two means anything
# alone.
#
# The theorem needs an update that ignores the size of the latent weights. Predict for each of these
# whether the signs stay **exactly** the same when both are multiplied by 1/16. Then run the check,
# which tries it.

# %%
pairs = {
    "momentum": (
        LatentSGD(0.25, momentum=0.875, initial=1.0),
        LatentSGD(0.25 / 16, momentum=0.875, initial=1.0 / 16),
    ),
    "adam": (LatentAdam(0.03125, initial=1.0), LatentAdam(0.03125 / 16, initial=1.0 / 16)),
    "clipped": (
        LatentSGD(0.25, clip=1.0, initial=1.0),
        LatentSGD(0.25 / 16, clip=1.0, initial=1.0 / 16),
    ),
    "clipped_in_scale": (
        LatentSGD(0.25, clip=1.0, initial=1.0),
        LatentSGD(0.25 / 16, clip=1.0 / 16, initial=1.0 / 16),
    ),
}

# %% [markdown]
# Write `True` (the signs stay the same) or `False` for each.

# %% nbgrader={"grade": false, "grade_id": "scaling", "locked": false, "schema_version": 3, "solution": true, "task": false}
same_signs = {"momentum": None, "adam": None, "clipped": None, "clipped_in_scale": None}
### BEGIN SOLUTION
same_signs = {"momentum": True, "adam": True, "clipped": False, "clipped_in_scale": True}
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_scaling", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
expect(isinstance(same_signs, dict), "Keep the dictionary, and replace each None in it.")
expect(set(same_signs) == set(pairs), f"Predict for these names: {', '.join(pairs)}.")
expect(
    all(value in (True, False) for value in same_signs.values()), "Write True or False for each."
)
options = {"steps": 400, "weights": 64, "drift": 0.02, "seed": 3}
ask = {
    "momentum": "The velocity is a sum of gradients. Does it depend on the size of the weights?",
    "adam": "Adam divides by the size of the gradients. Where do the weights enter?",
    "clipped": "The bound stays at 1 while the weights shrink. Do they reach it equally often?",
    "clipped_in_scale": "The bound shrinks with the weights. Which picture is left unchanged?",
}
for name, rules in pairs.items():
    one, other = (simulate_weights(rule, **options) for rule in rules)
    expect(
        same_signs[name] == np.array_equal(one.signs, other.signs),
        f"{name}: we tried it, and it came out otherwise. {ask[name]}",
    )
### BEGIN HIDDEN TESTS
for seed in (11, 12):
    for name, rules in pairs.items():
        one, other = (
            simulate_weights(r, steps=600, weights=32, drift=0.02, seed=seed) for r in rules
        )
        alike = np.array_equal(one.signs, other.signs)
        expect(same_signs[name] == alike, f"{name}: under other gradients it came out otherwise.")
### END HIDDEN TESTS
passed("Inertia is what latent weights give. A bound breaks the scale, unless it scales too.")

# %% [markdown]
# ## Exercise 6: in your own words (4 points)
#
# A friend says: "My binary network learns too slowly. I will multiply the initial latent weights
# by 10." What will happen, with plain SGD and an STE without bound? Which other single change would
# have had the same effect? Why is "learning rate" a misleading name here? Three to five sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_inertia", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# The weights flip even later: each latent weight has ten times as far to go to 0, so its inertia is
# ten times as large. Dividing the learning rate by 10 would have done exactly the same, because only
# the ratio of the two counts. To learn faster, the friend should make the initial weights smaller or
# the learning rate larger. "Learning rate" promises a step size, but the network sees only signs:
# no step is larger or smaller, it only comes sooner or later. What it sets is inertia.
# (1 point each: later, the ratio, the other change, the name.)
# ### END SOLUTION
