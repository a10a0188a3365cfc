"""BnnLabTernaryDense in the delegate: equals the oracle, and a bad one is refused with its name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels
from bnn_lab import ternary_reference as ternary
from bnn_lab.errors import ModelFileError

BACKENDS = kernels.available_backends()


@pytest.fixture
def model(build_model: Any, specs: Any) -> Any:
    """`model(...)` makes a file of one op; named operands replace those of a sound one."""
    tensor, op = specs

    def make(
        trits: np.ndarray,
        shape: tuple[int, ...],
        options: dict[str, Any] | None = None,
        operands: tuple[str, ...] = ("x", "codes", "scale"),
        trits_per_byte: int = 4,
        **changed: Any,
    ) -> bytes:
        outputs, channels = trits.shape
        tensors = {
            "x": tensor(shape, "float32"),
            "codes": tensor.constant(ternary.PACK[trits_per_byte](trits).view(np.int8)),
            "scale": tensor.constant(np.array([0.5], np.float32)),
            "y": tensor((*shape[:-1], outputs), "float32"),
            **changed,
        }
        fields = {"channels_in": channels, "trits_per_byte": trits_per_byte}
        fields = fields if options is None else options
        node = op("BnnLabTernaryDense", list(operands), ["y"], fields)
        inputs = [name for name in ("x", "codes", "scale") if tensors[name].value is None]
        return build_model(tensors, [node], inputs, ["y"])

    return make


def trits_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-1, 2, shape).astype(np.int8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(1, 33), (1, 7, 100), (2, 3, 4, 17)])
@pytest.mark.parametrize("trits_per_byte", ternary.PACK)
def test_equals_the_oracle(
    model: Any, backend: str, shape: tuple[int, ...], trits_per_byte: int
) -> None:
    trits = trits_of(70, shape[-1])
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = ternary.ternary_dense(x.reshape(-1, shape[-1]), trits, 0.5)
    content = model(trits, shape, trits_per_byte=trits_per_byte)
    for threads in (1, 2):
        got = Interpreter(content, threads, backend=backend).predict(x)
        np.testing.assert_array_equal(got, expected.reshape(*shape[:-1], 70))


def test_two_layers_in_a_row_share_memory(build_model: Any, specs: Any) -> None:
    tensor, op = specs
    first, second = trits_of(40, 24), trits_of(9, 40)
    tensors: dict[str, Any] = {"x": tensor((1, 24)), "h": tensor((1, 40)), "y": tensor((1, 9))}
    for name, trits in (("a", first), ("b", second)):
        tensors[name] = tensor.constant(ternary.pack_2bit(trits).view(np.int8))
    tensors["scale"] = tensor.constant(np.array([0.25], np.float32))
    nodes = [
        op(
            "BnnLabTernaryDense",
            ["x", "a", "scale"],
            ["h"],
            {"channels_in": 24, "trits_per_byte": 4},
        ),
        op(
            "BnnLabTernaryDense",
            ["h", "b", "scale"],
            ["y"],
            {"channels_in": 40, "trits_per_byte": 4},
        ),
    ]
    interpreter = Interpreter(build_model(tensors, nodes, ["x"], ["y"]))
    x = np.random.default_rng(1).normal(size=(5, 24)).astype(np.float32)
    expected = ternary.ternary_dense(ternary.ternary_dense(x, first, 0.25), second, 0.25)
    np.testing.assert_array_equal(interpreter.predict(x), expected)


def bad_cases(tensor: Any) -> list[tuple[dict[str, Any], str]]:
    codes = ternary.pack_2bit(trits_of(5, 10)).view(np.int8)
    constant = tensor.constant
    above = constant(np.full((5, 2), 243, np.uint8).view(np.int8))
    return [
        ({"options": {}}, "channels_in"),
        ({"options": {"channels_in": 0, "trits_per_byte": 4}}, "channels_in"),
        ({"options": {"channels_in": 11, "trits_per_byte": 4}}, "channels_in = 11"),
        ({"options": {"channels_in": 2**23, "trits_per_byte": 4}}, "outside"),
        ({"options": {"channels_in": 10}}, "trits_per_byte"),
        ({"options": {"channels_in": 10, "trits_per_byte": 3}}, "trits_per_byte"),
        ({"options": {"channels_in": 10, "trits_per_byte": 5}}, "the weights has shape"),
        ({"codes": above, "trits_per_byte": 5}, "above 242"),
        ({"operands": ("x", "codes")}, "needs 3 operands"),
        ({"codes": constant(codes[:, :2])}, "the weights has shape"),
        ({"codes": constant(codes[0])}, "the weights must have 2 dimensions"),
        ({"codes": constant(codes[:0])}, "weights have shape|too little data|no data|shape"),
        ({"codes": constant(np.full((5, 3), -1, np.int8))}, "code is 3"),
        ({"codes": constant(codes.astype(np.int32))}, "the weights has a wrong type"),
        ({"scale": constant(np.ones(2, np.float32))}, "the scale has shape"),
        ({"scale": constant(np.array([np.nan], np.float32))}, "the scale is not finite"),
        ({"scale": tensor((1,))}, "the scale must be a constant"),
        ({"codes": tensor((5, 3), "int8")}, "the weights must be a constant"),
        ({"x": tensor((1, 10), "int32")}, "input and output must be float32"),
        ({"y": tensor((1, 5), "int32")}, "input and output must be float32"),
        ({"x": tensor((1, 9))}, "the input has shape"),
    ]


@pytest.mark.parametrize("number", range(21))
def test_a_bad_op_is_refused_with_its_name(model: Any, specs: Any, number: int) -> None:
    change, words = bad_cases(specs[0])[number]
    with pytest.raises(ModelFileError, match=words) as refused:
        Interpreter(model(trits_of(5, 10), (1, 10), **change))
    assert "BnnLabTernaryDense" in str(refused.value)


def test_every_bad_case_is_tried(specs: Any) -> None:
    assert len(bad_cases(specs[0])) == 21
