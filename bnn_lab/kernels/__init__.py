"""The compiled kernels on NumPy arrays: bitpacking, binary convolution, binary max-pooling, ternary
dense layers.

Each function equals its namesake in `bnn_lab.reference` or `bnn_lab.ternary_reference` exactly, on
every backend. A backend is one instruction set, named by `all_backends`; the fastest that this CPU
supports is used unless the environment variable BNN_LAB_BACKEND or a `backend` argument names
another. Which is the fastest is measured where flags of the CPU do not tell (`backend_choice`).

Arrays that are C-contiguous are not copied, and the GIL is released while a kernel runs.
"""

from bnn_lab.kernels.backends import (
    BackendInfo,
    active_backend,
    all_backends,
    available_backends,
    resolve_backend,
)
from bnn_lab.kernels.bits import bitpack, bmaxpool2d, unpack
from bnn_lab.kernels.choice import BackendChoice, backend_choice
from bnn_lab.kernels.convolution import (
    BConv2D,
    BDepthwise2D,
    BTranspose2D,
    bconv2d,
    bdepthwise2d,
    btranspose2d,
)
from bnn_lab.kernels.dense import BDense, bdense, binary_gemm
from bnn_lab.kernels.ternary import TernaryDense

__all__ = [
    "BConv2D",
    "BDense",
    "BDepthwise2D",
    "BTranspose2D",
    "BackendChoice",
    "BackendInfo",
    "TernaryDense",
    "active_backend",
    "all_backends",
    "available_backends",
    "backend_choice",
    "bconv2d",
    "bdense",
    "bdepthwise2d",
    "binary_gemm",
    "bitpack",
    "bmaxpool2d",
    "btranspose2d",
    "resolve_backend",
    "unpack",
]
