"""`.tflite` bytes to IR and back."""

from __future__ import annotations

import time

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter as LiteRt
from xdsl.dialects.builtin import BytesAttr, StringAttr

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import export_model, import_model, ir_text, run_pipeline
from bnn_lab.convert.ir.tfl_dialect import CustomOp, tensor_names
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.errors import ModelFileError


def parsed(model: bytes):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(model, 0))


def packed(model) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def litert_outputs(model: bytes, seed: int = 3) -> list[np.ndarray]:
    interpreter = LiteRt(model_content=model)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(seed)
    for detail in interpreter.get_input_details():
        value = rng.normal(size=detail["shape"]) * (20 if detail["dtype"] == np.int8 else 1)
        interpreter.set_tensor(detail["index"], value.astype(detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]


def assert_same_run(first: bytes, second: bytes) -> None:
    for a, b in zip(litert_outputs(first), litert_outputs(second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def tf():
    return require_tensorflow()


@pytest.fixture(scope="module")
def keras_model(tf):
    layers = tf.keras.layers
    x = tf.keras.Input((8, 8, 3), name="image")
    y = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    y = layers.DepthwiseConv2D(3)(y)
    y = layers.MaxPool2D()(y)
    y = layers.Flatten()(y)
    model = tf.keras.Model(x, [layers.Dense(4)(y), layers.Softmax()(layers.Dense(3)(y))])
    return model


def tflite(tf, model, *specs, configure=None) -> bytes:
    function = tf.function(model).get_concrete_function(*specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    if configure:
        configure(converter)
    return converter.convert()


@pytest.fixture(scope="module")
def float_file(tf, keras_model) -> bytes:
    return tflite(tf, keras_model, tf.TensorSpec([1, 8, 8, 3], tf.float32, name="image"))


@pytest.fixture(scope="module")
def int8_file(tf, keras_model) -> bytes:
    def configure(converter):
        rng = np.random.default_rng(0)
        samples = [[rng.normal(size=(1, 8, 8, 3)).astype(np.float32)] for _ in range(4)]
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: samples
        converter.inference_input_type = tf.int8

    spec = tf.TensorSpec([1, 8, 8, 3], tf.float32, name="image")
    return tflite(tf, keras_model, spec, configure=configure)


@pytest.fixture(scope="module")
def loop_file(tf) -> bytes:
    class Loop(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([4], tf.float32)])
        def __call__(self, x):
            return tf.while_loop(
                lambda i, v: tf.reduce_sum(v) < 100.0, lambda i, v: (i + 1, v * 2 + 1), (0, x)
            )

    loop = Loop()
    function = loop.__call__.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], loop).convert()


@pytest.fixture(scope="module")
def binary_file(new_graph) -> bytes:
    from bnn_lab.convert.passes.binarize_conv import BinarizeConv
    from bnn_lab.convert.passes.pack_filters import PackFilters
    from bnn_lab.convert.passes.recognize_sign import RecognizeSign

    graph = new_graph()
    filters = np.random.default_rng(0).choice(np.float32([-1, 1]), (8, 3, 3, 33))
    module = graph.module(graph.conv(graph.sign(graph.input(1, 5, 5, 33)), filters))
    for step in (RecognizeSign(), BinarizeConv(), PackFilters(), RemoveDeadOps()):
        step.run(module)
    return export_model(module)


class TestRoundTrip:
    def test_float(self, float_file):
        again = export_model(import_model(float_file))
        assert_same_run(float_file, again)
        assert export_model(import_model(again)) == again

    def test_int8_keeps_quantization(self, int8_file):
        again = export_model(import_model(int8_file))
        assert_same_run(int8_file, again)

        def scales(model: bytes):
            tensors = parsed(model).subgraphs[0].tensors
            return sorted(
                (t.name, tuple(t.quantization.scale), tuple(t.quantization.zeroPoint))
                for t in tensors
                if t.quantization is not None and t.quantization.scale is not None
            )

        assert scales(again) == scales(int8_file)
        assert "on axis 0" in ir_text(import_model(int8_file))

    def test_several_subgraphs(self, loop_file):
        module = import_model(loop_file)
        assert ir_text(module).count("func.func @") >= 3
        assert "tfl.while" in ir_text(module)
        assert_same_run(loop_file, export_model(module))

    def test_dead_code_removal_keeps_control_flow(self, loop_file):
        module = import_model(loop_file)
        RemoveDeadOps().run(module)
        assert_same_run(loop_file, export_model(module))

    def test_pipeline_leaves_a_float_model_equal(self, float_file):
        module = import_model(float_file)
        assert not any(r.applied for r in run_pipeline(module) if not r.cleans)
        assert_same_run(float_file, export_model(module))

    def test_dynamic_batch(self, tf, keras_model):
        model = tflite(tf, keras_model, tf.TensorSpec([None, 8, 8, 3], tf.float32, name="image"))
        module = import_model(model)
        assert "tensor<?x8x8x3xf32>" in ir_text(module)
        again = export_model(module)
        assert_same_run(model, again)
        tensor = parsed(again).subgraphs[0].tensors[0]
        assert (list(tensor.shape), list(tensor.shapeSignature)) == ([1, 8, 8, 3], [-1, 8, 8, 3])

    def test_signatures_metadata_and_names_are_kept(self, float_file):
        before, after = parsed(float_file), parsed(export_model(import_model(float_file)))

        def contents(model):
            graph = model.subgraphs[0]
            entry = model.signatureDefs[0]
            return (
                entry.signatureKey,
                [(i.name, graph.tensors[i.tensorIndex].name) for i in entry.inputs],
                [(o.name, graph.tensors[o.tensorIndex].name) for o in entry.outputs],
                [(m.name, bytes(model.buffers[m.buffer].data)) for m in model.metadata],
                model.description,
                model.version,
                sorted(t.name for i, t in enumerate(graph.tensors) if i in _used(graph)),
            )

        assert contents(after) == contents(before)

    def test_lce_files(self, tf):
        import larq as lq

        lce = pytest.importorskip("larq_compute_engine")

        def quant_conv(filters, **options):
            return lq.layers.QuantConv2D(
                filters,
                3,
                input_quantizer="ste_sign",
                kernel_quantizer="ste_sign",
                kernel_constraint="weight_clip",
                **options,
            )

        x = tf.keras.Input((9, 9, 32))
        y = quant_conv(40, padding="same", pad_values=1)(x)
        y = tf.keras.layers.BatchNormalization(scale=False)(y)
        y = tf.keras.layers.MaxPool2D()(y)
        y = quant_conv(33, activation="relu", use_bias=False)(y)
        model = lce.convert_keras_model(tf.keras.Model(x, y))
        module = import_model(model)
        text = ir_text(module)
        assert "lq.Quantize" in text
        assert text.count("lq.Bconv2d") == 2
        assert "lq.BMaxPool2d" in text
        assert "custom" not in text
        again = export_model(module)
        data = np.random.default_rng(0).normal(size=(2, 9, 9, 32)).astype(np.float32)
        want = lce.testing.Interpreter(model).predict(data)
        np.testing.assert_array_equal(lce.testing.Interpreter(again).predict(data), want)
        # LCE's kernels order the float operations of the output otherwise than ours.
        np.testing.assert_allclose(bnn_lab.Interpreter(again).predict(data), want, atol=1e-4)


def _used(graph) -> set[int]:
    indices = [*graph.inputs, *graph.outputs]
    for op in graph.operators:
        indices += [*op.inputs, *op.outputs]
    return set(indices)


class TestExport:
    def test_buffers_are_aligned_and_shared(self, graph, signs):
        x = graph.input(1, 6, 6, 8)
        filters = signs(8, 3, 3, 8)
        y = graph.conv(x, filters, padding="same")
        y = graph.add(y, graph.const(np.float32([0.5])))
        module = graph.module(graph.conv(y, filters, padding="same"))
        model = export_model(module)
        buffers = schema.Model.GetRootAs(model, 0)
        sizes = []
        for index in range(buffers.BuffersLength()):
            buffer = buffers.Buffers(index)
            if buffer.DataLength():
                start = buffer._tab.Vector(buffer._tab.Offset(4))
                assert start % 16 == 0
                sizes.append(buffer.DataLength())
        # Filter and zero bias of the two convolutions are stored once.
        assert sorted(sizes) == sorted([filters.nbytes, 8 * 4, 4])
        assert buffers.Buffers(0).DataLength() == 0

    def test_unknown_custom_options_are_kept_verbatim(self, graph):
        x = graph.input(1, 4)
        options = bytes(range(7))
        op = CustomOp.build(
            operands=[[x]],
            result_types=[[x.type]],
            properties={
                "code": StringAttr("MyOp"),
                "custom_options": BytesAttr(options),
                "names": tensor_names("y"),
            },
        )
        graph.block.add_op(op)
        model = export_model(graph.module(op.results[0]))
        again = export_model(import_model(model))
        stored = parsed(again)
        assert bytes(stored.subgraphs[0].operators[0].customOptions) == options
        assert stored.operatorCodes[0].customCode == b"MyOp"
        assert stored.operatorCodes[0].builtinCode == schema.BuiltinOperator.CUSTOM

    def test_custom_ops_are_never_dead(self, graph):
        x = graph.input(1, 4)
        op = CustomOp.build(
            operands=[[x]],
            result_types=[[x.type]],
            properties={"code": StringAttr("Log")},
        )
        graph.block.add_op(op)
        module = graph.module(graph.op("abs", x))
        RemoveDeadOps().run(module)
        assert 'code = "Log"' in ir_text(module)


class TestCorruptFiles:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "not a .tflite model"),
            (b"hello", "not a .tflite model"),
            (b"PK\x03\x04" + b"x" * 100, "not a .tflite model"),
            (b"\x08\x00\x00\x00TFL3", "truncated or corrupt"),
            ("model.tflite", "read_bytes"),
            (None, "expected the bytes"),
        ],
    )
    def test_no_model(self, data, message):
        with pytest.raises(ModelFileError, match=message):
            import_model(data)

    @pytest.mark.parametrize(
        ("breakage", "message"),
        [
            (lambda m, g: setattr(g.operators[0], "inputs", [999, 0, 0]), "tensor 999"),
            (lambda m, g: setattr(g.operators[0], "inputs", [-2, 0, 0]), "tensor -2"),
            (lambda m, g: setattr(g.operators[0], "outputs", [-1]), "tensor -1"),
            (lambda m, g: setattr(g.operators[0], "outputs", [int(g.inputs[0])]), "an input"),
            (lambda m, g: setattr(g.operators[0], "opcodeIndex", 50), "operator code 50"),
            (lambda m, g: setattr(g, "inputs", [0, 0]), "twice"),
            (lambda m, g: setattr(g, "outputs", [12345]), "tensor 12345"),
            (lambda m, g: setattr(g.tensors[1], "buffer", 4000), "buffer 4000"),
            (lambda m, g: setattr(g.tensors[1], "shape", [7, 7]), "bytes of constant data"),
            (lambda m, g: setattr(g.tensors[0], "type", 77), "unknown type 77"),
            (lambda m, g: setattr(g.tensors[0], "shape", [1, -5]), "impossible shape"),
            (lambda m, g: setattr(m.operatorCodes[0], "builtinCode", 5000), "builtin type 5000"),
            (lambda m, g: setattr(m, "subgraphs", []), "no subgraph"),
            (lambda m, g: setattr(m.signatureDefs[0], "subgraphIndex", 9), "names subgraph 9"),
            (lambda m, g: setattr(m.signatureDefs[0].inputs[0], "tensorIndex", 5), "not an input"),
            (lambda m, g: setattr(m.metadata[0], "buffer", 9999), "buffer 9999"),
        ],
    )
    def test_bad_index(self, float_file, breakage, message):
        model = parsed(float_file)
        graph = model.subgraphs[0]
        breakage(model, graph)
        with pytest.raises(ModelFileError, match=message):
            import_model(packed(model))

    def test_reading_before_writing(self, float_file):
        model = parsed(float_file)
        model.subgraphs[0].operators.reverse()
        with pytest.raises(ModelFileError, match="read before it is written"):
            import_model(packed(model))

    def test_every_truncation(self, float_file):
        for length in range(0, len(float_file) - 1, max(1, len(float_file) // 150)):
            try:
                export_model(import_model(float_file[:length]))
            except ModelFileError:
                continue

    @pytest.mark.parametrize("seed", range(4))
    def test_mutated_files(self, float_file, int8_file, binary_file, loop_file, seed):
        """Random damage gives a ModelFileError or a model, never anything else, and no hang."""
        rng = np.random.default_rng(seed)
        rejected = 0
        started = time.monotonic()
        files = (float_file, int8_file, binary_file, loop_file)
        for attempt in range(160):
            data = bytearray(files[attempt % 4])
            for _ in range(rng.integers(1, 12)):
                kind, at = rng.integers(3), int(rng.integers(8, len(data) - 4))
                if kind == 0:
                    data[at] ^= 1 << int(rng.integers(8))
                elif kind == 1:
                    data[at : at + 4] = rng.integers(0, 256, 4, dtype=np.uint8).tobytes()
                else:
                    data[at : at + 4] = b"\xff\xff\xff\x7f"
            try:
                import_model(bytes(data))
            except ModelFileError:
                rejected += 1
        assert rejected > 10
        assert time.monotonic() - started < 60
