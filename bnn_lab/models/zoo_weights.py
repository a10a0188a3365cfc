"""Reading weight files of larq-zoo into our networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models.registry import networks


def load_larq_zoo_weights(path: str | Path, model: Any = None) -> Any:
    """Load a larq-zoo 2.4 weight file that you have, such as ``quicknet_small_weights.h5``.

    Our networks have the layers of larq-zoo's in the same order, which is what such files go by.

    Args:
        path: the .h5 file.
        model: the network; by default chosen by the file's name and built for ImageNet.

    Returns:
        The model with the file's weights.

    Raises:
        InputError: no such file, no network of this name, or the file's weights do not fit.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"load_larq_zoo_weights: there is no file {path}.")
    if model is None:
        model = _model_for(path)
    _check_shapes(path, model)
    model.load_weights(str(path))
    return model


def _model_for(path: Path) -> Any:
    if "notop" in path.stem:
        raise InputError(
            f"{path.name} lacks the classifier. Fix: use the file without 'notop' in its name."
        )
    stem = path.stem.removesuffix("_weights")
    known = {
        entry.published.zoo_name: entry
        for entry in networks(published=True)
        if entry.published is not None and entry.published.zoo_name
    }
    if stem in known:
        return known[stem].build()
    names = ", ".join(f"{name}_weights.h5" for name in known)
    raise InputError(
        f"load_larq_zoo_weights: {path.name} names no network. Fix: pass model=..., or name the "
        f"file as larq-zoo does: {names}."
    )


def _check_shapes(path: Path, model: Any) -> None:
    """Keras's own message names no layer of the file."""
    import h5py  # comes with TensorFlow

    try:
        with h5py.File(path, "r") as file:
            group = file.get("model_weights", file)
            layers = [_text(name) for name in group.attrs["layer_names"]]
            stored = []
            for layer in layers:
                names = [_text(name) for name in group[layer].attrs["weight_names"]]
                if names:
                    stored.append((layer, [tuple(group[layer][name].shape) for name in names]))
    except (OSError, KeyError) as error:
        raise InputError(f"{path} is not a Keras weight file ({error}).") from error
    wanted = [
        (layer.name, [tuple(weight.shape) for weight in layer.weights])
        for layer in model.layers
        if layer.weights
    ]
    if len(stored) != len(wanted):
        raise InputError(
            f"{path.name} has {len(stored)} layers with weights, model '{model.name}' has "
            f"{len(wanted)}. Fix: pass the network that the file belongs to."
        )
    for (name, shapes), (layer, expected) in zip(stored, wanted, strict=True):
        if shapes != expected:
            raise InputError(
                f"{path.name}: layer '{name}' holds {shapes}, but layer '{layer}' of model "
                f"'{model.name}' needs {expected}. Fix: pass the network that the file belongs to."
            )


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
