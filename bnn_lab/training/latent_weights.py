"""Guards against saving ±1 where latent weights were meant.

larq's `quantized_scope` stays on if an exception passes through it; from then on `get_weights` and
`save` give binary values, and training cannot be resumed from them.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bnn_lab._files import whole_file
from bnn_lab._keras import require_tensorflow


@contextlib.contextmanager
def quantized_scope(quantize: bool) -> Iterator[None]:
    """larq's scope, but left properly when an exception passes through.

    Args:
        quantize: True: weights read as ±1; False: as latent values.
    """
    require_tensorflow()
    import larq as lq

    scope = lq.context.quantized_scope(quantize)
    scope.__enter__()
    try:
        yield
    finally:
        scope.__exit__(None, None, None)  # as if nothing had happened, which restores the state


@contextlib.contextmanager
def latent_scope() -> Iterator[None]:
    """Latent values inside, also if a `quantized_scope` leaked, of which it then warns."""
    require_tensorflow()
    import larq as lq

    if lq.context.should_quantize():
        warnings.warn(
            "larq's quantized_scope is on, probably because an exception left it open; latent "
            "weights are used here all the same. To close it, use "
            "bnn_lab.training.latent_weights.quantized_scope in place of larq's.",
            RuntimeWarning,
            stacklevel=3,
        )
    with quantized_scope(False):
        yield


def save_latents(model: Any, path: str | Path) -> None:
    """`model.save_weights(path)` with latent values, whatever scope is open.

    Args:
        model: a Keras model.
        path: ending in .h5 or .hdf5 for one file, which is written whole or not at all; any other
            is the beginning of the names of a TensorFlow checkpoint's files.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(path)
    one_file = path.suffix in (".h5", ".hdf5")
    with latent_scope(), whole_file(path) if one_file else contextlib.nullcontext(path) as part:
        model.save_weights(str(part))
