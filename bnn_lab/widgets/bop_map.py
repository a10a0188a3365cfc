"""`BopMap`: Bop's adaptivity rate and threshold as a map whose cells play their run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.training.movie import WeightMovie
from bnn_lab.widgets.explorable import Explorable

FRAMES = 60  # of a recorded run; a map holds many


class BopMap(Explorable, module="bop_map"):
    """Drag over the map of gamma and tau: the run of the chosen cell plays beside it.

    Without films it shows 225 simulated weights, `bnn_lab.training.simulate.Bop`'s bit by bit.
    ``cells`` has gammas, taus, and films, by row and column, as
    `bnn_lab.training.movie.WeightMovie.packed` gives them.
    """

    def __init__(
        self,
        films: Mapping[tuple[float, float], WeightMovie] | None = None,
        name: str = "",
        **start: Any,
    ) -> None:
        if films is not None:
            start = {"cells": _cells(films), **start}
        super().__init__(name, **start)


def _cells(films: Mapping[tuple[float, float], WeightMovie]) -> dict[str, Any]:
    gammas = sorted({gamma for gamma, _ in films})
    taus = sorted({tau for _, tau in films})
    missing = [(g, t) for g in gammas for t in taus if (g, t) not in films]
    if missing or not films:
        raise InputError(
            f"BopMap: a film is needed for every gamma and tau; these are missing: {missing}. Fix: "
            "film every pair."
        )
    if max(len(gammas), len(taus)) > 12:
        raise InputError("BopMap: at most 12 gammas and 12 taus can be told apart.")
    return {
        "gammas": gammas,
        "taus": taus,
        "films": [[films[g, t].packed(FRAMES) for t in taus] for g in gammas],
    }
