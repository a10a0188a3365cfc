"""A max-pooling reads joined and scaled images where they are: the same bits as op by op."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter

# A zero's sign, NaN and what is flushed to zero depend on the order in which XNNPACK compares.
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38, 1.0, -1.0]


def check_bits(block, *outputs, values=None, shape=(1, 6, 5)):
    """That the fused result equals LiteRT's own to the last bit, zeros' signs and NaN included."""
    content = block.content(*outputs)
    x = block.rng.normal(size=(*shape, block.widths["x"])).astype(np.float32)
    if values is not None:
        x = block.rng.choice(np.array(values, np.float32), size=x.shape)
    resize = None if shape == (1, 6, 5) else [x.shape]
    runs = [
        Interpreter(content, threads, fuse=fuse, resize=resize).predict(x)
        for fuse, threads in ((False, 1), (True, 1), (True, 2))
    ]
    wanted, *others = [run if isinstance(run, list) else [run] for run in runs]
    for other in others:
        for a, b in zip(wanted, other, strict=True):
            np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def transition(block, chain=("MUL",), layers=2, **options):
    """The end of a dense block: its joined images, scaled and pooled."""
    x = block.dense(layers)
    for step, name in enumerate(chain):
        y = f"t{step}"
        x = (
            block.add(name, [x], y, block.widths[x])
            if name == "RELU6"
            else block.scaled(name, x, y)
        )
    return block.pool(x, "pooled", **options)


def pools(block, *outputs):
    """The groups of ops, one a pass of the delegate, that have a max-pooling."""
    return [group for group in block.ours(*outputs) if "MAX_POOL_2D" in group]


@pytest.mark.parametrize(
    "chain", [("MUL",), ("MUL", "ADD"), ("SUB",), ("ADD", "PRELU"), ("MUL", "RELU6", "SUB")]
)
@pytest.mark.parametrize("padding", [0, 1])
def test_transition(block, chain, padding):
    last = transition(block, chain, padding=padding, activation=padding)
    assert pools(block, last) == [["CONCATENATION", *chain, "MAX_POOL_2D"]]
    block.check(last)
    check_bits(block, last)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_nan_infinity_zeros_and_denormals(block, activation):
    for chain in (("MUL",), ("MUL", "ADD"), ("PRELU", "MUL"), ("ADD", "PRELU")):
        block.ops.clear()
        check_bits(block, transition(block, chain, activation=activation), values=SPECIAL)


@pytest.mark.parametrize("activation", [0, 1])
def test_refined_images(block, activation):
    """What MeliusNet's improvement blocks leave alone had 0 added to it: -0 became 0."""
    scaled = block.scaled("MUL", block.melius(1), "m")
    last = block.pool(scaled, "pooled", activation=activation)
    assert pools(block, last) == [["ADD", "MUL", "MAX_POOL_2D"]]
    check_bits(block, last)
    check_bits(block, last, values=[np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -1.0])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 2), (3, 9, 4), (1, 40, 37)])
def test_size_changes(block, shape):
    check_bits(block, transition(block), shape=shape)


def test_one_layer_makes_one_of_the_joined_images(block):
    last = transition(block, layers=1)
    assert pools(block, last) == [["CONCATENATION", "MUL", "MAX_POOL_2D"]]
    check_bits(block, last)


def test_pooled_images_whose_signs_are_taken(block):
    pooled = transition(block)
    height, width = 3, 3
    words = -(-block.widths[pooled] // 32)
    block.tensors["q"] = block.tensor((1, height, width, words), "int32")
    block.ops.append(block.op("LceQuantize", [pooled], ["q"], {}))
    assert ["CONCATENATION", "MUL", "MAX_POOL_2D"] in block.ours("q")
    check_bits(block, "q")
    check_bits(block, pooled, "q")


def test_what_others_read_is_written(block):
    last = transition(block)
    assert pools(block, last, "x1") == [["MUL", "MAX_POOL_2D"]]
    check_bits(block, last, "x1", "x0")
    assert pools(block, last, "t0") == [["MAX_POOL_2D"]]  # the scaled image leaves the graph
    check_bits(block, last, "t0")
    check_bits(block, last, "t0", values=SPECIAL)


def test_other_pools_are_left_alone(block):
    joined = block.dense(2)
    scaled = block.scaled("MUL", joined, "m")
    outputs = [
        block.pool(scaled, "a", size=3),
        block.pool(block.scaled("MUL", joined, "n"), "b", stride=1),
        # Only copies: XNNPACK's pool flushes denormals.
        block.pool(joined, "c"),
        block.pool(block.add("RELU", [joined], "r", block.widths[joined]), "d"),
        # None of what is joined is bnn_lab's.
        block.pool(block.scaled("MUL", block.join(["x", "x"], "xx"), "o"), "e"),
    ]
    assert not pools(block, *outputs)
    check_bits(block, *outputs)


def test_more_steps_than_are_taken_in(block):
    last = transition(block, ("MUL", "ADD") * 5)
    assert not pools(block, last)
    check_bits(block, last)
