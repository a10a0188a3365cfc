"""Binary weights under a made-up gradient: what an update rule does, in milliseconds of NumPy.

The gradient of weight i at step t is g = drift + noise * xi, xi standard normal and independent. It
does not depend on the weight, so that rules can be compared under the very same gradients and
against the formulas of `bnn_lab.training.closed_forms`.

`bnn_lab/widgets/js/core/simulate.js` computes the same in a page, with the same noise, bit by bit:
what a reader plays with there can be computed again here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnn_lab._numbers import is_integer, is_number
from bnn_lab.errors import InputError
from bnn_lab.training.counter_random import STEPS, WEIGHTS, normal, normal_table

Floats = NDArray[np.float64]


class Rule(Protocol):
    """An update rule: holds hyper-parameters, makes a fresh state, and takes one step."""

    def start(self, weights: int) -> dict[str, Floats]:
        """State of `weights` weights at +1, arrays of shape (weights,)."""
        ...

    def step(self, state: dict[str, Floats], gradient: Floats, number: int) -> None:
        """Update `state` in place; `number` is 1 for the first step.

        ``state["sign"]`` is ±1; ``state["watched"]`` is what the rule accumulates: the latent
        weight, or Bop's m.
        """
        ...


@dataclass(frozen=True)
class LatentSGD:
    """Latent weight under SGD: v = momentum v + g, w = (1 - decay) w - learning_rate v.

    The weight is sign(w).

    Attributes:
        learning_rate: above 0.
        momentum: in [0, 1).
        clip: None, or the bound that |w| is clipped to after each step.
        initial: starting value of the latent weight, above 0.
        decay: share of the latent weight that is lost at each step, in [0, 1).
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    clip: float | None = None
    initial: float = 1.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        _check_latent(self)
        for name in ("momentum", "decay"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"LatentSGD({name}={getattr(self, name)!r}): must lie in [0, 1).")

    def start(self, weights: int) -> dict[str, Floats]:
        """State at the initial latent value."""
        return _latent_start(self.initial, self.clip, weights, velocity=np.zeros(weights))

    def step(self, state: dict[str, Floats], gradient: Floats, number: int) -> None:
        """One step of SGD on the latent weights."""
        state["velocity"] = self.momentum * state["velocity"] + gradient
        state["watched"] = (1 - self.decay) * state["watched"]
        _move_latent(state, self.learning_rate * state["velocity"], self.clip)


@dataclass(frozen=True)
class LatentAdam:
    """Latent weight under Adam (arXiv:1412.6980, algorithm 1); the weight is sign(w).

    Attributes:
        learning_rate: above 0.
        beta1: decay of the gradient's average, in [0, 1).
        beta2: decay of the squared gradient's average, in [0, 1).
        epsilon: above 0.
        clip: None, or the bound that |w| is clipped to after each step.
        initial: starting value of the latent weight, above 0.
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    clip: float | None = None
    initial: float = 1.0

    def __post_init__(self) -> None:
        _check_latent(self)
        numbers = all(map(is_number, (self.beta1, self.beta2, self.epsilon)))
        if not (numbers and 0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.epsilon > 0):
            raise InputError(f"{self!r}: needs beta1 and beta2 in [0, 1) and epsilon > 0.")

    def start(self, weights: int) -> dict[str, Floats]:
        """State at the initial latent value."""
        first, second = np.zeros(weights), np.zeros(weights)
        return _latent_start(self.initial, self.clip, weights, first=first, second=second)

    def step(self, state: dict[str, Floats], gradient: Floats, number: int) -> None:
        """One step of Adam on the latent weights."""
        first = self.beta1 * state["first"] + (1 - self.beta1) * gradient
        second = self.beta2 * state["second"] + (1 - self.beta2) * gradient**2
        state["first"], state["second"] = first, second
        mean = first / (1 - self.beta1**number)
        square = second / (1 - self.beta2**number)
        move = self.learning_rate * mean / (np.sqrt(square) + self.epsilon)
        _move_latent(state, move, self.clip)


@dataclass(frozen=True)
class Bop:
    """m = (1 - gamma) m + gamma g; flip if w m > tau (arXiv:1906.02107, algorithm 1).

    Attributes:
        gamma: adaptivity rate in (0, 1].
        threshold: tau, at least 0, in the gradient's unit.
    """

    gamma: float = 1e-3
    threshold: float = 1e-6

    def __post_init__(self) -> None:
        _check_bop(self, self.gamma, self.threshold)

    def start(self, weights: int) -> dict[str, Floats]:
        """State with m = 0."""
        return {"sign": np.ones(weights), "watched": np.zeros(weights)}

    def step(self, state: dict[str, Floats], gradient: Floats, number: int) -> None:
        """One step of Bop."""
        m = state["watched"] + self.gamma * (gradient - state["watched"])
        state["watched"] = m
        sign = state["sign"]
        state["sign"] = np.where(sign * m > self.threshold, -sign, sign)


@dataclass(frozen=True)
class Bop2ndOrder:
    """Bop on m / sqrt(v), where v averages the squared gradient (arXiv:2104.05124).

    Attributes:
        gamma: adaptivity rate of the gradient in (0, 1].
        sigma: rate of the squared gradient in (0, 1].
        threshold: tau, at least 0, now without unit.
        unbiased: divide both averages by 1 - (1 - rate)^t, as Adam does.
        epsilon: added to sqrt(v), above 0.
    """

    gamma: float = 1e-3
    sigma: float = 1e-3
    threshold: float = 1e-2
    unbiased: bool = False
    epsilon: float = 1e-10

    def __post_init__(self) -> None:
        _check_bop(self, self.gamma, self.threshold)
        numbers = is_number(self.sigma) and is_number(self.epsilon)
        if not (numbers and 0 < self.sigma <= 1 and self.epsilon > 0):
            raise InputError(f"{self!r}: needs sigma in (0, 1] and epsilon > 0.")

    def start(self, weights: int) -> dict[str, Floats]:
        """State with m = v = 0."""
        zeros = np.zeros
        return {
            "sign": np.ones(weights),
            "watched": zeros(weights),
            "m": zeros(weights),
            "v": zeros(weights),
        }

    def step(self, state: dict[str, Floats], gradient: Floats, number: int) -> None:
        """One step of second-order Bop."""
        m = state["m"] + self.gamma * (gradient - state["m"])
        v = state["v"] + self.sigma * (gradient**2 - state["v"])
        state["m"], state["v"] = m, v
        if self.unbiased:
            m = m / (1 - (1 - self.gamma) ** number)
            v = v / (1 - (1 - self.sigma) ** number)
        state["watched"] = m / (np.sqrt(v) + self.epsilon)
        sign = state["sign"]
        state["sign"] = np.where(sign * state["watched"] > self.threshold, -sign, sign)


@dataclass(frozen=True)
class Trajectory:
    """What happened.

    Attributes:
        rule: the update rule.
        gradients: float64 (steps, weights).
        signs: int8 ±1 (steps + 1, weights); row 0 is the start, all +1.
        watched: float64 (steps + 1, weights): latent weight, Bop's m, or m / sqrt(v).
    """

    rule: Any
    gradients: Floats
    signs: NDArray[np.int8]
    watched: Floats

    @property
    def flips(self) -> NDArray[np.bool_]:
        """Whether weight i flipped at step t, (steps, weights)."""
        return self.signs[1:] != self.signs[:-1]

    @property
    def flips_per_step(self) -> NDArray[np.int64]:
        """Flips of all weights at each step, (steps,)."""
        return self.flips.sum(axis=1)

    def flip_rate(self, skip: int = 0) -> float:
        """Flips a step and weight.

        Args:
            skip: first steps to leave out, while m is still warming up.

        Raises:
            InputError: nothing would be left.
        """
        if not 0 <= skip < len(self.gradients):
            raise InputError(f"flip_rate({skip=}): must lie in 0..{len(self.gradients) - 1}.")
        return float(self.flips[skip:].mean())

    @property
    def first_flips(self) -> Floats:
        """Step of each weight's first flip, from 1, float64 (weights,); NaN if it never flipped."""
        flips = self.flips
        return np.where(flips.any(axis=0), flips.argmax(axis=0) + 1.0, np.nan)

    @property
    def times_between_flips(self) -> NDArray[np.int64]:
        """Steps from each flip to the same weight's next one, all weights together, (pairs,)."""
        weight, step = np.nonzero(self.flips.T)
        return np.diff(step)[np.diff(weight) == 0]


def simulate_weights(
    rule: Rule,
    *,
    steps: int = 1000,
    weights: int = 64,
    drift: ArrayLike = 0.0,
    noise: ArrayLike = 1.0,
    seed: int = 0,
    coupling: ArrayLike | None = None,
) -> Trajectory:
    """Run binary weights, all starting at +1, under one rule.

    They are independent, unless a `coupling` makes each one's gradient depend on all signs, as in a
    network.

    The noise of a weight at a step depends on the `seed` alone: rules and settings can be compared
    draw by draw, and one weight of many does what it would do by itself.

    Args:
        rule: `LatentSGD`, `LatentAdam`, `Bop`, `Bop2ndOrder`, or your own `Rule`.
        steps: in 1..65536.
        weights: in 1..65536.
        drift: mean gradient mu; a number, or an array that broadcasts to (steps, weights), e.g.
            ``drift[:, None]`` for a drift that changes with time. Positive pushes +1 to flip.
        noise: sigma, at least 0, broadcasts likewise.
        seed: seed of the noise.
        coupling: (weights, weights) or None; at each step the gradient of weight i gains
            sum over j of coupling[i, j] * sign_j. See `random_coupling`.

    Returns:
        The trajectory.

    Raises:
        InputError: a count is out of range, or drift, noise or coupling is not finite or has
            another shape.
    """
    counts = is_integer(steps) and is_integer(weights)
    if not (counts and 1 <= steps <= STEPS and 1 <= weights <= WEIGHTS):
        raise InputError(
            f"simulate_weights({steps=}, {weights=}): must lie in 1..{STEPS} and 1..{WEIGHTS}."
        )
    if not is_integer(seed):
        raise InputError(f"simulate_weights({seed=}): must be an integer.")
    shape = (steps, weights)
    means, spreads = _table("drift", drift), _table("noise", noise)
    try:
        mean, sigma = np.broadcast_to(means, shape), np.broadcast_to(spreads, shape)
    except ValueError as error:
        raise InputError(
            f"simulate_weights: drift {means.shape} or noise {spreads.shape} does not "
            f"broadcast to (steps, weights) = {shape}. Fix: write drift[:, None] for one value a "
            "step."
        ) from error
    if not (np.isfinite(mean).all() and np.isfinite(sigma).all() and (sigma >= 0).all()):
        raise InputError("simulate_weights: drift and noise must be finite and noise at least 0.")
    gradients = mean + sigma * normal_table(seed, steps, weights)

    columns = None
    if coupling is not None:
        columns = _table("coupling", coupling).T
        if columns.shape != (weights, weights) or not np.isfinite(columns).all():
            raise InputError(
                f"simulate_weights: coupling {columns.shape[::-1]} must be finite and of shape "
                f"{(weights, weights)}."
            )

    signs = np.ones((steps + 1, weights), np.int8)
    watched = np.empty((steps + 1, weights))
    state = rule.start(weights)
    watched[0] = state["watched"]
    for number, gradient in enumerate(gradients, start=1):
        if columns is not None:
            for column, sign in zip(columns, signs[number - 1], strict=True):
                gradient += column * sign  # one after the other, as the page does
        rule.step(state, gradient, number)
        signs[number] = state["sign"]
        watched[number] = state["watched"]
    return Trajectory(rule, gradients, signs, watched)


def random_coupling(weights: int, seed: int = 0) -> Floats:
    """How weights of a small made-up network depend on each other's signs.

    Each sign pushes its own weight back, by 0.3, and all others by normal numbers of size 0.08. So
    flips never cease, and one that differs soon makes others differ.

    Args:
        weights: in 1..256.
        seed: as in `simulate_weights`.

    Returns:
        float64 (weights, weights), for `simulate_weights`.

    Raises:
        InputError: the count is out of range.
    """
    if not 1 <= weights <= 256:
        raise InputError(f"random_coupling({weights=}): must lie in 1..256.")
    # The last step's numbers, which a run of fewer steps does not use.
    numbers = normal(seed, STEPS - 1, np.arange(weights * weights)).reshape(weights, weights)
    return np.where(np.eye(weights, dtype=bool), 0.3, 0.08 * numbers)


def _latent_start(
    initial: float, clip: float | None, weights: int, **more: Floats
) -> dict[str, Floats]:
    latent = np.full(weights, initial if clip is None else min(initial, clip))
    return {"sign": np.ones(weights), "watched": latent, **more}


def _move_latent(state: dict[str, Floats], move: Floats, clip: float | None) -> None:
    latent = state["watched"] - move
    if clip is not None:
        latent = np.clip(latent, -clip, clip)
    state["watched"] = latent
    state["sign"] = np.where(latent < 0, -1.0, 1.0)  # sign(0) = +1, as in larq


def _check_latent(rule: Any) -> None:
    for name in ("learning_rate", "initial", "clip"):
        value = getattr(rule, name)
        if value is None and name == "clip":
            continue
        if not (is_number(value) and value > 0):
            raise InputError(
                f"{type(rule).__name__}({name}={value!r}): must be a finite number above 0."
            )


def _check_bop(rule: Any, gamma: float, threshold: float) -> None:
    numbers = is_number(gamma) and is_number(threshold)
    if not (numbers and 0 < gamma <= 1 and threshold >= 0):
        raise InputError(f"{rule!r}: needs gamma in (0, 1] and a finite threshold of at least 0.")


def _table(name: str, value: ArrayLike) -> Floats:
    try:
        table = np.asarray(value)
    except ValueError as error:  # rows of several lengths
        raise InputError(f"simulate_weights: {name} is no table: {error}.") from error
    if table.dtype.kind not in "biuf":
        raise InputError(f"simulate_weights: {name} must be real numbers, not {table.dtype}.")
    return table.astype(np.float64)
