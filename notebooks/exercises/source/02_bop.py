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
# # Assignment 2: Bop, an optimizer that flips
#
# **Bop** needs no latent weights. A weight *is* +1 or -1. Bop averages its gradient and flips the
# weight when the average has asked for it strongly enough. You will write it, predict how often it
# flips, and tune it.
#
# Write your code where it says `YOUR CODE HERE`, run it, then the folded check cell below it, and
# follow its hints. More checks run when your teacher grades.
#
# 22 points: five exercises, and one question to answer in words.

# %%
import numpy as np

from bnn_lab import training
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
from bnn_lab.training.simulate import Bop, simulate_weights

show_progress(5)

# %% [markdown]
# ## Exercise 1: write Bop (4 points)
#
# For each weight $w$ (±1) with gradient $g$:
#
# $$m \leftarrow (1-\gamma)\, m + \gamma\, g \qquad \text{then flip } w \text{ if } w\,m > \tau$$
#
# First update $m$, then decide with the new one. At exactly $\tau$ nothing flips.


# %% nbgrader={"grade": false, "grade_id": "bop_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bop_step(w, m, g, gamma, tau):
    """One step for arrays of weights, averages and gradients: returns the new w and the new m."""
    ### BEGIN SOLUTION
    m = (1 - gamma) * m + gamma * g
    return np.where(w * m > tau, -w, w), m
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bop_step", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
w, m = np.array([1.0, 1.0, -1.0]), np.zeros(3)
result = attempt(bop_step, w, m, np.array([2.0, 0.2, 2.0]), 0.25, 0.3)
expect(isinstance(result, tuple) and len(result) == 2, "Return two things: w, m.")
expect_close(result[1], [0.5, 0.05, 0.5], "The average: m = (1 - gamma) * m + gamma * g.")
expect_equal(result[0], [-1, 1, -1], "Flip where w * m > tau. The last weight is negative already.")
at_tau = attempt(bop_step, np.ones(1), np.zeros(1), np.array([1.0]), 0.5, 0.5)
expect_equal(at_tau[0], [1], "At exactly tau nothing flips.")
### BEGIN HIDDEN TESTS
run = simulate_weights(Bop(0.02, 0.05), steps=300, weights=16, drift=0.02, seed=5)
w, m = np.ones(16), np.zeros(16)
for gradient, signs in zip(run.gradients, run.signs[1:], strict=True):
    w, m = attempt(bop_step, w, m, gradient, 0.02, 0.05)
    expect_equal(w, signs, "Over 300 random steps, your weights differ from the simulator's.")
### END HIDDEN TESTS
passed("That is all of Bop.")

# %% [markdown]
# Your Bop at work: each row is a weight, each column a step. The gradient is noisy; it asks for -1
# in the first half and for +1 in the second. Try other values of `gamma` and `tau`.


# %%
def my_weights(gamma, tau):
    """The signs of 24 weights at each of 240 steps, by your `bop_step`."""
    turning = np.where(np.arange(240) < 120, 0.3, -0.3)[:, None]
    run = simulate_weights(Bop(gamma, tau), steps=240, weights=24, drift=turning, seed=3)
    w, m = np.ones(24), np.zeros(24)
    rows = [w]
    for gradient in run.gradients:
        w, m = bop_step(w, m, gradient, gamma, tau)
        rows.append(w)
    return np.array(rows)


show_result(lambda: draw_signs(my_weights(gamma=0.05, tau=0.1)))

# %% [markdown]
# ## Exercise 2: how long until it flips? (4 points)
#
# Let the gradient be constant and push for a flip: $g > 0$, $w = +1$, $m = 0$ at the start. Then
# $m_n = g\,(1 - (1-\gamma)^n)$. At which step is $m_n > \tau$ for the first time? Return `None` if
# that never happens. A loop is fine, if it ends.


# %% nbgrader={"grade": false, "grade_id": "bop_flip_step", "locked": false, "schema_version": 3, "solution": true, "task": false}
def bop_flip_step(gamma, tau, g):
    """Step of the flip, counted from 1; None if there is none."""
    ### BEGIN SOLUTION
    if g <= tau:
        return None
    return int(np.floor(np.log(1 - tau / g) / np.log(1 - gamma))) + 1
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_bop_flip_step", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
expect_equal(
    attempt(bop_flip_step, 0.5, 0.6, 1.0), 2, "By hand: m is 0.5 after one step, 0.75 after two."
)
for tau in (2.0, 1.0):
    never = attempt(bop_flip_step, 0.5, tau, 1.0, may_be_none=True)
    expect(
        never is None, f"You gave {never} for tau={tau}, g=1. m never gets above g: return None."
    )
### BEGIN HIDDEN TESTS
for gamma in (0.3, 0.01, 0.001):
    for tau in (0.0, 0.11, 0.73):
        wanted = closed_forms.bop_flip_step(gamma, tau, 0.9)
        given = attempt(bop_flip_step, gamma, tau, 0.9)
        expect_equal(given, wanted, f"That is for gamma={gamma}, tau={tau}, g=0.9.")
### END HIDDEN TESTS
passed("A small gamma or a large tau makes Bop slow to answer.")

# %% [markdown]
# ## Exercise 3: how often does noise flip it? (3 points)
#
# Now the gradient is pure noise, and $\tau = 0$: every flip is a mistake. The sign of $m$ decides,
# and two successive values of $m$ have the correlation $1 - \gamma$. For two normal numbers with
# correlation $\rho$, the signs differ with probability $\arccos(\rho) / \pi$.
#
# Predict the flips per step of one weight.


# %% nbgrader={"grade": false, "grade_id": "noise_flip_rate", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noise_flip_rate(gamma):
    """Flips per step under pure noise with tau = 0, a number from 0 to 1."""
    ### BEGIN SOLUTION
    return np.arccos(1 - gamma) / np.pi
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_noise_flip_rate", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
measured = simulate_weights(Bop(0.1, 0.0), steps=2000, weights=200, seed=1).flip_rate(skip=200)
print(f"measured at gamma 0.1: {measured:.4f} flips per step")
rate = attempt(noise_flip_rate, 0.1)
expect(0 <= rate <= 1, f"You gave {rate}; a rate lies between 0 and 1.")
expect(abs(rate / measured - 1) < 0.05, f"You predict {rate:.4f}. What is the correlation?")
### BEGIN HIDDEN TESTS
for gamma in (0.3, 0.01, 1e-4):
    wanted = closed_forms.bop_flip_rate(gamma, 0.0)
    expect_close(attempt(noise_flip_rate, gamma) / wanted, 1.0, f"That ratio is at gamma={gamma}.")
### END HIDDEN TESTS
passed(
    "Even at gamma 0.0001, each weight flips every 220 steps, for nothing. That is what tau is for."
)

# %% [markdown]
# ## Exercise 4: the flip measure (2 points)
#
# To see the flips die down over many powers of ten, the Bop paper plots
#
# $$\pi = \log\left(\frac{\text{flips}}{\text{weights}} + e^{-9}\right)$$


# %% nbgrader={"grade": false, "grade_id": "flip_measure", "locked": false, "schema_version": 3, "solution": true, "task": false}
def flip_measure(flips, weights):
    """The paper's pi, for a number of flips among a number of weights."""
    ### BEGIN SOLUTION
    return np.log(flips / weights + np.exp(-9))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_flip_measure", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
expect_close(attempt(flip_measure, 0, 1000), -9.0, "Without any flip it is log(e^-9) = -9.")
### BEGIN HIDDEN TESTS
for flips in (1, 37, 1000):
    wanted = training.flip_measure(flips, 1000)
    expect_close(attempt(flip_measure, flips, 1000), wanted, f"That is for {flips} of 1000.")
### END HIDDEN TESTS
passed("-9 means frozen, -2 means noise. Training should go from high to low.")

# %% [markdown]
# ## Exercise 5: tune gamma and tau (5 points)
#
# Two kinds of weights, and Bop cannot know which is which:
#
# * **undecided** weights: pure noise (standard deviation 1). A flip is a mistake.
# * **wrong** weights: the same noise, but with a drift of 0.3 that asks for a flip.
#
# Choose `gamma` and `tau` so that
#
# * an undecided weight flips at most **2 times in 1000 steps**: your flip budget,
# * a wrong weight flips after at most **50 steps** on average.
#
# `measure` tries a choice. Play with it first.


# %%
def measure(gamma, tau, seed=0):
    """(flips of an undecided weight in 1000 steps, mean steps until a wrong weight flips)."""
    options = {"steps": 1000, "weights": 400}
    undecided = simulate_weights(Bop(gamma, tau), drift=0.0, seed=seed, **options)
    wrong = simulate_weights(Bop(gamma, tau), drift=0.3, seed=seed + 1000, **options)
    steps = np.nan_to_num(wrong.first_flips, nan=1000.0)  # never flipped: at least 1000
    return 1000 * undecided.flip_rate(skip=100), steps.mean()


for gamma, tau in [(0.1, 0.0), (0.1, 0.2), (0.001, 0.1)]:
    flips, steps = measure(gamma, tau)
    print(
        f"gamma {gamma:<6} tau {tau:<5} undecided: {flips:6.2f} flips   wrong: {steps:6.1f} steps"
    )

# %% nbgrader={"grade": false, "grade_id": "tuned", "locked": false, "schema_version": 3, "solution": true, "task": false}
gamma, tau = None, None
### BEGIN SOLUTION
gamma, tau = 0.01, 0.1
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_tuned", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
expect(gamma is not None and tau is not None, "Set gamma and tau.")
flips, steps = attempt(measure, gamma, tau)
print(f"undecided: {flips:.2f} flips in 1000 steps   wrong: {steps:.1f} steps")
expect(flips <= 2, "Over budget: average longer (smaller gamma) or ask for more (larger tau).")
expect(steps <= 50, "Too slow: answer sooner (larger gamma) or ask for less (smaller tau).")
### BEGIN HIDDEN TESTS
for seed in (11, 12):
    flips, steps = attempt(measure, gamma, tau, seed)
    expect(flips <= 2.3 and steps <= 55, "With fresh noise your choice misses the goals.")
### END HIDDEN TESTS
passed("Few mistakes, and quick answers: gamma and tau work together.")

# %% [markdown]
# ## Exercise 6: in your own words (4 points)
#
# Three trainings of the same network, 30 epochs each, on 8×8 digits:
#
# | | $\gamma$ | $\tau$ | test accuracy | $\pi$ in the last epoch |
# |---|---|---|---|---|
# | A | 0.1 | 0 | 63 % | -2.1 |
# | B | 0.01 | 0.00001 | 97.5 % | -6.3 |
# | C | 0.0001 | 0.0003 | 64 % | -9 |
#
# What went wrong in A, and what in C? Why do both end at a similar accuracy, though $\pi$ could not
# differ more? How would you change $\gamma$ *during* a training? Three to five sentences.

# %% [markdown] nbgrader={"grade": true, "grade_id": "explain_bop", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# A never comes to rest: gamma is so large and tau so small that the noise of each batch flips
# weights, about one in eight at every step. C is frozen: the average hardly moves and the threshold
# is high, so the weights stay at their random start. Both networks therefore have weights that are
# mostly random, one because everything changes, one because nothing does. Start with a larger gamma
# to search, and lower it, so that flips die down as they do in B.
# (1 point each: A, C, the common cause, the schedule.)
# ### END SOLUTION
