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
# # Lesson 6: from BNNs to 1-bit language models
#
# **Is a 1-bit language model a BNN?**
#
# Almost: its weights are -1, **0** or +1. Below is a row of them. Each ball is a latent weight; in
# the **dead zone** the network sees a 0. Press **Play**: weights that change flash. Then drag an
# end of the zone, all the way down and all the way up.

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import DeadZone

DeadZone(name="first")

# %% [markdown]
# **You should know** lesson 1 (latent weights), lesson 3 (packed bits), and of lessons 2 and 4 what
# Bop and the converter are.
#
# **Time.** About 45 minutes to read and try; about a minute to run.
#
# Language models with such weights are called *1-bit* or *1.58-bit* models; BitNet is the best
# known one. It is trained like the networks of lesson 1 and runs like those of lesson 3. We go
# through all of it with a model that is small enough to be trained here:
#
# * How do weights become -1, 0 or +1, and what do they do in training?
# * How is such a layer computed, exactly?
# * Why does it make writing so fast?

# %% tags=["hide-input", "nbval-ignore-output"]
import math

import numpy as np
import plotly.io
from IPython.display import Markdown

import bnn_lab
from bnn_lab import figures, kernels
from bnn_lab import ternary_reference as ternary
from bnn_lab.experiments import training as experiments
from bnn_lab.lessons import checks
from bnn_lab.lessons.checked import Checked
from bnn_lab.training.ternary_row import simulate_ternary_row
from bnn_lab.widgets import Prediction

plotly.io.renderers.default = "plotly_mimetype"  # keeps the saved notebook small
checked = Checked()
quiet = experiments.Running(progress=False)
rng = np.random.default_rng(0)
checks.progress(
    checks.check_trits, checks.check_two_signs, checks.check_pack_trits, checks.check_token_limit
)

# %% [markdown]
# ## What you saw
#
# * **Zone at 0:** the weights are binary. A weight that should be 0 cannot be; it jumps between -1
#   and +1 without end.
# * **Wider zone:** more zeros, and a weight has a longer way to go before the network notices. The
#   way to the next border is its **inertia**, as in lesson 1.
# * **Too wide:** almost everything is 0, and weights that should not be take long to get out.

# %% tags=["hide-input"]
rows = {zone: simulate_ternary_row(zone=zone) for zone in (0.0, 0.5, 1.0, 2.0)}
shares = [(row.trits == 0).mean() for row in rows.values()]
checked(
    "Without a zone no weight is 0, and each move goes across", not rows[0.0].moves[:, :2].any()
)
checked("The wider the zone, the more zeros", np.all(np.diff(shares) > 0.05))
still = {zone: simulate_ternary_row(zone=zone, noise=0.0) for zone in (0.0, 0.5)}
late = {zone: row.moves[-50:].sum() for zone, row in still.items()}
checked(
    "Without noise all moves end if there is a zone, and never without one",
    late[0.0] > late[0.5] == 0,
)
checked.new()

# %% [markdown]
# ## Quantize by hand
#
# How wide should the zone be? BitNet's rule is **absmean**: divide the weights by their mean
# magnitude $\beta$, round, and clip.
#
# $$\beta = \text{mean}(|w|) \qquad t = \text{clip}(\text{round}(w / \beta), -1, 1)$$
#
# What is nearer to 0 than $\beta/2$ becomes 0. So the zone is $\pm 0.5$ mean magnitudes, where the
# explorable began. The layer then uses $\beta t$ in place of $w$.
#
# ### Exercise 1: three values


# %%
def trits_of(weights):
    """-1, 0 or +1 for each weight."""
    scale = np.abs(weights).max()  # not quite: which scale is it?
    return np.round(weights / scale)  # and what of values beyond 1?


checks.check_trits(trits_of)

# %% [markdown]
# The *activations* $x$ become whole numbers, too: each token (each row) is divided by its largest
# magnitude, times 127. These are bytes, `int8`.

# %%
w = rng.normal(0, 0.02, (4, 6)).astype(np.float32)
x = rng.normal(0, 1, (1, 6)).astype(np.float32)
trits, beta = ternary.absmean(w)
values, scales = ternary.absmax(x)
print(trits)
print(values)

# %%
exact = x @ w.T
rough = ternary.ternary_gemm(values, trits) * beta * scales[:, None]
print("with floats:", exact.round(3))
print("in trits:   ", rough.round(3))

# %% [markdown]
# That is far off! Rounding a *trained* float model to trits ruins it. The model has to be trained
# with the trits in place, as a BNN is: the forward pass sees trits, the gradient goes **straight
# through** the rounding to the latent weights. `BitLinear` is a Keras layer that does so:

# %% tags=["nbval-ignore-output"]
from bnn_lab.models.bit_linear import BitLinear

layer = BitLinear(40, name="layer")
inputs = rng.normal(0, 1, (3, 100)).astype(np.float32)
outputs = layer(inputs).numpy()

# %% tags=["hide-input"]
packed_trits, packed_scale = ternary.absmean(layer.kernel.numpy().T)
expected = ternary.ternary_dense(inputs, packed_trits, packed_scale)
checked(
    "BitLinear in Keras and the definition in NumPy agree to the last bit",
    np.array_equal(outputs, expected),
)
checked("A trit carries log2(3) bits, 1.58", round(math.log2(3), 2) == 1.58)
checked.new()

# %% [markdown]
# ## One ternary product is sixteen binary ones
#
# Lesson 3 multiplied signs by XOR and popcount. That is enough for this, too, in two steps.
#
# 1. A trit is half the sum of two signs: $t = (p + q)/2$.
# 2. A byte is a sum of its 8 bits, each with its weight: $x = \sum_b 2^b\, x_b$ (the last one
#    counts $-128$). And a bit is a sign: $x_b = (1 + s_b)/2$.
#
# Two signs times eight bits: 16 binary products, and some sums.
#
# ### Exercise 2: a trit is two signs


# %%
def two_signs(t):
    """Two values of ±1 whose sum is 2 t."""
    p = t  # not quite: for t = 0 this is not a sign
    q = t
    return p, q


checks.check_two_signs(two_signs)

# %% [markdown]
# `ternary.by_binary_products` does that with the binary matrix product of lesson 3. It must not be
# *nearly* right:

# %%
x8 = rng.integers(-128, 128, (3, 100)).astype(np.int8)
t = rng.integers(-1, 2, (50, 100)).astype(np.int8)

wanted = x8.astype(int) @ t.T.astype(int)
by_bits = ternary.by_binary_products(x8, t)

# %% tags=["hide-input"]
checked(
    "Sixteen binary products give the ternary product, exactly", np.array_equal(by_bits, wanted)
)
same = [
    np.array_equal(
        kernels.TernaryDense(ternary.pack_2bit(t), channels_in=100, backend=name).accumulators(x8),
        wanted,
    )
    for name in kernels.available_backends()
]
checked("So does every compiled kernel of this machine, with one pass over the weights", all(same))
checked.new()

# %% [markdown]
# ## Packing: 1.58, 1.6 or 2 bits
#
# Three values need $\log_2 3 = 1.585$ bits. A byte has 256 values and $3^5 = 243$: so **five trits
# fit into a byte**, 1.6 bits each, as the digits of a number to the base 3.
#
# ### Exercise 3: five in a byte


# %%
def pack_five(trits):
    """Five trits as one number below 243: digit i is trits[i] + 1."""
    return sum((int(trit) + 1) * 2**i for i, trit in enumerate(trits))  # which base?


checks.check_pack_trits(pack_five)

# %% tags=["hide-input"]
many = rng.integers(-1, 2, (64, 1000)).astype(np.int8)
five, four = ternary.pack_base3(many), ternary.pack_2bit(many)
checked("Five in a byte: 1.6 bits a weight", 8 * five.nbytes == 1.6 * many.size)
checked("Four in a byte: 2 bits a weight", 8 * four.nbytes == 2 * many.size)
checked("Unpacking gives the trits again", np.array_equal(ternary.unpack_base3(five, 1000), many))
checked.new()

# %% [markdown]
# Our kernels take either. The 2 bits are cut out by one shift and one AND, for 64 bytes at once.
# Digits to the base 3 take more work, for a fifth fewer bytes to read. Which of the two is faster?
# That depends on what a weight waits for: the memory, or the arithmetic.

# %% [markdown]
# ## Why writing waits for the memory
#
# A language model writes one token at a time. For each it reads **all** of its weights, and uses
# each of them once. When it reads your question, the *prompt*, it has many tokens at once, and each
# weight that was read serves all of them.

# %% tags=["hide-input", "nbval-ignore-output"]
guess_many = Prediction(
    "A layer of 2048×2048 float weights: 32 tokens at once take how many times as long as 1?",
    unit="times",
    low=0.1,
    high=100,
    digits=1,
)
guess_many

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.experiments.latency.base import Run
from bnn_lab.experiments.latency.ternary import measure_ladder, ternary_name

fastest = ternary_name(kernels.active_backend())
denser = ternary_name(kernels.active_backend(), trits_per_byte=5)  # AVX-512 alone has such a kernel
ladder = measure_ladder(Run(seconds=3, quick=False), channels=2048, working_set=96_000_000)
figures.draw_token_roofline(ladder)

# %% tags=["hide-input", "nbval-ignore-output"]
rates = ladder[ladder.gmacs_per_s > 0].set_index(["name", "samples"]).gmacs_per_s
ms = {key: key[1] * 2048**2 / rate / 1e6 for key, rate in rates.items()}  # of the best round
floats, int8 = "float32 TFLite", "int8 TFLite"
guess_many.reveal(ms[floats, 32] / ms[floats, 1])

# %% [markdown]
# **Circles, one token:** they follow the dashed line. That is what the memory brings, times the
# work that each byte feeds. Fewer bits a weight move a form to the *right* along the line, and so
# *up*. This is the roofline of lesson 3.
#
# **Squares, 32 tokens:** each byte feeds 32 times the work. Now the arithmetic decides.


# %% tags=["hide-input", "nbval-ignore-output"]
def line(form, name):
    one, all32 = ms[name, 1], ms[name, 32]
    gains = ms[floats, 1] / one, ms[floats, 32] / all32
    return f"| {form} | {one:.3g} | {gains[0]:.1f} | {all32:.3g} | {gains[1]:.1f} |"


Markdown(
    "| a layer of 2048×2048, one thread | 1 token, ms | times as fast as float | 32 tokens, ms | "
    "times as fast as float |\n|---|--:|--:|--:|--:|\n"
    + "\n".join(
        [
            line("float32, TFLite", floats),
            line("int8, TFLite", int8),
            line("ternary, 2 bits, ours", fastest),
            *([line("ternary, 1.6 bits, ours", denser)] if (denser, 1) in ms else []),
            line("binary, weights *and* activations, ours", "binary"),
        ]
    )
)

# %% tags=["hide-input", "nbval-ignore-output"]
checked.here(
    "One token: ternary is more than twice as fast as int8", ms[int8, 1] > 2 * ms[fastest, 1]
)
checked.here(
    "One token: ternary is more than five times as fast as float",
    ms[floats, 1] > 5 * ms[fastest, 1],
)
checked.here(
    "32 tokens take less than 32 times as long as one, in floats",
    ms[floats, 32] < 32 * ms[floats, 1],
)
checked.new()

# %% [markdown]
# `bnn-lab bench study ternary` measures it at 4096×4096, for longer.
#
# ### Exercise 4: how fast can it write?
#
# A model of 2 billion weights, a memory of 20 GB a second. How many tokens a second can it write at
# most, with 16 bits a weight and with 2?


# %%
def most_tokens(weights, bits, bandwidth):
    """Tokens a second, if memory sets the pace; bandwidth in bytes a second."""
    return bandwidth / (weights * bits)  # mind the units


checks.check_token_limit(most_tokens)

# %% [markdown]
# ## A model that writes
#
# Now a transformer, the network of language models, small. It reads letters of simple sentences
# and learns to say which letter comes next:

# %%
from bnn_lab.data.sentences import decode, load_sentences

print(decode(load_sentences(seed=0).train[:230]))

# %% [markdown]
# All its large matrices are `BitLinear`. We train it three times on the same letters: with float,
# ternary and binary weights. What it pays for a wrong guess is the *loss*, in nats a letter; who
# guesses blindly among 30 letters pays $\ln 30 = 3.4$.

# %% tags=["hide-input", "nbval-ignore-output"]
guess_loss = Prediction(
    "Float weights get to a loss of about 0.8. Where do ternary ones get to in the same steps?",
    unit="nats",
    low=0.1,
    high=4,
    digits=2,
)
guess_loss

# %% tags=["nbval-ignore-output"]
settings = experiments.LowBitText(width=96, depth=2, context=48, batch=8, steps=300)
trained = {form: experiments.train_text(form, settings) for form in settings.forms}
rows = [row for one in trained.values() for row in one.rows]

# %% tags=["hide-input", "nbval-ignore-output"]
import pandas as pd

curves = pd.DataFrame(rows)
figures.draw(experiments.ExperimentResult(settings, curves))

# %% tags=["hide-input", "nbval-ignore-output"]
final = curves.groupby("form").test_loss.last()
guess_loss.reveal(final["ternary"])

# %% tags=["hide-input"]
size = curves.groupby("form").weight_bytes.last()
checked("All three learn: their loss falls below half of ln 30", final.max() < math.log(30) / 2)
checked("Float weights get lowest in these 300 steps", final.idxmin() == "float")
checked(
    "Packed, ternary weights take a twentieth of the bytes", size["float"] / size["ternary"] > 19.9
)
checked.new()

# %% [markdown]
# Ternary weights learn more slowly. Is that the price for good? Here is the same experiment with
# twice the steps and three sizes of the model, up to a million weights. (Stored: it takes five
# minutes. `python -m bnn_lab.experiments.training.low_bit_text` does it again.)

# %% tags=["nbval-ignore-output"]
recorded = experiments.recorded_low_bit_text()
figures.draw_loss_against_bytes(recorded)

# %% tags=["hide-input"]
ends = recorded[recorded.step == 600].set_index(["form", "width"])
gap = ends.test_loss["ternary"] - ends.test_loss["float"]
checked(
    "The wider the model, the smaller the gap between ternary and float", (np.diff(gap) < 0).all()
)
checked("With a million weights it is below 0.02 nats", gap[128] < 0.02)
checked(
    "The largest ternary model is better than the middle float one and takes fewer bytes",
    ends.test_loss["ternary", 128] < ends.test_loss["float", 64]
    and ends.weight_bytes["ternary", 128] < ends.weight_bytes["float", 64],
)
checked.new()

# %% [markdown]
# So the right question is not *which is better with equally many weights*, but *with equally many
# bytes*. (One run each, on a very small language; see *What is cited* for large ones.)

# %% [markdown]
# ## Flips with three values
#
# `TernaryRecorder` watched the ternary model. It counts what the explorable flashed: moves into the
# dead zone, out of it, and across.

# %% tags=["nbval-ignore-output"]
moves = trained["ternary"].recorder.totals()
figures.draw_ternary_moves(moves)

# %% tags=["hide-input"]
into, out, across = moves.moves.sum(axis=0)
kinds = into + out + across
checked("More than 99 % of the moves begin or end in the dead zone", across < 0.01 * kinds)
checked("About as many weights go in as come out, within a fifth", abs(into - out) < 0.2 * into)
checked(
    "A fifth to two fifths of the weights are 0 at the end",
    0.2 < moves.zeros[-1] / moves.weights < 0.4,
)
checked(
    "Moves grow rare at the end: fewer than a third of the busiest time's",
    moves.moves[-30:].sum() < moves.moves[:270].sum(axis=1).reshape(9, 30).sum(axis=1).max() / 3,
)
checked.new()

# %% [markdown]
# A ternary weight does not flip; it steps. The right-hand figure is the inertia of lesson 1: how
# far each latent weight is from the next border. Most could be pushed over by a fraction of a mean
# magnitude.

# %% [markdown]
# ## Bop for ternary weights
#
# If latent weights are only inertia, can we do without them here as well? No paper says how; this
# is an experiment. Bop averages the gradients, $m$, and steps a weight *against* $m$ where $|m| >
# \tau$. But what becomes of $m$ afterwards? If it is **kept**, the weight steps on at once, from +1
# through 0 to -1. If it **restarts** at 0, the weight rests at 0 until it is asked again.
#
# Which of the two will have more zeros? And can either keep up with Adam on latent weights?

# %% tags=["nbval-ignore-output"]
bop = experiments.ternary_bop(thresholds=(1e-5, 1e-3), epochs=3, running=quiet)
figures.draw(bop)

# %% tags=["hide-input"]
ended = bop.frame[bop.frame.epoch == 3].set_index(["method", "threshold"])
restarts, keeps = (ended.loc[name] for name in ("Bop, m restarts", "Bop, m is kept"))
adam = ended.loc["Adam, latent weights"].accuracy.item()
checked(
    "With τ = 1e-5, ternary Bop is right about more than 88 % of the digits",
    restarts.accuracy[1e-5] > 0.88,
)
checked(
    "It is within 5 points of Adam on latent weights", abs(restarts.accuracy[1e-5] - adam) < 0.05
)
checked(
    "If m is kept, fewer weights stay at 0",
    keeps.zero_share[1e-5] < restarts.zero_share[1e-5] - 0.05,
)
checked(
    "A threshold that is too high freezes it: far fewer moves",
    restarts.move_rate[1e-3] < restarts.move_rate[1e-5] / 20,
)
checked.new()

# %% [markdown]
# One seed, small images: enough to see that it works, not to say that it is better.

# %% [markdown]
# ## Deployment
#
# To write, the model takes one letter at a time and keeps what it computed for the letters before
# (its *cache*). The converter turns each `BitLinear` of that model into one op,
# `BnnLabTernaryDense`, and its report names them:

# %% tags=["nbval-ignore-output"]
from bnn_lab.experiments.latency.generation import files_of

decoders = {form: trained[form].transformer.decoder() for form in ("float", "ternary")}
report = bnn_lab.explain(decoders["ternary"], lce_compatible=False)
files = files_of(decoders["float"], decoders["ternary"])

# %%
print("\n".join(report.ternary_layers))

# %% tags=["hide-input"]
bit_layers = [one.name for one in trained["ternary"].transformer.bit_layers()]
checked(
    "The report names each BitLinear as ternary",
    sorted(report.ternary_layers) == sorted(bit_layers),
)
checked(
    "The ternary file is less than a fifth of the float one",
    5 * len(files["ternary"]) < len(files["float32"]),
)
checked.new()

# %% [markdown]
# (With `lce_compatible=True`, the default, the layers stay float, and the file runs in any TFLite.)
#
# ### Is it the same model?
#
# The file runs on our kernels; Keras computed with floats that happen to be trits.

# %%
from bnn_lab.lessons.race import race, step_of

step, cache_shape = step_of(files["ternary"])
cache, place = np.zeros(cache_shape, np.float32), np.eye(cache_shape[2], dtype=np.float32)[:1]
code = np.array([15], np.int32)
logits, _ = step(code, place, cache)
in_keras, _ = decoders["ternary"]([code, place, cache])

# %% tags=["hide-input"]
checked(
    "File and Keras agree within 0.001 in each logit",
    np.abs(logits - in_keras.numpy()).max() < 1e-3,
)
checked.new()

# %% [markdown]
# ### The race
#
# Three files, the same beginning, a letter in turn; the clock of each runs only in its turn. Watch
# them write:

# %% tags=["nbval-ignore-output"]
runners = race(files, "the ", 160)

# %% tags=["hide-input", "nbval-ignore-output"]
speed = {runner.name: runner.rate for runner in runners}
Markdown(
    f"Ternary writes {speed['ternary'] / speed['float32']:.1f} times as fast as float and "
    f"{speed['ternary'] / speed['int8']:.1f} times as fast as int8. This model is so small "
    "that its weights stay in the cache, and much of the time goes to all *around* the matrices. "
    "`bnn-lab bench study generation` lets a model of 19 million weights write, where the memory "
    "counts."
)

# %% tags=["hide-input"]
checked(
    "Each of the three has written 160 letters", {len(runner.text) for runner in runners} == {160}
)
checked.new()

# %% [markdown]
# ## What is cited
#
# *Not checked here.* What our small model cannot show is what happens at the size of a real
# language model:

# %% tags=["hide-input"]
from bnn_lab.models.cited import cited_claim

for source in ("2402.17764", "2504.12285", "microsoft/BitNet", "microsoft/T-MAC"):
    claim = cited_claim(source)
    checked.cited(claim.says, claim.source)
checked.new()

# %% [markdown]
# Both libraries look products up in tables instead of multiplying; our kernels multiply bytes,
# which recent processors do four at a time. `docs/kernels.md` says how.

# %% [markdown]
# ## More to try
#
# * Train the ternary form with twice the steps. Does the gap to float shrink?
# * Let the model write with `temperature=0` and with 1.5. `bnn_lab.data.sentences.is_sentence`
#   tells which lines are right.
# * `BitLinear(..., kernel_quantizer="absmean_sign")` is binary. Which of the two loses more with
#   32 channels?

# %% [markdown]
# ## Your guesses

# %% tags=["hide-input", "nbval-ignore-output"]
from bnn_lab.widgets import score_sheet

score_sheet()

# %% [markdown]
# ## Summary
#
# * A **1-bit language model** is a BNN with one more value. Its latent weights are seen through a
#   dead zone of ± half a mean magnitude (absmean), trained straight through.
#   [arXiv:2402.17764](https://arxiv.org/abs/2402.17764).
# * One product of trits with bytes is **16 binary products**, exactly. *Checked here*, and so are
#   all compiled kernels.
# * Writing reads every weight once for each token: **memory sets the pace**, so bits a weight are
#   speed. With many tokens at once, arithmetic does.
# * Compare models by **bytes**, not by the number of weights.

# %% tags=["hide-input"]
checked.all()
