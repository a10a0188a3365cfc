"""The kernel backends: which there are, and which one is used.

`native/include/bnn/backends.def` is the list of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnn_lab import _native
from bnn_lab.errors import BackendError
from bnn_lab.kernels._checks import call
from bnn_lab.kernels.choice import unnamed_backend


@dataclass(frozen=True)
class BackendInfo:
    """One kernel backend.

    Attributes:
        name: what `backend` arguments and BNN_LAB_BACKEND take.
        architecture: "x86_64", "aarch64", or "any".
        features: what it needs of a CPU beyond that, as /proc/cpuinfo spells it.
        description: how it counts bits, in one line.
        built: whether it is in this build.
        available: whether it is and this CPU can run it.
    """

    name: str
    architecture: str
    features: tuple[str, ...]
    description: str
    built: bool
    available: bool


def all_backends() -> tuple[BackendInfo, ...]:
    """Every kernel backend, those of other architectures too, in the order of the table."""
    return tuple(
        BackendInfo(name, architecture, tuple(features.split()), description, built, available)
        for name, architecture, features, description, built, available in _native.all_backends()
    )


def available_backends() -> list[str]:
    """Names of the kernel backends that this build has and this CPU can run, the default last.

    They stand slowest first, but for amx, which is the fastest or not by what else its core does.
    """
    return [backend.name for backend in all_backends() if backend.available]


def active_backend() -> str:
    """Name of the backend in use; `backend_choice` says why.

    It is $BNN_LAB_BACKEND, or the one that a stored calibration of this CPU chose, or the last
    available one.

    Raises:
        BackendError: BNN_LAB_BACKEND names a backend that is unknown or that this CPU lacks.
    """
    return resolve_backend(None)


def resolve_backend(backend: str | None) -> str:
    """`backend` if it can be used here, or the active one for None.

    Raises:
        BackendError: the backend is unknown, not in this build, or not supported by this CPU.
    """
    return call("backend", _native.select_backend, backend_name(backend))


def backend_name(backend: str | None) -> str:
    """What the compiled module takes for a `backend` argument: "" for its default.

    Raises:
        BackendError: it is not a name.
    """
    if backend is None:
        return unnamed_backend()
    if not isinstance(backend, str) or not backend:
        raise BackendError(
            f"backend must be one of {', '.join(available_backends())}, not {backend!r}"
        )
    return backend
