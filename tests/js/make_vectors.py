"""Writes what Python computes, for JavaScript to compute again: `vectors/*.json`.

    python tests/js/make_vectors.py           # writes
    python tests/js/make_vectors.py --check   # only says whether a file is out of date

Floats are written so that they can be read back to the last bit.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bnn_lab import reference
from bnn_lab.bench.kernels import ConvCase
from bnn_lab.bench.machine import conv_bytes
from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.lessons import designer
from bnn_lab.lessons.drawn_digits import FILE, to_levels
from bnn_lab.lessons.strokes import draw_strokes
from bnn_lab.runtime import Interpreter
from bnn_lab.training import closed_forms, counter_random
from bnn_lab.training.movie import WeightMovie
from bnn_lab.training.simulate import Bop, LatentSGD, Rule, random_coupling, simulate_weights
from bnn_lab.training.ternary_row import simulate_ternary_row
from bnn_lab.widgets.window import Scene

FOLDER = Path(__file__).with_name("vectors")


def random_vectors() -> dict[str, Any]:
    """Words, normals of several seeds, and sums over a long stretch."""
    words = [0, 1, 2, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]
    # The edges of the middle of the distribution, both tails, and the centre.
    edges = [0, 1, 2**20, 322122547, 322122548, 2**31 - 1, 2**31, 2**32 - 322122548, 2**32 - 1]
    places = [(0, 0), (0, 1), (1, 0), (7, 3), (399, 399), (65535, 0), (0, 65535), (65535, 65535)]
    seeds = [0, 1, 2, 99, 2**31, 2**32 - 1]
    table = counter_random.normal_table(3, 300, 100)
    return {
        "hash32": [[word, int(counter_random.hash32([word])[0])] for word in words],
        "quantile": [
            [word, float(counter_random.quantile(np.array([word], np.uint32))[0])] for word in edges
        ],
        "normal": [
            [seed, step, weight, float(counter_random.normal(seed, step, weight))]
            for seed in seeds
            for step, weight in places
        ],
        "table": {"seed": 3, "steps": 300, "weights": 100, **summary(table)},
    }


def simulations() -> list[dict[str, Any]]:
    """Whole runs of each rule, with every setting used."""
    plain = {"learning_rate": 0.05, "initial": 1.0}
    latents: list[dict[str, Any]] = [
        plain,
        {"learning_rate": 0.1, "initial": 0.3, "momentum": 0.9},
        {"learning_rate": 0.2, "initial": 1.0, "clip": 0.3},
        {"learning_rate": 0.05, "initial": 0.7, "decay": 0.02, "clip": 0.5, "momentum": 0.5},
    ]
    bops: list[dict[str, Any]] = [
        {"gamma": 0.05, "threshold": 0.2},
        {"gamma": 0.1, "threshold": 0.0},
        {"gamma": 1.0, "threshold": 1.0},
    ]
    found = []
    for turns, drift, noise, seed in (
        (False, 0.2, 1.0, 0),
        (True, 0.3, 0.5, 7),
        (True, 0.5, 0.0, 1),
    ):
        run = {"steps": 200, "weights": 20, "drift": drift, "turns": turns}
        run |= {"noise": noise, "seed": seed}
        for settings in latents:
            found.append(simulated("latent", LatentSGD(**settings), settings, run))
        for settings in bops:
            found.append(simulated("bop", Bop(**settings), settings, run))
    # Worlds of weights that depend on each other, one of them smaller.
    for scale, clip in ((1.0, None), (0.375, None), (0.375, 0.6)):
        settings = {"learning_rate": 0.05 * scale, "initial": 0.6 * scale, "clip": clip}
        run = {"steps": 300, "weights": 12, "drift": 0.0, "turns": False, "noise": 1.0, "seed": 4}
        run["coupling"] = 4
        found.append(simulated("latent", LatentSGD(**settings), settings, run))
    # As large as an explorable's own.
    large = {"steps": 400, "weights": 400, "drift": 0.2, "turns": False, "noise": 1.0, "seed": 0}
    found.append(simulated("latent", LatentSGD(**plain), plain, large))
    return found


def simulated(
    kind: str, rule: Rule, settings: dict[str, Any], run: dict[str, Any]
) -> dict[str, Any]:
    """One run: the first weights whole, the rest by what it sums up to."""
    drift = np.full((run["steps"], 1), run["drift"])
    if run["turns"]:
        drift[run["steps"] // 2 :] *= -1
    found = simulate_weights(
        rule,
        steps=run["steps"],
        weights=run["weights"],
        drift=drift,
        noise=run["noise"],
        seed=run["seed"],
        coupling=random_coupling(run["weights"], run["coupling"]) if "coupling" in run else None,
    )
    first = [None if np.isnan(step) else int(step) for step in found.first_flips]
    return {
        "kind": kind,
        "rule": settings,
        "run": run,
        "watched": found.watched[:, 0].tolist(),
        "last": found.watched[-1].tolist(),
        "all": summary(found.watched),
        "firstFlips": first,
        "flipsPerStep": found.flips_per_step.tolist(),
    }


def ternary_rows() -> list[dict[str, Any]]:
    """Runs of ternary weights: the last row whole, and what moved in each step."""
    found = []
    plain: dict[str, Any] = {"learning_rate": 0.05, "push": 0.3, "noise": 1.0, "seed": 0}
    for changes, steps, weights in (
        ({"zone": 0.5}, 300, 240),
        ({"zone": 0.0, "seed": 3}, 80, 24),
        ({"zone": 2.0, "learning_rate": 0.5}, 80, 24),
        ({"zone": 0.7, "noise": 0.0, "push": 1.0}, 60, 7),
        ({"zone": 1.3, "noise": 3.0, "push": 0.0, "seed": 99}, 60, 33),
    ):
        rule, run = {**plain, **changes}, {"steps": steps, "weights": weights}
        row = simulate_ternary_row(**rule, **run)
        found.append(
            {
                "rule": rule,
                "run": run,
                "goals": row.goals.tolist(),
                "latents": row.latents[-1].tolist(),
                "means": row.means.tolist(),
                "trits": row.trits[-1].tolist(),
                "moves": row.moves.tolist(),
            }
        )
    return found


def closed() -> dict[str, list[list[Any]]]:
    """Arguments and value of every closed form."""
    gammas = (0.5, 0.1, 0.03, 0.005)
    starts = [(0.1, 0.05), (1.0, 0.05), (2.0, 0.5)]
    pushes = [(0.02, 0.1), (0.2, 1.0), (1.0, 3.0)]
    cases = {
        "emaSpread": (closed_forms.ema_spread, [(g, n) for g in gammas for n in (0.0, 1.0, 3.0)]),
        "bopFlipRate": (
            closed_forms.bop_flip_rate,
            [(g, k) for g in gammas for k in (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 40.0)],
        ),
        "bopFlipStep": (
            closed_forms.bop_flip_step,
            [(g, t, d) for g in (1.0, *gammas) for t in (0.0, 0.2, 1.0) for d in (0.05, 0.3, 1.0)]
            + [(g, 0.2, 0.3, start) for g in gammas for start in (-0.3, 0.1, 0.25, 0.5)],
        ),
        "latentFirstFlip": (
            closed_forms.latent_first_flip,
            [(*s, *p) for s in starts for p in [*pushes, (0.3, 0.0)]],
        ),
        "inverseGaussianDensity": (
            lambda time, *rest: float(
                closed_forms.inverse_gaussian_density(np.array([time]), *rest)[0]
            ),
            [(t, *s, *p) for t in (1.0, 30.0, 400.0) for s in starts for p in pushes],
        ),
    }
    return {
        name: [[list(arguments), function(*arguments)] for arguments in many]
        for name, (function, many) in cases.items()
    }


def bits() -> dict[str, Any]:
    """Dot products of words, and whole binary convolutions of small images, by the oracle."""
    rng = np.random.default_rng(5)
    dots = []
    for length in (4, 5, 8, 31, 32):
        for _ in range(6):
            a, w = (int(word) for word in rng.integers(0, 2**32, 2))
            signs = [[1 - 2 * (word >> i & 1) for i in range(length)] for word in (a, w)]
            dots.append([length, a, w, int(np.dot(*signs))])
    runs = []
    for number in range(6):
        image = rng.choice(np.array([-1, 1], np.int8), (8, 8, 32))
        filters = rng.choice(np.array([-1, 1], np.int8), (8, 3, 3, 32))
        scene = Scene(np.zeros((8, 8), np.int64), image, filters).packed()
        channel, pad_values = int(rng.integers(8)), number % 2
        flips = sorted({int(at) for at in rng.integers(0, 8 * 288, 5 * number)})
        changed = filters.copy().reshape(-1)
        changed[flips] *= -1
        kernel = changed.reshape(filters.shape)[channel : channel + 1]
        accumulators = reference.bconv2d_accumulators(
            reference.pack_bits(image[None] < 0),
            reference.pack_bits(kernel < 0),
            channels_in=32,
            padding="same",
            pad_values=pad_values,
        )
        state = {"scene": scene, "filter": channel, "flips": flips, "ones": bool(pad_values)}
        runs.append({"state": state, "accumulators": accumulators.ravel().tolist()})
    return {"dots": dots, "convolutions": runs}


def small_kernel() -> list[dict[str, Any]]:
    """Binary convolution, maxima and signs by the oracle, and a float convolution of whole numbers.

    The n-th word of a case is hash32(seed + n).
    """
    found = []
    for seed, (height, width, channels, filters) in enumerate(
        [(3, 5, 32, 32), (8, 8, 64, 128), (5, 4, 128, 96), (2, 3, 320, 32), (7, 2, 96, 64)]
    ):
        seed = 1_000_000 * seed + 1
        words = channels // 32
        counts = height * width * words, filters * 9 * words, filters
        n = np.arange(seed, seed + sum(counts), dtype=np.uint32)
        drawn = counter_random.hash32(n).astype(np.uint32)
        x, w, limits = np.split(drawn, np.cumsum(counts)[:-1])
        accumulators = reference.bconv2d_accumulators(
            x.view(np.int32).reshape(1, height, width, words),
            w.view(np.int32).reshape(filters, 3, 3, words),
            channels_in=channels,
            padding="same",
            pad_values=1,
        )[0]
        threshold = (limits % 64).astype(np.int32) - 32
        rows, columns = height // 2 * 2, width // 2 * 2
        blocks = accumulators[:rows, :columns]
        pooled = blocks.reshape(rows // 2, 2, columns // 2, 2, filters).max(axis=(1, 3))
        # Floats that are whole numbers: their sums are exact in any order.
        image = np.pad(
            (x % 15).reshape(height, width, words).astype(int) - 7, [(1, 1)] * 2 + [(0, 0)]
        )
        kernel = (w % 7).reshape(3, 3, words, filters).astype(int) - 3
        sums = sum(
            image[ky : ky + height, kx : kx + width] @ kernel[ky, kx]
            for ky in range(3)
            for kx in range(3)
        )
        found.append(
            {
                "seed": seed,
                "shape": [height, width, channels, filters],
                "accumulators": digest(accumulators),
                "pooled": digest(pooled),
                "signs": digest(reference.pack_bits(accumulators < threshold)),
                "floats": digest(np.asarray(sums)),
            }
        )
    return found


def drawn_digits() -> dict[str, Any]:
    """What `strokes.json` leaves on the paper, what the network sees of it, and its answers."""
    strokes = json.loads(Path(__file__).with_name("strokes.json").read_text())
    grey = np.stack([draw_strokes(lines) for lines in strokes.values()])
    levels = to_levels(grey)
    answers = np.argmax(Interpreter(FILE.read_bytes(), num_threads=1).predict(levels), axis=1)

    def text(values: Any) -> str:
        return base64.b64encode(np.asarray(values).astype(np.uint8).tobytes()).decode()

    return {
        name: {
            "strokes": lines,
            "grey": text(grey[i]),
            "levels": text((levels[i] + 1) * 8),
            "answer": int(answers[i]),
        }
        for i, (name, lines) in enumerate(strokes.items())
    }


def digest(values: Any) -> int:
    """One word for whole numbers and their order: the sum of hash32(value + 0x9e3779b9 place)."""
    flat = np.asarray(values).astype(np.int64).ravel()
    mixed = (flat + 0x9E3779B9 * np.arange(len(flat))) % 2**32
    return int(counter_random.hash32(mixed.astype(np.uint32)).sum(dtype=np.uint64) % 2**32)


def films() -> list[dict[str, Any]]:
    """Packed films, and the signs after some of their frames."""
    rng = np.random.default_rng(8)
    found = []
    for shape, steps, frames, share in (
        ((5, 7), 300, 50, 0.1),  # several steps a frame
        ((3, 3), 40, 240, 0.5),
        ((16, 16), 30, 30, 0.0005),  # long gaps
        ((2, 2), 0, 10, 0.5),  # nothing yet
    ):
        flips = rng.random((steps, int(np.prod(shape)))) < share
        step, pixel = np.nonzero(flips)
        movie = WeightMovie(
            "a run",
            "a layer",
            rng.random(shape) < 0.5,
            step + 1,
            pixel,
            flips.sum(axis=1),
            flips.shape[1],
            np.zeros(0),
        )
        packed = movie.packed(frames)
        count = len(packed["pi"])
        shown = sorted({0, min(1, count), count // 2, count})
        signs = [
            movie.signs_at(min(frame * packed["every"], steps)).ravel().astype(int).tolist()
            for frame in shown
        ]
        found.append({"packed": packed, "frames": shown, "signs": signs})
    return found


def designs() -> list[dict[str, Any]]:
    """Designs with the shipped machine's estimate; milliseconds have four digits in the page."""
    model = CostModel.load(SHIPPED)
    rng = np.random.default_rng(4)
    found = []
    for number in range(12):
        state = designer.design(
            tuple(int(blocks) for blocks in rng.integers(1, 13, 4)),
            tuple(int(32 * filters) for filters in rng.integers(1, 17, 4)),
            (64, 128, 224)[number % 3],
            (designer.FUSED, designer.SEPARATE, designer.NONE)[number // 4],
        )
        cost = designer.estimate(state, model)
        found.append(
            {
                "state": asdict(state),
                "ms": cost.ms.tolist(),
                "macs": cost.macs.tolist(),
                "bytes": cost.bytes.tolist(),
                "parts": [step.part for step in cost.steps],
            }
        )
    return found


def bytes_of_convolutions() -> list[list[Any]]:
    """[[size, channels in, channels out, filter], bits, bits of results, bytes, MACs]."""
    cases = [
        ConvCase(56, 64, 64),
        ConvCase(7, 512, 512),
        ConvCase(1, 2048, 96, kernel=1),
        ConvCase(28, 33, 5, kernel=5),
    ]
    return [
        [
            [case.size, case.channels_in, case.channels_out, case.kernel],
            bits,
            output_bits,
            conv_bytes(case, bits, output_bits),
            case.macs,
        ]
        for case in cases
        for bits, output_bits in ((1, 32), (1, 1), (8, 8), (32, 32))
    ]


def summary(values: Any) -> dict[str, Any]:
    """What all values together give: a sum in their order, and their bits combined."""
    flat = np.ascontiguousarray(values, np.float64).ravel()
    words = flat.view(np.uint32)  # little endian, low word first
    return {
        "count": len(flat),
        "sum": float(np.cumsum(flat)[-1]),
        "bits": int(np.bitwise_xor.reduce(words)),
    }


def files() -> dict[str, str]:
    """File name to content."""
    made = {
        "random": random_vectors(),
        "simulate": simulations(),
        "closed_forms": closed(),
        "bits": bits(),
        "films": films(),
        "ternary_rows": ternary_rows(),
        "small_kernel": small_kernel(),
        "designs": designs(),
        "conv_bytes": bytes_of_convolutions(),
        "drawn_digits": drawn_digits(),
    }
    return {f"{name}.json": json.dumps(content) + "\n" for name, content in made.items()}


def alike(stored: Any, computed: Any) -> bool:
    """Whether two values of JSON are equal, but for rounding, which other systems do otherwise."""
    if type(stored) is not type(computed):
        return False
    if isinstance(stored, dict):
        same = list(stored) == list(computed)
        return same and all(alike(stored[key], computed[key]) for key in stored)
    if isinstance(stored, list):
        return len(stored) == len(computed) and all(map(alike, stored, computed))
    if isinstance(stored, float):
        return math.isclose(stored, computed, rel_tol=1e-12)
    return bool(stored == computed)


def is_late(name: str, text: str) -> bool:
    """Whether a file is missing or holds something else."""
    path = FOLDER / name
    return not path.exists() or not alike(json.loads(path.read_text()), json.loads(text))


def main() -> int:
    """Command line; returns the exit code."""
    check = "--check" in sys.argv[1:]
    late = [name for name, text in files().items() if is_late(name, text)]
    if check:
        for name in late:
            print(f"{name} is out of date; run python tests/js/make_vectors.py")
        return int(bool(late))
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    print(f"{len(late)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
