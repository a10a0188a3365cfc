"""`DrawDigit`: draw a digit, and a binarized network answers at every stroke."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn_lab.lessons.drawn_digits import FILE, to_levels
from bnn_lab.lessons.strokes import draw_strokes
from bnn_lab.widgets.explorable import Explorable


class DrawDigit(Explorable, module="draw_digit"):
    """Draw a digit: the bits of each layer light up, and both twins are timed in the page.

    The network is the file `DrawDigit.model_file`, which `bnn_lab.Interpreter` runs, too; the page
    gives the same answers. ``Interpreter(path).predict(widget.image())`` is one for what is drawn,
    as long as no weight has been flipped.
    """

    model_file = FILE

    def image(self) -> NDArray[np.float32]:
        """What the network sees of the strokes, as far as the kernel has heard of them.

        Returns:
            float32 in [-1, 1], (1, 14, 14, 1).

        Raises:
            InputError: ``strokes`` was set to something other than strokes.
        """
        return to_levels(draw_strokes(self.strokes)[None])
