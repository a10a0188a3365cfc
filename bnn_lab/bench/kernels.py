"""Speed of the binary convolution, beside the kernels that a user would otherwise have.

For each shape, in one interleaved run: our kernel on every backend of this CPU (alone, and as an op
inside LiteRT), the Larq Compute Engine's two kernels, and the same convolution in float32 (XNNPACK)
and int8 on LiteRT without bnn_lab. The input of the binary ones is bitpacked already, and all but
the int8 one write float32.

Source of the shapes: LCE paper section 5, the 3x3 convolutions of ResNet-18's stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab import _native, kernels, reference
from bnn_lab.bench.baselines import (
    IN_LITERT,
    baseline,
    check_same_results,
    lce_calls,
    litert_call,
    ours,
)
from bnn_lab.bench.ceilings import measure_with_ceilings
from bnn_lab.bench.report import Layer
from bnn_lab.measure.noise import NoiseWatch
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import FLOAT32, INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import conv_file, layer_file


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
    """Times of one layer on everything that runs it.

    Attributes:
        case: the layer.
        table: the times.
        ceilings: backend to 10^9 multiply-accumulates a second of its instructions on registers
            alone, the best round of this run.
        num_threads: threads given to all.
    """

    case: ConvCase | DenseCase
    table: TimingTable
    ceilings: dict[str, float]
    num_threads: int = 1

    def gmacs(self, name: str) -> float:
        """10^9 multiply-accumulates a second, from the median."""
        return self.case.macs / self.table[name].median / 1e9

    def entry(self) -> Layer:
        """The figures for a report."""
        best = ours(kernels.active_backend())
        return Layer(
            name=self.case.name,
            num_threads=self.num_threads,
            macs=self.case.macs,
            reference=best,
            speedup_over=self.table.speedups(best),
            speedup_interval=self.table.intervals(best),
            times=self.table.times(),
            shape=self.case.layer(),
            gmacs_per_s={name: self.gmacs(name) for name in self.table.names},
            ceiling_gmacs_per_s=self.ceilings,
        )


def bench_conv(
    case: ConvCase,
    *,
    rounds: int = 30,
    num_threads: int = 1,
    float_baselines: bool = True,
    watch: NoiseWatch | None = None,
) -> KernelResult:
    """Time one convolution on everything, after checking that the binary results agree.

    Args:
        case: the convolution.
        rounds: samples of each.
        num_threads: threads given to all.
        float_baselines: also time float32 and int8 TFLite.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times. Each is of the convolution alone, into memory that is there: no bitpacking, no
        copy out of the runtime except in LCE, whose interpreter copies input and output.

    Raises:
        BnnLabError: two binary results differ.
    """
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, case.size, case.size, case.channels_in)) < 0.5)
    filters = reference.pack_bits(
        rng.random((case.channels_out, case.kernel, case.kernel, case.channels_in)) < 0.5
    )
    calls: dict[str, Callable[[], object]] = {}
    results: dict[str, Any] = {}
    for backend in kernels.available_backends():
        conv = kernels.BConv2D(
            filters,
            channels_in=case.channels_in,
            stride=(case.stride, case.stride),
            padding="same",
            pad_values=1,
            backend=backend,
        )
        calls[ours(backend)] = kernel_call(conv, x, num_threads)
        results[ours(backend)] = conv(x)
    shape = next(iter(results.values())).shape
    content = conv_file(x.shape, filters, shape, channels_in=case.channels_in, stride=case.stride)
    calls[IN_LITERT] = litert_call(content, x[0], num_threads)
    for name, call in lce_calls(content, x[0], num_threads).items():
        calls[name] = call
        results[name] = np.asarray(call()[0]).reshape(shape)
    check_same_results(case.name, results)
    if float_baselines:
        calls |= float_calls(case.layer(), num_threads)
    table, ceilings = measure_with_ceilings(calls, watch, rounds=rounds, warmup=5)
    return KernelResult(case, table, ceilings, num_threads)


def bench_dense(
    case: DenseCase = DENSE,
    *,
    rounds: int = 30,
    num_threads: int = 1,
    float_baselines: bool = True,
    watch: NoiseWatch | None = None,
) -> KernelResult:
    """Time a dense layer on one sample, beside float32 and int8 TFLite. LCE has no such layer.

    Args:
        case: the layer.
        rounds: samples of each.
        num_threads: threads given to all.
        float_baselines: also time float32 and int8 TFLite.
        watch: looks at the machine's noise meanwhile.

    Returns:
        The times.

    Raises:
        BnnLabError: the results of two backends differ.
    """
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, case.channels_in)) < 0.5)
    weights = reference.pack_bits(rng.random((case.channels_out, case.channels_in)) < 0.5)
    calls: dict[str, Callable[[], object]] = {}
    results: dict[str, Any] = {}
    for backend in kernels.available_backends():
        layer = kernels.BDense(weights, channels_in=case.channels_in, backend=backend)
        calls[ours(backend)] = kernel_call(layer, x, num_threads)
        results[ours(backend)] = layer(x)
    check_same_results(case.name, results)
    if float_baselines:
        calls |= float_calls(case.layer(), num_threads)
    table, ceilings = measure_with_ceilings(calls, watch, rounds=rounds, warmup=5)
    return KernelResult(case, table, ceilings, num_threads)


def bench_bitpack(
    *, elements: int = 64 * 1024, channels: int = 256, rounds: int = 30
) -> dict[str, float]:
    """Speed of bitpacking float32.

    Args:
        elements: float32 values; the default, 256 KiB, stays in the L2 cache.
        channels: number of channels of the last dimension.
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


def kernel_call(
    layer: kernels.BConv2D | kernels.BDense, x: reference.Words, num_threads: int = 1
) -> Callable[[], object]:
    """One call of a kernel, without LiteRT."""
    return lambda: layer.repeat(x, 1, num_threads=num_threads)


def float_calls(layer: LayerShape, num_threads: int = 1) -> dict[str, Callable[[], object]]:
    """The same layer in float32 and in int8 on LiteRT, by their names as baselines."""
    return {
        baseline(kind): litert_call(layer_file(layer, kind), None, num_threads, delegate=False)
        for kind in (FLOAT32, INT8)
    }
