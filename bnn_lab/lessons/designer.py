"""A QuickNet of one's own: its layers, MACs, bytes and estimated latency, without building it.

The layers are those that a converted file has, grouped as bnn_lab's delegate runs them, so the cost
model's estimate can be computed while a slider moves. `measure_design` builds, converts and times
the real network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from bnn_lab.bench.baselines import litert_call
from bnn_lab.controls import check_state, choice, slider
from bnn_lab.costmodel.model import CostModel
from bnn_lab.errors import InputError
from bnn_lab.measure.timing import measure
from bnn_lab.measure.units import significant
from bnn_lab.models import quicknet
from bnn_lab.models.variants import without_shortcuts
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape

CLASSES = 1000
SECTIONS = 4
FUSED, SEPARATE, NONE = "added in the convolution", "added on their own", "none"

STEM, BINARY, TRANSITION, HEAD = "first layers", "binary convolutions", "transitions", "classifier"
PARTS = (STEM, BINARY, TRANSITION, HEAD)

# Bytes that converted files hold for a block beside its weights: names and shapes of the binary
# convolution, the addition and the packing of signs.
_BYTES_OF_BLOCK = 900


def _filters(default: int, section: int) -> Any:
    help = "channels of every binary convolution in this section"
    return slider(default, low=32, high=512, step=32, label=f"filters {section}", help=help)


def _blocks(default: int, section: int) -> Any:
    help = "binary 3×3 convolutions in this section"
    return slider(default, low=1, high=12, label=f"blocks {section}", help=help)


@dataclass(frozen=True)
class Design:
    """A network of QuickNet's kind; the defaults are QuickNet (Medium).

    Sections 1 to 4 work on images 4, 8, 16 and 32 times smaller than the input.
    """

    blocks_1: int = _blocks(4, 1)
    filters_1: int = _filters(64, 1)
    blocks_2: int = _blocks(4, 2)
    filters_2: int = _filters(128, 2)
    blocks_3: int = _blocks(4, 3)
    filters_3: int = _filters(256, 3)
    blocks_4: int = _blocks(4, 4)
    filters_4: int = _filters(512, 4)
    image: str = choice("224", options=("64", "128", "224"), label="image side, pixels")
    shortcuts: str = choice(
        FUSED,
        options=(FUSED, SEPARATE, NONE),
        label="shortcuts",
        help="how the input of each block is added to its output",
    )

    def __post_init__(self) -> None:
        check_state(self)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Binary convolutions of each section."""
        return (self.blocks_1, self.blocks_2, self.blocks_3, self.blocks_4)

    @property
    def filters(self) -> tuple[int, ...]:
        """Channels of each section."""
        return (self.filters_1, self.filters_2, self.filters_3, self.filters_4)

    @property
    def title(self) -> str:
        """Such as "4-4-4-4 × 64-128-256-512"."""
        return f"{'-'.join(map(str, self.blocks))} × {'-'.join(map(str, self.filters))}"


def design(
    blocks: tuple[int, int, int, int],
    filters: tuple[int, int, int, int],
    image: int = 224,
    shortcuts: str = FUSED,
) -> Design:
    """A `Design` from its lists.

    Args:
        blocks: binary convolutions of each section, 1 to 12.
        filters: channels of each section, 32 to 512.
        image: side of the square input, pixels: 64, 128 or 224.
        shortcuts: `FUSED`, `SEPARATE` or `NONE`.

    Raises:
        InputError: a value is out of range, or a list does not have four of them.
    """
    for name, values in (("blocks", blocks), ("filters", filters)):
        if not isinstance(values, list | tuple) or len(values) != SECTIONS:
            raise InputError(
                f"design({name}={values!r}): needs {SECTIONS} numbers, one for each section, such "
                "as (4, 4, 4, 4)."
            )
    numbers = {f"blocks_{i}": number for i, number in enumerate(blocks, start=1)}
    numbers |= {f"filters_{i}": number for i, number in enumerate(filters, start=1)}
    return Design(image=str(image), shortcuts=shortcuts, **numbers)


QUICKNETS = {
    "QuickNet Small": design((4, 4, 4, 4), (32, 64, 256, 512)),
    "QuickNet": Design(),
    "QuickNet Large": design((6, 8, 12, 6), (64, 128, 256, 512)),
}


@dataclass(frozen=True)
class Step:
    """One layer and the part of the network to which it belongs, one of `PARTS`."""

    part: str
    layer: LayerShape


def steps(state: Design) -> list[Step]:
    """The layers in the order in which they run.

    Args:
        state: the design.

    Returns:
        As many steps as the converted file has rows in `bnn_lab.profile`.
    """
    side, first = int(state.image), state.filters_1 // 4
    found = [
        Step(STEM, LayerShape(kinds.CONV, side, side, 3, first, (3, 3), stride=2)),
        Step(
            STEM,
            LayerShape(kinds.DEPTHWISE_CONV, side // 2, side // 2, first, kernel=(3, 3), stride=2),
        ),
    ]
    side //= 4
    found.append(Step(STEM, LayerShape(kinds.CONV, side, side, first, state.filters_1)))
    found += _section(state, side, state.filters_1, state.blocks_1)
    for blocks, (before, after) in zip(state.blocks[1:], pairwise(state.filters), strict=True):
        window = LayerShape(kinds.MAX_POOL, side, side, before, kernel=(2, 2), padding="valid")
        odd = side - 1  # the window of 2 takes a pixel off
        blur = LayerShape(kinds.DEPTHWISE_CONV, odd, odd, before, kernel=(3, 3), stride=2)
        side //= 2
        mix = LayerShape(kinds.CONV, side, side, before, after)
        found += [Step(TRANSITION, layer) for layer in (window, blur, mix)]
        found += _section(state, side, after, blocks)
    last = state.filters_4
    pool = LayerShape(
        kinds.AVERAGE_POOL, side, side, last, kernel=(side, side), stride=side, padding="valid"
    )
    dense = LayerShape(kinds.DENSE, channels_in=last, channels_out=CLASSES)
    softmax = LayerShape(kinds.SOFTMAX, channels_in=CLASSES)
    return [*found, *(Step(HEAD, layer) for layer in (pool, dense, softmax))]


def _section(state: Design, side: int, channels: int, blocks: int) -> list[Step]:
    """Binary convolutions, and the packing of signs where the one before does not do it."""
    quantize = LayerShape(kinds.QUANTIZE, side, side, channels)
    plain = LayerShape(kinds.BINARY_CONV, side, side, channels, kernel=(3, 3))
    layers = [quantize] if state.shortcuts != SEPARATE else []
    for block in range(blocks):
        more = block + 1 < blocks
        if state.shortcuts == FUSED:
            layers.append(replace(plain, shortcuts=1, quantize=more))
        elif state.shortcuts == NONE:
            layers.append(replace(plain, bits_only=more))
        else:
            layers += [quantize, plain, LayerShape(kinds.ADD, side, side, channels)]
    return [Step(BINARY, layer) for layer in layers]


def layer_bytes(layer: LayerShape) -> int:
    """Bytes that the file holds for a layer, about: weights, and a scale and an offset a channel.

    Binary weights are packed into whole 32-bit words. A convolution that writes bits has one
    threshold a channel instead.
    """
    if layer.kind == kinds.BINARY_CONV:
        ends = (4 if layer.bits_only else 8) * layer.channels_out
        return layer.weight_bytes + ends + _BYTES_OF_BLOCK
    return layer.weight_bytes + 4 * layer.channels_out if layer.weights else 0


@dataclass(frozen=True)
class Estimate:
    """What a design costs, layer by layer.

    Attributes:
        steps: the layers.
        ms: estimated milliseconds, float64 (layers,).
        macs: multiply-accumulates, int64 (layers,).
        bytes: bytes of the file, int64 (layers,).
        origin: what machine the estimate is for, one sentence.
    """

    steps: tuple[Step, ...]
    ms: np.ndarray
    macs: np.ndarray
    bytes: np.ndarray
    origin: str

    @property
    def total_ms(self) -> float:
        """Of one inference."""
        return float(self.ms.sum())

    @property
    def total_macs(self) -> int:
        """Binary and float together."""
        return int(self.macs.sum())

    @property
    def binary_macs(self) -> int:
        """Those of ±1 with ±1."""
        return sum(step.layer.macs for step in self.steps if step.layer.binary)

    @property
    def file_bytes(self) -> int:
        """Of the `.tflite` file, about."""
        return int(self.bytes.sum())

    def of_part(self, values: np.ndarray, part: str) -> float:
        """Sum of one value a layer over a part of the network."""
        return float(sum(v for v, s in zip(values, self.steps, strict=True) if s.part == part))


def estimate(state: Design, model: CostModel | None = None) -> Estimate:
    """Estimate a design's cost.

    Args:
        state: the design.
        model: default this machine's own calibration, or else the shipped one.

    Returns:
        The cost of each layer.

    Raises:
        InputError: the calibration cannot be used (see `CostModel.load`).
    """
    model = model or CostModel.load()
    found = tuple(steps(state))
    return Estimate(
        steps=found,
        ms=np.array([model.predict(step.layer) * 1e3 for step in found]),
        macs=np.array([step.layer.macs for step in found], np.int64),
        bytes=np.array([layer_bytes(step.layer) for step in found], np.int64),
        origin=model.origin,
    )


@dataclass(frozen=True)
class Measured:
    """What a built, converted and timed design costs.

    Attributes:
        ms: median of one inference, one thread, milliseconds.
        file_bytes: size in bytes of the `.tflite` file.
    """

    ms: float
    file_bytes: int


def build(state: Design) -> Any:
    """The Keras network of a design, with random weights.

    Raises:
        BnnLabError: TensorFlow or larq is not installed.
    """
    side = int(state.image)
    model = quicknet((side, side, 3), CLASSES, filters=state.filters, blocks=state.blocks)
    return without_shortcuts(model) if state.shortcuts == NONE else model


def measure_design(
    state: Design,
    progress: Callable[[str, float], None] = lambda text, done: None,
    rounds: int = 30,
) -> Measured:
    """Build the network with random weights, convert it and time it.

    Args:
        state: the design.
        progress: told what is being done, and what share of all is done.
        rounds: timing samples.

    Returns:
        Latency and size.

    Raises:
        BnnLabError: TensorFlow or larq is not installed, or the network cannot be converted.
    """
    from bnn_lab.convert import convert_keras_model

    progress("building the network", 0.0)
    model = build(state)
    progress("converting it", 0.3)
    content = convert_keras_model(model)
    progress("timing it", 0.8)
    call = litert_call(content, fuse=state.shortcuts != SEPARATE)
    table = measure({"design": call}, rounds=rounds)
    progress("done", 1.0)
    return Measured(table["design"].median * 1e3, len(content))


CHANNELS = tuple(range(32, 513, 32))  # that a section may have


def cost_tables(model: CostModel | None = None) -> dict[str, Any]:
    """Estimated milliseconds of every layer that a design can have, for pages without Python.

    Args:
        model: default this machine's own calibration, or else the shipped one.

    Returns:
        JSON values: ``origin``; ``binary`` (side to form of the block), ``pool`` and ``blur``
        (side), ``stem`` (image to layer), ``average`` (side) and ``dense``, each a list by channels
        in `CHANNELS`; ``mix`` (side), a list by channels in and then out; ``softmax``.

    Raises:
        InputError: the calibration cannot be used (see `CostModel.load`).
    """
    model = model or CostModel.load()

    def ms(layer: LayerShape) -> float:
        return significant(model.predict(layer) * 1e3, 4)

    def by_channels(kind: str, side: int = 1, **more: Any) -> list[float]:
        return [ms(LayerShape(kind, side, side, channels, **more)) for channels in CHANNELS]

    def block(side: int, **more: Any) -> list[float]:
        return by_channels(kinds.BINARY_CONV, side, kernel=(3, 3), **more)

    images = (64, 128, 224)
    sides = sorted({image >> shift for image in images for shift in range(2, 6)})
    pooled = sorted({image >> shift for image in images for shift in range(2, 5)})
    return {
        "origin": model.origin,
        "binary": {
            str(side): {
                "fused": block(side, shortcuts=1, quantize=True),
                "fused last": block(side, shortcuts=1),
                "bits": block(side, bits_only=True),
                "plain": block(side),
                "quantize": by_channels(kinds.QUANTIZE, side),
                "add": by_channels(kinds.ADD, side),
            }
            for side in sides
        },
        "pool": {
            str(side): by_channels(kinds.MAX_POOL, side, kernel=(2, 2), padding="valid")
            for side in pooled
        },
        "blur": {
            str(side): by_channels(kinds.DEPTHWISE_CONV, side - 1, kernel=(3, 3), stride=2)
            for side in pooled
        },
        "mix": {
            str(side // 2): [
                ms(LayerShape(kinds.CONV, side // 2, side // 2, before, after))
                for before in CHANNELS
                for after in CHANNELS
            ]
            for side in pooled
        },
        "stem": {
            str(image): {
                part: [
                    ms(steps(Design(filters_1=channels, image=str(image)))[number].layer)
                    for channels in CHANNELS
                ]
                for number, part in enumerate(("first", "depthwise", "expand"))
            }
            for image in images
        },
        "average": {
            str(side): by_channels(
                kinds.AVERAGE_POOL, side, kernel=(side, side), stride=side, padding="valid"
            )
            for side in (image >> 5 for image in images)
        },
        "dense": by_channels(kinds.DENSE, channels_out=CLASSES),
        "softmax": ms(LayerShape(kinds.SOFTMAX, channels_in=CLASSES)),
    }
