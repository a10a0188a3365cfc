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
# **A binary weight is +1 or -1. So what is the float that training keeps behind it?**
#
# Here is one, a ball. Each gradient **kicks** it, mostly downwards. The network sees only the lamp:
# +1 while the ball is above 0, -1 below. Press **Play**. Then drag the ball up and play again: when
# does the lamp change?

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import BallAndLamp

BallAndLamp(name="first", learning_rate=0.1, initial=1.2, drift=0.1, noise=0.5)

# %% [markdown]
# **You should know** what a gradient, a learning rate and stochastic gradient descent (SGD) are.
#
# **Time.** About 45 minutes to read and try; less than a minute to run.
#
# A gradient step of 0.001 cannot change a weight of +1 a little. So most people who train a
# binarized neural network (BNN) keep a second, float copy of each weight: the **latent weight**. It
# takes the small steps, and the network uses its sign. Two questions follow us through this lesson:
#
# * What does the *size* of a latent weight mean? The network never sees it.
# * What do learning rate, clipping and weight decay do, when only signs count?

# %% tags=["hide-input", "nbval-ignore-output"]
import numpy as np
import plotly.io
from IPython.display import Markdown

from bnn_lab import figures
from bnn_lab.experiments import training as experiments
from bnn_lab.lessons import checks
from bnn_lab.lessons.checked import Checked
from bnn_lab.training import closed_forms
from bnn_lab.training.simulate import LatentSGD, simulate_weights
from bnn_lab.training.uncertainty import difference_uncertainty
from bnn_lab.widgets import Prediction, TwinWorlds

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
quiet = experiments.Running(progress=False)
checks.progress(checks.check_latent_step, checks.check_steps_to_flip, checks.check_scaled_settings)

# %% [markdown]
# ## One weight, by hand
#
# The latent weight starts at 0.5. Every gradient is 1: it asks for a smaller weight. Watch the
# number, and watch the sign.

# %%
latent, learning_rate = 0.5, 0.2
for step in range(1, 5):
    latent = latent - learning_rate * 1.0
    print(f"step {step}   latent {latent:+.1f}   the network sees {np.where(latent < 0, -1, 1):+d}")

# %% [markdown]
# For two steps the network notices nothing. At the third the weight **flips**.
#
# This way of training is called the *straight-through estimator*: the forward pass takes the sign,
# and the backward pass hands the gradient straight through it.
#
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
# The figure runs your step 120 times under a noisy gradient that changes its mind halfway. Your
# line should lie on the green one.

# %% tags=["hide-input", "nbval-ignore-output"]
figures.draw_answer(checks.latent_paths(latent_step), "latent weight")

# %% [markdown]
# ## Many weights under noise
#
# Real gradients are noisy. Let each step's gradient be $\mu + \sigma \xi$: a steady **push** $\mu$,
# also called *drift*, plus **noise** of size $\sigma$ that is drawn anew at each step.
#
# ### Predict first
#
# The latent weights start at 1. The learning rate is 0.05 and the push is 0.2, so a step moves a
# weight by 0.05 · 0.2 = 0.01 on average.

# %% tags=["hide-input", "nbval-ignore-output"]
first_flip = Prediction("After how many steps does a weight flip, on average?", "steps", 0, 1000)
first_flip

# %% tags=["hide-input", "nbval-ignore-output"]
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

# %% tags=["hide-input", "nbval-ignore-output"]
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
# The push uses up $\mu$ of it at each step. So the first flip comes after about inertia / $\mu$
# steps: 1 / 0.05 / 0.2 = 100. Four thousand simulated weights say:

# %%
runs = {
    scale: simulate_weights(
        LatentSGD(0.05 * scale, initial=1.0 * scale), steps=1000, weights=4000, drift=0.2
    )
    for scale in (1, 2)
}
measured = {scale: run.first_flips.mean() for scale, run in runs.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
first_flip.reveal(measured[1])

# %% tags=["hide-input", "nbval-ignore-output"]
twice.reveal(measured[2])

# %% [markdown]
# Not just equal on average: with the same noise, every flip happens at the same step.
#
# There is a formula, too. The latent weight is a random walk with drift, and the time to its first
# crossing of 0 follows the *inverse Gaussian* distribution: the green line of the figure.

# %% tags=["hide-input"]
mean, spread = closed_forms.latent_first_flip(1.0, 0.05, drift=0.2, noise=1.0)
simulated = runs[1].first_flips
checked(
    "Doubling latent weights and learning rate changes no flip",
    (runs[1].signs == runs[2].signs).all(),
)
checked(
    "The mean time to the first flip is the formula's, within 5 %",
    abs(simulated.mean() / mean - 1) < 0.05,
)
checked("So is its standard deviation", abs(simulated.std() / spread - 1) < 0.05)
checked.new()

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

# %% tags=["hide-input", "nbval-ignore-output"]
TwinWorlds()

# %% [markdown]
# Does that hold for a network that learns something? We train a small network on 8×8 digits twice:
# once as it is, and once with everything multiplied by $C = 2^{-7}$. A power of two scales floats
# without rounding, so we may ask for equality to the last bit.
#
# (Why a learning rate of 20? The gradients of this network are about 0.001. At 20, a step moves a
# latent weight by some 0.02, and thousands of weights flip: a hard test.)

# %% tags=["hide-input", "nbval-ignore-output"]
same = Prediction("After 300 steps, what percentage of the binary weights is equal?", "%")
same

# %%
from bnn_lab.experiments.training import MlpRun, train_mlp_run

C = 2.0**-7
original = MlpRun(method="sgd", hidden=(64, 64), learning_rate=20.0, epochs=15)
scaled = MlpRun(method="sgd", hidden=(64, 64), learning_rate=20.0 * C, initial_scale=C, epochs=15)
first = train_mlp_run(original, keep_signs=True)
second = train_mlp_run(scaled, keep_signs=True)

# %% tags=["hide-input", "nbval-ignore-output"]
same.reveal(100 * np.mean(first.signs[-1] == second.signs[-1]))

# %% tags=["hide-input"]
steps, weights = first.signs.shape
checked("300 steps of 8,832 binary weights are compared", (steps, weights) == (300, 8832))
checked("The weights flip more than 10,000 times on the way", first.flips.sum() > 10_000)
checked("No weight differs after any step", (first.signs == second.signs).all())
checked.new()

# %% [markdown]
# So the size of the latent weights says nothing by itself. Make them all a hundred times smaller:
# you get the same network, if you slow down the learning rate as well.
#
# ## Learning rate against initial size
#
# Keras starts latent weights at random values below about 0.3, whatever your learning rate is. You
# have chosen an inertia without knowing it. Is it a good one? From here on the images are 5,000
# real handwritten digits of 28×28 pixels, 1,000 of them for testing.

# %% tags=["nbval-ignore-output"]
pairs = (
    (100.0, 1.0),
    (30.0, 1.0),
    (8.0, 1.0),
    (8.0, 8.0),
    (1.0, 1.0),
    (1 / 128, 1 / 128),
    (0.1, 1.0),
    (1 / 128, 1.0),
)
rates = experiments.learning_rate_is_inertia(
    pairs=pairs, data="mnist5k", epochs=8, seeds=(0,), running=quiet
)
figures.draw(rates)

# %% tags=["hide-input", "nbval-ignore-output"]
table = rates.frame.groupby("inertia")[["accuracy", "total_flips"]].first()
light, keras, heavy = (table.loc[ratio] for ratio in (0.01, 1.0, 128.0))
Markdown(
    "Three runs share the ratio 1, and share their point to the last digit: "
    f"{100 * keras.accuracy:.1f} %. Too much inertia is a disaster: at a ratio of 128 there were "
    f"{heavy.total_flips:,.0f} flips in all, and {100 * heavy.accuracy:.1f} % of the test images "
    f"are right. With a hundredth of the usual inertia it is {100 * light.accuracy:.1f} %.\n\n"
    "Is less always better, then? Nearly: the gain levels off to the left. Near a ratio of 0 the "
    "initial weights no longer matter, and each weight builds up an inertia of its own out of "
    "the gradients that it gets."
)

# %% tags=["hide-input"]
alike = rates.frame[rates.frame.inertia == 1.0]
checked(
    "Runs with one ratio have the same accuracy and the same number of flips",
    len(alike) == 3 and alike.accuracy.nunique() == 1 and alike.total_flips.nunique() == 1,
)
checked("Less inertia, more flips, all along the axis", table.total_flips.is_monotonic_decreasing)
checked(
    "A ratio of 128 loses more than 20 points against a ratio of 1",
    heavy.accuracy < keras.accuracy - 0.2,
)
checked(
    "A ratio of 0.01 beats a ratio of 1 by more than twice the uncertainty of a difference",
    light.accuracy - keras.accuracy
    > 2 * difference_uncertainty(light.accuracy, keras.accuracy, 1000),
)
checked.new()

# %% [markdown]
# A network with too much inertia hardly flips any weight. Lower the initial scale or raise the
# learning rate: either is the same cure.

# %% [markdown]
# ## Clipping, momentum, decay: what are they now?
#
# These tricks come from float networks. There they keep weights small or smooth the descent. Here
# no size matters, so they must do something else.
#
# ### Clipping
#
# A weight that has been pushed one way for long has moved far from 0. If the gradient then changes
# its mind, the weight must come all the way back. Try it below: the push reverses halfway. Play,
# then open **walls, spring, flywheel**, switch the **walls** on, and drag them towards each other.

# %% tags=["hide-input", "nbval-ignore-output"]
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

# %% tags=["hide-input"]
checked("A tighter clip turns sooner", waits[0.25] < waits[1.0] < waits[None])
Markdown(
    f"Without walls the weights are back {waits[None]:.0f} steps after the turn, with walls at 1 "
    f"after {waits[1.0]:.0f}, with walls at 0.25 after {waits[0.25]:.0f}. **Clipping limits "
    "inertia.** No weight can become so heavy that it cannot turn. The smaller the bound (in "
    "learning rates), the sooner weights flip, and the more noise gets through."
)

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

# %% tags=["hide-input"]
checked(
    "With momentum 0.9 and a tenth of the learning rate, flips come a little later",
    1.0 < ratio < 1.3,
)
Markdown(
    f"Learning rate 0.10, no momentum: first flip after {plain.first_flips.mean():.0f} steps. "
    f"Learning rate 0.01, momentum 0.9: after {heavy.first_flips.mean():.0f}."
)

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
equal = True
for gradient in gradients:
    w = (1 - gamma) * w - alpha * gradient
    m = (1 - gamma) * m + gamma * gradient
    equal = equal and (w == -alpha / gamma * m).all()

# %% tags=["hide-input"]
checked(
    "After each of 500 steps the decayed latent weight is -2 times the average gradient, to the "
    "last bit",
    equal,
)
checked.new()

# %% [markdown]
# With decay, a latent weight is a memory of recent gradients, and its sign says which way they
# point. Keep this in mind: lesson 2 builds an optimizer out of it.

# %% [markdown]
# ### Which tricks break the theorem?
#
# A rule that compares latent weights with a fixed number knows their size. In these twin worlds the
# walls stay where they are, however small the twin is. Play, then drag its corner. Which of the
# other rules keep the lamps equal?

# %% tags=["hide-input", "nbval-ignore-output"]
TwinWorlds(name="walls", rule="walls that stay")

# %% [markdown]
# The same with the network. Scale the fixed number too, and the theorem holds again:

# %% tags=["nbval-ignore-output"]
cases = ("momentum", "Adam", "weight clip fixed", "weight clip scaled", "L2 fixed", "L2 divided")
invariance = experiments.scaling_invariance(C, cases=cases, epochs=15, running=quiet)
figures.draw(invariance)

# %% tags=["hide-input"]
identical = dict(zip(invariance.frame.case, invariance.frame.identical, strict=True))
checked(
    "Momentum and Adam keep the theorem",
    identical["momentum"] and identical["Adam"],
)
checked(
    "A clip or a decay that stays the same breaks it",
    not identical["weight clip fixed"] and not identical["L2 fixed"],
)
checked(
    "A clip times C or a decay over C keeps it",
    identical["weight clip scaled"] and identical["L2 divided"],
)
checked.new()

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
# ## But aren't they the better weights?
#
# The usual story: the latent weights are the *true* weights, and their signs a rough copy. Let us
# test it. Train a BNN on the digits. Then, without any more training, compute with the latent
# weights in place of their signs.

# %% tags=["hide-input", "nbval-ignore-output"]
as_weights = Prediction(
    "The BNN gets about 91 % of the images right. And with latents in place of signs?",
    "%",
)
as_weights

# %% tags=["nbval-ignore-output"]
approximation = experiments.latent_approximation(data="mnist5k", seeds=(0, 1), running=quiet)
found = approximation.frame.groupby("network").accuracy.mean()
as_weights.reveal(100 * found["latent weights"])

# %% [markdown]
# As good as guessing. Is that the end of the story? Not so fast. Batch normalization has learned
# how large sums of *signs* are, and the sums have shrunk. So adjust its means and variances to the
# new sums. And for comparison, keep the signs but shuffle the sizes among the weights, or keep the
# sizes and toss coins for the signs:

# %% tags=["hide-input", "nbval-ignore-output"]
figures.draw(approximation)

# %% tags=["hide-input", "nbval-ignore-output"]
signs, adjusted = found["signs: the BNN"], found["latent weights, statistics adjusted"]
unsure = difference_uncertainty(signs, adjusted, 1000)
shuffled = found["same signs, sizes shuffled, adjusted"]
Markdown(
    f"Once batch normalization has been adjusted, the latent weights get {100 * adjusted:.1f} % "
    f"right, the signs {100 * signs:.1f} %. The difference is {100 * (adjusted - signs):+.1f} "
    f"points; with 1,000 images, a difference is uncertain by {100 * unsure:.1f}. Shuffled sizes "
    f"behind the right signs cost {100 * (signs - shuffled):.0f} points; random signs cost "
    "everything."
)

# %% tags=["hide-input"]
coins = found["same sizes, random signs, adjusted"]
checked("Latent weights put in as they are do no better than 20 %", found["latent weights"] < 0.2)
checked(
    "With adjusted statistics they are within 3 uncertainties of the signs",
    abs(adjusted - signs) < 3 * difference_uncertainty(signs, adjusted, 1000),
)
checked("Shuffled sizes cost more than 3 points", shuffled < signs - 0.03)
checked(
    "Shuffled sizes keep more than 70 %, random signs less than 20 %", coins < 0.2 < 0.7 < shuffled
)
checked.new()

# %% [markdown]
# What does that show? Read it with care.
#
# * **Signs carry what was learned.** Without them nothing is left; with them alone nothing is lost.
# * **Sizes carry a little.** A size tells how firmly gradients have agreed on a sign. Weights that
#   were hardly pushed may count less, and it does no harm if they do. Shuffle the sizes, and
#   firm signs get feeble weights: that costs a few points.
# * So latent weights *make* a decent float network, once you adjust it. It is another network than
#   the one that was trained: the gradients never came from it. And lesson 2 does as well without
#   any latent weight.
#
# ## Latent weights do not exist
#
# Put it together:
#
# * The network computes with signs. Only signs are *weights*.
# * The latent magnitude, over the learning rate, is the sum of gradients that a flip takes. It
#   belongs to the **optimizer**, like momentum.
# * Scaling it changes nothing.
#
# If the magnitude is only a counter that delays flips, we might count in a better way. The paper
# does: its optimizer **Bop** keeps an average of gradients and no latent weights. That is lesson 2.

# %% [markdown] tags=["folded-section"]
# ## Further: three more ways to change inertia
#
# *Open this section if you train BNNs of your own.*
#
# * With a **falling learning rate**, each kick is weaker, so the same latent weight takes more of
#   them to flip. In a float network the steps become finer. Here there are no finer steps: flips
#   become rarer.
# * A **larger batch** averages noise away, and an epoch has fewer steps. Chance flips become rarer.
# * **Starting from a trained float network** gives the latent weights signs that are mostly right.
#
# Plain SGD, one change at a time:

# %% tags=["nbval-ignore-output"]
knobs = experiments.inertia_knobs(data="mnist5k", running=quiet)
figures.draw(knobs)

# %% tags=["hide-input"]
by_epoch = knobs.frame.set_index(["knob", "epoch"])
flips, accuracy, inertia = by_epoch.flips, by_epoch.accuracy, by_epoch.inertia
plain, falls = "as it is", "learning rate falls"
batch, pretrained = "batch of 512", "starts from a float network"
last = by_epoch.index.levels[1].max()
checked(
    "A learning rate that fell to a thousandth has multiplied inertia by more than 500",
    inertia[falls, last] > 500 * inertia[plain, last],
)
checked(
    "It cuts the flips of an epoch to less than a third",
    flips[falls, last] < flips[plain, last] / 3,
)
checked(
    "A batch 8 times as large has less than a quarter of the flips in an epoch",
    flips[batch, last] < flips[plain, last] / 4,
)
checked(
    "The start from a float network is ahead by 2 points or more after one epoch, with fewer flips",
    accuracy[pretrained, 1] > accuracy[plain, 1] + 0.02 and flips[pretrained, 1] < flips[plain, 1],
)
checked.new()

# %% tags=["hide-input", "nbval-ignore-output"]
Markdown(
    f"Here the falling rate ends at {100 * accuracy[falls, last]:.1f} % and the constant one at "
    f"{100 * accuracy[plain, last]:.1f} %: it froze weights that were still on their way. Lower "
    "it late, if you do. The float start is worth "
    f"{100 * (accuracy[pretrained, 1] - accuracy[plain, 1]):.0f} points after one epoch and "
    f"{100 * (accuracy[pretrained, last] - accuracy[plain, last]):.1f} after {last}."
)

# %% [markdown] tags=["folded-section"]
# ## Further: which pseudo-gradient?
#
# The sign has no useful derivative, so training pretends that it has one. Papers differ in what
# they pretend: 1 everywhere, 1 near zero, a tent (ApproxSign), a smooth hump (SwishSign). Some also
# scale the signs by the mean size of the latent weights (magnitude-aware). Above each pair of
# curves is the test accuracy of a network whose weights were trained with it:

# %% tags=["nbval-ignore-output"]
gallery = experiments.pseudo_gradients(data="mnist5k", seeds=(0,), epochs=8, running=quiet)
figures.draw(gallery)

# %% tags=["hide-input"]
best, worst = gallery.frame.accuracy.max(), gallery.frame.accuracy.min()
checked(
    "Best and worst pseudo-gradient are less than 3 uncertainties of a difference apart",
    best - worst < 3 * difference_uncertainty(best, worst, 1000),
)
checked.new()

# %% [markdown]
# All five learn about equally well here. For *weights* the choice is one more scale on the inertia:
# it makes steps longer or shorter depending on where the latent weight is. Straight-through and
# clipped may even agree to the last digit: as long as no latent weight leaves the range from -1 to
# +1, the clip does nothing. (What the *activations* pretend is another matter: that changes the
# gradients themselves.)

# %% [markdown] tags=["folded-section"]
# ## Further: where do scaling factors go?
#
# Some BNNs multiply each channel of signs by a float $\alpha$, often the mean size of its latent
# weights, to come closer to a float network. If batch normalization follows, it divides by the
# spread of its input, and $\alpha$ is gone:
#
# $$\frac{\alpha x - \overline{\alpha x}}{\mathrm{std}(\alpha x)}
# = \frac{x - \overline{x}}{\mathrm{std}(x)}$$

# %%
rng = np.random.default_rng(0)
activations = rng.choice([-1.0, 1.0], (500, 128))
signs_of_weights = rng.choice([-1.0, 1.0], (128, 32))
alpha, beta = rng.uniform(0.1, 3.0, 32), rng.normal(0, 1, 32)
sums = activations @ signs_of_weights


def normalized(x):
    """Batch normalization of (images, channels), without epsilon."""
    return (x - x.mean(axis=0)) / x.std(axis=0)


with_alpha, without = normalized(alpha * sums) + beta, normalized(sums) + beta

# %% tags=["hide-input"]
checked(
    "A scaling factor makes no difference after batch normalization",
    np.allclose(with_alpha, without),
)
checked(
    "All 16,000 signs that the next layer sees are equal", ((with_alpha < 0) == (without < 0)).all()
)
checked.new()

# %% [markdown]
# What is left of $\alpha$ is batch normalization's small $\epsilon$, and a factor on the gradient
# of each channel: inertia again.

# %% [markdown]
# ## More to try
#
# * In the first figure set the noise to 3, open **walls, spring, flywheel**, and set the walls to
#   0.3. How often does the ball's weight flip? Why does the green line no longer fit?
# * Set `C = 3` in the theorem's cell. Why may a few weights differ, after many flips?
# * Why does a *falling* learning rate make weights heavier? Open the first **Further** section.

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
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
#   into a moving average of the gradient.
# * Signs carry what was learned. Latent weights compute about as well once batch normalization is
#   adjusted, which does not make them the network's weights.

# %% tags=["hide-input"]
checked.cited(
    "Latent weights are often taken for an approximation of float weights",
    "the account of earlier work in arXiv:1906.02107",
)
checked.cited(
    "Latent SGD with momentum and decay is a filter of gradients with three parameters",
    "Quist and others, ICLR 2023",
)
checked.all()
