"""`Switches`: the dot product of two rows of signs, by XOR and popcount."""

from __future__ import annotations

from bnn_lab.widgets.explorable import Explorable


class Switches(Explorable, module="switches"):
    """Two rows of signs to click; the dot product is K minus twice the count of those that differ.

    ``a`` and ``w`` are words as `bnn_lab.reference.pack_bits` packs them: bit 1 is -1, number 0 is
    the lowest bit.
    """
