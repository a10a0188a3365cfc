"""`BopExplorer`: a weight under Bop, its average of gradients between two gates."""

from __future__ import annotations

from bnn_lab.widgets.explorable import Explorable


class BopExplorer(Explorable, module="bop_explorer"):
    """Bop's average m between -tau and tau, its noise by the formula, and how many weights flip.

    The weights are those of `bnn_lab.training.simulate`: `Bop` under `simulate_weights` with 600
    steps and 300 weights, bit by bit.
    """
