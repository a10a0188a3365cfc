"""Four interpreters in four threads for a while: the same results, and no memory lost."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import psutil
import pytest

from bnn_lab import Interpreter, reference


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=pytest.mark.exhaustive)])
def test_many_threads_for_a_while(conv_model, seconds):
    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((8, 20, 20, 64)) < 0.5)
    filters = reference.pack_bits(rng.random((64, 3, 3, 64)) < 0.5)
    options = {"channels_in": 64, "padding": "same", "pad_values": 1}
    content = conv_model(x[:1], filters, options)
    expected = reference.bconv2d(x, filters, **options)
    wrong: list[str] = []
    stop = 0.0

    def start() -> None:
        nonlocal stop
        stop = time.monotonic() + seconds

    warm = threading.Barrier(5, action=start)  # so that a busy machine does not use up the time

    def work(name: str, num_threads: int) -> None:
        try:
            interpreter = Interpreter(content, num_threads)
            for _ in range(50):
                interpreter.predict(x)
            warm.wait()
            while time.monotonic() < stop:
                if not np.array_equal(interpreter.predict(x), expected):
                    wrong.append(name)
                # Made and dropped: delegate, pool and packed weights must go with it.
                if not np.array_equal(Interpreter(content, 2).predict(x[:1]), expected[:1]):
                    wrong.append(f"{name}, new interpreter")
        except Exception as error:
            wrong.append(f"{name}: {error!r}")
            warm.abort()

    threads = [threading.Thread(target=work, args=(f"thread {i}", 1 + i % 2)) for i in range(4)]
    for thread in threads:
        thread.start()
    warm.wait()
    # The allocator's arenas reach their size in the first seconds.
    time.sleep(seconds / 4)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for thread in threads:
        thread.join()
    gc.collect()
    after = psutil.Process().memory_info().rss
    assert not wrong
    assert after < before * 1.02, f"{before / 1e6:.0f} MB grew to {after / 1e6:.0f} MB"
