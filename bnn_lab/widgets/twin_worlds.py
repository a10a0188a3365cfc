"""`TwinWorlds`: the scaling theorem, and what breaks it."""

from __future__ import annotations

from bnn_lab.widgets.explorable import Explorable


class TwinWorlds(Explorable, module="twin_worlds"):
    """Two worlds under the same gradients, one of them C times smaller in all latent weights.

    The weights are those of `bnn_lab.training.simulate`: `LatentSGD` under `simulate_weights` with
    300 steps, 12 weights and `random_coupling`, bit by bit. The first world has learning rate 0.1
    and begins at 0.8; its momentum is 0.5, if any.
    """
