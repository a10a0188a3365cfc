"""`OpProfile`: where the time of one or more `.tflite` files goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bnn_lab.errors import InputError
from bnn_lab.figures.op_names import plain
from bnn_lab.measure.units import significant
from bnn_lab.widgets.explorable import Explorable

if TYPE_CHECKING:
    from bnn_lab.profiling.model_profile import Profile

_DIGITS = 4


class OpProfile(Explorable, module="op_profile"):
    """Bars of a file's ops, on its own time scale or on one for all files.

    Without profiles it shows recorded ones. ``files`` is what `pack_profiles` gives.

    Args:
        profiles: name of a file to what `bnn_lab.profile` returned for it.
        name: see `Explorable`.
        **start: see `Explorable`.

    Raises:
        InputError: there are no profiles; see also `Explorable`.
    """

    def __init__(
        self, profiles: Mapping[str, Profile] | None = None, name: str = "", **start: Any
    ) -> None:
        if profiles is not None:
            if not profiles:
                raise InputError("OpProfile: no profiles; make some with bnn_lab.profile(file).")
            start = {"files": pack_profiles(profiles), **start}
        super().__init__(name, **start)


def pack_profiles(profiles: Mapping[str, Profile]) -> list[dict[str, Any]]:
    """Profiles as small JSON for the page.

    Args:
        profiles: name of a file to what `bnn_lab.profile` returned for it.

    Returns:
        For each ``name``, ``ms`` of one inference, ``warning`` and ``rows``, in the order in which
        they run: [kind in plain words, output's shape, ms, binary, GMAC/s or None].
    """
    return [
        {
            "name": name,
            "ms": significant(profile.end_to_end_ms, _DIGITS),
            "warning": profile.warning or "",
            "rows": [
                [
                    plain(row.kind),
                    "×".join(map(str, row.output_shape)),
                    significant(row.ms, _DIGITS),
                    row.binary,
                    None if row.gmacs_per_s is None else significant(row.gmacs_per_s, _DIGITS),
                ]
                for row in profile.rows
            ],
        }
        for name, profile in profiles.items()
    ]
