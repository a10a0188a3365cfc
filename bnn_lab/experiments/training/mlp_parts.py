"""What `train_mlp_run` puts together: images, network, optimizer."""

from __future__ import annotations

from typing import Any

import numpy as np

from bnn_lab._keras import require_tensorflow
from bnn_lab.data import ImageData
from bnn_lab.errors import InputError
from bnn_lab.experiments.training.mlp_settings import QUANTIZERS, MlpRun
from bnn_lab.models._common import without_clip_advice
from bnn_lab.models.alexnet import filter_scaled_sign
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.training.bop import bop_optimizer
from bnn_lab.training.schedules import step_decay


def split(run: MlpRun, data: ImageData) -> tuple[Any, Any, Any]:
    """Training images, their labels, and a pair of both for validation or None.

    Raises:
        InputError: there are too few images.
    """
    if not run.validation:
        return data.train_images, data.train_labels, None
    if run.validation > len(data.train_labels) // 2:
        raise InputError(
            f"MlpRun(validation={run.validation}): {data.name} has {len(data.train_labels)} "
            "training images, and at most half of them may be held out."
        )
    # The split is the same for every seed, so that all runs are chosen by the same images.
    order = np.random.default_rng(0).permutation(len(data.train_labels))
    held, kept = order[: run.validation], order[run.validation :]
    validation = (data.train_images[held], data.train_labels[held])
    return data.train_images[kept], data.train_labels[kept], validation


def build(run: MlpRun, data: ImageData) -> Any:
    """The network at its start, but for `MlpRun.pretrained`."""
    tf = require_tensorflow()
    import larq as lq

    options: dict[str, Any] = {}
    if run.weight_clip is not None:
        options["kernel_constraint"] = lambda: lq.constraints.WeightClip(run.weight_clip)
    if run.l2:
        options["kernel_regularizer"] = lambda: tf.keras.regularizers.L2(run.l2)
    if run.method not in ("bop", "bop2", "float"):
        options["kernel_quantizer"] = lambda: make_quantizer(
            run.quantizer, run.ste_clip, run.factor
        )
    with without_clip_advice():
        model = digits_mlp(
            run.hidden,
            run.seed,
            binary=run.method != "float",
            input_shape=data.input_shape,
            classes=data.classes,
            **options,
        )
    for layer in model.layers:
        if hasattr(layer, "epsilon"):
            layer.epsilon = run.norm_epsilon
    if run.initial_scale != 1.0:
        for layer in model.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.assign(layer.kernel * np.float32(run.initial_scale))
    return model


def make_quantizer(name: str, clip: float | None = None, factor: float = 1.0) -> Any:
    """A quantizer of kernels by its key in `QUANTIZERS`, with `MlpRun.ste_clip` and its factor."""
    import larq as lq

    if name == "filter_mean":
        return filter_scaled_sign()
    if factor != 1.0:
        return scaled_sign(factor, clip)
    options = {"clip_value": clip} if name in ("ste", "magnitude") else {}
    return getattr(lq.quantizers, QUANTIZERS[name])(**options)


def scaled_sign(factor: float, clip: float | None) -> Any:
    """The straight-through sign times a constant, through which the gradient passes too."""
    import larq as lq

    class ConstantTimesSign(lq.quantizers.Quantizer):
        precision = 1

        def call(self, inputs: Any) -> Any:
            return super().call(factor * lq.quantizers.ste_sign(inputs, clip))

    return ConstantTimesSign()


def make_optimizer(run: MlpRun, model: Any, steps: int) -> Any:
    """The optimizer of a run of `steps` steps an epoch; Bop's sets the weights to ±1."""
    tf = require_tensorflow()
    from bnn_lab.training.optimizers import BinaryAndRest

    legacy = tf.keras.optimizers.legacy
    other = legacy.Adam(run.norm_learning_rate)
    if run.method in ("bop", "bop2"):
        gamma = _falling(run.gamma, run.gamma_factor, run.gamma_every * steps)
        if run.method == "bop":
            return bop_optimizer(gamma, run.threshold, other, model=model)
        return bop_optimizer(gamma, run.threshold, other, model=model, order=2, sigma=run.sigma)
    rate = _falling(run.learning_rate, run.rate_factor, run.rate_every * steps)
    if run.method == "float":
        return legacy.Adam(rate)
    latent = {
        "sgd": lambda: legacy.SGD(rate),
        "momentum": lambda: legacy.SGD(rate, momentum=0.9),
        "adam": lambda: legacy.Adam(rate),
    }[run.method]()
    return BinaryAndRest(latent, other)


def _falling(start: float, factor: float, every: int) -> Any:
    return step_decay(start, factor, every) if every else start


def create_slots(optimizer: Any, variables: list[Any]) -> None:
    """Now, because a function that makes variables is traced twice, which is most of a run."""
    _ = optimizer.iterations  # makes the counter
    pairs = getattr(optimizer, "pred_opt_pairs", ())
    taken: set[int] = set()
    for predicate, part in pairs:
        own = [variable for variable in variables if predicate(variable)]
        part._create_all_weights(own)
        taken |= {id(variable) for variable in own}
    rest = [variable for variable in variables if id(variable) not in taken]
    getattr(optimizer, "default", optimizer)._create_all_weights(rest)
