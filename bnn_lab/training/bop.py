"""Bop, the optimizer that flips signs instead of moving latent weights (arXiv:1906.02107)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_integer, is_number
from bnn_lab.errors import InputError
from bnn_lab.training.schedules import check_hyperparameter


def bop_optimizer(
    gamma: float | Any = 1e-3,
    threshold: float | Any = 1e-6,
    other: Any = None,
    *,
    model: Any = None,
    relative_threshold: bool = False,
    order: int = 1,
    sigma: float | Any = 1e-3,
    correction: str = "none",
) -> Any:
    """Bop for the binary weights and another optimizer for all the rest.

    Per binary weight w with gradient g, Bop keeps m = (1 - gamma) m + gamma g and flips w when
    ``w * m > threshold``: the gradients have asked often and strongly enough
    (arXiv:1906.02107, algorithm 1). The defaults are the centre of that paper's hyper-parameter
    study. Bop alone would also flip batch-normalization offsets, hence the wrapping in larq's
    `CaseOptimizer`.

    Args:
        gamma: adaptivity rate in (0, 1], or a Keras `LearningRateSchedule` such as `gamma_decay`.
        threshold: tau, at least 0, or a `LearningRateSchedule`; useful values lie well below the
            size of the gradients. With exactly 0, larq's Bop sets a weight whose gradient has
            always been 0 to +1.
        other: optimizer of all other weights, a `tf.keras.optimizers.legacy` one; default legacy
            Adam with learning rate 0.01.
        model: if given, its binary weights are set to ±1 now, see `set_binary_signs`.
        relative_threshold: count tau in units of each layer's gradient rms, which makes values
            around 0.001 to 0.1 useful everywhere. Uses `bnn_lab.training.optimizers.Bop`.
        order: 1, or 2 for `bnn_lab.training.optimizers.Bop2ndOrder` (arXiv:2104.05124), whose tau
            has no unit.
        sigma: rate of the squared gradient's average in (0, 1]; for order 2 only.
        correction: of both averages' start from 0, see `Bop2ndOrder`; for order 2 only.

    Returns:
        A `larq.optimizers.CaseOptimizer`, for `model.compile` or `bnn_lab.training.train`. Its
        `learning_rate` is that of `other`, so Keras's callbacks that change it change that.

    Raises:
        InputError: a value is out of range, an option does not go with `order`, or `other` is not
            a legacy optimizer.
    """
    tf = require_tensorflow()
    import larq as lq

    from bnn_lab.training import optimizers

    check_hyperparameter("bop_optimizer", "gamma", gamma, high=1.0)
    check_hyperparameter("bop_optimizer", "sigma", sigma, high=1.0)
    check_hyperparameter("bop_optimizer", "threshold", threshold, low_included=True)
    if order not in (1, 2):
        raise InputError(f"bop_optimizer({order=}): must be 1 or 2.")
    if order == 1 and correction != "none":
        raise InputError(f"bop_optimizer({correction=}): needs order=2.")
    if order == 2 and relative_threshold:
        raise InputError(
            "bop_optimizer(relative_threshold=True): needs order=1; at order 2 the threshold is "
            "relative already, to each weight's own gradients."
        )
    if other is None:
        other = tf.keras.optimizers.legacy.Adam(0.01)
    check_legacy_optimizer(other, "other")
    if order == 2:
        flipper = optimizers.Bop2ndOrder(threshold, gamma, sigma, correction)
    elif relative_threshold:
        flipper = optimizers.Bop(threshold, gamma, relative_threshold=True)
    else:
        flipper = lq.optimizers.Bop(threshold, gamma)
    if model is not None:
        set_binary_signs(model)
    return optimizers.BinaryAndRest(flipper, other)


def is_bop(optimizer: Any) -> bool:
    """Whether an optimizer flips signs, so that its weights must be ±1: larq's Bop or ours."""
    require_tensorflow()
    import larq as lq

    from bnn_lab.training import optimizers

    return isinstance(optimizer, (lq.optimizers.Bop, optimizers.Bop, optimizers.Bop2ndOrder))


def gamma_decay(start: float, end: float, steps: int) -> Any:
    """Adaptivity rate that falls exponentially, so that the flips die down.

    Args:
        start: gamma at the first step, in (0, 1].
        end: gamma after `steps` steps, in (0, start].
        steps: training steps (batches), at least 1.

    Returns:
        `tf.keras.optimizers.schedules.ExponentialDecay`.

    Raises:
        InputError: a value is out of range.
    """
    tf = require_tensorflow()
    if not (is_number(start) and is_number(end) and 0 < end <= start <= 1):
        raise InputError(f"gamma_decay({start=}, {end=}): needs 0 < end <= start <= 1.")
    if not (is_integer(steps) and steps >= 1):
        raise InputError(f"gamma_decay({steps=}): must be an integer, at least one step.")
    return tf.keras.optimizers.schedules.ExponentialDecay(start, steps, end / start)


def check_legacy_optimizer(optimizer: Any, argument: str) -> None:
    """Refuse optimizers that larq's CaseOptimizer cannot hold.

    Args:
        optimizer: the object to check.
        argument: its name in the error.

    Raises:
        InputError: it is not a `tf.keras.optimizers.legacy.Optimizer`.
    """
    tf = require_tensorflow()
    if isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):
        return
    name = type(optimizer).__name__
    known = hasattr(tf.keras.optimizers.legacy, name)
    instead = f"tf.keras.optimizers.legacy.{name if known else 'Adam'}"
    raise InputError(
        f"{argument}={optimizer!r} is a {type(optimizer).__module__}.{name}, but Bop works only "
        f"with legacy Keras optimizers. Fix: use {instead}(...)."
    )


def binary_variables(model: Any) -> dict[str, Any]:
    """The weights that a model uses as ±1 values.

    Args:
        model: a built Keras model with larq layers.

    Returns:
        Layer name (with the variable's name if a layer has several) to variable, in model order.

    Raises:
        InputError: the model is not built or has no such weights.
    """
    tf = require_tensorflow()
    if not isinstance(model, tf.Module):
        raise InputError(f"expected a tf_keras model, not {type(model).__name__}.")
    if not model.built:
        raise InputError(
            f"model '{model.name}' is not built, so it has no weights yet. Fix: give its first "
            "layer an input_shape, or call model.build(input_shape)."
        )
    found = _binary_variables(model)
    if not found:
        raise InputError(
            f"model '{model.name}' has no trainable binary weights. Fix: give its larq layers a "
            "kernel_quantizer of precision 1, such as larq.quantizers.NoOp(precision=1)."
        )
    return found


def has_binary_weights(model: Any) -> bool:
    """Whether a built Keras model has weights that are used as ±1 values."""
    return bool(_binary_variables(model))


def _binary_variables(model: Any) -> dict[str, Any]:
    import larq as lq

    found: dict[str, Any] = {}
    # _flatten_layers reaches layers of nested models and wrappers, which model.layers does not.
    for layer in model._flatten_layers(recursive=True, include_self=False):
        own = [v for v in layer._trainable_weights if lq.optimizers.Bop.is_binary_variable(v)]
        for variable in own:
            short = variable.name.split("/")[-1].split(":")[0]
            found[layer.name if len(own) == 1 else f"{layer.name}/{short}"] = variable
    return found


def set_binary_signs(model: Any) -> int:
    """Set every binary weight to exactly +1 or -1: the sign of its present value.

    Bop flips signs but never sets magnitudes, so weights that Keras initialised to 0.03 would
    stay there without this. Glorot initialisation is symmetric: about half become -1.

    Args:
        model: a built Keras model with larq layers.

    Returns:
        How many weights were set.

    Raises:
        InputError: the model is not built or has no binary weights.
    """
    total = 0
    for variable in binary_variables(model).values():
        # The latent value, also inside a larq quantized_scope; sign(0) = +1.
        variable.assign(np.where(latent_value(variable) < 0, -1.0, 1.0).astype(np.float32))
        total += int(np.prod(variable.shape))
    return total


def latent_value(variable: Any) -> np.ndarray:
    """Value that the optimizer works on: NumPy array in the variable's shape and dtype."""
    return np.asarray(getattr(variable, "latent_variable", variable).numpy())


def negative(variable: Any) -> NDArray[np.bool_]:
    """Which weights the forward pass uses as -1, bool in the variable's shape.

    That is the sign of the latent weight, unless the quantizer has a ``negative`` of its own: those
    of IR-Net and ReCU subtract each filter's mean first.
    """
    own = own_negative(variable)
    value = latent_value(variable)
    return np.less(value, 0.0) if own is None else np.asarray(own(value).numpy())


def own_negative(variable: Any) -> Any:
    """The quantizer's function that says which latent weights become -1; None: their sign."""
    return getattr(getattr(variable, "quantizer", None), "negative", None)
