"""What watching costs: ``python -m bnn_lab.training.recorder_cost [--rounds N]``.

Epochs with and without a recorder take turns in one process, so that whatever else the machine does
disturbs both alike. The digits MLP is the hardest case: its step takes well under a millisecond.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import load_digits
from bnn_lab.models import digits_bnn, digits_mlp
from bnn_lab.training.bop import bop_optimizer
from bnn_lab.training.flips import FlipRecorder, InertiaRecorder

EPOCHS = 4  # of each turn; the first is left out, as it warms up


def epoch_times(model: Any, rounds: int) -> dict[str, list[float]]:
    """Train in turns.

    Args:
        model: for the digits; it is compiled with Bop.
        rounds: turns of each kind, at least 1.

    Returns:
        ``none``, ``FlipRecorder``, ``InertiaRecorder`` to seconds of each epoch, paired by index.
    """
    tf = require_tensorflow()
    data = load_digits()
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(bop_optimizer(model=model), loss, metrics=["accuracy"])
    recorders: dict[str, list[Any]] = {
        "none": [],
        "FlipRecorder": [FlipRecorder()],
        "InertiaRecorder": [InertiaRecorder()],
    }
    times: dict[str, list[float]] = {name: [] for name in recorders}
    for turn in range(rounds + 1):
        for name, recorder in recorders.items():
            taken: list[float] = []
            started = [0.0]

            def start(
                epoch: int, logs: Any, taken: list[float] = taken, started: list[float] = started
            ) -> None:
                if started[0]:
                    taken.append(time.perf_counter() - started[0])
                started[0] = time.perf_counter()

            # From one beginning to the next, so that all recorders' work at the end is in it.
            clock = tf.keras.callbacks.LambdaCallback(on_epoch_begin=start)
            model.fit(
                data.train_images,
                data.train_labels,
                batch_size=64,
                epochs=EPOCHS + 1,
                verbose=0,
                callbacks=[*recorder, clock],
            )
            if turn:  # the first traces the step
                times[name] += taken[1:]
    return times


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bnn_lab.training.recorder_cost")
    parser.add_argument("--rounds", type=int, default=40, help="of the MLP; 1/20 of the other")
    rounds = max(1, parser.parse_args().rounds)
    print("ms an epoch (20 steps of 64 digits), and how much more than without a recorder")
    print(f"{'model':12}{'recorder':18}{'min':>8}{'median':>8}{'min':>9}{'median':>9}{'paired':>9}")
    # The convolutional network's epochs take 20 times as long.
    for build, turns in ((digits_mlp, rounds), (digits_bnn, max(1, rounds // 20))):
        times = {name: 1e3 * np.array(t) for name, t in epoch_times(build(), turns).items()}
        base = times["none"]
        for name, taken in times.items():
            more = (
                taken.min() / base.min(),
                np.median(taken) / np.median(base),
                np.median(taken / base),
            )
            cells = "".join(f"{100 * (ratio - 1):+8.1f}%" for ratio in more)
            print(f"{build.__name__:12}{name:18}{taken.min():8.2f}{np.median(taken):8.2f}{cells}")


if __name__ == "__main__":
    main()
