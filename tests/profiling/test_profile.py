"""The profile: bookkeeping with a clock that ticks once a look, and real runs for structure."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from rich.console import Console

import bnn_lab
from bnn_lab import kernels
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import stock_tflite
from bnn_lab.errors import BackendError, ConversionError, InputError, ModelFileError
from bnn_lab.profiling.model_profile import Profile, profile
from bnn_lab.profiling.node_clock import NodeClock, PlanNode, set_inputs
from bnn_lab.profiling.partitions import (
    OUR_DELEGATE,
    groups_of_node,
    made_up,
    node_seconds,
    quiet_rounds,
    split_nodes,
    split_time,
)
from bnn_lab.profiling.thread_trace import trace_threads
from bnn_lab.tflite.ops import FileOp, ModelOps
from bnn_lab.tflite.writer import pack

tf = require_tensorflow()
layers = tf.keras.layers
SIGNS = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}
SHAPE = (16, 16, 3)


def ticks() -> Any:
    """A clock that shows one second more at every look."""
    counter = itertools.count()
    return lambda: float(next(counter))


@pytest.fixture(scope="module")
def model() -> Any:
    """A float stem, two residual binary blocks, a float head."""
    tf.keras.utils.set_random_seed(3)
    image = layers.Input(SHAPE)
    x = layers.Conv2D(64, 3, strides=2, padding="same")(image)
    for _ in range(2):
        y = lq.layers.QuantConv2D(
            64, 3, padding="same", pad_values=1.0, use_bias=False, activation="relu", **SIGNS
        )(x)
        x = layers.add([layers.BatchNormalization()(y), x])
    x = layers.GlobalAvgPool2D()(x)
    return tf.keras.Model(image, layers.Dense(10)(x))


@pytest.fixture(scope="module")
def file(model: Any) -> bytes:
    return bnn_lab.convert_keras_model(model)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, *SHAPE)).astype(np.float32)


# --- bookkeeping ---------------------------------------------------------------------------------


def test_time_is_split_in_proportion() -> None:
    assert split_time(6.0, [1, 2, 3]) == [1, 2, 3]
    assert split_time(6.0, [0, 0]) == [3, 3]
    assert split_time(6.0, [5]) == [6]


def test_runs_far_from_the_median_do_not_count() -> None:
    seconds = np.array([[1.0, 2.0]] * 5 + [[50.0, 2.0], [1.0, 90.0], [0.1, 0.1]])
    np.testing.assert_allclose(node_seconds(seconds, seconds.sum(axis=1)), [1, 2])


def test_quiet_rounds_are_those_in_which_all_peers_are_fast() -> None:
    first = np.array([[1.0, 1], [9, 9], [1, 1], [1, 9]])
    second = np.array([[2.0, 2, 2], [2, 2, 2], [2, 30, 2], [8, 8, 2]])
    assert quiet_rounds(first, second).tolist() == [True, False, True, False]
    assert quiet_rounds(first[:1], second[:1]).tolist() == [True]


def test_means_add_up() -> None:
    seconds = np.random.default_rng(0).uniform(1, 2, (41, 7))
    totals = seconds.sum(axis=1)
    whole = node_seconds(seconds, totals).sum()
    assert whole == pytest.approx(node_seconds(totals[:, None], totals)[0])


def op(index: int, kind: str, inputs: tuple[int, ...], output: int) -> FileOp:
    custom = kind.startswith(("Lce", "BnnLab"))
    return FileOp(index, kind, custom, str(output), inputs, (output,), (1,), None)


OPS = [
    op(0, "LceQuantize", (0,), 1),
    op(1, "LceBconv2d", (1, -1), 2),
    op(2, "RELU", (2,), 3),
    op(3, "ADD", (3, 0), 4),
    op(4, "LceQuantize", (4,), 5),
    op(5, "LceBMaxPool2d", (5,), 6),
]


def indices(node: PlanNode) -> list[tuple[int, ...]]:
    return [tuple(o.index for o in group) for group in groups_of_node(node, OPS)]


def test_groups_of_our_partitions_are_what_the_delegate_says() -> None:
    groups = ((5,), (1, 2, 3, 4), (0,))
    assert indices(PlanNode(9, (0,), (4, 6), OUR_DELEGATE, groups)) == [(0,), (1, 2, 3, 4), (5,)]


def test_ops_of_other_partitions_are_found_from_their_ends() -> None:
    assert indices(PlanNode(9, (1, 0, 99), (4, 6), "other")) == [(1,), (2,), (3,), (4,), (5,)]
    assert indices(PlanNode(9, (1, 0), (4,), "other")) == [(1,), (2,), (3,)]
    assert indices(PlanNode(3, (3, 0), (4,), "")) == [(3,)]


def test_a_partition_whose_ops_cannot_run_alone_is_one_part(file: bytes) -> None:
    class Whole(ModelOps):
        def cut(self, ops: Any) -> bytes:
            raise ModelFileError("no")

    clock = NodeClock(file)
    parts = split_nodes(Whole(file), clock.nodes, [2.0] * len(clock.nodes), rounds=1, clock=ticks())
    assert [part.seconds for part in parts] == [2.0] * len(clock.nodes)
    assert not any(part.split for part in parts)
    assert sorted(o.index for part in parts for o in part.ops) == list(range(len(Whole(file).ops)))


# --- the file ------------------------------------------------------------------------------------


def macs(content: bytes) -> dict[str, int | None]:
    return {o.kind: o.macs for o in ModelOps(content).ops}


def test_macs_of_binary_ops() -> None:
    x = layers.Input((9, 8, 64))
    options = {"padding": "same", "pad_values": 1.0, **SIGNS}
    plain = lq.layers.QuantConv2D(40, (3, 2), strides=2, **options)(x)
    assert macs(bnn_lab.convert_keras_model(tf.keras.Model(x, plain))) == {
        "LceQuantize": None,
        "LceBconv2d": (5 * 4) * 40 * (3 * 2) * 64,
    }
    grouped = lq.layers.QuantConv2D(40, 3, groups=2, **options)(x)
    content = bnn_lab.convert_keras_model(tf.keras.Model(x, grouped))
    assert macs(content)["LceBconv2d"] == (9 * 8) * 40 * 9 * 32
    narrow = layers.Input((9, 8, 33))  # does not fill its words
    y = lq.layers.QuantConv2D(7, 3, **options)(narrow)
    content = bnn_lab.convert_keras_model(tf.keras.Model(narrow, y))
    assert macs(content)["LceBconv2d"] == (9 * 8) * 7 * 9 * 33


@pytest.mark.parametrize(
    ("layer", "shape", "kind", "expected"),
    [
        (layers.Conv2D(5, 3), (8, 8, 4), "CONV_2D", 36 * 5 * 9 * 4),
        (layers.DepthwiseConv2D(3), (8, 8, 4), "DEPTHWISE_CONV_2D", 36 * 4 * 9),
        (layers.Dense(5), (12,), "FULLY_CONNECTED", 60),
        (layers.Conv2DTranspose(5, 3, 2), (8, 8, 4), "TRANSPOSE_CONV", 64 * 4 * 9 * 5),
        (layers.Conv3D(5, 2), (4, 4, 4, 3), "CONV_3D", 27 * 5 * 8 * 3),
    ],
)
def test_macs_of_float_ops(layer: Any, shape: Any, kind: str, expected: int) -> None:
    x = layers.Input(shape)
    assert macs(stock_tflite(tf.keras.Model(x, layer(x))))[kind] == expected


def test_cut_files_compute_what_the_whole_does(file: bytes, image: np.ndarray) -> None:
    ops = ModelOps(file)
    want = bnn_lab.Interpreter(file).predict(image)
    everything = ops.cut(range(len(ops.ops)))
    np.testing.assert_array_equal(bnn_lab.Interpreter(everything).predict(image), want)
    for at in range(1, len(ops.ops)):
        first = bnn_lab.Interpreter(ops.cut(range(at)))
        second = bnn_lab.Interpreter(ops.cut(range(at, len(ops.ops))))
        between = first.predict(image)
        names = [t["name"] for t in first._outputs]
        values = dict(zip(names, between if len(names) > 1 else [between], strict=True))
        got = second.predict([values[t["name"]] for t in second._inputs])
        # Alone, without a binary op, the average over the image is LiteRT's, summed otherwise.
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_corrupt_files() -> None:
    with pytest.raises(ModelFileError, match=r"not a \.tflite model"):
        profile(b"nothing")


# --- the clock -----------------------------------------------------------------------------------


def test_each_node_is_timed_once_a_run(file: bytes, image: np.ndarray) -> None:
    timed = NodeClock(file, clock=ticks())
    set_inputs(timed.litert, [image])
    for _ in range(3):
        timed.run()
    count = len(timed.nodes)
    assert count >= 3
    assert timed.seconds == [[1.0] * count] * 3
    assert timed.totals == [2.0 * count + 1] * 3
    output = timed.litert.get_output_details()[0]["index"]
    want = bnn_lab.Interpreter(file).predict(image)
    np.testing.assert_array_equal(timed.litert.get_tensor(output), want)


def test_our_partitions_are_known_by_name(file: bytes) -> None:
    assert OUR_DELEGATE in [node.custom_name for node in NodeClock(file).nodes]


# --- whole profiles ------------------------------------------------------------------------------


def test_sums(file: bytes, image: np.ndarray) -> None:
    nodes = len(NodeClock(file).nodes)
    result = profile(file, image, rounds=2, clock=ticks())
    assert result.end_to_end_ms == 1000.0  # two looks, one tick
    assert result.sum_ms == pytest.approx(1000.0 * nodes)
    assert result.coverage == pytest.approx(nodes)
    assert sum(row.share for row in result.rows) == pytest.approx(1)
    for row in result.rows:
        if row.macs is None:
            assert row.gmacs_per_s is None
        else:
            assert row.gmacs_per_s == pytest.approx(row.macs / row.ms / 1e6)
    assert sum(result.by_kind().values()) == pytest.approx(result.sum_ms)


def kinds(result: Any) -> list[str]:
    return [kind for row in result.rows for kind in row.kind.split(" + ")]


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_real_run(file: bytes, image: np.ndarray, fuse: bool, num_threads: int) -> None:
    result = profile(file, image, rounds=2, fuse=fuse, num_threads=num_threads)
    ops = ModelOps(file).ops
    assert sorted(kinds(result)) == sorted(o.kind for o in ops)
    assert (len(result.rows) == len(ops)) is not fuse
    assert any(row.kind.startswith("LceBconv2d + ") for row in result.rows) is fuse
    for row in result.rows:
        assert row.ms > 0
        assert row.binary is ("Lce" in row.kind)
    assert (result.num_threads, result.rounds) == (num_threads, 2)
    # Loose, because the machine may be busy: a lost or doubled node would be far off.
    assert 0.3 < result.coverage < 3
    report = json.loads(json.dumps(result.as_dict()))
    assert len(report["rows"]) == len(result.rows)
    assert report["method"] == result.method


def test_table(file: bytes) -> None:
    result = profile(file, rounds=1)
    console = Console(record=True, width=200)
    console.print(result)
    text = console.export_text()
    for row in result.rows:
        assert row.kind in text
    assert f"{result.coverage:.0%} of {result.end_to_end_ms:.4f}" in text


@pytest.mark.parametrize("backend", kernels.available_backends())
def test_backends(file: bytes, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert profile(file, rounds=1, backend=backend).backend == backend
    monkeypatch.setenv("BNN_LAB_BACKEND", backend)
    assert profile(file, rounds=1).backend == backend


def test_a_file_of_lces_converter(model: Any, tmp_path: Path) -> None:
    lce = pytest.importorskip("larq_compute_engine")
    path = tmp_path / "model.tflite"
    path.write_bytes(lce.convert_keras_model(model))
    assert kinds(profile(path, rounds=1)).count("LceBconv2d") == 2


def test_other_files(model: Any, file: bytes) -> None:
    images = np.random.default_rng(0).normal(size=(8, *SHAPE)).astype(np.float32)
    for plain in (stock_tflite(model), stock_tflite(model, images, io_dtype="int8")):
        result = profile(plain, rounds=1)
        assert not any(row.binary for row in result.rows)
        assert len(result.rows) == len(ModelOps(plain).ops)
    assert kinds(profile(model, rounds=1)) == kinds(profile(file, rounds=1))


def test_bad_arguments(file: bytes, image: np.ndarray) -> None:
    for rounds in (0, -1, 1.5, True):
        with pytest.raises(InputError, match="rounds must be an integer of at least 1"):
            profile(file, image, rounds=rounds)
    with pytest.raises(InputError, match="must have shape"):
        profile(file, image[:, :3])
    with pytest.raises(InputError, match="must be float32"):
        profile(file, image.astype(np.float64))
    with pytest.raises(InputError, match="holds no sample"):
        profile(file, image[:0])
    with pytest.raises(InputError, match="must be a NumPy array or a list"):
        profile(file, "image")
    with pytest.raises(InputError, match=r"1 input.*but 2 were given"):
        profile(file, [image, image])
    with pytest.raises(BackendError, match="unknown kernel backend"):
        profile(file, image, backend="turbo")
    for what in (42, None, [file], np.frombuffer(file, np.uint8), io.BytesIO(file)):
        with pytest.raises(InputError, match=r"profile: the model must be .* Fix: pass"):
            profile(what)
    with pytest.raises(ConversionError, match="expected a tf_keras model"):
        profile(Profile)
    with pytest.raises(InputError, match="trace_threads: x must be a NumPy array or a list"):
        trace_threads(file, "image")


def test_names_that_are_no_text(file: bytes) -> None:
    """LiteRT cannot tell the name of such a tensor, which is an input where its op runs alone."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(file, 0))
    (graph,) = model.subgraphs
    ends = {*graph.inputs, *graph.outputs}
    for index, tensor in enumerate(graph.tensors):
        if index not in ends:
            tensor.name = b"\xff\xfe" + str(index).encode()
    damaged = pack(model)
    for fuse in (True, False):
        result = profile(damaged, rounds=1, fuse=fuse)
        assert result.rows and np.isfinite(result.coverage)


def test_made_up_values() -> None:
    assert np.abs(made_up((1000,), np.dtype("f4")).std() - 1) < 0.1
    assert made_up((1000,), np.dtype("i1")).min() == -128
    assert not made_up((3, 4), np.dtype("i8")).any()


def test_command(
    file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bnn_lab.cli.main import main

    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "m.tflite").write_bytes(file)
    report = tmp_path / "out" / "profile.json"
    arguments = ["profile", str(tmp_path / "m.tflite"), "--rounds", "1", "--json", str(report)]
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 0
    assert "LceBconv2d" in capsys.readouterr().out
    assert json.loads(report.read_text())["schema"] == "bnn_lab.profile/1"
    with pytest.raises(SystemExit) as done:
        main(["profile", str(tmp_path / "missing.tflite")])
    assert done.value.code == 1
    assert "cannot read" in capsys.readouterr().err
