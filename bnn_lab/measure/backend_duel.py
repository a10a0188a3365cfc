"""Which of two backends is faster on this machine: a chain of layers on both, interleaved.

One hot layer would flatter tiles: they want their weights from the first-level cache and take some
100 us to reach full speed. So 16 layers run one after the other, each with its own weights, and
fused as in a network. Rounds in which another hyperthread shares the core count, because that is
what decides; those in which the system took the CPU away say nothing of either backend.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from bnn_lab import __version__
from bnn_lab._files import write_whole
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.kernels import choice
from bnn_lab.kernels.choice_file import SCHEMA, ChoiceFile, Duel, chosen, parse
from bnn_lab.measure.host import real_host
from bnn_lab.measure.noise import NoisyMachineError, interruptions
from bnn_lab.measure.timing import measure
from bnn_lab.runtime.delegate import load_delegate
from bnn_lab.runtime.litert import open_litert
from bnn_lab.tflite.op_files import residual_chain_file

STAGES = ((56, 64), (28, 128), (14, 256), (7, 512))  # size and channels, as in ResNet-18
LAYERS = 4  # of each
LEAST_ROUNDS = 40
MOST_ROUNDS = 4000
LEAST_COUNTED = 10
_WARMUP = 3


def measure_duel(
    seconds: float = 10.0, *, stages: tuple[tuple[int, int], ...] = STAGES, layers: int = LAYERS
) -> Duel | None:
    """Compare the default backend of this CPU with the one that may be faster, on one thread.

    Args:
        seconds: how long rounds are run for, at least `LEAST_ROUNDS` of them. Whether another
            hyperthread shares the core changes within seconds, so a short look is a gamble.
        stages: (size, channels) of square images; smaller ones are for tests.
        layers: binary 3x3 convolutions with shortcuts on each.

    Returns:
        The figures; None if this CPU has no such choice.

    Raises:
        InputError: `seconds` is negative or not finite.
        BnnLabError: the two compute different results, which is a fault of bnn_lab.
        EmulatedError: this CPU is emulated.
        NoisyMachineError: other work took the CPU away in nearly every round.
    """
    if not 0 <= seconds < float("inf"):
        raise InputError(f"measure_duel({seconds=}): must be a number, at least 0.")
    pair, cpu = choice.contestants(), choice.this_cpu()
    if pair is None or cpu is None:
        return None
    real_host("choosing a backend")
    file = residual_chain_file(stages, layers)
    calls, results = zip(*(_chain(file, backend) for backend in pair), strict=True)
    if not all(np.array_equal(a, b) for a, b in zip(*results, strict=True)):
        raise BnnLabError(
            f"{pair[1]} and {pair[0]} compute different results on this CPU, {cpu}: a fault of "
            f"bnn_lab or of the CPU. Until it is found: {choice.VARIABLE}={pair[0]}"
        )
    named = dict(zip(pair, calls, strict=True))
    first = measure(named, rounds=5, warmup=_WARMUP, round_seconds=0)
    once = sum(timing.median for timing in first.timings)
    rounds = int(np.clip(seconds / once, LEAST_ROUNDS, MOST_ROUNDS))
    table = measure(
        named, rounds=rounds, warmup=_WARMUP, round_seconds=0, interruptions=interruptions
    )
    counted = int(table.counted.sum())
    if counted < LEAST_COUNTED:
        raise NoisyMachineError(
            f"choosing a backend: other work took the CPU away in all but {counted} of {rounds} "
            f"rounds, so {pair[0]} stays the default. Fix: stop other work and try again"
        )
    quotients = table[pair[0]].seconds / table[pair[1]].seconds
    lower, median, upper = np.percentile(quotients, (25, 50, 75))
    return Duel(
        cpu=cpu,
        bnn_lab=__version__,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        default=pair[0],
        rival=pair[1],
        lower_quartile=float(lower),
        median=float(median),
        upper_quartile=float(upper),
        rounds=len(quotients),
        chosen=chosen(*pair, float(lower)),
    )


def save_duel(duel: Duel) -> Path:
    """Store figures where every process of this user looks for them, and look again in this one.

    Those of other CPUs, which may share the folder, stay.

    Args:
        duel: from `measure_duel`.

    Returns:
        The file.

    Raises:
        InputError: it cannot be written.
    """
    file = choice.choice_path()
    kept = [other for other in _stored(file) if other.cpu != duel.cpu]
    content = ChoiceFile(schema=SCHEMA, duels=[*kept, duel])
    write_whole(file, msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
    choice.forget()
    return file


def _stored(file: Path) -> list[Duel]:
    """What is there and can be read; a broken file is replaced."""
    try:
        content = choice.read_file(file)
    except OSError:
        return []
    found = [] if content is None else parse(content, str(file))
    return [] if isinstance(found, str) else found


def _chain(file: bytes, backend: str) -> tuple[Callable[[], object], list[np.ndarray]]:
    """A call that runs the chain, and its outputs."""
    litert = open_litert(file, [load_delegate(backend=backend)])
    random = np.random.default_rng(0)
    for details in litert.get_input_details():
        values = random.standard_normal(tuple(details["shape"])).astype(np.float32)
        litert.set_tensor(details["index"], values)
    litert.invoke()
    outputs = [litert.get_tensor(details["index"]) for details in litert.get_output_details()]
    return litert.invoke, outputs
