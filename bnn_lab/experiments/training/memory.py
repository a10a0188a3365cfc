"""What each optimizer keeps for a weight, counted on the real optimizers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.base import ExperimentResult, configure, needs
from bnn_lab.experiments.training.mlp_parts import build, create_slots, make_optimizer
from bnn_lab.experiments.training.mlp_settings import MlpRun
from bnn_lab.training.bop import binary_variables

# Method to its name, and whether the float variable is a memory of its own (a latent weight) or
# merely how Keras stores a sign.
_METHODS = {
    "sgd": ("SGD, latent weights", True),
    "momentum": ("momentum, latent weights", True),
    "adam": ("Adam, latent weights", True),
    "bop": ("Bop", False),
    "bop2": ("second-order Bop", False),
}


@dataclass(frozen=True)
class OptimizerMemory:
    """Settings of `optimizer_memory`.

    Attributes:
        methods: of `MlpRun`; not ``float``.
    """

    methods: tuple[str, ...] = tuple(_METHODS)


def optimizer_memory(*, config: OptimizerMemory | None = None, **changes: Any) -> ExperimentResult:
    """Floats that training keeps for each binary weight; nothing is trained.

    Args:
        config: settings.
        **changes: single fields of `OptimizerMemory`.

    Returns:
        Frame: method, latent (floats: 1 if there is a latent weight), averages (floats in the
        optimizer's slots), floats (both), bytes (float32, and one bit for a sign that no latent
        weight holds).

    Raises:
        InputError: there is no such method.
    """
    chosen = configure(OptimizerMemory(), config, changes)
    known = set(chosen.methods) <= set(_METHODS) and len(chosen.methods) > 0
    needs(known, "optimizer_memory(methods)", f"must be some of {', '.join(_METHODS)}")
    data = load_named("digits")
    rows = []
    for method in chosen.methods:
        label, latent = _METHODS[method]
        model = build(MlpRun(method=method, hidden=(4,)), data)
        optimizer = make_optimizer(MlpRun(method=method, hidden=(4,)), model, steps=1)
        create_slots(optimizer, model.trainable_variables)
        binary = [getattr(v, "latent_variable", v) for v in binary_variables(model).values()]
        shapes = {tuple(value.shape) for value in binary}
        kept = optimizer.pred_opt_pairs[0][1].variables()
        averages = sum(int(np.prod(v.shape)) for v in kept if tuple(v.shape) in shapes)
        averages //= sum(int(np.prod(value.shape)) for value in binary)
        rows.append(
            {"method": label, "latent": int(latent), "averages": averages}
            | {"floats": averages + latent, "bytes": 4 * (averages + latent) + (not latent) / 8}
        )
    return ExperimentResult(chosen, to_frame(rows))
