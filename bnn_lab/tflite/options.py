"""Custom ops of a `.tflite` file, LCE's and bnn_lab's own: their operands and options.

The options are a flexbuffer map of integers in the file; here, enumerations have names. LCE's ops
are those of the Larq Compute Engine 0.16; the delegate reads the same in
`native/delegate/options.cc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from bnn_lab.errors import InputError, ModelFileError

_MOST_KEYS = 64  # far more than any op has: what a hostile file may make us read

# Values by the number that stands for them in the file.
CHOICES: dict[str, tuple[Any, ...]] = {
    "padding": ("same", "valid"),
    "pad_values": (0, 1),
    "fused_activation_function": ("none", "relu", "relu_n1_to_1", "relu6"),
}
_STRIDES = {"stride_height": 1, "stride_width": 1}
_CONV = {
    **_STRIDES,
    "dilation_height_factor": 1,
    "dilation_width_factor": 1,
    "padding": "valid",
    "pad_values": 0,
    "fused_activation_function": "none",
}


@dataclass(frozen=True)
class CustomOp:
    """What a file holds for a custom op.

    Attributes:
        operands: how many; an absent one is tensor -1.
        required: names of options without a default.
        defaults: the other options, and what `encode` writes for them.
    """

    operands: int
    required: tuple[str, ...]
    defaults: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """All options, each of which a file must have."""
        return (*self.required, *self.defaults)


# Operands of a convolution: input, filter, multiplier, bias, threshold.
CUSTOM_OPS = {
    "LceQuantize": CustomOp(1, (), {}),
    "LceDequantize": CustomOp(1, (), {}),
    "LceBconv2d": CustomOp(5, ("channels_in",), _CONV),
    "LceBMaxPool2d": CustomOp(
        1, ("filter_height", "filter_width"), {**_STRIDES, "padding": "valid"}
    ),
    "BnnLabDepthwise2d": CustomOp(5, ("channels_in",), {"depth_multiplier": 1, **_CONV}),
    "BnnLabTranspose2d": CustomOp(
        5,
        ("channels_in", "output_height", "output_width"),
        {**_STRIDES, "padding": "valid", "fused_activation_function": "none"},
    ),
    # Operands: input, packed weights, scale.
    "BnnLabTernaryDense": CustomOp(3, ("channels_in",), {"trits_per_byte": 4}),
}


def encode(code: str, **values: Any) -> bytes:
    """The options of an op as they stand in a file.

    Args:
        code: custom code, a key of `CUSTOM_OPS`.
        **values: options by name; those with a default may be left out. Enumerations by name, such
            as ``padding="same"``.

    Returns:
        Flexbuffer bytes, of equal options the same bytes.

    Raises:
        InputError: an option is unknown, missing or out of range.
    """
    op = CUSTOM_OPS[code]
    if unknown := sorted(values.keys() - set(op.names)):
        raise InputError(f"{code} has no options {', '.join(unknown)}")
    if missing := sorted(set(op.required) - values.keys()):
        raise InputError(f"{code} needs the options {', '.join(missing)}")
    numbers = {}
    for name, value in sorted({**op.defaults, **values}.items()):
        known = CHOICES.get(name)
        if (known is not None and value not in known) or (known is None and value < 1):
            range_ = "at least 1" if known is None else f"one of {known}"
            raise InputError(f"{code}: {name} = {value!r} must be {range_}")
        numbers[name] = int(value) if known is None else known.index(value)
    return flexbuffer(numbers)


def decode(code: str, data: bytes, where: str) -> dict[str, Any]:
    """Invert `encode`.

    Args:
        code: custom code, a key of `CUSTOM_OPS`.
        data: flexbuffer bytes.
        where: the op, for messages.

    Returns:
        Options by name, enumerations by theirs, and any other integers that the map holds.

    Raises:
        ModelFileError: it is not a map, or an option is missing, no integer, or out of range.
    """
    needed = CUSTOM_OPS[code].names
    values = _read_map(data, where) if needed or data else {}
    if missing := sorted(set(needed) - values.keys()):
        raise ModelFileError(f"{where}: options lack {', '.join(missing)}.")
    for name in needed:
        value, known = values[name], CHOICES.get(name)
        if known is None:
            if value < 1:
                raise ModelFileError(f"{where}: {name} = {value} must be at least 1.")
        elif 0 <= value < len(known):
            values[name] = known[value]
        else:
            raise ModelFileError(f"{where}: {name} = {value} is not one of {known}.")
    return values


def unknown_options(code: str, values: Mapping[str, Any]) -> list[str]:
    """Names among the options that the op does not have, sorted."""
    return sorted(values.keys() - set(CUSTOM_OPS[code].names))


def flexbuffer(values: Mapping[str, Any]) -> bytes:
    """A flexbuffer map of anything, as it is: also of what no op has."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in values.items():
            builder.Key(key)
            builder.Add(value)
    return bytes(builder.Finish())


def _read_map(data: bytes, where: str) -> dict[str, int]:
    try:
        stored = flexbuffers.GetRoot(bytearray(data)).AsMap
        if len(stored) > _MOST_KEYS or len(stored.Keys) > _MOST_KEYS:
            raise ModelFileError(f"{where}: its options are a map of {len(stored)} entries.")
        found = {key.AsString: stored[key.AsString] for key in stored.Keys}
        # The library makes an integer of anything: of a text, its length.
        return {key: value.AsInt for key, value in found.items() if value.IsInt or value.IsBool}
    except ModelFileError:
        raise
    except Exception as error:  # the library checks no offset: anything may come out of it
        raise ModelFileError(f"{where}: its options are not a flexbuffer map.") from error


# --- builtin ops ----------------------------------------------------------------------------------

# Enumerations among the fields of the schema's option tables.
BUILTIN_ENUMS = {
    "padding": schema.Padding,
    "fusedActivationFunction": schema.ActivationFunctionType,
}
BUILTIN_CHOICES: dict[str, dict[int, str]] = {
    name: {code: text.lower() for text, code in vars(enum).items() if not text.startswith("_")}
    for name, enum in BUILTIN_ENUMS.items()
}


def builtin(table: str, **values: Any) -> Any:
    """Options of a builtin op.

    Args:
        table: the schema's table, such as "Conv2DOptions".
        **values: fields that are not at the schema's default, enumerations by lower-case name.

    Returns:
        An object of the schema's object API.

    Raises:
        InputError: the table has no such field, or the enumeration no such value.
    """
    made = getattr(schema, f"{table}T")()
    for name, value in values.items():
        if not hasattr(made, name):
            raise InputError(f"{table} has no field {name!r}")
        if isinstance(value, str) and name in BUILTIN_ENUMS:
            if not hasattr(BUILTIN_ENUMS[name], value.upper()):
                raise InputError(f"{table}: {name} has no value {value!r}")
            value = getattr(BUILTIN_ENUMS[name], value.upper())
        setattr(made, name, value)
    return made


def builtin_values(table: Any | None) -> dict[str, Any]:
    """Fields of a builtin op's options by name, enumerations by lower-case name; empty if none."""
    if table is None:
        return {}
    values = {}
    for name, value in vars(table).items():
        if name in BUILTIN_CHOICES:
            value = BUILTIN_CHOICES[name].get(value, value)
        values[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return values
