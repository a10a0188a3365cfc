"""A conversion as steps of a graph, and what the page gets of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import ConversionTrace, trace_keras_model
from bnn_lab.convert.graph_steps import CHANGED, KEPT, MADE, MOVED, GraphStep, graph_steps
from bnn_lab.convert.pipeline import make_pipeline
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn
from bnn_lab.training import set_binary_signs
from bnn_lab.widgets import Fold
from bnn_lab.widgets.explorable import MIME
from bnn_lab.widgets.fold import pack_steps


@pytest.fixture(scope="module")
def digits() -> ConversionTrace:
    model = digits_bnn(seed=0)
    set_binary_signs(model)
    return trace_keras_model(model)


@pytest.fixture(scope="module")
def residual() -> ConversionTrace:
    """Shortcuts, scales that move, a ternary filter, two inputs."""
    keras = require_tensorflow().keras
    import larq as lq

    image, more = keras.Input((6, 6, 32), name="image"), keras.Input((6, 6, 32), name="more")
    x = keras.layers.add([image, more])
    for filters in ("ste_sign", "ste_sign", "ste_tern"):
        y = lq.layers.QuantConv2D(
            32,
            3,
            padding="same",
            pad_values=1.0,
            use_bias=False,
            input_quantizer="ste_sign",
            kernel_quantizer=filters,
            kernel_constraint="weight_clip",
        )(x)
        x = keras.layers.add([x, keras.layers.BatchNormalization()(y)])
    out = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    return trace_keras_model(keras.Model([image, more], keras.layers.Softmax()(out)))


def named(trace: ConversionTrace) -> dict[str, GraphStep]:
    return {step.name: step for step in graph_steps(trace).steps}


def ops(step: GraphStep, mark: str | None = None) -> list[str]:
    return [box.op for box in step.boxes if mark in (None, box.mark)]


@pytest.mark.parametrize("name", ["digits", "residual"])
def test_each_box_has_come_from_somewhere(name: str, request: pytest.FixtureRequest) -> None:
    found = graph_steps(request.getfixturevalue(name))
    start, *passes = found.steps
    assert all(box.origins == () for box in start.boxes)
    before = start
    for step in passes:
        for box in step.boxes:
            assert all(-len(found.inputs) <= source < len(step.boxes) for source in box.reads)
            assert 0 <= box.row < len(found.rows)
            assert box.origins and max(box.origins) < len(before.boxes), (step.name, box)
            if box.mark == KEPT:
                assert box.details == before.boxes[box.origins[0]].details
        # No box is the main origin of two of its own kind.
        main = [box.origins[0] for box in step.boxes if box.mark in (KEPT, CHANGED, MOVED)]
        assert len(set(main)) == len(main)
        # A layer stays in its row, whatever becomes of it.
        rows = [box.row for box in step.boxes if box.multiplies]
        assert rows == sorted(set(rows))
        before = step


def test_what_passes_do_to_boxes(digits: ConversionTrace) -> None:
    steps = named(digits)
    start = steps[""]
    sign = steps["recognize_sign"]
    assert ops(sign, MADE) == ["lq.Quantize", "lq.Dequantize"] * 3
    merged = sign.boxes[1]
    assert [start.boxes[at].op for at in sorted(merged.origins)] == [
        "tfl.sign",
        "tfl.add",
        "tfl.sign",
    ]
    assert ops(steps["binarize_conv"], MADE) == ["lq.Quantize", "lq.Bconv2d"] * 3
    padding = steps["fold_one_padding"]
    taken = [box for box in padding.boxes if box.op == "lq.Bconv2d"]
    old = steps["binarize_conv"].boxes
    assert all([old[at].op for at in box.origins] == ["lq.Bconv2d", "tfl.padv2"] for box in taken)
    # One lq.Quantize goes in front of the pooling; pairs that undo each other leave no trace.
    moved = steps["move_quantize"]
    assert ops(moved, MOVED) == ["lq.Quantize"] and ops(moved, MADE) == ["lq.BMaxPool2d"]
    gone = {at for at in range(len(padding.boxes))} - {at for b in moved.boxes for at in b.origins}
    assert (
        sorted(padding.boxes[at].op for at in gone) == ["lq.Dequantize"] * 3 + ["lq.Quantize"] * 3
    )
    # The layer that counts takes in the lq.Quantize after it, not the next layer.
    bits = steps["emit_bits"]
    assert [len(box.origins) for box in bits.boxes if box.mark == CHANGED] == [2, 2]
    assert bits.boxes[2].row == 1 and bits.boxes[2].type == "1x8x8x4xi32"
    assert ops(steps["pack_filters"], CHANGED) == ["lq.Bconv2d"] * 3
    assert steps["pack_filters"].constants < start.constants / 20
    assert steps["pack_filters"].moved < start.moved / 10


def test_refusals_lie_on_their_boxes(digits: ConversionTrace, residual: ConversionTrace) -> None:
    for trace in (digits, residual):
        step = named(trace)["binarize_conv"]
        assert [at for at, _ in step.refused] == [
            at for at, box in enumerate(step.boxes) if box.op == "tfl.conv_2d"
        ]
        assert len(step.refused) == 1
    dense = named(residual)["explain_float_ops"]
    ((at, _),) = dense.refused
    assert dense.boxes[at].op == "tfl.fully_connected"


def test_passes_that_find_nothing_are_no_steps(digits: ConversionTrace) -> None:
    found = graph_steps(digits)
    names = [step.name for step in found.steps[1:]]
    quiet = [name for step in found.steps for name in step.quiet]
    shown = [result.name for result in digits.passes if not result.cleans]
    assert set(names).isdisjoint(quiet)
    assert set(names) | set(quiet) <= set(shown)
    assert "pad_groups" in quiet and "emit_bits" in names


def test_the_stored_lesson_lists_todays_passes() -> None:
    lesson = Path(__file__).parents[2] / "notebooks/lessons/04_from_training_to_deployment.ipynb"
    outputs = [out for cell in nbformat.read(lesson, 4).cells for out in cell.get("outputs", ())]
    starts = [json.loads(out.data[MIME]["start"]) for out in outputs if MIME in out.get("data", {})]
    graphs = [start["graph"] for start in starts if "graph" in start]
    passes = [step.name for step in make_pipeline()]
    assert graphs
    for graph in graphs:
        told = [name for step in graph["steps"][1:] for name in (*step["quiet"], step["name"])]
        assert told == [name for name in passes if name in told], "run lesson 4 again"
        left = set(passes) - set(told)  # those that only clean up, and what comes after the last
        assert len(left) <= 3 and not {"fold_constants", "emit_int8", "pad_groups"} & left


def test_the_page_starts_with_the_conversion_of_the_lessons_network(
    digits: ConversionTrace,
) -> None:
    """After a change of the converter: write what this computes into js/fold.json."""
    assert Fold().graph == json.loads(json.dumps(pack_steps(graph_steps(digits))))


def test_a_trace_of_its_own(residual: ConversionTrace, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: Any = Fold(residual, step=2)
    assert shown.graph["inputs"] == ["image", "more"]
    assert "binarize_conv" in shown.describe() and "refused once" in shown.describe()
    assert len(json.dumps(shown.graph)) < 60_000
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    bundle = shown._repr_mimebundle_()
    assert "Bconv2d" in bundle["image/svg+xml"]


def test_a_trace_without_graphs_is_refused(digits: ConversionTrace) -> None:
    bare = [dataclasses.replace(result, before="", after="") for result in digits.passes]
    with pytest.raises(InputError, match="snapshots=True"):
        Fold(dataclasses.replace(digits, passes=bare))
