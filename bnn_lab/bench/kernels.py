"""Speed of the binary convolution, beside the kernels that a user would otherwise have.

For each shape, in one interleaved run: our kernel on every backend of this CPU (alone, and as an op
inside LiteRT), the Larq Compute Engine's two kernels, and the same convolution in
float32 (XNNPACK) and int8 on stock LiteRT. The input of the binary peers is bitpacked already and
all binary and float peers write float32; the int8 peer reads and writes int8.

Source of the shapes: LCE paper section 5, the 3x3 convolutions of ResNet-18's stages.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab import _native, kernels, reference
from bnn_lab._quiet import without_native_chatter
from bnn_lab.bench.models import litert_call
from bnn_lab.errors import BnnLabError
from bnn_lab.measure.noise import NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import INT8 as INT8_TYPE
from bnn_lab.tflite.op_files import conv_file, layer_file

IN_LITERT = "bnn_lab in LiteRT"
LCE_DEFAULT = "LCE default"
LCE_INDIRECT = "LCE indirect"
FLOAT = "float32 TFLite"
INT8 = "int8 TFLite"

_CEILING_MACS = 10**9  # a millisecond or so


@dataclass(frozen=True)
class ConvCase:
    """A square convolution with SAME padding, batch 1.

    Attributes:
        size: height and width of the input, pixels.
        channels_in: input channels.
        channels_out: output channels.
        kernel: height and width of the filter.
        stride: along both axes.
    """

    size: int
    channels_in: int
    channels_out: int
    kernel: int = 3
    stride: int = 1

    @property
    def name(self) -> str:
        """Such as "3x3 56,64": kernel, size, channels."""
        channels = f"{self.channels_in}"
        if self.channels_out != self.channels_in:
            channels += f"→{self.channels_out}"
        stride = f" /{self.stride}" if self.stride > 1 else ""
        return f"{self.kernel}x{self.kernel}{stride} {self.size},{channels}"

    @property
    def out_size(self) -> int:
        """Height and width of the output, pixels."""
        return reference.window_axis(self.size, self.kernel, self.stride, 1, "same").out

    @property
    def macs(self) -> int:
        """Multiply-accumulates, padding counted."""
        return self.layer().macs

    def layer(self, kind: str = kinds.CONV) -> LayerShape:
        """The same sizes as a layer of this kind."""
        window = (self.kernel, self.kernel)
        sizes = (self.size, self.size, self.channels_in, self.channels_out)
        return LayerShape(kind, *sizes, window, stride=self.stride)


PAPER_CONVS = tuple(ConvCase(size, c, c) for size, c in ((56, 64), (28, 128), (14, 256), (7, 512)))
CONVS = (*PAPER_CONVS, ConvCase(28, 256, 256, kernel=1), ConvCase(56, 128, 128, stride=2))


@dataclass(frozen=True)
class DenseCase:
    """A binary dense layer on one sample: a matrix-vector product, bound by memory.

    Attributes:
        channels_in: inputs.
        channels_out: outputs.
    """

    channels_in: int
    channels_out: int

    @property
    def name(self) -> str:
        """Such as "dense 4096x4096"."""
        return f"dense {self.channels_in}x{self.channels_out}"

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.layer().macs

    def layer(self) -> LayerShape:
        """The float layer of these sizes."""
        return LayerShape(kinds.DENSE, channels_in=self.channels_in, channels_out=self.channels_out)


DENSE = DenseCase(4096, 4096)


@dataclass(frozen=True)
class KernelResult:
    """Times of all peers on one layer.

    Attributes:
        case: the layer.
        table: times of the peers, and of the ceiling loop of each backend that has one.
        ceilings: backend to 10^9 multiply-accumulates a second of its ceiling loop, the best
            round of this run.
        num_threads: of every peer.
    """

    case: ConvCase | DenseCase
    table: TimingTable
    ceilings: dict[str, float]
    num_threads: int = 1

    def gmacs(self, peer: str) -> float:
        """10^9 multiply-accumulates a second, from the median."""
        return self.case.macs / self.table[peer].median / 1e9

    def best_gmacs(self, peer: str) -> float:
        """10^9 multiply-accumulates a second, from the fastest round: to compare with a ceiling."""
        return self.case.macs / self.table[peer].minimum / 1e9

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        best = ours(kernels.active_backend())
        return {
            "name": self.case.name,
            "shape": self.case.layer().as_dict(),
            "macs": self.case.macs,
            "num_threads": self.num_threads,
            "reference": best,
            "speedup_over": {
                name: self.table.speedup(best, over=name)
                for name in self.table.names
                if name != best
            },
            "gmacs_per_s": {name: self.gmacs(name) for name in self.table.names},
            "ceiling_gmacs_per_s": self.ceilings,
            **self.table.as_dict(),
        }


def ours(backend: str) -> str:
    """Name of our peer on this backend."""
    return f"bnn_lab {backend}"


def bench_conv(
    case: ConvCase,
    *,
    rounds: int = 30,
    num_threads: int = 1,
    float_peers: bool = True,
    watch: NoiseWatch | None = None,
) -> KernelResult:
    """Time one convolution on all peers, after checking that the binary ones agree.

    Args:
        case: the convolution.
        rounds: samples of each peer.
        num_threads: of every peer.
        float_peers: also time float32 and int8 TFLite.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times. Each is of the convolution alone, into memory that is there: no bitpacking, no
        copy out of the runtime except in LCE, whose interpreter copies input and output.

    Raises:
        BnnLabError: two binary peers disagree.
    """
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, case.size, case.size, case.channels_in)) < 0.5)
    filters = reference.pack_bits(
        rng.random((case.channels_out, case.kernel, case.kernel, case.channels_in)) < 0.5
    )
    peers: dict[str, Callable[[], object]] = {}
    outputs: dict[str, Any] = {}
    for backend in kernels.available_backends():
        conv = kernels.BConv2D(
            filters,
            channels_in=case.channels_in,
            stride=(case.stride, case.stride),
            padding="same",
            pad_values=1,
            backend=backend,
        )
        peers[ours(backend)] = _kernel_call(conv, x, num_threads)
        outputs[ours(backend)] = conv(x)
    shape = next(iter(outputs.values())).shape
    content = conv_file(x.shape, filters, shape, channels_in=case.channels_in, stride=case.stride)
    peers[IN_LITERT] = litert_call(content, x[0], num_threads)
    for name, indirect in ((LCE_DEFAULT, False), (LCE_INDIRECT, True)):
        call = _lce_call(content, x, num_threads, indirect)
        if call is not None:
            peers[name] = call
            outputs[name] = np.asarray(call()[0]).reshape(shape)
    _check_agreement(case, outputs)
    if float_peers:
        peers |= _float_peers(case.layer(), num_threads)
    return _measure(case, peers, rounds, num_threads, watch)


def bench_dense(
    case: DenseCase = DENSE,
    *,
    rounds: int = 30,
    num_threads: int = 1,
    float_peers: bool = True,
    watch: NoiseWatch | None = None,
) -> KernelResult:
    """Time a dense layer on one sample, beside float32 and int8 TFLite. LCE has no such layer.

    Args:
        case: the layer.
        rounds: samples of each peer.
        num_threads: of every peer.
        float_peers: also time float32 and int8 TFLite.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times.

    Raises:
        BnnLabError: two backends disagree.
    """
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, case.channels_in)) < 0.5)
    weights = reference.pack_bits(rng.random((case.channels_out, case.channels_in)) < 0.5)
    peers: dict[str, Callable[[], object]] = {}
    outputs: dict[str, Any] = {}
    for backend in kernels.available_backends():
        layer = kernels.BDense(weights, channels_in=case.channels_in, backend=backend)
        peers[ours(backend)] = _kernel_call(layer, x, num_threads)
        outputs[ours(backend)] = layer(x)
    _check_agreement(case, outputs)
    if float_peers:
        peers |= _float_peers(case.layer(), num_threads)
    return _measure(case, peers, rounds, num_threads, watch)


def _measure(
    case: ConvCase | DenseCase,
    peers: dict[str, Callable[[], object]],
    rounds: int,
    num_threads: int,
    watch: NoiseWatch | None,
) -> KernelResult:
    """Time the peers and, in the same rounds, the ceiling loops."""
    loops: dict[str, Callable[[], object]] = {}
    sizes: dict[str, int] = {}
    for backend in kernels.available_backends():
        macs = _native.peak(1, backend)
        if macs:
            sizes[backend] = int(_CEILING_MACS // macs)
            loops[f"ceiling {backend}"] = _peak_call(sizes[backend], backend)
    table = measure_watched({**peers, **loops}, watch, rounds=rounds, warmup=5)
    ceilings = {}
    for backend, size in sizes.items():
        seconds = table[f"ceiling {backend}"].minimum
        ceilings[backend] = size * _native.peak(1, backend) / seconds / 1e9
    shown = tuple(timing for timing in table.timings if timing.name in peers)
    return KernelResult(case, TimingTable(shown), ceilings, num_threads)


def _peak_call(rounds: int, backend: str) -> Callable[[], object]:
    return lambda: _native.peak(rounds, backend)


def bench_bitpack(
    *, elements: int = 64 * 1024, channels: int = 256, rounds: int = 30
) -> dict[str, float]:
    """Speed of bitpacking float32.

    Args:
        elements: float32 values; the default, 256 KiB, stays in the L2 cache.
        channels: of the last dimension.
        rounds: samples of each backend.

    Returns:
        Backend to GB/s of input read, from the median.
    """
    shape = (elements // channels, channels)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    repeats = 200

    def call(backend: str) -> Callable[[], object]:
        return lambda: _native.repeat_bitpack(x, repeats, backend)

    table = measure({b: call(b) for b in kernels.available_backends()}, rounds=rounds)
    return {name: repeats * x.nbytes / table[name].median / 1e9 for name in table.names}


def _kernel_call(
    layer: kernels.BConv2D | kernels.BDense, x: np.ndarray, num_threads: int
) -> Callable[[], object]:
    return lambda: layer.repeat(x, 1, num_threads=num_threads)


def _lce_call(
    content: bytes, x: np.ndarray, num_threads: int, indirect: bool
) -> Callable[[], Any] | None:
    if importlib.util.find_spec("larq_compute_engine") is None:
        return None
    with without_native_chatter():
        from larq_compute_engine import testing

        interpreter = testing.Interpreter(
            content, num_threads=num_threads, use_indirect_bgemm=indirect
        ).interpreter
    return lambda: interpreter.predict([x])


def _check_agreement(case: ConvCase | DenseCase, outputs: dict[str, Any]) -> None:
    (first, expected), *others = outputs.items()
    for name, value in others:
        if not np.array_equal(value, expected):
            raise BnnLabError(
                f"bench: {name} and {first} give different results for {case.name}; "
                "timing wrong results would be meaningless"
            )


def _float_peers(layer: LayerShape, num_threads: int) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(1)
    dense = layer.kind == kinds.DENSE
    image = (layer.height, layer.width, layer.channels_in)
    shape = (layer.channels_in,) if dense else image
    sample = rng.normal(size=shape).astype(np.float32)
    int8_sample = rng.integers(-128, 128, shape).astype(np.int8)
    return {
        FLOAT: litert_call(layer_file(layer), sample, num_threads, binary=False),
        INT8: litert_call(layer_file(layer, INT8_TYPE), int8_sample, num_threads, binary=False),
    }
