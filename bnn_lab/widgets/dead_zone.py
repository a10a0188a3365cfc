"""`DeadZone`: a row of ternary weights, and the zone in which they are 0."""

from __future__ import annotations

from bnn_lab.widgets.explorable import Explorable


class DeadZone(Explorable, module="dead_zone"):
    """Latent weights that the network sees as -1, 0 or +1; the zone of the zeros can be dragged.

    The weights are those of `bnn_lab.training.ternary_row.simulate_ternary_row` with 300 steps and
    240 weights, bit by bit; the first 24 are drawn.
    """
