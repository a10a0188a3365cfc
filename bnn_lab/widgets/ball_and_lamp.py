"""`BallAndLamp`: a latent weight under kicks, and the sign that the network sees of it."""

from __future__ import annotations

from bnn_lab.widgets.explorable import Explorable


class BallAndLamp(Explorable, module="ball_and_lamp"):
    """Gradients kick a latent weight; its height over 0, in learning rates, is its inertia.

    The weights are those of `bnn_lab.training.simulate`: `LatentSGD` under `simulate_weights` with
    400 steps and 400 weights, bit by bit.
    """
