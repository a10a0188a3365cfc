"""Random numbers that a page and Python agree on to the last bit.

Number (step, weight) of a seed is computed from these three integers alone, so any part of a
simulation can be drawn by itself, and one weight's noise does not depend on how many others there
are. Only integers and exactly rounded operations (+ - * / and the square root) occur, no function
of a mathematics library: `bnn_lab/widgets/js/core/random.js` is the same in JavaScript, and
`tests/js` compares the two bit by bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnn_lab.errors import InputError

Floats = NDArray[np.float64]
Words = NDArray[np.uint32]

STEPS = WEIGHTS = 2**16  # a step and a weight share one 32-bit counter

_LN2 = 0.6931471805599453
_CHUNK = 2**15  # numbers at a time: their intermediate results stay in cache

# Wichura, Algorithm AS 241 (Applied Statistics 37, 1988): numerator and denominator, highest power
# first, for the middle and for the tails of the normal distribution.
_MIDDLE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)


def hash32(words: ArrayLike) -> Words:
    """A bijection of 32-bit words that looks random.

    Args:
        words: unsigned integers below 2^32, any shape.

    Returns:
        uint32 in the same shape.
    """
    x = np.array(words, np.uint32, ndmin=1)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x21F0AAAD)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x735A2D97)
    x ^= x >> np.uint32(15)
    return x.reshape(np.shape(words))


def random_words(seed: int, steps: ArrayLike, weights: ArrayLike) -> Words:
    """Evenly distributed words, one for each pair of step and weight.

    Args:
        seed: any integer; it counts modulo 2^32.
        steps: integers in 0..65535.
        weights: integers in 0..65535; both broadcast.

    Returns:
        uint32 in the common shape.
    """
    counter = np.asarray(steps, np.uint32) * np.uint32(WEIGHTS) + np.asarray(weights, np.uint32)
    # Hashed before the seed is added: otherwise two seeds were offsets into one sequence.
    return hash32(hash32(counter) + _key(seed))


def quantile(words: Words) -> Floats:
    """The standard normal value below which a share of (word + 1/2) / 2^32 lies.

    Args:
        words: uint32, any shape.

    Returns:
        float64 in the same shape, in -6.4..6.4, with a relative error below 1e-14.
    """
    flat = words.reshape(-1)
    found = np.empty(flat.shape)
    for start in range(0, len(flat), _CHUNK):
        part = slice(start, start + _CHUNK)
        found[part] = _quantile((flat[part] + 0.5) * 2.0**-32)
    return found.reshape(words.shape)


def normal(seed: int, steps: ArrayLike, weights: ArrayLike) -> Floats:
    """Standard normal numbers, one for each pair of step and weight.

    Args:
        seed: any integer; it counts modulo 2^32.
        steps: integers in 0..65535.
        weights: integers in 0..65535; both broadcast.

    Returns:
        float64 in the common shape.
    """
    return quantile(random_words(seed, steps, weights))


def normal_table(seed: int, steps: int, weights: int) -> Floats:
    """All numbers of a simulation.

    Args:
        seed: any integer; it counts modulo 2^32.
        steps: in 1..65536.
        weights: in 1..65536.

    Returns:
        float64 (steps, weights).

    Raises:
        InputError: a count is out of range.
    """
    if not (1 <= steps <= STEPS and 1 <= weights <= WEIGHTS):
        raise InputError(
            f"normal_table({steps=}, {weights=}): both must lie in 1..{STEPS}. Fix: simulate in "
            "parts, with a seed for each."
        )
    return normal(seed, np.arange(steps)[:, None], np.arange(weights))


def _key(seed: int) -> Words:
    return hash32((int(seed) + 0x9E3779B9) & 0xFFFFFFFF)


def _quantile(p: Floats) -> Floats:
    q = p - 0.5
    r = 0.180625 - q * q
    x = _polynomial(_MIDDLE[0], r) * q / _polynomial(_MIDDLE[1], r)
    (tail,) = np.nonzero(np.abs(q) > 0.425)
    if len(tail):
        far = q[tail]
        r = np.sqrt(-_log(0.5 - np.abs(far))) - 1.6
        size = _polynomial(_TAIL[0], r) / _polynomial(_TAIL[1], r)
        x[tail] = np.where(far < 0, -size, size)
    return x


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = np.full(x.shape, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


def _log(x: Floats) -> Floats:
    """Natural logarithm of normal numbers above 0, by exactly rounded operations."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    exponent = (exponent - small).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    total = np.full(x.shape, 1.0 / 23.0)
    for odd in (21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        total = total * z + 1.0 / odd
    return exponent * _LN2 + 2.0 * s * total
