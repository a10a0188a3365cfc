"""`OpProfile`: where the time of one or more `.tflite` files goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bnn_lab.controls import Control
from bnn_lab.errors import InputError
from bnn_lab.figures.profile_figure import ProfileState, draw_profiles
from bnn_lab.widgets.base import Explorer

if TYPE_CHECKING:
    from bnn_lab.profiling.model_profile import Profile


class OpProfile(Explorer[ProfileState]):
    """Bars of a file's ops, on its own time scale or on one for all files.

    Args:
        profiles: name of a file to what `bnn_lab.profile` returned for it.
        name: see `Explorer`.

    Raises:
        InputError: there are no profiles.
    """

    def __init__(self, profiles: Mapping[str, Profile], name: str = "op-profile") -> None:
        if not profiles:
            raise InputError("OpProfile: no profiles; make some with bnn_lab.profile(file).")
        self.profiles = dict(profiles)
        files = tuple(self.profiles)
        super().__init__(
            ProfileState(files[0]),
            lambda state: draw_profiles(self.profiles, state),
            name,
            {"file": Control("choice", "file", options=files)},
        )
