"""What a recorder saw: arrays, saved as one .npz or as Parquet tables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._arrays import npz_path, read_arrays, write_arrays
from bnn_lab._files import whole_file
from bnn_lab._pandas import require_pandas
from bnn_lab.errors import BnnLabError
from bnn_lab.training.flip_statistics import flip_measure

if TYPE_CHECKING:
    import pandas as pd

Counts = NDArray[np.int64]

# Five bins a decade from 1e-6 to 1e3; the outer bins also take what lies beyond.
RATIO_EDGES = np.logspace(-6, 3, 46)
# Time between flips: bin b holds 2^b .. 2^(b+1) - 1 steps.
INTERVAL_BINS = 24

# Kinds and shapes of the arrays; the samples of pressures (P) may be none.
_FIELDS = {
    "layers": "U L",
    "weights": "i L",
    "flips": "i TL",
    "never_flipped": "i L",
    "intervals": "i LI",
    "sample_steps": "i S",
    "magnitudes": "i SLB",
    "pressures": "i PLB",
}
_SIZES = {"I": INTERVAL_BINS, "B": len(RATIO_EDGES) - 1}


@dataclass(frozen=True)
class Recording:
    """Flips and inertia of every layer's binary weights during training.

    L layers, T steps, S samples (taken at intervals of several steps), B bins of `RATIO_EDGES`.

    Attributes:
        layers: names, str (L,).
        weights: binary weights of each layer, int64 (L,).
        flips: weights that flipped, int64 (T, L).
        never_flipped: weights that kept their sign all along, int64 (L,).
        intervals: histogram of the steps between a weight's flips, int64 (L, `INTERVAL_BINS`);
            bin b counts 2^b to 2^(b+1) - 1 steps.
        sample_steps: steps after which magnitudes were sampled, from 1, int64 (S,).
        magnitudes: histogram of the latent weights' absolute value, int64 (S, L, B). Under Bop
            all are 1.
        pressures: histogram of |m| / tau, int64 (S, L, B); S is 0 if the optimizer is not Bop.
    """

    layers: NDArray[np.str_]
    weights: Counts
    flips: Counts
    never_flipped: Counts
    intervals: Counts
    sample_steps: Counts
    magnitudes: Counts
    pressures: Counts

    @property
    def pi(self) -> NDArray[np.float64]:
        """Flip measure of each step and layer, float64 (T, L)."""
        columns = [
            np.atleast_1d(flip_measure(self.flips[:, i], int(total)))
            for i, total in enumerate(self.weights)
        ]
        return np.stack(columns, axis=1)

    @property
    def total_pi(self) -> NDArray[np.float64]:
        """Flip measure of each step over all layers, float64 (T,)."""
        return np.atleast_1d(flip_measure(self.flips.sum(axis=1), int(self.weights.sum())))

    def save(self, path: str | Path) -> Path:
        """Write one compressed .npz file.

        Args:
            path: its name, ending in .npz.

        Returns:
            The path.

        Raises:
            InputError: the name does not end in .npz, or the file cannot be written.
        """
        path = npz_path(path, "Recording.save")
        write_arrays(path, dataclasses.asdict(self))
        return path

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read what `save` wrote.

        Raises:
            InputError: the file is not such a recording.
        """
        fix = "pass a file that Recording.save wrote"
        return cls(**read_arrays(path, _FIELDS, _SIZES, what="a recording", fix=fix))

    def frames(self) -> dict[str, pd.DataFrame]:
        """Tidy tables for pandas.

        Returns:
            ``flips`` (step, layer, flips, weights, pi), ``intervals`` (layer, steps_from, count),
            ``magnitudes`` and ``pressures`` (step, layer, low, count); empty bins are left out.

        Raises:
            BnnLabError: pandas is not installed.
        """
        pd = require_pandas()
        steps, count = self.flips.shape
        flips = pd.DataFrame(
            {
                "step": np.repeat(np.arange(1, steps + 1), count),
                "layer": np.tile(self.layers, steps),
                "flips": self.flips.ravel(),
                "weights": np.tile(self.weights, steps),
                "pi": self.pi.ravel(),
            }
        )
        layer, bins = np.nonzero(self.intervals)
        intervals = pd.DataFrame(
            {
                "layer": self.layers[layer],
                "steps_from": 2**bins,
                "count": self.intervals[layer, bins],
            }
        )
        tables = {"flips": flips, "intervals": intervals}
        for name in ("magnitudes", "pressures"):
            counts = getattr(self, name)
            sample, layer, bins = np.nonzero(counts)
            tables[name] = pd.DataFrame(
                {
                    "step": self.sample_steps[sample],
                    "layer": self.layers[layer],
                    "low": RATIO_EDGES[bins],
                    "count": counts[sample, layer, bins],
                }
            )
        return tables

    def save_parquet(self, folder: str | Path) -> list[Path]:
        """Write each table of `frames` as `folder`/<name>.parquet.

        Returns:
            The files.

        Raises:
            BnnLabError: pandas or pyarrow is not installed.
            InputError: a file cannot be written.
        """
        folder = Path(folder)
        paths = []
        for name, table in self.frames().items():
            path = folder / f"{name}.parquet"
            try:
                with whole_file(path) as part:
                    table.to_parquet(part, index=False)
            except ImportError as error:
                raise BnnLabError(
                    'pyarrow is not installed. Fix: pip install "bnn-lab[parquet]"'
                ) from error
            paths.append(path)
        return paths


def ratio_histogram(values: Any) -> Counts:
    """Histogram of absolute values over `RATIO_EDGES`, int64 (B,); the outer bins are open.

    NaN, as of a training that diverged, is in none of them.
    """
    clipped = np.clip(np.abs(values).ravel(), RATIO_EDGES[0], RATIO_EDGES[-1])
    # Even bins of the logarithm: much quicker than np.histogram with given edges.
    with np.errstate(invalid="ignore"):
        bins = ((np.log10(clipped) + 6.0) * 5.0).astype(np.int64)
    if bins.size and bins.min() < 0:  # NaN
        bins = bins[~np.isnan(clipped)]
    count = len(RATIO_EDGES) - 1
    return np.bincount(np.minimum(bins, count - 1), minlength=count)
