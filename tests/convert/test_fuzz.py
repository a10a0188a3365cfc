"""Corrupt files through all that reads files: only bnn_lab's exceptions, and no hang."""

from __future__ import annotations

import io
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.cli import main as cli
from bnn_lab.convert import (
    convert_keras_model,
    export_model,
    import_model,
    ir_text,
    make_pipeline,
    run_pipeline,
    stock_tflite,
)
from bnn_lab.errors import BnnLabError

tf = require_tensorflow()
layers = tf.keras.layers
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
LIMIT = 5  # seconds a file


@pytest.fixture(scope="module")
def originals() -> list[bytes]:
    """A float, an int8 and two binary files that between them use every pass."""
    x = tf.keras.Input((6, 6, 4))
    y = layers.Conv2D(32, 3, padding="same")(x)
    z = lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1, **BINARY)(y)
    y = layers.add([y, layers.BatchNormalization()(z)])
    y = lq.layers.QuantDepthwiseConv2D(
        3, padding="same", input_quantizer="ste_sign", depthwise_quantizer="ste_sign"
    )(y)
    y = layers.ZeroPadding2D(((1, 0), (0, 1)))(lq.quantizers.SteSign()(layers.MaxPool2D()(y)))
    y = lq.layers.QuantConv2D(32, 2, kernel_quantizer="ste_sign")(y)
    y = layers.concatenate([y, layers.ReLU()(y)])
    y = lq.layers.QuantConv2DTranspose(8, 2, strides=2, **BINARY)(y)
    model = tf.keras.Model(x, lq.layers.QuantDense(3, **BINARY)(layers.Flatten()(y)))
    data = np.random.default_rng(0).normal(size=(4, 6, 6, 4)).astype(np.float32)
    return [
        stock_tflite(model),
        stock_tflite(model, data, io_dtype="int8"),
        convert_keras_model(model),
        convert_keras_model(model, lce_compatible=False),
    ]


def mutant(original: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, a stretch overwritten, moved or cut away."""
    data = bytearray(original)
    kind = rng.integers(5)
    at = int(rng.integers(len(data)))
    length = int(rng.integers(1, 33))
    if kind == 0:
        return bytes(data[:at])
    if kind == 1:
        data[at : at + length] = rng.bytes(length)
    elif kind == 2:
        other = int(rng.integers(len(data)))
        data[at : at + length] = data[other : other + length]
    elif kind == 3:  # small integers, as counts, offsets and enums are
        data[at & ~3 : (at & ~3) + 4] = int(rng.integers(-4, 300)).to_bytes(
            4, "little", signed=True
        )
    else:
        for position in rng.integers(8, len(data), int(rng.integers(1, 9))):
            data[position] = rng.integers(256)
    return bytes(data)


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Of CPU time: a busy machine is not a hang."""

    def stop(signum: int, frame: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def read_everything(data: bytes, lce_compatible: bool) -> bool:
    """All that `inspect` and `convert` do with a file; False if it is refused."""
    try:
        module = import_model(data)
        ir_text(module)
        run_pipeline(module, make_pipeline(lce_compatible=lce_compatible))
        import_model(export_model(module))
    except BnnLabError as error:
        assert str(error)
        return False
    return True


def inspect(data: bytes, file: Path) -> bool:
    """The command `bnn-lab inspect --ir --passes`; False if it refuses the file in one line."""
    file.write_bytes(data)
    shown, error = io.StringIO(), io.StringIO()
    code: Any = 0
    with redirect_stdout(shown), redirect_stderr(error):
        try:
            cli.main(["inspect", str(file), "--ir", "--passes"])
        except SystemExit as end:
            code = end.code
    if not code:
        assert "func.func" in shown.getvalue()
        assert not error.getvalue()
        return True
    assert code == 1
    assert error.getvalue().startswith("error: ")
    assert error.getvalue().count("\n") == 1
    return False


def fuzz(originals: list[bytes], seed: int, count: int, file: Path) -> None:
    rng = np.random.default_rng(seed)
    accepted = 0
    slowest = 0.0
    for index in range(count):
        data = mutant(originals[index % len(originals)], rng)
        turn = index // len(originals) % 3
        start = time.process_time()
        try:
            with time_limit(LIMIT):
                accepted += inspect(data, file) if turn == 2 else read_everything(data, turn == 1)
        except Exception as error:
            raise AssertionError(
                f"mutant {index} of seed {seed}: {type(error).__name__} after "
                f"{time.process_time() - start:.1f} s: {error}"
            ) from error
        slowest = max(slowest, time.process_time() - start)
    print(f"seed {seed}: {accepted} of {count} mutants accepted, the slowest took {slowest:.2f} s")
    # Otherwise every file was refused at once and the passes were never tried.
    assert accepted > count // 10
    assert accepted < count


def test_the_originals_are_accepted(originals, tmp_path):
    for data in originals:
        assert all(read_everything(data, lce) for lce in (True, False))
        assert inspect(data, tmp_path / "original.tflite")


@pytest.mark.slow
def test_500_mutants(originals, tmp_path):
    fuzz(originals, seed=0, count=500, file=tmp_path / "mutant.tflite")


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1, 11))
def test_10000_mutants(originals, tmp_path, seed):
    fuzz(originals, seed, count=1000, file=tmp_path / "mutant.tflite")
