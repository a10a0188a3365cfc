"""(i) How fast is a dense layer of ternary weights, and how near to what memory allows?

Generating a token multiplies each weight matrix with one vector: every weight is read, used once,
and gone from the cache before its turn comes again. So each competitor here has several matrices,
together larger than any cache, and each call goes on to the next one. The bound is the time of
reading as many bytes as its weights have, and nothing else: measured on those of 2 bits, from as
many matrices, in the same rounds.

Packed to the base 3, five weights take a byte. Whether reading a fifth less is worth taking them
out of it is a question of the backend; one that says no has no kernel for it.

One sample is a token of a generation, 32 samples are a prompt. What is not ternary runs as a 1x1
convolution over 32 pixels there, which is the same product.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnn_lab import _native, kernels, reference
from bnn_lab import ternary_reference as ternary
from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import baseline, check_same_results, litert_call
from bnn_lab.bench.kernels import DENSE
from bnn_lab.experiments.latency.base import Run, known, listing
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import FLOAT32, INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "How fast is a ternary dense layer, and how near to what memory allows?"
READING = "reading"  # the bytes of the ternary weights
BINARY = "binary"  # weights and activations
SAMPLES = (1, 32)
_WORKING_SET = 160_000_000  # bytes of each competitor's weights, above the caches of most machines
_LEAST_COPIES = 2
Call = Callable[[], object]


def ternary_name(backend: str, trits_per_byte: int = ternary.TRITS_OF_2BIT) -> str:
    """Name of our ternary kernel on this backend."""
    form = "" if trits_per_byte == ternary.TRITS_OF_2BIT else ", 1.6 bits"
    return f"ternary {backend}{form}"


def measure(run: Run) -> pd.DataFrame:
    """A row per number of samples and competitor, one thread:

    samples: 1 or 32. name: of the competitor. ms: median of a call. gb_per_s: bytes of its weights
    by the time of the best round. gmacs_per_s: multiply-accumulates by it. over_bound: its time
    over that of `READING` as many bytes as its weights have. speedup: how many times as long as the
    ternary kernel of the fastest backend, with 2 bits, it takes. The last two are medians of the
    quotients within each round, with their 95 % intervals, *_low and *_high.
    """
    channels = 512 if run.quick else DENSE.channels_in
    return measure_ladder(run, channels, 4 * channels**2 if run.quick else _WORKING_SET)


def measure_ladder(run: Run, channels: int, working_set: int) -> pd.DataFrame:
    """`measure` at a size of one's own.

    Args:
        run: how to measure.
        channels: of input and output.
        working_set: bytes that the matrices of each competitor should fill.
    """
    rows = []
    for samples in SAMPLES:
        run.progress(f"{channels}x{channels}, {samples} at once")
        calls, sizes = competitors(channels, samples, working_set)
        table = run.time(calls, share=1 / len(SAMPLES))
        best = ternary_name(kernels.available_backends()[-1])
        for name in table.names:
            best_round = table[name].minimum
            macs = 0 if name == READING else samples * channels**2
            rows.append(
                {
                    "samples": samples,
                    "name": name,
                    "ms": table[name].median * 1e3,
                    "gb_per_s": sizes[name] / best_round / 1e9,
                    "gmacs_per_s": macs / best_round / 1e9,
                    **run.columns(
                        "over_bound",
                        table[name].seconds
                        / (table[READING].seconds * (sizes[name] / sizes[READING])),
                    ),
                    **run.ratio(table, "speedup", best, name),
                }
            )
    return to_frame(rows)


def competitors(
    channels: int, samples: int, working_set: int
) -> tuple[dict[str, Call], dict[str, int]]:
    """Everything that is timed: name to call, and name to the bytes of one weight matrix.

    Args:
        channels: of input and output.
        samples: rows of the input.
        working_set: bytes that the matrices of each competitor should fill.

    Raises:
        BnnLabError: two backends give different results.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, channels)).astype(np.float32)
    trits = rng.integers(-1, 2, (channels, channels)).astype(np.int8)
    packed = ternary.pack_2bit(trits)
    words = reference.pack_bits(trits < 0)
    calls: dict[str, Call] = {}
    sizes: dict[str, int] = {}
    results = {}
    backends = kernels.available_backends()
    timed = backends[1:] or backends  # the scalar one is there to check the others
    for backend, count in itertools.product(backends, ternary.PACK):
        weights = ternary.PACK[count](trits)
        layers = [
            kernels.TernaryDense(
                weights, channels_in=channels, trits_per_byte=count, scale=0.02, backend=backend
            )
            for _ in range(_copies(weights.nbytes, working_set) if backend in timed else 1)
        ]
        name = ternary_name(backend, count)
        results[name] = layers[0](x)
        if layers[0].trits_per_byte == count and backend in timed:
            calls[name] = in_turn([_repeat(layer, x) for layer in layers])
            sizes[name] = weights.nbytes
    check_same_results(f"ternary {channels}x{channels}", results)
    # In one piece: the system gives it huge pages, as the layers' weights have them.
    copies = _copies(packed.nbytes, working_set)
    calls[READING] = in_turn([_read(part) for part in np.tile(packed.ravel(), (copies, 1))])
    sizes[READING] = packed.nbytes

    bits = reference.pack_bits(x < 0)
    binary = [
        kernels.BDense(words, channels_in=channels)
        for _ in range(_copies(words.nbytes, working_set))
    ]
    calls[BINARY] = in_turn([_repeat(layer, bits) for layer in binary])
    sizes[BINARY] = words.nbytes

    for dtype, width in ((INT8, 1), (FLOAT32, 4)):
        size = width * channels**2
        content = layer_file(dense_shape(channels, samples), dtype)
        count = _copies(size, working_set)
        calls[baseline(dtype)] = in_turn(
            [litert_call(content, delegate=False) for _ in range(count)]
        )
        sizes[baseline(dtype)] = size
    return calls, sizes


def dense_shape(channels: int, samples: int) -> LayerShape:
    """The layer as TFLite has it."""
    if samples == 1:
        return LayerShape(kinds.DENSE, channels_in=channels, channels_out=channels)
    return LayerShape(kinds.CONV, width=samples, channels_in=channels, channels_out=channels)


def _copies(size: int, working_set: int) -> int:
    return max(_LEAST_COPIES, working_set // size)


def in_turn(calls: Sequence[Call]) -> Call:
    """A call that does the next one of `calls`, again and again."""
    turn = itertools.cycle(calls)
    return lambda: next(turn)()


def _repeat(layer: kernels.TernaryDense | kernels.BDense, x: np.ndarray) -> Call:
    return lambda: layer.repeat(x, 1)


def _read(weights: np.ndarray) -> Call:
    return lambda: _native.read_memory(weights)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """One sample beside 32, and the bound."""
    best = ternary_name(kernels.available_backends()[-1])
    named = frame.rename(columns={"name": "who"})
    rows = {(row.samples, row.who): row for _, row in named.iterrows()}
    one, many = SAMPLES
    said = []
    for samples in SAMPLES:
        others = listing(
            f"{known(rows[samples, name], 'speedup')} times as long on {name}"
            for name in (baseline(INT8), baseline(FLOAT32))
        )
        said.append(
            f"With {samples} at once the ternary layer takes {rows[samples, best].ms:.3g} ms, and "
            f"{others}."
        )
    alone, bound = rows[one, best], rows[one, READING]
    gain = rows[many, best].gmacs_per_s / alone.gmacs_per_s
    return (
        f"{said[0]} It reads its weights at {alone.gb_per_s:.0f} GB/s, where reading alone reaches "
        f"{bound.gb_per_s:.0f}: {known(alone, 'over_bound', '.2f')} times the memory's "
        f"bound. {said[1]} There each weight that was read serves {many} samples, and {gain:.1f} "
        "times as many multiply-accumulates are done in a second."
    )
