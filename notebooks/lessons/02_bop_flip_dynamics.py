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
# # Lesson 2: Bop and the dynamics of flips
#
# **When should a binary weight flip?**
#
# Here is one answer. The line averages the gradients of one weight. Two gates guard it; only one
# at a time is closed. When the line breaks through that one, the weight **flips**, and the
# other gate closes. Press **Play**, then drag a gate, and the length of the memory.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import BopExplorer

BopExplorer(name="first", noise=0.5, threshold=0.1)

# %% [markdown]
# **You should know** lesson 1: a latent weight is inertia against flips.
#
# **Time.** About 50 minutes to read and try; about a minute to run.
#
# Lesson 1 ended with this: a latent weight is only a counter that delays the flip of a binary
# weight. So let us drop it, and decide about flips directly.
#
# * What must be remembered of the gradients?
# * When do they ask for a flip strongly enough?
# * Does a network trained like this become as good?

# %% tags=["hide-input", "nbval-ignore-output"]
import numpy as np
import plotly.io
from IPython.display import Markdown

from bnn_lab import figures, training
from bnn_lab.data import load_mnist5k
from bnn_lab.experiments import training as experiments
from bnn_lab.lessons import checks
from bnn_lab.lessons.checked import Checked
from bnn_lab.models import digits_mlp
from bnn_lab.training import closed_forms
from bnn_lab.training.simulate import Bop, simulate_weights
from bnn_lab.training.uncertainty import accuracy_uncertainty, difference_uncertainty
from bnn_lab.widgets import BopMap, Flicker, Prediction

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
quiet = experiments.Running(progress=False)
checks.progress(
    checks.check_bop_step,
    checks.check_flip_step,
    checks.check_gamma_and_tau,
    checks.check_flip_measure,
)

# %% [markdown]
# ## From inertia to Bop
#
# A latent weight under SGD adds up all gradients since training began. Old ones count as much as
# new ones, although the network has changed in between. **Bop** (binary optimizer) makes two
# changes:
#
# 1. It *averages* gradients and forgets old ones. The **adaptivity rate** $\gamma$ says how fast:
#
#    $$m \leftarrow (1-\gamma)\, m + \gamma\, g$$
#
# 2. It flips a weight $w = \pm 1$ when the average asks for it strongly enough. The **threshold**
#    $\tau$ says how strongly:
#
#    $$\text{flip } w \text{ if } w\, m > \tau$$
#
# A positive gradient asks for a smaller weight. So a weight of +1 flips when $m$ is well above 0,
# and a weight of -1 when it is well below.

# %% [markdown]
# ### Your turn: Bop
#
# Write it. `w`, `m` and `gradient` are arrays, one entry a weight. The check runs your optimizer
# beside the library's for 300 steps.


# %%
def bop_step(w, m, gradient, gamma, tau):
    """The weights (±1) and the averages after one step."""
    m = m  # 1. average the gradients
    w = w  # 2. flip the weights that m asks to flip: np.where(condition, then, otherwise)
    return w, m


checks.check_bop_step(bop_step)

# %% tags=["hide-input", "nbval-ignore-output"]
figures.draw_answer(checks.bop_paths(bop_step), "average gradient m")

# %% [markdown]
# larq, the library that trains BNNs in Keras, has Bop too, and so has bnn_lab. Is it the same rule?
# All three get the same 200 gradients.

# %%
ours = training.optimizers.Bop(threshold=0.2, gamma=0.1)

# %%
import larq as lq
import tensorflow as tf

larqs = lq.optimizers.Bop(threshold=0.2, gamma=0.1)
run = simulate_weights(Bop(gamma=0.1, threshold=0.2), steps=200, weights=64, drift=0.05)
weights = {optimizer: tf.Variable(np.ones(64, np.float32)) for optimizer in (ours, larqs)}
equal = True
for gradient, signs in zip(run.gradients, run.signs[1:], strict=True):
    for optimizer, variable in weights.items():
        optimizer.apply_gradients([(tf.constant(gradient, tf.float32), variable)])
        equal = equal and (variable.numpy() == signs).all()

# %% tags=["hide-input"]
checked("larq's Bop, bnn_lab's and the simulator's flip the same weights at each step", equal)
checked("There are more than 100 flips to compare", run.flips.sum() > 100)
checked.new()

# %% [markdown]
# ## What gamma does
#
# Let the gradient be pure noise of size $\sigma = 1$: there is nothing to learn, so no weight
# should flip. Set $\tau = 0$: the sign of $m$ decides alone.

# %% tags=["hide-input", "nbval-ignore-output"]
noise_flips = Prediction(
    "Pure noise, γ = 0.1, τ = 0: what percentage of the weights flips in each step?",
    "%",
    digits=1,
)
noise_flips

# %% tags=["hide-input", "nbval-ignore-output"]
noise_flips.reveal(100 * closed_forms.bop_flip_rate(0.1))

# %% [markdown]
# The formula is $\arccos(1-\gamma)/\pi$. At $\gamma = 0.01$, with ten times the patience, it gives
# 4.5 %: only a third. Averaging alone does not stop noise.
#
# ## What tau does
#
# Noise does not average out completely: $m$ wavers around 0 by
#
# $$s = \sigma \sqrt{\gamma / (2-\gamma)}$$
#
# That sets the scale: $\tau$ must be compared with $s$. In the explorable the green band is
# $m \pm s$, the gates are at $\pm\tau$. Play it to the end, and try:
#
# 1. Drag the memory, $1/\gamma$, longer. How do the band and the bars change?
# 2. Drag a gate until $\tau$ is twice $s$. How many weights still flip?
# 3. Drag the drift to 0.3 and let it **reverse halfway**. Which settings follow quickly?

# %% tags=["hide-input", "nbval-ignore-output"]
BopExplorer()

# %% [markdown]
# ### What you saw
#
# Ten times the memory, a third of the flips. One more $s$ of threshold, several times fewer. The
# simulated weights follow the formulas:

# %% tags=["nbval-ignore-output"]
noise = experiments.noise_flips()
figures.draw(noise)

# %% tags=["hide-input"]
rates = noise.frame.set_index(["threshold", "gamma"]).simulated
checked(
    "Simulation and formula agree within 10 % at twelve pairs of gamma and tau",
    len(noise.frame) == 12 and (abs(noise.frame.simulated / noise.frame.formula - 1) < 0.1).all(),
)
checked(
    "A tenth of gamma cuts flips by noise by 3 to 4 at tau = 0",
    3 < rates[0.0, 0.1] / rates[0.0, 0.01] < 4,
)
checked(
    "At each gamma, raising tau from s to 2 s cuts them by more than 2",
    all(rates[1.0, g] > 2 * rates[2.0, g] for g in noise.config.gammas),
)
checked.new()

# %% [markdown]
# But a threshold has a price: a weight whose gradient asks for a flip, *rightly*, has to wait
# too.
#
# ### Your turn: time to a flip
#
# Take a weight +1 with $m = 0$ and a constant gradient. After $n$ steps
# $m = g\,(1 - (1-\gamma)^n)$. At which step does it flip? If it never does, return `None`.


# %%
def flip_step(gamma, tau, gradient):
    """Number of the step at which Bop flips the weight."""
    return tau / (gamma * gradient)  # what is wrong with this?


checks.check_flip_step(flip_step)

# %% [markdown]
# ### Your turn: noise or signal?
#
# Choose $\gamma$ and $\tau$ for gradients with noise 1, such that
#
# * pure noise flips at most 0.2 % of the weights in a step,
# * and when a drift of 0.3 reverses, half of the weights follow within 130 steps.

# %%
my_gamma, my_tau = 0.1, 0.1

checks.check_gamma_and_tau(my_gamma, my_tau)

# %% tags=["hide-input", "nbval-ignore-output"]
BopExplorer(name="mine", gamma=my_gamma, threshold=my_tau, drift=0.3, turn=True)

# %% [markdown]
# ## A real network
#
# Now 5,000 real handwritten digits of 28×28 pixels, 1,000 of them for testing, and a network of
# 784-128-128-10 units whose 118,016 weights are all binary. How many of them flip in a step? The
# paper measures it by
#
# $$\pi_t = \log\left(\frac{\text{flips at step } t}{\text{weights}} + e^{-9}\right)$$
#
# ### Your turn: the flip measure


# %%
def flip_measure(flips, weights):
    """pi for one step."""
    return flips / weights  # not yet


checks.check_flip_measure(flip_measure)

# %% [markdown]
# $e^{-9}$ keeps the logarithm finite: $\pi_t = -9$ means that nothing flips. At -5 about one weight
# of 150 flips in a step, at -2 one of seven.
#
# ### Watch it live
#
# Each pixel below is a binary weight; a flip flashes and fades. At first you see simulated weights:
# a gradient with much noise pushes each of them to a goal. Play them, or drag the cursor.
#
# Then the real network: we train it three times, with much noise, with a good setting, and with a
# threshold that is too high. Keep your eyes on the figure while the cell below it runs; 400
# weights of the second layer take the place of the simulated ones.

# %% tags=["hide-input", "nbval-ignore-output"]
flicker = Flicker()
flicker.show()

# %% tags=["nbval-ignore-output"]
digits = load_mnist5k()


def train_with_bop(flicker, label, gamma, threshold, epochs):
    model = digits_mlp(seed=0, input_shape=digits.input_shape)
    model.compile(
        training.bop_optimizer(gamma, threshold, model=model),  # sets the weights to ±1, too
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    tf.keras.utils.set_random_seed(0)
    model.fit(
        digits.train_images,
        digits.train_labels,
        batch_size=64,
        epochs=epochs,
        validation_data=(digits.test_images, digits.test_labels),
        callbacks=[flicker.callback(label, rows=20, columns=20)],
        verbose=0,
    )


train_with_bop(flicker, "noisy: γ = 0.1, τ = 0", 0.1, 0.0, epochs=6)
train_with_bop(flicker, "good: γ = 0.01, τ = 1e-5", 0.01, 1e-5, epochs=6)
train_with_bop(flicker, "frozen: γ = 1e-4, τ = 3e-4", 1e-4, 3e-4, epochs=6)

# %% tags=["hide-input", "nbval-ignore-output"]
noisy, good, frozen = flicker.movies
sure = 100 * accuracy_uncertainty(good.accuracy[-1], 1000)
Markdown(
    f"* **Noisy**: weights flip without end (π = {noisy.epoch_pi[-1]:.1f}); "
    f"{100 * noisy.accuracy[-1]:.1f} % right.\n"
    f"* **Good**: many flips at first, few at last (π from {good.epoch_pi[0]:.1f} to "
    f"{good.epoch_pi[-1]:.1f}); {100 * good.accuracy[-1]:.1f} % right, ± {sure:.1f} points for "
    "1,000 images.\n"
    f"* **Frozen**: hardly any flips (π = {frozen.epoch_pi[-1]:.1f}); "
    f"{100 * frozen.accuracy[-1]:.1f} % right."
)

# %% tags=["hide-input"]
checked("Noisy: more than one weight of 20 flips in a step to the end", noisy.epoch_pi[-1] > -3)
checked(
    "Good: flips fall to less than a third of the first epoch's",
    good.epoch_pi[-1] < good.epoch_pi[0] - 1.1,
)
checked("Frozen: almost nothing flips", frozen.epoch_pi[-1] < -8.5)
checked("Good gets more than 88 % right", good.accuracy[-1] > 0.88)
checked(
    "The others stay behind it by more than 10 points",
    max(noisy.accuracy[-1], frozen.accuracy[-1]) < good.accuracy[-1] - 0.1,
)
checked.new()

# %% [markdown]
# Why is a good $\tau$ so small here? The gradients are small, too: well below 0.001. $\tau$ has the
# gradient's unit. (`training.bop_optimizer(..., relative_threshold=True)` counts it in the
# gradient's size instead.)

# %% [markdown]
# ## The map: gamma times tau
#
# Which corner is too noisy, and where does it stand still? Drag over the map: the run of that cell
# plays beside it. First with simulated weights, which are pushed to form a heart:

# %% tags=["hide-input", "nbval-ignore-output"]
BopMap()

# %% [markdown]
# And with a real network: twelve short trainings on the handwritten digits, one for each pair.

# %% tags=["nbval-ignore-output"]
films = experiments.bop_films(
    gammas=(1e-3, 1e-2, 1e-1),
    taus=(0.0, 1e-6, 1e-5, 1e-4),
    data="mnist5k",
    epochs=4,
    side=12,
    progress=False,
)
BopMap(films, name="trained-map", row=1, column=2)

# %% tags=["hide-input"]
pi = {pair: film.epoch_pi[-1] for pair, film in films.items()}
taus, last = (0.0, 1e-6, 1e-5, 1e-4), {p: f.accuracy[-3:].mean() for p, f in films.items()}
best = {gamma: max(taus, key=lambda tau, g=gamma: last[g, tau]) for gamma in (1e-3, 1e-2, 1e-1)}
checked(
    "For every gamma, far fewer weights flip at the highest tau than at 0",
    all(pi[gamma, 1e-4] < pi[gamma, 0.0] - 2 for gamma in (1e-3, 1e-2, 1e-1)),
)
checked(
    "For every tau, far more weights flip at the highest gamma than at the lowest",
    all(pi[0.1, tau] > pi[1e-3, tau] + 1 for tau in taus),
)
checked(
    "The best tau at the highest gamma is above the best one at the lowest",
    best[0.1] > best[1e-3],
)
checked.new()

# %% [markdown]
# The good settings lie on a diagonal band: more memory (a smaller $\gamma$) goes with a smaller
# $\tau$. The paper shows the same two numbers at work one at a time, on CIFAR-10.

# %% [markdown]
# ## Schedules: let it come to rest
#
# A large $\gamma$ adapts quickly, and stays restless. So start with a large one and lower it, as
# one lowers a learning rate. Predict what $\pi_t$ does, then watch.

# %% tags=["hide-input", "nbval-ignore-output"]
schedules = Flicker(name="schedules")
schedules.show()

# %% tags=["nbval-ignore-output"]
steps = 8 * training.update_steps(digits, 64)
train_with_bop(schedules, "γ stays at 0.01", 0.01, 1e-6, epochs=8)
falling = training.gamma_decay(start=0.01, end=1e-4, steps=steps)
train_with_bop(schedules, "γ falls to 1e-4", falling, 1e-6, epochs=8)

# %% tags=["hide-input", "nbval-ignore-output"]
constant, decaying = schedules.movies
settled, restless = decaying.accuracy[-3:].mean(), constant.accuracy[-3:].mean()
Markdown(
    f"A falling γ freezes the flips (π = {decaying.epoch_pi[-1]:.1f} instead of "
    f"{constant.epoch_pi[-1]:.1f}), and the accuracy settles at {100 * settled:.1f} %; with a "
    f"constant γ it ends at {100 * restless:.1f} %. A difference of two such accuracies is "
    f"uncertain by {100 * difference_uncertainty(settled, restless, 1000):.1f} points."
)

# %% tags=["hide-input"]
checked(
    "A falling gamma all but stops the flips", decaying.epoch_pi[-1] < constant.epoch_pi[-1] - 1.5
)
checked(
    "It ends more accurate, by more than twice the uncertainty of a difference",
    settled - restless > 2 * difference_uncertainty(settled, restless, 1000),
)
checked.cited(
    "On CIFAR-10 gamma is divided by ten every 100 epochs", "the paper's code, section 5.2"
)
checked.new()

# %% [markdown]
# ## Is Bop better than latent weights?
#
# An honest comparison needs three things: the same number of settings tried for each method, a
# choice by *validation* images that training never sees, and several seeds. Here in miniature: two
# settings and two seeds for each, and half of the settings calm down towards the end. Adam trains
# the latent weights. Second-order Bop is explained further down.

# %% tags=["hide-input", "nbval-ignore-output"]
adam_gets = Prediction(
    "Bop gets about 92 % right. How much do latent weights under Adam get right?", "%", digits=1
)
adam_gets

# %% tags=["nbval-ignore-output"]
clipped = {"weight_clip": 1.0, "ste_clip": 1.0}
candidates = {
    "bop": (
        {"gamma": 1e-2, "threshold": 1e-6, "gamma_every": 4},
        {"gamma": 1e-3, "threshold": 1e-6},
    ),
    "bop2": (
        {"gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2, "gamma_every": 4},
        {"gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2},
    ),
    "adam": (
        {"learning_rate": 1e-2, "rate_every": 4, **clipped},
        {"learning_rate": 3e-3, **clipped},
    ),
}
comparison = experiments.bop_vs_latent(
    candidates=candidates,
    data="mnist5k",
    validation=500,
    tuning_seeds=(100,),
    seeds=(0, 1),
    epochs=10,
    running=quiet,
)
figures.draw(comparison)

# %% tags=["hide-input", "nbval-ignore-output"]
final = comparison.frame[comparison.frame.phase == "final"].groupby("method").accuracy.mean()
adam_gets.reveal(100 * final["adam"])

# %% tags=["hide-input", "nbval-ignore-output"]
gap = final["bop"] - final["adam"]
unsure = difference_uncertainty(final["bop"], final["adam"], 1000)
verdict = (
    "**A tie**: a difference that small says nothing."
    if abs(gap) < 2 * unsure
    else f"That is {abs(gap) / unsure:.1f} times its uncertainty: **probably a real difference**, "
    "on these images and with these settings."
)
Markdown(
    f"Bop gets {100 * final['bop']:.1f} % of the images right, Adam "
    f"{100 * final['adam']:.1f} %: a difference of {100 * gap:+.1f} points. Each accuracy counts "
    "right answers among 1,000 images, so it is uncertain by "
    f"{100 * accuracy_uncertainty(final['adam'], 1000):.1f} points, and the *difference* of two "
    f"by {100 * unsure:.1f}. {verdict}"
)

# %% tags=["hide-input"]
checked("Each of the three methods gets more than 88 % right", final.min() > 0.88)
checked("Bop and Adam lie within 4 points of each other", abs(gap) < 0.04)
checked.new()

# %% [markdown]
# A longer run on the same images tries four settings for each method, 20 epochs each, and trains
# the best with three fresh seeds. It takes a minute or two:
#
# ```python
# experiments.bop_vs_latent(
#     data="mnist5k", epochs=20, validation=500, tuning_seeds=(100,), seeds=(0, 1, 2)
# )
# ```
#
# and once gave these means (not run here; each uncertain by 0.9 points, the float one by 0.7):
#
# | Bop | second-order Bop | SGD on latent weights | Adam on latent weights | float network |
# |---:|---:|---:|---:|---:|
# | 92.0 % | 92.2 % | 91.7 % | 90.8 % | 94.8 % |
#
# The four binary ones are again too close to tell. The float network *is* better.
#
# So accuracy is not the reason to choose Bop. The reasons are that its two numbers say directly
# what they do, and that it remembers less.

# %% [markdown] tags=["folded-section"]
# ## Further: what each optimizer remembers
#
# Counted on the real optimizers, for each binary weight:

# %% tags=["nbval-ignore-output"]
memory = experiments.optimizer_memory()
figures.draw(memory)

# %% tags=["hide-input"]
kept = memory.frame.set_index("method")["bytes"]
checked("Bop needs one float and one bit for a weight", kept["Bop"] == 4.125)
checked("Adam on latent weights needs almost three times that", kept["Adam, latent weights"] == 12)
checked.new()

# %% [markdown] tags=["folded-section"]
# ## Further: why does Adam suit latent weights? The pace of each layer
#
# $\pi_t$ of the whole network hides its layers. Here it is layer by layer:

# %% tags=["nbval-ignore-output"]
pace = experiments.layer_pace(data="mnist5k", epochs=6, running=quiet)
figures.draw(pace)

# %% tags=["hide-input", "nbval-ignore-output"]
last = pace.frame[pace.frame.epoch == pace.frame.epoch.max()].set_index(["method", "layer"])
spread = {method: np.ptp(last.loc[method].pi) for method in ("SGD", "Adam", "Bop")}
sizes = last.gradient["SGD"]
Markdown(
    f"Under SGD the layers differ by {spread['SGD']:.1f} in π: the last one flips "
    f"{np.exp(spread['SGD']):.0f} times as often as the first. The reason is in the gradients, "
    f"which are {sizes.iloc[-1] / sizes.iloc[0]:.0f} times as large there. One learning rate "
    "cannot give every layer the inertia it needs. **Adam divides each gradient by its own recent "
    f"size**, so every latent weight moves about one learning rate a step; its layers differ by "
    f"{spread['Adam']:.1f}. Bop compares the averages of all layers with one τ, and differs by "
    f"{spread['Bop']:.1f}. (That it learns well all the same shows that an even pace is not all "
    "that counts.)"
)

# %% tags=["hide-input"]
checked(
    "SGD's gradients are more than 5 times as large in the last layer as in the first",
    sizes.iloc[-1] > 5 * sizes.iloc[0],
)
checked(
    "Adam's layers are less than half as far apart in pi as SGD's",
    spread["Adam"] < spread["SGD"] / 2,
)
checked.new()

# %% [markdown] tags=["folded-section"]
# ## Further: second-order Bop
#
# What Adam does for latent weights, *second-order Bop* does for Bop: it also averages the squared
# gradient, $v \leftarrow (1-\sigma)\,v + \sigma g^2$, and flips where
#
# $$\frac{w\, m}{\sqrt{v} + \epsilon} > \tau$$
#
# Now $\tau$ has no unit: the same 0.01 means the same in each layer and on each problem. Multiply
# all gradients by 1,000, and nothing changes:

# %%
rng = np.random.default_rng(0)
gradients = rng.normal(0.05, 1.0, (400, 64))
signs = {}
for factor in (1.0, 1000.0):
    rules = {
        "first": training.optimizers.Bop(threshold=0.1, gamma=0.05),
        "second": training.optimizers.Bop2ndOrder(threshold=0.1, gamma=0.05, sigma=0.05),
    }
    for order, rule in rules.items():
        weight, path = tf.Variable(np.ones(64, np.float32)), []
        for gradient in gradients:
            rule.apply_gradients([(tf.constant(factor * gradient, tf.float32), weight)])
            path.append(weight.numpy())
        signs[order, factor] = np.array(path)

# %% tags=["hide-input"]
checked(
    "Gradients 1,000 times as large change less than 0.1 % of second-order Bop's signs",
    (signs["second", 1.0] == signs["second", 1000.0]).mean() > 0.999,
)
checked(
    "They change more than 1 % of plain Bop's signs",
    (signs["first", 1.0] == signs["first", 1000.0]).mean() < 0.99,
)
checked.new()

# %% [markdown] tags=["folded-section"]
# ## Further: the papers' results
#
# *Cited, not checked here.* Numbers are those that the authors give beside their code.
#
# | network | images | Bop | second-order Bop |
# |---|---|---:|---:|
# | BinaryNet | CIFAR-10 | 91.3 % | 91.9 % |
# | BinaryAlexNet | ImageNet, top-1 | 41.1 % | |
# | XNOR-Net | ImageNet, top-1 | 45.9 % | 46.9 % |
# | Bi-Real Net | ImageNet, top-1 | 56.6 % | 57.2 % |
#
# `bnn-lab train` lists the recipes of Bop's runs. The one on CIFAR-10 would take this machine days.

# %% tags=["hide-input"]
checked.cited(
    "Bop: 91.3 % on CIFAR-10; 41.1, 45.9 and 56.6 % on ImageNet",
    "README of the code of arXiv:1906.02107",
)
checked.cited(
    "Second-order Bop: 91.9 % on CIFAR-10; 46.9 and 57.2 % on ImageNet",
    "README of the code of arXiv:2104.05124",
)
checked.new()

# %% [markdown]
# ## More to try
#
# * Film another run with $\gamma = 10^{-3}$, $\tau = 10^{-6}$. Where does its $\pi_t$ lie?
# * Replace `gamma_decay` by `training.schedules.step_decay(0.01, 0.1, every=...)`. What do you see
#   at each step down?
# * Lesson 1 found that weight decay turns a latent weight into $-\frac{\alpha}{\gamma} m$. Which
#   $\tau$ makes Bop the same as that? Show it with `simulate_weights`.

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import score_sheet

score_sheet()

# %% [markdown]
# ## Summary
#
# * **Bop** averages gradients ($\gamma$) and flips a weight when the average passes a threshold
#   ($\tau$). There is no latent weight. *Latent Weights Do Not Exist*,
#   [arXiv:1906.02107](https://arxiv.org/abs/1906.02107), section 4 and algorithm 1.
# * A large $\gamma$ lets noise through; a large $\tau$ stops noise and signal alike. *Checked here*
#   on one weight against formulas, and on real digits: noisy, good, frozen.
# * $\pi_t$ shows whether a network searches, settles, or is frozen (section 5). Lowering $\gamma$
#   freezes it in time.
# * Say how sure a *difference* is before you call a method better.

# %% tags=["hide-input"]
checked.all()
