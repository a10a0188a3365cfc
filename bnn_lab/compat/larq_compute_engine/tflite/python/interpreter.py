"""LCE's `testing.Interpreter` on bnn_lab's runtime."""

from __future__ import annotations

import os
import warnings

import numpy as np

from bnn_lab import runtime

__all__ = ["Interpreter"]


class Interpreter(runtime.Interpreter):
    """Runs a `.tflite` model with LCE's arguments; `predict` is `bnn_lab.Interpreter.predict`.

    Where LCE and bnn_lab differ: a path is accepted as well as bytes; a wrong dtype, shape or
    number of samples raises an InputError that names the input; a fixed batch size above 1 works.

    Args:
        flatbuffer_model: the model as bytes, or the path of a `.tflite` file.
        num_threads: threads of binary and float ops, 1 to 256.
        use_reference_bconv: run the portable scalar kernels, which are slow, as LCE's reference
            implementation is. The results are the same bits.
        use_indirect_bgemm: has no effect but a warning. It chooses one of LCE's two algorithms;
            bnn_lab has one, which needs neither im2col nor indirection.
        use_xnnpack: has no effect: LiteRT runs float ops on XNNPACK in either case.

    Raises:
        ModelFileError: not a TFLite file, corrupt, or with an op that cannot run.
        BackendError: BNN_LAB_BACKEND is unknown or not supported by this CPU.
        InputError: an argument of the wrong type or range.
    """

    def __init__(
        self,
        flatbuffer_model: bytes | str | os.PathLike[str],
        num_threads: int = 1,
        use_reference_bconv: bool = False,
        use_indirect_bgemm: bool = False,
        use_xnnpack: bool = False,
    ) -> None:
        if use_indirect_bgemm:
            warnings.warn(
                "use_indirect_bgemm has no effect: bnn_lab has one algorithm for binary "
                "convolutions, which builds neither an im2col buffer nor an indirection buffer.",
                stacklevel=2,
            )
        backend = "scalar" if use_reference_bconv else None
        super().__init__(flatbuffer_model, num_threads, backend=backend)

    @property
    def input_types(self) -> list[np.dtype]:  # type: ignore[override]
        """NumPy dtypes of the inputs."""
        return [np.dtype(kind) for kind in super().input_types]

    @property
    def output_types(self) -> list[np.dtype]:  # type: ignore[override]
        """NumPy dtypes of the outputs."""
        return [np.dtype(kind) for kind in super().output_types]
