"""Dense layers of ternary weights and int8 activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import InputError
from bnn_lab.kernels import _checks as checks
from bnn_lab.kernels.backends import backend_name
from bnn_lab.ternary_reference import PACK, TRITS_OF_2BIT

_OP = "ternary_dense"
MOST_CHANNELS = 2**22  # sums of codes times activations stay inside int32


class TernaryDense:
    """A dense layer of ternary weights whose weights are packed once for a backend.

    With one sample (generating a token) it reads each weight once and is bound by memory; with more
    (reading a prompt) the samples share what was read.

    Five weights in a byte are a fifth fewer bytes to read than four, and more work to take out of
    them: faster where weights come from memory and the backend can do it, slower where a cache
    holds them.

    Args:
        weights: uint8, shape (O, ceil(channels_in / trits_per_byte)), of
            `ternary_reference.pack_2bit` or `ternary_reference.pack_base3`.
        channels_in: input channels K, at most 2^22.
        trits_per_byte: 4 or 5, as the weights are packed.
        scale: of the weights.
        bias: float32 (O,), or None.
        backend: name of a backend, default the active one.

    Raises:
        InputError: a shape, dtype or number does not fit, or a byte of the weights holds a code of
            3 or is above 242.
        BackendError: `backend` is unknown or not supported.
    """

    def __init__(
        self,
        weights: NDArray[np.uint8],
        *,
        channels_in: int,
        trits_per_byte: int = TRITS_OF_2BIT,
        scale: float = 1.0,
        bias: NDArray[np.float32] | None = None,
        backend: str | None = None,
    ) -> None:
        self.channels_in = checks.integer(_OP, "channels_in", channels_in, 1, MOST_CHANNELS)
        packed = checks.array(_OP, "weights", weights, np.uint8, 2)
        of_byte = checks.integer(_OP, "trits_per_byte", trits_per_byte, min(PACK), max(PACK))
        width = -(-self.channels_in // of_byte)
        if not len(packed) or packed.shape[1] != width:
            raise InputError(
                f"{_OP}: weights for {self.channels_in} input channels, {of_byte} in a byte, have "
                f"shape (O, {width}) with O at least 1, not {packed.shape}; pack them with "
                f"ternary_reference.{PACK[of_byte].__name__}"
            )
        scale = checks.number(_OP, "scale", scale)
        if bias is not None:
            bias = checks.array(_OP, "bias", bias, np.float32, 1)
            if len(bias) != len(packed):
                raise InputError(f"{_OP}: bias must have {len(packed)} values, not {len(bias)}")
        self.channels_out = len(packed)
        self._dense = checks.call(
            _OP,
            _native.TernaryDense,
            packed,
            self.channels_in,
            of_byte,
            scale,
            bias,
            backend_name(backend),
        )

    @property
    def backend(self) -> str:
        """Name of the backend that the weights are packed for."""
        return self._dense.backend

    @property
    def trits_per_byte(self) -> int:
        """How many weights lie in a byte of what the backend multiplies from.

        4 whatever was given, where the backend has no kernel for 5.
        """
        return self._dense.trits_per_byte

    def __call__(self, x: NDArray[np.float32], *, num_threads: int = 1) -> NDArray[np.float32]:
        """Quantize `x` and multiply (see `ternary_reference.ternary_dense`).

        Args:
            x: float32, shape (M, K).
            num_threads: 1 to 256. Results do not depend on it.

        Returns:
            float32, shape (M, O).

        Raises:
            InputError: wrong shape, dtype or number of threads.
        """
        return self._run(x, np.float32, num_threads)

    def accumulators(self, x: NDArray[np.int8], *, num_threads: int = 1) -> NDArray[np.int32]:
        """The exact product alone (see `ternary_reference.ternary_gemm`).

        Args:
            x: int8, shape (M, K).
            num_threads: 1 to 256.

        Returns:
            int32, shape (M, O).

        Raises:
            InputError: wrong shape, dtype or number of threads.
        """
        return self._run(x, np.int8, num_threads)

    def repeat(self, x: NDArray[np.float32], repeats: int, *, num_threads: int = 1) -> None:
        """Quantize and multiply `repeats` times and drop the result; see `BConv2D.repeat`."""
        self._check(x, np.float32)
        checks.call(
            _OP,
            self._dense.repeat,
            np.ascontiguousarray(x),
            checks.integer(_OP, "repeats", repeats),
            checks.integer(_OP, "num_threads", num_threads, 1, 256),
        )

    def _run(self, x: Any, dtype: Any, num_threads: Any) -> NDArray:
        values = self._check(x, dtype)
        threads = checks.integer(_OP, "num_threads", num_threads, 1, 256)
        return checks.call(_OP, self._dense.run, values, threads)

    def _check(self, x: Any, dtype: Any) -> NDArray:
        values = checks.array(_OP, "x", x, dtype, 2)
        if values.shape[1] != self.channels_in:
            raise InputError(
                f"{_OP}: x must have shape (M, {self.channels_in}), not {values.shape}"
            )
        return values
