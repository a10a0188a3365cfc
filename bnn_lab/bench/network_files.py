"""The files of a network that get compared; of named networks, kept in the user's cache directory.

A network is built and converted with TensorFlow once (seconds, for AlexNet's relatives most of a
minute); later runs read the files. The directory's name holds a digest of the code that made them,
so a new version of bnn_lab or TensorFlow converts anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bnn_lab
from bnn_lab._files import cache_dir, write_whole
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model, stock_tflite
from bnn_lab.errors import NoBinaryLayerError
from bnn_lab.models.registry import Network, network
from bnn_lab.tflite.forms import BINARY, FLOAT32, KINDS
from bnn_lab.training.bop import set_binary_signs

_CALIBRATION_IMAGES, _MOST_IMAGES = 4, 200
_SEED = 0


def cached_files(
    name: str,
    kinds: Iterable[str] = KINDS,
    *,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, bytes]:
    """The `.tflite` files of a network, converted now if they are not in the cache.

    Weights are random; running statistics of batch normalization are those of a new layer.

    Args:
        name: name of a network, as for `bnn_lab.models.network`.
        kinds: which of `BINARY`, `FLOAT32` and `INT8`.
        progress: told what is being converted.

    Returns:
        Kind to contents.

    Raises:
        InputError: there is no such network.
        ConversionError: it cannot be converted, or has no binary layer.
        BnnLabError: TensorFlow is needed and not installed.
    """
    entry = network(name)
    folder = models_dir() / f"{entry.name}-{_digest()}"
    model = None
    files: dict[str, bytes] = {}
    for kind in kinds:
        path = folder / file_name(kind)
        if path.exists():
            files[kind] = path.read_bytes()
            continue
        refused = path.with_suffix(".refused")
        if refused.exists():
            raise NoBinaryLayerError(refused.read_text())
        progress(f"converting {entry.name} to {kind}")
        if model is None:
            model = _build(entry)
        try:
            files[kind] = _convert(model, kind)
        except NoBinaryLayerError as error:  # found out after a minute, so worth remembering
            write_whole(refused, str(error).encode())
            raise
        write_whole(path, files[kind])
    return files


def file_name(kind: str) -> str:
    """Of a kind of file, in a folder that holds one model."""
    return f"{kind}.tflite"


def models_dir() -> Path:
    """Where the converted files are; may not exist yet."""
    return cache_dir() / "models"


def clear_models() -> int:
    """Delete the converted files; returns how many bytes they held."""
    size = cache_size()
    shutil.rmtree(models_dir(), ignore_errors=True)
    return size


def cache_size() -> int:
    """Bytes of all converted files."""
    return sum(path.stat().st_size for path in models_dir().rglob("*") if path.is_file())


def _build(entry: Network) -> Any:
    require_tensorflow().keras.utils.set_random_seed(_SEED)
    model = entry.build()
    if entry.bop and not entry.latent:  # weights are Bop's, and ±1 only once that is seen to
        set_binary_signs(model)
    return model


def model_files(model: Any, images: NDArray[np.float32]) -> dict[str, bytes]:
    """Convert a Keras model to the three kinds of `.tflite` file that get compared.

    The float32 and the int8 file are the same network through TensorFlow's own converter. Their
    signs stay separate float ops, so an int8 network designed without signs would be somewhat
    faster than this one.

    Args:
        model: a built tf_keras model with larq layers and one input.
        images: samples that calibrate the int8 file, (N, ...); at most 200 are used.

    Returns:
        `BINARY`, `FLOAT32` and `INT8` to the file's contents.

    Raises:
        ConversionError: the model cannot be converted, or has no binary layer.
        InputError: `images` are empty.
    """
    return {kind: _convert(model, kind, images[:_MOST_IMAGES]) for kind in KINDS}


def _convert(model: Any, kind: str, images: NDArray[np.float32] | None = None) -> bytes:
    if kind == BINARY:
        return convert_keras_model(model)
    if kind == FLOAT32:
        return stock_tflite(model)
    return stock_tflite(model, _made_up_images(model) if images is None else images)


def _made_up_images(model: Any) -> NDArray[np.float32]:
    shape = (_CALIBRATION_IMAGES, *model.input_shape[1:])
    return np.random.default_rng(_SEED).normal(size=shape).astype(np.float32)


@cache
def _digest() -> str:
    """Of all code that a converted file depends on."""
    digest = hashlib.sha256(bnn_lab.__version__.encode())
    root = Path(bnn_lab.__file__).parent
    sources = [root / "reference.py", Path(__file__)]
    for part in ("models", "convert", "tflite"):
        sources += sorted((root / part).rglob("*.py"))
    for path in sources:
        digest.update(path.read_bytes())
    for package in ("tensorflow", "larq"):
        try:
            digest.update(importlib.metadata.version(package).encode())
        except importlib.metadata.PackageNotFoundError:
            continue
    return digest.hexdigest()[:12]
