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
# # Lesson 1: latent weights as inertia
#
# **Goal.** Find out what the float "latent" weights of a binarized neural network (BNN) are for,
# and see that they are not weights.
#
# **You should know** what a gradient, a learning rate and stochastic gradient descent (SGD) are.
#
# **Time.** About 40 minutes to read and try; less than a minute to run.

# %% [markdown]
# ## The question
#
# The weights of a BNN are +1 or -1. A gradient step of 0.001 cannot change such a weight a little.
#
# So most people keep a second, float copy of each weight: the **latent weight**. It takes the small
# steps, and the network uses its sign.
#
# * What does the *size* of a latent weight mean? The network never sees it.
# * What do learning rate, clipping and weight decay do, when only signs count?
#
# Here is one such weight, a ball. Each gradient **kicks** it, mostly downwards. The lamp shows all
# that the network sees of it. Press **Play**; then drag the ball up and play again. When does the
# lamp go out?

# %% tags=["nbval-ignore-output"]
from bnn_lab.widgets import BallAndLamp, Prediction, TwinWorlds

BallAndLamp(name="first", learning_rate=0.1, initial=1.2, drift=0.1, noise=0.5)

# %%
import numpy as np
import plotly.io

from bnn_lab import figures
from bnn_lab.experiments import training as experiments
from bnn_lab.lessons import checks
from bnn_lab.training import closed_forms
from bnn_lab.training.simulate import LatentSGD, simulate_weights

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small

# %% [markdown]
# ## One weight, by hand
#
# The latent weight starts at 0.5. The gradient is 1 at every step: it asks for a smaller weight.
# Watch the number, and watch the sign.

# %%
latent, learning_rate = 0.5, 0.2
for step in range(1, 5):
    latent = latent - learning_rate * 1.0
    print(f"step {step}   latent {latent:+.1f}   the network sees {np.where(latent < 0, -1, 1):+d}")

# %% [markdown]
# For two steps nothing happens that the network could notice. At the third the weight **flips**.
#
# This way of training is called the *straight-through estimator*: the forward pass takes the sign,
# and the backward pass hands the gradient straight through it.

# %% [markdown]
# ### Your turn: one step
#
# Complete the step. Many recipes also **clip** latent weights into a range from `-clip` to `clip`:
# do that last.


# %%
def latent_step(latent, gradient, learning_rate, clip):
    """The latent weights after one step of SGD."""
    return latent  # your step: against the gradient, then clipped


checks.check_latent_step(latent_step)

# %% [markdown]
# The figure runs your step 120 times under a noisy gradient that changes its mind halfway. Yours
# should lie on the green line.

# %% tags=["nbval-ignore-output"]
figures.draw_answer(checks.latent_paths(latent_step), "latent weight")

# %% [markdown]
# ## Many weights under noise
#
# Real gradients are noisy. Let each step's gradient be $\mu + \sigma \xi$: a **drift** $\mu$, the
# same at each step, plus **noise** of size $\sigma$.
#
# ### Predict first
#
# The latent weights start at 1. The learning rate is 0.05 and the drift is 0.2. Each step moves a
# weight by 0.05 · 0.2 = 0.01 on average.

# %% tags=["nbval-ignore-output"]
first_flip = Prediction("After how many steps does a weight flip, on average?", "steps", 0, 1000)
first_flip

# %% tags=["nbval-ignore-output"]
twice = Prediction("And if latent weights and learning rate are both doubled?", "steps", 0, 1000)
twice

# %% [markdown]
# Now play with 400 of them. They all start where the ball does and get kicks of their own; the bars
# count when each flips for the first time. Try:
#
# 1. Lift the ball before the first step. What happens to the bars?
# 2. Now raise the **learning rate** until the bars are back. Then let the height be measured **in
#    kicks**.
# 3. Drag the green dot: the push grows or shrinks. Set the noise to 0, then to 3. What stays the
#    same, and what does not?

# %% tags=["nbval-ignore-output"]
BallAndLamp()

# %% [markdown]
# ### What you saw
#
# A weight must be *pushed* for a while before it flips. What resists the push is its latent
# magnitude, counted in learning rates. A heavy body resists a push in the same way, so we call it
# **inertia**:
#
# $$\text{inertia} = \frac{|\text{latent weight}|}{\text{learning rate}}$$
#
# The drift uses up $\mu$ of it at each step. So the first flip comes after about inertia / $\mu$
# steps. Here are your predictions:

# %%
runs = {
    scale: simulate_weights(
        LatentSGD(0.05 * scale, initial=1.0 * scale), steps=1000, weights=4000, drift=0.2
    )
    for scale in (1, 2)
}
measured = {scale: run.first_flips.mean() for scale, run in runs.items()}
assert measured[1] == measured[2]

# %% tags=["nbval-ignore-output"]
first_flip.reveal(measured[1])

# %% tags=["nbval-ignore-output"]
twice.reveal(measured[2])

# %% [markdown]
# Not just equal on average: with the same noise, every flip happens at the same step.

# %%
assert (runs[1].signs == runs[2].signs).all()
print(f"{runs[1].flips.sum()} flips, all at the same steps")

# %% [markdown]
# A formula for this is known. The latent weight is a random walk with drift, and the time to its
# first crossing of 0 follows the *inverse Gaussian* distribution: the green line of the explorer.
# The simulation agrees within 5 %:

# %%
mean, spread = closed_forms.latent_first_flip(1.0, 0.05, drift=0.2, noise=1.0)
simulated = runs[1].first_flips
assert abs(simulated.mean() / mean - 1) < 0.05
assert abs(simulated.std() / spread - 1) < 0.05
print(f"formula: first flip after {mean:.0f} ± {spread:.0f} steps")
print(f"4000 weights:             {simulated.mean():.0f} ± {simulated.std():.0f} steps")

# %% [markdown]
# ### Your turn: steps to a flip
#
# Without noise you can count exactly. When is a latent weight that starts at `initial` below 0? (At
# exactly 0 the sign still counts as +1.) If it never is, return `None`.


# %%
def steps_to_flip(initial, learning_rate, gradient):
    """Number of the step after which the latent weight is below 0."""
    return initial / learning_rate  # not quite


checks.check_steps_to_flip(steps_to_flip)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Each step moves the weight by `learning_rate * gradient`. Take a case apart by hand: from 1.0 with
# steps of 0.125, where is it after 8 steps, and which sign has it?
# </details>

# %% [markdown]
# ## The theorem
#
# A real network is not a random walk: a flip changes the gradients of all other weights. Yet one
# thing carries over. **The gradients depend on the latent weights through their signs alone.** So:
#
# > Multiply the learning rate and all initial latent weights by the same $C > 0$. Then every latent
# > weight is $C$ times what it was, at every step, and *no binary weight ever differs*.
#
# Below are two small worlds. In each, twelve latent weights push each other: a gradient depends on
# all twelve lamps, and on noise that is the same in both. Press **Play**, and while it plays drag
# the **corner** of the twin. Can you make a single lamp differ?

# %% tags=["nbval-ignore-output"]
TwinWorlds()

# %% [markdown]
# Does that hold for a network that learns something?
# We train a small digits network twice: once as it is, and once with everything multiplied by
# $C = 2^{-7}$. A power of two scales floats without rounding, so we may ask for equality to the
# last bit.

# %% tags=["nbval-ignore-output"]
same = Prediction("After 300 steps, how many % of the binary weights are equal?", "%")
same

# %%
from bnn_lab.experiments.training import MlpRun, train_mlp_run

C = 2.0**-7
original = MlpRun(method="sgd", hidden=(64, 64), learning_rate=20.0, epochs=15)
scaled = MlpRun(method="sgd", hidden=(64, 64), learning_rate=20.0 * C, initial_scale=C, epochs=15)
first = train_mlp_run(original, keep_signs=True)
second = train_mlp_run(scaled, keep_signs=True)

# %%
assert first.signs.shape == second.signs.shape == (300, 8832)
assert first.flips.sum() > 10_000
assert (first.signs == second.signs).all()
print("300 steps, 8832 binary weights, more than 10,000 flips: no weight ever differs")

# %% tags=["nbval-ignore-output"]
same.reveal(100 * np.mean(first.signs[-1] == second.signs[-1]))
print(f"flips on the way: {first.flips.sum():,}")

# %% [markdown]
# So the size of the latent weights says nothing by itself. Make them all a hundred times smaller:
# you get the same network, if you slow down the learning rate as well.
#
# ## Learning rate against initial size
#
# Keras starts latent weights at random values below about 0.3, whatever your learning rate is. You
# have chosen an inertia without knowing. Five runs:

# %% tags=["nbval-ignore-output"]
pairs = ((1.0, 1.0), (1 / 128, 1.0), (1 / 128, 1 / 128), (8.0, 1.0), (8.0, 8.0))
rates = experiments.learning_rate_is_inertia(
    pairs=pairs, epochs=15, seeds=(0,), running=experiments.Running(progress=False)
)
figures.draw(rates)

# %%
table = rates.frame
for inertia, rows in table.groupby("inertia"):
    assert rows.accuracy.nunique() == 1 and rows.total_flips.nunique() == 1
    print(f"initial scale / learning rate = {inertia:g}: {len(rows)} run(s), one result")

low = table[table.inertia == 128].iloc[0]
right = table[table.inertia == 1].iloc[0]
assert low.accuracy < right.accuracy - 0.1
assert low.total_flips < right.total_flips / 5
print("too much inertia: few flips, and it learns badly")

# %% [markdown]
# A network with too much inertia has hardly flipped any weight. You may lower the initial scale or
# raise the learning rate: it is the same cure.

# %% [markdown]
# ## Clipping, momentum, decay: what are they now?
#
# These tricks come from float networks. There they keep weights small or smooth the descent. Here
# no size matters, so they must do something else.
#
# ### Clipping
#
# A weight that has been pushed one way for long has moved far from 0. If the gradient then changes
# its mind, the weight must come all the way back. Try it below: the push turns round halfway. Play,
# then open **walls, spring, flywheel**, switch the **walls** on, and drag them towards each other.

# %% tags=["nbval-ignore-output"]
BallAndLamp(name="clipping", drift=0.5, noise=0.5, turn=True)

# %% [markdown]
# Measured: 200 steps of drift +0.5, then -0.5 until the weights are back at +1.

# %%
turning = np.where(np.arange(800) < 200, 0.5, -0.5)[:, None]
waits = {}
for clip in (None, 1.0, 0.25):
    run = simulate_weights(LatentSGD(0.05, clip=clip), steps=800, drift=turning, noise=0.5)
    back = (run.signs[201:] > 0).argmax(axis=0) + 1
    waits[clip] = np.median(back)
    print(f"clip at {clip}: back {waits[clip]:.0f} steps after the turn")
assert waits[0.25] < waits[1.0] < waits[None]

# %% [markdown]
# **Clipping limits inertia.** No weight can become so heavy that it cannot turn. The smaller the
# bound (in learning rates), the sooner weights flip, and the more noise gets through.

# %% [markdown]
# ### Momentum
#
# Momentum $\beta$ adds up past gradients: $v \leftarrow \beta v + g$. A steady push becomes
# $1/(1-\beta)$ times as strong, so it does the work of a larger learning rate: less inertia. But
# part of the push arrives late.

# %%
plain = simulate_weights(LatentSGD(0.1), drift=0.2, steps=1000, weights=400)
heavy = simulate_weights(LatentSGD(0.01, momentum=0.9), drift=0.2, steps=1000, weights=400)
ratio = heavy.first_flips.mean() / plain.first_flips.mean()
print(f"learning rate 0.10, no momentum:  first flip after {plain.first_flips.mean():.0f} steps")
print(f"learning rate 0.01, momentum 0.9: first flip after {heavy.first_flips.mean():.0f} steps")
assert 1.0 < ratio < 1.3

# %% [markdown]
# ### Weight decay
#
# Decay pulls each latent weight towards 0: $w \leftarrow (1-\gamma)\, w - \alpha g$. Look at that
# formula again. It *forgets* a share $\gamma$ at each step and adds the newest gradient. That is an
# **exponential moving average of the gradient**, up to a factor:
#
# $$m \leftarrow (1-\gamma)\, m + \gamma g \qquad\Rightarrow\qquad w = -\tfrac{\alpha}{\gamma}\, m$$

# %%
gradients = np.random.default_rng(0).standard_normal((500, 64))
gamma, alpha = 2.0**-4, 0.125
w = m = np.zeros(64)
for gradient in gradients:
    w = (1 - gamma) * w - alpha * gradient
    m = (1 - gamma) * m + gamma * gradient
    assert (w == -alpha / gamma * m).all()
print("after every step: latent weight = -2 · average gradient, to the last bit")

# %% [markdown]
# With decay, a latent weight is a memory of recent gradients, and its sign says which way they
# point. Keep this in mind: lesson 2 builds an optimizer out of it.

# %% [markdown]
# ### Which tricks break the theorem?
#
# A rule that compares latent weights with a fixed number knows their size. In these twin worlds the
# walls stay where they are, however small the twin is. Play, then drag its corner. Which of the
# other rules keep the lamps equal?

# %% tags=["nbval-ignore-output"]
TwinWorlds(name="walls", rule="walls that stay")

# %% [markdown]
# The same with the digits network. Scale the fixed number too, and the theorem holds again:

# %% tags=["nbval-ignore-output"]
cases = ("momentum", "weight clip fixed", "weight clip scaled", "L2 fixed", "L2 divided")
invariance = experiments.scaling_invariance(
    C, cases=cases, epochs=15, running=experiments.Running(progress=False)
)
figures.draw(invariance)

# %%
identical = dict(zip(invariance.frame.case, invariance.frame.identical, strict=True))
for case, equal in identical.items():
    print(f"{case:<20} {'identical' if equal else 'differs'}")
assert identical == {
    "momentum": True,
    "weight clip fixed": False,
    "weight clip scaled": True,
    "L2 fixed": False,
    "L2 divided": True,
}

# %% [markdown]
# ### Your turn: scale everything
#
# Here is a rule with a clip (`bound`) and weight decay (`l2`):
#
# $$w \leftarrow \mathrm{clip}\big(w - \alpha\,(g + 2\lambda w),\ -b,\ b\big)$$
#
# Which settings make every latent weight `C` times as large, and leave all signs alone?


# %%
def scaled_settings(learning_rate, initial, bound, l2, C):
    """The four settings, in this order."""
    return learning_rate * C, initial * C, bound, l2  # two of them are not right yet


checks.check_scaled_settings(scaled_settings)

# %% [markdown]
# <details><summary>Hint</summary>
#
# Write the rule for $Cw$. Every term must be $C$ times the old one. In the term of the decay,
# $\alpha$ and $w$ both grow already.
# </details>

# %% [markdown]
# ## Latent weights do not exist
#
# Put it together:
#
# * The network computes with signs. Only signs are *weights*.
# * The latent magnitude, over the learning rate, is the sum of gradients that a flip takes. It
#   belongs to the **optimizer**, like momentum.
# * Scaling it changes nothing, so it approximates no "true" float weight.
#
# If the magnitude is only a counter that delays flips, we might count in a better way. The paper
# does: its optimizer **Bop** keeps an average of gradients and no latent weights. That is lesson 2.

# %% [markdown]
# ## More to try
#
# * In the first explorer set noise 3 and clip at 0.3. How often does one weight flip? Why does the
#   green line no longer fit?
# * Set `C = 3` in the theorem's cell. Why may a few weights differ, after many flips?
# * Train `MlpRun(method="adam", ...)` with both settings (learning rate 0.02). Adam's update is
#   a function of the gradients alone. Does the theorem hold?

# %% [markdown]
# ## Your guesses

# %% tags=["nbval-ignore-output"]
from bnn_lab.widgets import score_sheet

score_sheet()

# %% [markdown]
# ## Summary
#
# * A latent weight delays the flip of a binary weight. Its size counts only relative to the
#   learning rate: that ratio is the weight's **inertia**.
# * Learning rate and latent weights scaled together give the same network, bit for bit. *Checked
#   here*, as *Latent Weights Do Not Exist*, [arXiv:1906.02107](https://arxiv.org/abs/1906.02107),
#   section 3, argues.
# * Clipping limits inertia, momentum and learning rate lower it, and decay turns the latent weight
#   into a moving average of the gradient. The same section reads them so.
# * *Cited, not checked here:* that latent weights are often taken for an approximation of float
#   weights is the paper's account of earlier work (same section). Quist and others (ICLR 2023)
#   follow the view of latent SGD as a filter of gradients further.
