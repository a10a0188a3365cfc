"""Whether binary ops agree about how many channels their words hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnn_lab.errors import ModelFileError
from bnn_lab.reference import WORD_BITS, word_count
from bnn_lab.tflite.options import CUSTOM_OPS, decode
from bnn_lab.tflite.reader import ModelFile
from bnn_lab.tflite.types import TYPE_NAMES


class Words:
    """Follows bitpacked tensors through one graph.

    The words of a tensor do not say how many channels they hold. A convolution that takes 32 for 1
    counts bits that are not its own, and each backend counts others. Options, operands and shapes
    that do not fit are left to the delegate, which refuses them itself.

    Args:
        file: the file.
        tensors: of the graph.
        shapes: of the tensors.
    """

    def __init__(self, file: ModelFile, tensors: list[Any], shapes: list[tuple[int, ...]]) -> None:
        self._file, self._tensors, self._shapes = file, tensors, shapes
        self._channels: dict[int, int] = {}  # of tensors of words, where it is known

    def check(
        self, code: str, op: Any, operands: tuple[int, ...], results: tuple[int, ...], where: str
    ) -> None:
        """Look at the next op.

        Args:
            code: custom code; other people's ops are left alone.
            op: the operator.
            operands: tensor indices in range, -1 for an absent one.
            results: tensor indices in range.
            where: the op, for messages.

        Raises:
            ModelFileError: its input holds another number of channels than it is for, its filter
                has bits beyond them, or it writes words into a tensor of another type.
        """
        known = CUSTOM_OPS.get(code)
        if known is None or len(operands) != known.operands or len(results) != 1:
            return
        source, result = operands[0], results[0]
        if code == "LceQuantize" and source >= 0 and self._shapes[source]:
            if TYPE_NAMES[self._tensors[result].type] != "INT32":
                raise ModelFileError(f"{where}: its result must be int32 words")
            self._channels[result] = self._shapes[source][-1]
        elif code == "LceBMaxPool2d" and source in self._channels:
            self._channels[result] = self._channels[source]
        elif "channels_in" in known.names:
            try:
                options = decode(code, self._file.custom_options(op, where) or b"", where)
            except ModelFileError:
                return
            channels_in = options["channels_in"]
            if self._channels.get(source, channels_in) != channels_in:
                raise ModelFileError(
                    f"{where}: channels_in = {channels_in}, but its input holds "
                    f"{self._channels[source]} channels"
                )
            filters = self._shapes[operands[1]] if operands[1] >= 0 else ()
            if len(filters) != 4:
                return
            if code == "BnnLabDepthwise2d":
                depth = channels = channels_in * options["depth_multiplier"]
            else:  # a group reads its share of the words
                groups = max(1, word_count(channels_in) // max(1, filters[3]))
                channels, depth = filters[0], channels_in // groups
            self._channels[result] = channels
            self._check_bits(operands[1], depth, where)

    def _check_bits(self, tensor: int, depth: int, where: str) -> None:
        data = self._file.buffer(self._tensors[tensor].buffer, where)
        words, rest = self._shapes[tensor][-1], depth % WORD_BITS
        if data is None or not rest or words != word_count(depth) or data.size % (4 * words):
            return
        if np.any(data.view("<u4").reshape(-1, words)[:, -1] >> np.uint32(rest)):
            raise ModelFileError(
                f"{where}: its filter has bits beyond its {depth} channels. Fix: set them to 0"
            )
