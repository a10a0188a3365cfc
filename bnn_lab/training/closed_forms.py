"""Closed forms for one binary weight whose gradient is drift plus Gaussian noise.

The gradient of step t is g_t = mu + sigma * xi_t with xi_t independent standard normal. Bop
averages it, m = (1 - gamma) m + gamma g, so m is a discrete Ornstein-Uhlenbeck process; a latent
weight under SGD sums it, so it is a random walk with drift. Flips are first passages of these
processes. Both run in discrete steps and therefore overshoot a boundary before they are seen there;
moving the boundary by `OVERSHOOT` standard deviations of one step corrects for it (Siegmund,
Sequential Analysis, 1985; Broadie, Glasserman and Kou, Mathematical Finance 7, 1997).

Every function here is tested against `bnn_lab.training.simulate`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bnn_lab._numbers import is_number
from bnn_lab.errors import InputError

# -zeta(1/2) / sqrt(2 pi): mean overshoot of a Gaussian random walk, in its step's deviations.
OVERSHOOT = 0.5825971579390106


def ema_spread(gamma: float, noise: float) -> float:
    """Standard deviation of Bop's moving average m in the long run.

    s = sigma sqrt(gamma / (2 - gamma)): the variance of sum_k gamma (1 - gamma)^k sigma xi.

    Args:
        gamma: adaptivity rate in (0, 1].
        noise: sigma, standard deviation of one gradient, at least 0.

    Returns:
        s, in the gradient's unit.

    Raises:
        InputError: an argument is out of range.
    """
    _check_gamma("ema_spread", gamma)
    _check_at_least("ema_spread", "noise", noise, 0.0)
    return noise * math.sqrt(gamma / (2.0 - gamma))


def bop_flip_step(
    gamma: float, threshold: float, gradient: float, start: float = 0.0
) -> int | None:
    """Step at which Bop flips a weight under a constant gradient, counted from 1.

    From m = m_0, m_n = g - (g - m_0) (1 - gamma)^n passes tau after
    floor(ln(1 - (tau - m_0) / (g - m_0)) / ln(1 - gamma)) + 1 steps if the gradient pushes against
    the weight.

    Args:
        gamma: adaptivity rate in (0, 1].
        threshold: tau, at least 0.
        gradient: constant gradient g times the weight's sign; positive pushes the weight to flip.
        start: m_0, times the weight's sign. After the drift has changed sign it is negative.

    Returns:
        Number of steps, or None if the weight never flips (g <= tau).

    Raises:
        InputError: an argument is out of range.
    """
    _check_gamma("bop_flip_step", gamma)
    _check_at_least("bop_flip_step", "threshold", threshold, 0.0)
    if gradient <= threshold:
        return None
    way = (threshold - start) / (gradient - start) if gradient > start else -1.0
    if gamma == 1.0 or way < 0:
        return 1
    return math.floor(math.log1p(-way) / math.log1p(-gamma)) + 1


def bop_flip_rate(gamma: float, threshold_in_spreads: float = 0.0) -> float:
    """Flips a step of one weight under pure noise (mu = 0), in the long run.

    With tau = 0 the sign of m decides, and neighboring m have correlation 1 - gamma: the rate is
    arccos(1 - gamma) / pi. With tau = k s the time between flips is the passage time of the
    Ornstein-Uhlenbeck process from -k to k,
    T = sqrt(2 pi) / theta * integral_{-k'}^{k'} Phi(u) exp(u^2 / 2) du,
    theta = -ln(1 - gamma), k' = k + 0.5826 sqrt(2 theta) for the overshoot.

    The second form is good to 5 % for gamma up to about 0.1 and k from about 0.5.

    Args:
        gamma: adaptivity rate in (0, 1).
        threshold_in_spreads: k = tau / s, at least 0, where s is `ema_spread`.

    Returns:
        Expected flips a step, in 0..0.5.

    Raises:
        InputError: an argument is out of range.
    """
    _check_gamma("bop_flip_rate", gamma)
    _check_at_least("bop_flip_rate", "threshold_in_spreads", threshold_in_spreads, 0.0)
    if threshold_in_spreads == 0.0:
        return math.acos(1.0 - gamma) / math.pi
    if gamma == 1.0:
        raise InputError(
            "bop_flip_rate(gamma=1): m is the last gradient, so the formula for tau > 0 does not "
            "hold. Fix: use gamma < 1."
        )
    theta = -math.log1p(-gamma)
    bound = threshold_in_spreads + OVERSHOOT * math.sqrt(2.0 * theta)
    if bound > 30:  # exp(bound^2 / 2) would overflow: such a weight never flips
        return 0.0
    # Phi(u) + Phi(-u) = 1: over a symmetric range the integral is that of exp(u^2 / 2) from 0 to
    # the bound, whose series has only positive terms.
    term, total, power = 1.0, 1.0, 0
    while term > 1e-17 * total:
        power += 1
        term *= bound * bound / 2.0 / power
        total += term / (2 * power + 1)
    return theta / (math.sqrt(2.0 * math.pi) * bound * total)


def latent_flip_step(initial: float, learning_rate: float, gradient: float) -> int | None:
    """Step at which a latent weight under SGD changes sign with a constant gradient, from 1.

    Its magnitude over the learning rate is the inertia: only initial / learning_rate counts
    (arXiv:1906.02107, section 3).

    Args:
        initial: the latent weight's magnitude w0, above 0.
        learning_rate: alpha, above 0.
        gradient: constant gradient times the weight's sign.

    Returns:
        floor(w0 / (alpha g)) + 1 (at exactly 0 the sign is still +1), or None if g <= 0.

    Raises:
        InputError: an argument is out of range.
    """
    _check_above("latent_flip_step", "initial", initial)
    _check_above("latent_flip_step", "learning_rate", learning_rate)
    if gradient <= 0:
        return None
    return math.floor(initial / (learning_rate * gradient)) + 1


def latent_first_flip(
    initial: float, learning_rate: float, drift: float, noise: float
) -> tuple[float, float]:
    """Mean and standard deviation of the step at which a latent weight first changes sign.

    SGD without clipping makes the latent weight a random walk with drift -alpha mu, so the time
    is inverse Gaussian: mean (w0 + 0.5826 alpha sigma) / (alpha mu), standard deviation
    sqrt(w0 sigma^2 / (alpha mu^3)).

    Args:
        initial: the latent weight's magnitude w0, above 0.
        learning_rate: alpha, above 0.
        drift: mu, mean gradient times the weight's sign, above 0.
        noise: sigma, at least 0.

    Returns:
        (mean, standard deviation), in steps.

    Raises:
        InputError: an argument is out of range.
    """
    _check_above("latent_first_flip", "initial", initial)
    _check_above("latent_first_flip", "learning_rate", learning_rate)
    _check_above("latent_first_flip", "drift", drift)
    _check_at_least("latent_first_flip", "noise", noise, 0.0)
    mean = (initial + OVERSHOOT * noise * learning_rate) / (learning_rate * drift)
    return mean, math.sqrt(initial * noise**2 / (learning_rate * drift**3))


def inverse_gaussian_density(
    steps: NDArray[np.float64], initial: float, learning_rate: float, drift: float, noise: float
) -> NDArray[np.float64]:
    """Density of the latent weight's first flip, to be drawn over a histogram of simulated ones.

    Args:
        steps: times at which to evaluate it, any shape; 0 outside t > 0.
        initial: w0 > 0; the overshoot is added to it.
        learning_rate: alpha > 0.
        drift: mu > 0.
        noise: sigma > 0.

    Returns:
        float64 in the shape of `steps`, per step.

    Raises:
        InputError: an argument is out of range.
    """
    for name, value in (
        ("initial", initial),
        ("learning_rate", learning_rate),
        ("drift", drift),
        ("noise", noise),
    ):
        _check_above("inverse_gaussian_density", name, value)
    times = np.asarray(steps, np.float64)
    distance = (initial + OVERSHOOT * noise * learning_rate) / learning_rate
    safe = np.where(times > 0, times, 1.0)
    exponent = -((distance - drift * safe) ** 2) / (2.0 * noise**2 * safe)
    density = distance / (noise * np.sqrt(2.0 * np.pi * safe**3)) * np.exp(exponent)
    return np.where(times > 0, density, 0.0)


def _check_gamma(function: str, gamma: float) -> None:
    if not (is_number(gamma) and 0 < gamma <= 1):
        raise InputError(f"{function}(gamma={gamma!r}): must lie in (0, 1].")


def _check_above(function: str, name: str, value: float) -> None:
    if not (is_number(value) and value > 0):
        raise InputError(f"{function}({name}={value!r}): must be a finite number above 0.")


def _check_at_least(function: str, name: str, value: float, low: float) -> None:
    if not (is_number(value) and value >= low):
        raise InputError(
            f"{function}({name}={value!r}): must be a finite number, at least {low:g}."
        )
