"""Settings of one training of a small MLP, the point that all experiments are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bnn_lab.data.named import LOADERS
from bnn_lab.errors import InputError

METHODS = ("bop", "bop2", "sgd", "momentum", "adam", "float")
# Name to larq's class, if it is larq's: what the kernels' latent weights go through, and its
# pseudo-gradient.
QUANTIZERS = {
    "ste": "SteSign",
    "approx": "ApproxSign",
    "swish": "SwishSign",
    "magnitude": "MagnitudeAwareSign",
    "filter_mean": "",  # `bnn_lab.models.alexnet.filter_scaled_sign`
}


@dataclass(frozen=True)
class MlpRun:
    """Settings of one training; those that the method does not use must keep their default.

    Attributes:
        method: ``bop``; ``bop2``, its second-order form (arXiv:2104.05124); ``sgd``,
            ``momentum`` (0.9) or ``adam`` on latent weights; ``float`` (the float network under
            Adam).
        epochs: at least 1; each takes floor(images / batch) steps.
        batch: images a step.
        seed: seed of initial weights and shuffling.
        data: name of the images, see `bnn_lab.data.load_named`. A run of 30 epochs takes about a
            second on ``digits``, about three on ``mnist5k``.
        hidden: units of the hidden layers.
        gamma: Bop's adaptivity rate.
        threshold: Bop's tau.
        gamma_factor: Bop's gamma is multiplied by it every `gamma_every` epochs.
        gamma_every: epochs; 0 keeps gamma constant.
        sigma: rate of the squared gradient's average, for ``bop2``.
        learning_rate: learning rate of the latent (or float) weights.
        initial_scale: factor on the latent weights' Glorot initialisation.
        rate_factor: the learning rate is multiplied by it every `rate_every` epochs.
        rate_every: epochs; 0 keeps the learning rate constant.
        pretrained: epochs for which a float network of the same shape, under Adam (0.003), is
            trained first; its weights are then the initial latent weights. 0 for random ones.
        quantizer: a key of `QUANTIZERS`, for latent weights.
        ste_clip: for ``ste`` and ``magnitude``, the bound beyond which the straight-through
            gradient is 0; None for no bound.
        factor: what the binary weights are multiplied by, for ``ste``.
        weight_clip: bound to which latent weights are clipped after each step; None for none.
        l2: coefficient of the latent weights' squared sum in the loss.
        norm_learning_rate: Adam's, on batch normalization.
        norm_epsilon: what batch normalization adds to the variance.
        validation: images taken from the training set to choose settings by; 0 for none.
    """

    method: str = "bop"
    epochs: int = 30
    batch: int = 64
    seed: int = 0
    data: str = "digits"
    hidden: tuple[int, ...] = (128, 128)
    gamma: float = 1e-3
    threshold: float = 1e-6
    gamma_factor: float = 0.1
    gamma_every: int = 0
    sigma: float = 1e-3
    learning_rate: float = 0.01
    initial_scale: float = 1.0
    rate_factor: float = 0.1
    rate_every: int = 0
    pretrained: int = 0
    quantizer: str = "ste"
    ste_clip: float | None = None
    factor: float = 1.0
    weight_clip: float | None = None
    l2: float = 0.0
    norm_learning_rate: float = 0.01
    norm_epsilon: float = 1e-3
    validation: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.method not in METHODS:
            raise InputError(f"MlpRun(method={self.method!r}): must be one of {METHODS}.")
        if self.data not in LOADERS:
            raise InputError(f"MlpRun(data={self.data!r}): must be one of {', '.join(LOADERS)}.")
        if self.quantizer not in QUANTIZERS:
            known = ", ".join(QUANTIZERS)
            raise InputError(f"MlpRun(quantizer={self.quantizer!r}): must be one of {known}.")
        counts = (self.validation, self.gamma_every, self.rate_every, self.pretrained)
        if self.epochs < 1 or self.batch < 1 or min(counts) < 0:
            raise InputError(
                f"MlpRun(epochs={self.epochs}, batch={self.batch}): needs at least 1 of each, and "
                "no negative number of validation images or of epochs between changes."
            )
        above_0 = ("learning_rate", "initial_scale", "norm_learning_rate", "rate_factor")
        for name in (*above_0, "factor", "norm_epsilon"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"MlpRun({name}={getattr(self, name)!r}): must be above 0.")
        for name in ("weight_clip", "ste_clip"):
            bound = getattr(self, name)
            if bound is not None and not 0 < bound < math.inf:
                raise InputError(f"MlpRun({name}={bound!r}): must be above 0, or None for none.")
        if not 0 <= self.l2 < math.inf:
            raise InputError(f"MlpRun(l2={self.l2!r}): must be at least 0.")
        self._refuse_unused()

    def _refuse_unused(self) -> None:
        default = {field: value.default for field, value in self.__dataclass_fields__.items()}
        bop = ("gamma", "threshold", "gamma_factor", "gamma_every", "sigma")
        rate = ("learning_rate", "initial_scale", "rate_factor", "rate_every", "weight_clip", "l2")
        latent = (*rate, "pretrained", "quantizer", "ste_clip", "factor")
        unused = {
            "bop": (*latent, "sigma"),
            "bop2": latent,
            "float": (*bop, "pretrained", "quantizer", "ste_clip", "factor"),
        }.get(self.method, bop)
        if self.quantizer not in ("ste", "magnitude"):
            unused = (*unused, "ste_clip")
        if self.quantizer != "ste":
            unused = (*unused, "factor")
        wrong = [name for name in unused if getattr(self, name) != default[name]]
        if wrong:
            raise InputError(f"MlpRun(method={self.method!r}) does not use {wrong}.")


def run_of(settings: Mapping[str, Any]) -> MlpRun:
    """The run of these settings, as a user may have written them.

    Raises:
        InputError: there is no such setting, or a value is of the wrong kind or out of range.
    """
    known = MlpRun.__dataclass_fields__
    unknown = sorted(set(settings) - set(known))
    if unknown:
        names = ", ".join(known)
        raise InputError(f"mlp_run: unknown settings {unknown}. Fix: use some of {names}.")
    try:
        return MlpRun(**settings)
    except TypeError as error:
        raise InputError(f"MlpRun: a value is of the wrong kind ({error}).") from error


def settings_of(run: MlpRun) -> dict[str, Any]:
    """The settings that differ from the defaults, plus the seed: what a result file is named by."""
    default = asdict(MlpRun())
    values = asdict(run)
    return {k: v for k, v in values.items() if k in ("method", "seed") or v != default[k]}
