"""(i) Windows copied into a matrix, or read where they are? Two engines, each in two ways.

A convolution can be made a matrix product by copying each pixel's window into a row (*im2col*); a
table of addresses spares the copy (*indirect*); and loops that know the image's shape spare the
table (*direct*).

Source of im2col and indirect in a BNN engine: LCE's options (`use_indirect_bgemm`) and its paper,
arXiv:2011.09398; M. Dukhan, "The Indirect Convolution Algorithm", arXiv:1907.02129.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab import kernels, reference
from bnn_lab._pandas import to_frame
from bnn_lab._words import counted
from bnn_lab.bench.baselines import LCE_DEFAULT, LCE_INDIRECT, check_same_results, lce_calls
from bnn_lab.bench.kernels import PAPER_CONVS, ConvCase, kernel_call
from bnn_lab.experiments.latency.base import Run, listing, span
from bnn_lab.tflite.op_files import conv_file

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Windows copied into a matrix, or read where they are: what does the copy cost?"

OURS, LCE = "bnn_lab", "LCE"
IM2COL, INDIRECT, DIRECT = "im2col", "indirect", "direct"
_ADDRESS = 8  # bytes
_FLOAT = 4


def bytes_of(case: ConvCase, way: str) -> dict[str, int]:
    """Bytes that a way writes and reads, each buffer counted once for each time it is passed over.

    Args:
        case: a convolution with SAME padding, whose result is floats.
        way: ``im2col``, ``indirect`` or ``direct``.

    Returns:
        What to bytes: ``image`` (read), ``copy`` (a second image or matrix, written and read),
        ``addresses`` (read), ``filters`` (read) and ``output`` (written).
    """
    pixel = 4 * reference.word_count(case.channels_in)
    taps, outputs = case.kernel**2, case.out_size**2
    framed = (case.size + case.kernel - 1) ** 2 * pixel
    copy = {IM2COL: 2 * outputs * taps * pixel, INDIRECT: 0, DIRECT: 2 * framed}[way]
    return {
        "image": case.size**2 * pixel,
        "copy": copy,
        "addresses": outputs * taps * _ADDRESS if way == INDIRECT else 0,
        "filters": case.channels_out * taps * pixel,
        "output": outputs * case.channels_out * _FLOAT,
    }


def measure(run: Run) -> pd.DataFrame:
    """A row per convolution, engine and way.

    Columns: case, engine, way, ms (best round), copy_ms (of that, the copy of the windows; NaN
    where it cannot be told apart), kilobytes and, of these, copied_kilobytes; slower, slower_low
    and slower_high: how many times as long as the engine's way without the copy it takes.
    """
    rows = []
    for case in PAPER_CONVS[2:3] if run.quick else PAPER_CONVS:
        run.progress(f"timing {case.name}")
        calls, named = _calls(case)
        table = run.time(calls, share=1 / len(PAPER_CONVS))
        for name, (engine, way) in named.items():
            parts = bytes_of(case, way)
            copies = (engine, way) == (OURS, IM2COL)
            rival = next(n for n, (e, w) in named.items() if e == engine and w != IM2COL)
            rows.append(
                {
                    "case": case.name,
                    "engine": engine,
                    "way": way,
                    "ms": table[name].minimum * 1e3,
                    "copy_ms": table[_COPY].minimum * 1e3 if copies else np.nan,
                    "kilobytes": sum(parts.values()) / 1e3,
                    "copied_kilobytes": parts["copy"] / 1e3,
                    **run.ratio(table, "slower", rival, name),
                }
            )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The bytes, and what each engine loses by im2col."""
    ours = frame[frame.engine == OURS].set_index(["case", "way"])
    cases = list(dict.fromkeys(frame.case))
    growth = [ours.kilobytes[c, IM2COL] / ours.kilobytes[c, DIRECT] for c in cases]
    slower = _slower(ours, cases)
    shares = [ours.copy_ms[c, IM2COL] / ours.ms[c, IM2COL] for c in cases]
    text = (
        f"On {counted(len(cases), 'convolution')}, im2col moves {span(growth)} times "
        f"the bytes of a direct convolution. With bnn_lab's inner loops in both it takes "
        f"{slower}; the copy alone is {100 * min(shares):.0f} to "
        f"{100 * max(shares):.0f} % of its time."
    )
    lce = frame[frame.engine == LCE].set_index(["case", "way"])
    if len(lce):
        text += (
            f" In LCE, whose two kernels differ in their inner loops too, im2col takes "
            f"{_slower(lce, cases)} as the indirect kernel (LCE has no SIMD code for x86)."
        )
    skipped = [] if len(lce) else ["LCE, which is not installed"]
    return text + (f" Left out: {listing(skipped)}." if skipped else "")


def _slower(engine: pd.DataFrame, cases: list[str]) -> str:
    found = engine.loc[[(case, IM2COL) for case in cases]]
    told = int((found.slower_low > 1).sum())
    text = f"{span(found.slower, 2)} times as long"
    return text if told == len(cases) else f"{text} (measurably longer on {told} of {len(cases)})"


_COPY = "copy of the windows"


def _calls(case: ConvCase) -> tuple[dict[str, Callable[[], object]], dict[str, tuple[str, str]]]:
    rng = np.random.default_rng(0)
    image = reference.pack_bits(rng.random((case.size, case.size, case.channels_in)) < 0.5)
    filters = reference.pack_bits(
        rng.random((case.channels_out, case.kernel, case.kernel, case.channels_in)) < 0.5
    )
    rim = case.kernel // 2
    framed = np.zeros((case.size + 2 * rim, case.size + 2 * rim, image.shape[-1]), np.int32)
    axes: Any = (0, 1)
    windows = np.lib.stride_tricks.sliding_window_view(framed, (case.kernel,) * 2, axis=axes)
    windows = windows.transpose(0, 1, 3, 4, 2)
    matrix = np.empty(windows.shape, np.int32)
    rows = matrix.reshape(case.out_size**2, -1)
    # A row of the matrix holds whole words, so unused bits of a tap's last word count as equal.
    depth = 32 * rows.shape[1]
    dense = kernels.BDense(filters.reshape(len(filters), -1), channels_in=depth)
    direct = kernels.BConv2D(filters, channels_in=case.channels_in, padding="same", pad_values=1)

    def copy() -> None:
        framed[rim : rim + case.size, rim : rim + case.size] = image
        np.copyto(matrix, windows)

    def im2col() -> None:
        copy()
        dense.repeat(rows, 1)

    copy()
    unused = depth - case.kernel**2 * case.channels_in
    results = {
        f"{OURS} {DIRECT}": direct(image[None])[0],
        f"{OURS} {IM2COL}": dense(rows).reshape(case.out_size, case.out_size, -1) - unused,
    }
    check_same_results(case.name, results)
    calls: dict[str, Callable[[], object]] = {
        f"{OURS} {IM2COL}": im2col,
        f"{OURS} {DIRECT}": kernel_call(direct, image[None]),
        _COPY: copy,
    }
    named = {f"{OURS} {way}": (OURS, way) for way in (IM2COL, DIRECT)}
    shape = (1, case.out_size, case.out_size, case.channels_out)
    content = conv_file(
        image[None].shape, filters, shape, channels_in=case.channels_in, stride=case.stride
    )
    for name, call in lce_calls(content, image, 1).items():
        calls[name] = call
        named[name] = (LCE, {LCE_DEFAULT: IM2COL, LCE_INDIRECT: INDIRECT}[name])
    return calls, named
