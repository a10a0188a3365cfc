"""Models of any build as a function of fixed shapes: Keras models, modules, functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.convert.calibration import ModelInput
from bnn_lab.errors import ConversionError


class FixedFunction:
    """A model as a concrete function with batch 1.

    Attributes:
        function: TensorFlow's concrete function.
        inputs_of_model: (name, shape) of each input.
        output_names: one per output.
    """

    def __init__(
        self, function: Any, inputs: list[tuple[str, tuple[int, ...]]], outputs: list[str]
    ) -> None:
        self.function = function
        self.inputs_of_model = inputs
        self.output_names = outputs

    @property
    def model_inputs(self) -> list[ModelInput]:
        """Name, shape and NumPy type of each input."""
        tensors = self.function.inputs[: len(self.inputs_of_model)]
        return [
            ModelInput(name, shape, np.dtype(tensor.dtype.as_numpy_dtype))
            for (name, shape), tensor in zip(self.inputs_of_model, tensors, strict=True)
        ]

    @property
    def has_fake_quantization(self) -> bool:
        """Whether the model was trained for int8, with FakeQuant ops."""
        graph = self.function.graph
        definition = graph.as_graph_def()
        nodes = [
            *definition.node,
            *(n for body in definition.library.function for n in body.node_def),
        ]
        return any(node.op.startswith("FakeQuant") for node in nodes)


class _Call(NamedTuple):
    """How to call a model on a flat list of tensors."""

    names: list[str]
    specs: list[Any]
    run: Callable[[Sequence[Any]], Any]
    output_names: list[str]  # of the model; may be unknown


def concrete_function(model: Any) -> FixedFunction:
    """Trace a model in inference mode with batch 1.

    Args:
        model: a tf_keras model, whatever structure its inputs and outputs have; a `tf.Module` with
            one `tf.function` of fixed signature; or such a function.

    Returns:
        The function, with input and output names.

    Raises:
        ConversionError: it is none of these, not built, has dynamic dimensions, a precision
            other than float32 or a state that lasts between calls.
    """
    tf = require_tensorflow()
    call = _keras_call(tf, model) if isinstance(model, tf.keras.Model) else _plain_call(tf, model)
    for layer in keras_layers(model):
        _check_precision(layer)
        _check_state(layer)
    specs = [
        _fixed(tf, spec, name) for spec, name in zip(call.specs, _unique(call.names), strict=True)
    ]
    structure: list[Any] = []

    def flat(*tensors: Any) -> list[Any]:
        result = call.run(tensors)
        structure[:] = [result]
        return list(tf.nest.flatten(result))

    function = tf.function(flat, autograph=False).get_concrete_function(*specs)
    _forget_gradients(function.graph)
    count = len(function.outputs)
    names = _output_names(tf, structure[0], call.output_names, count)
    return FixedFunction(
        function, [(spec.name, tuple(spec.shape.as_list())) for spec in specs], names
    )


def model_name(model: Any) -> str:
    """Name of a model, for messages and reports."""
    return str(getattr(model, "name", None) or type(model).__name__)


def keras_layers(model: Any) -> list[Any]:
    """All Keras layers that a model or module holds, models among them."""
    tf = require_tensorflow()
    if isinstance(model, tf.keras.Model):
        return list(model._flatten_layers())
    held = model.submodules if isinstance(model, tf.Module) else ()
    return [module for module in held if isinstance(module, tf.keras.layers.Layer)]


def _forget_gradients(graph: Any) -> None:
    """Let TensorFlow drop the gradients of a graph that is never trained.

    It registers those of each call of a quantizer under a new name and keeps them for ever, and by
    them the graph and all weights: each conversion would cost the memory of its model. Functions
    that the graph calls keep theirs, as others may call them too.
    """
    from tensorflow.python.framework.ops import gradient_registry

    registered = getattr(gradient_registry, "_registry", {})
    for op in graph.get_operations():
        name = op.node_def.attr["_gradient_op_type"].s.decode()
        if name.startswith("CustomGradient-"):
            registered.pop(name, None)


# --- Keras ----------------------------------------------------------------------------------


def _keras_call(tf: Any, model: Any) -> _Call:
    outputs = list(getattr(model, "output_names", None) or [])
    if model.inputs is not None:
        names = list(getattr(model, "input_names", None) or [])
        names += [""] * (len(model.inputs) - len(names))

        def run(tensors: Sequence[Any]) -> Any:
            given = tensors[0] if len(tensors) == 1 else list(tensors)
            # A functional model with inputs in a dict takes them in one.
            nested = getattr(model, "_nested_inputs", None)
            if isinstance(nested, dict):
                given = tf.nest.pack_sequence_as(nested, list(tensors))
            return model(given, training=False)

        return _Call(names, list(model.inputs), run, outputs)
    spec = model.save_spec() if model.built else None
    if spec is None:
        raise ConversionError(
            f"the model '{model.name}' has no inputs yet. Fix: call it once on data, or give "
            "its first layer an input_shape"
        )
    args, kwargs = spec
    kwargs = {name: value for name, value in kwargs.items() if name not in ("training", "mask")}
    named = list(_named_specs(tf, model.call, args, kwargs))
    flat = tf.nest.flatten((list(args), kwargs))

    def run_subclass(tensors: Sequence[Any]) -> Any:
        left = iter(tensors)
        filled = [next(left) if _is_spec(tf, value) else value for value in flat]
        positional, named_values = tf.nest.pack_sequence_as((list(args), kwargs), filled)
        return model(*positional, **named_values, training=False)

    return _Call([name for name, _ in named], [spec for _, spec in named], run_subclass, outputs)


def _named_specs(
    tf: Any, function: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any]]:
    """(name, spec) of each tensor, in the order of `tf.nest.flatten`."""
    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
    for position, value in enumerate(args):
        known = parameters[position] if position < len(parameters) else f"input_{position}"
        alone = len(args) == 1 and not kwargs
        if alone and _is_spec(tf, value):
            yield value.name or known, value
        else:
            yield from _walk(tf, value, "" if alone else known)
    for key in sorted(kwargs):
        yield from _walk(tf, kwargs[key], key)


def _walk(tf: Any, value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if _is_spec(tf, value):
        yield name or value.name or "input", value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _walk(tf, value[key], f"{name}_{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(tf, item, f"{name or 'input'}_{index}")


def _is_spec(tf: Any, value: Any) -> bool:
    return isinstance(value, tf.TensorSpec) or tf.is_tensor(value)


# --- modules and functions ------------------------------------------------------------------


def _plain_call(tf: Any, model: Any) -> _Call:
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__):
        raise ConversionError(
            f"the model is a Keras 3 model ({kind}), but larq and this converter work on legacy "
            "Keras. Fix: build it with tf.keras after `import bnn_lab`, or with tf_keras"
        )
    function = model if _is_function(model) else None
    if function is None and isinstance(model, tf.Module):
        function = _function_of(model)
    if function is None:
        raise ConversionError(
            f"expected a tf_keras model, got {kind}. Fix: pass a tf.keras.Model, or a tf.Module or "
            "tf.function of fixed signature"
        )
    traced = _traced(function, kind)
    args, kwargs = traced.structured_input_signature
    names = list(_named_specs(tf, _python_function(function), args, kwargs))
    flat = tf.nest.flatten((list(args), kwargs))

    def run(tensors: Sequence[Any]) -> Any:
        left = iter(tensors)
        filled = [next(left) if _is_spec(tf, value) else value for value in flat]
        positional, named_values = tf.nest.pack_sequence_as((list(args), kwargs), filled)
        return traced(*positional, **named_values)

    return _Call([name for name, _ in names], [spec for _, spec in names], run, [])


def _is_function(value: Any) -> bool:
    return hasattr(value, "structured_input_signature") or hasattr(value, "get_concrete_function")


def _python_function(function: Any) -> Any:
    return getattr(function, "python_function", None) or (lambda *args, **kwargs: None)


def _function_of(module: Any) -> Any:
    """The one `tf.function` of a module; its `__call__` comes first."""
    kept = type(module)
    if _is_function(vars(kept).get("__call__")):
        return module.__call__
    names = [name for name in dir(kept) if not name.startswith("_")]
    found = [name for name in names if _is_function(getattr(kept, name, None))]
    if len(found) != 1:
        raise ConversionError(
            f"the module '{module.name}' has {len(found)} tf.functions"
            f"{' (' + ', '.join(found) + ')' if found else ''}. Fix: pass the one to convert, such "
            "as module.predict"
        )
    return getattr(module, found[0])


def _traced(function: Any, kind: str) -> Any:
    if hasattr(function, "structured_input_signature"):
        return function
    try:
        return function.get_concrete_function()
    except Exception as error:  # TensorFlow raises what it likes for a function without signature
        raise ConversionError(
            f"the tf.function of {kind} has no input_signature ({error}). Fix: decorate it with "
            "tf.function(input_signature=[tf.TensorSpec(...)]), or pass "
            "function.get_concrete_function(tf.TensorSpec(...))"
        ) from error


# --- names and shapes -----------------------------------------------------------------------


def _fixed(tf: Any, tensor: Any, name: str) -> Any:
    shape = tensor.shape.as_list() if tensor.shape.rank is not None else None
    if shape is None or None in shape[1:]:
        raise ConversionError(
            f"input '{name}' has the shape {tensor.shape}, but only the batch may be unknown. "
            "Fix: build the model with a fixed shape, such as Input((224, 224, 3))"
        )
    if shape and shape[0] is None:
        shape = [1, *shape[1:]]
    return tf.TensorSpec(shape, tensor.dtype, name=name)


def _unique(names: Sequence[str]) -> list[str]:
    """Names that differ, each not empty."""
    found: list[str] = []
    for position, name in enumerate(names):
        name = name or f"input_{position}"
        count = 1
        unique = name
        while unique in found:
            unique, count = f"{name}_{count}", count + 1
        found.append(unique)
    return found


def _output_names(tf: Any, result: Any, known: list[str], count: int) -> list[str]:
    """Names of outputs: the keys of a dict, else what the model calls them."""
    names = [name for name, _ in _walk(tf, result, "")] if isinstance(result, dict) else known
    if len(names) != count or len(set(names)) != count:
        return [f"output_{index}" for index in range(count)]
    return names


def _check_state(layer: Any) -> None:
    holds_layers = hasattr(layer, "layers")  # a model is stateful if a layer of it is
    if hasattr(layer, "reset_states") and layer.stateful and not holds_layers:
        raise ConversionError(
            f"layer '{layer.name}' keeps its state between calls, which the file cannot. Fix: "
            "build the model with stateful=False, and copy the weights"
        )


def _check_precision(layer: Any) -> None:
    dtype = layer.compute_dtype
    if dtype is not None and "float" in dtype and dtype != "float32":
        raise ConversionError(
            f"layer '{layer.name}' computes in {dtype} (policy "
            f"'{layer.dtype_policy.name}'), and binary kernels produce float32. Fix: rebuild "
            "the model under tf.keras.mixed_precision.set_global_policy('float32') and copy "
            "the weights"
        )
