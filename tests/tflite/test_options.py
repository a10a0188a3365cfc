"""Options of custom ops: to bytes and back, and what a hostile file may hold."""

from __future__ import annotations

from typing import Any

import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.tflite.options import (
    BUILTIN_CHOICES,
    CHOICES,
    CUSTOM_OPS,
    builtin,
    builtin_values,
    decode,
    encode,
    flexbuffer,
    unknown_options,
)


@st.composite
def any_options(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    code = draw(st.sampled_from(sorted(CUSTOM_OPS)))
    values = {
        name: draw(st.sampled_from(CHOICES[name]) if name in CHOICES else st.integers(1, 2**31 - 1))
        for name in CUSTOM_OPS[code].names
    }
    return code, values


@given(any_options())
def test_what_is_written_is_read(options: tuple[str, dict[str, Any]]) -> None:
    code, values = options
    written = encode(code, **values)
    assert decode(code, written, "op") == values
    assert encode(code, **dict(reversed(values.items()))) == written
    # As the format has it: a map of integers, enumerations numbered.
    stored = flexbuffers.GetRoot(bytearray(written)).AsMap
    numbers = {key.AsString: stored[key.AsString] for key in stored.Keys}
    assert all(value.IsInt for value in numbers.values())
    for name, value in values.items():
        expected = CHOICES[name].index(value) if name in CHOICES else value
        assert numbers[name].AsInt == expected


@pytest.mark.parametrize("code", CUSTOM_OPS)
def test_defaults(code: str) -> None:
    op = CUSTOM_OPS[code]
    needed = {name: 5 for name in op.required}
    assert decode(code, encode(code, **needed), "op") == {**needed, **op.defaults}
    if needed:
        with pytest.raises(InputError, match=f"{code} needs the options"):
            encode(code)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paddng": "same"}, "has no options paddng"),
        ({"padding": "full"}, "padding = 'full' must be one of"),
        ({"pad_values": 2}, "pad_values = 2 must be one of"),
        ({"stride_width": 0}, "stride_width = 0 must be at least 1"),
    ],
)
def test_what_cannot_be_written(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode("LceBconv2d", channels_in=8, **changes)


POOL = {"filter_height": 2, "filter_width": 2, "padding": 0, "stride_height": 1, "stride_width": 1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a flexbuffer map"),
        (b"\x00", "not a flexbuffer map"),
        (b"\xff" * 40, "not a flexbuffer map"),
        (flexbuffer({}), "options lack filter_height"),
        (flexbuffer({f"key{i}": i for i in range(100)}), "a map of 100 entries"),
        (flexbuffer(POOL | {"padding": 2}), "padding = 2 is not one of"),
        (flexbuffer(POOL | {"padding": -1}), "padding = -1 is not one of"),
        (flexbuffer(POOL | {"stride_width": 0}), "stride_width = 0 must be at least 1"),
        (flexbuffer({**POOL, "stride_width": "wide"}), "options lack stride_width"),
        (flexbuffer({**POOL, "stride_width": float("nan")}), "options lack stride_width"),
        (flexbuffer({**POOL, "stride_width": [1, 2]}), "options lack stride_width"),
    ],
)
def test_what_a_file_may_not_hold(data: bytes, message: str) -> None:
    with pytest.raises(ModelFileError, match=rf"^op 'x'.*{message}"):
        decode("LceBMaxPool2d", data, "op 'x'")


def test_further_options_are_reported() -> None:
    values = decode("LceBMaxPool2d", flexbuffer({**POOL, "later": 3}), "op")
    assert unknown_options("LceBMaxPool2d", values) == ["later"]


def test_every_prefix_and_flip_is_an_error_of_ours_or_read() -> None:
    whole = encode("LceBconv2d", channels_in=40)
    damaged = [whole[:end] for end in range(len(whole))]
    damaged += [
        whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
        for at in range(len(whole))
        for bit in (1, 4, 0x80, 0xFF)
    ]
    refused = 0
    for data in damaged:
        try:
            decode("LceBconv2d", data, "op")
        except ModelFileError:
            refused += 1
    assert refused > len(damaged) // 2


def test_builtin_options() -> None:
    made = builtin("Conv2DOptions", padding="same", strideH=2, fusedActivationFunction="relu6")
    values = builtin_values(made)
    assert (values["padding"], values["strideH"], values["strideW"]) == ("same", 2, 0)
    assert values["fusedActivationFunction"] == "relu6"
    assert set(BUILTIN_CHOICES["padding"].values()) == {"same", "valid"}
    assert builtin_values(None) == {}
    with pytest.raises(InputError, match="no field 'stride'"):
        builtin("Conv2DOptions", stride=2)
    with pytest.raises(InputError, match="padding has no value 'full'"):
        builtin("Conv2DOptions", padding="full")
