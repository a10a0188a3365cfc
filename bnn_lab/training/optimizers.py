"""Bop and its second-order variant for legacy Keras, written to be read beside the papers.

Both know only binary weights: use them through `bnn_lab.training.bop_optimizer`, which gives all
other weights to another optimizer. larq's Bop is the reference that `Bop` is tested against, step
for step. The two differ in one case: where w m equals tau exactly, larq's sets the weight to +1
whatever it was, and `Bop` leaves it, as the paper's strict ``>`` says.
"""

from __future__ import annotations

import warnings
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_number
from bnn_lab.errors import InputError
from bnn_lab.training.schedules import check_hyperparameter

tf: Any = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)
from larq.optimizers import _var_key  # noqa: E402
from tf_keras.src.optimizers.legacy.optimizer_v2 import _var_key as _slot_key  # noqa: E402

# What `Bop2ndOrder` does about averages that start at 0.
CORRECTIONS = ("none", "start", "rates")

_Optimizer: Any = tf.keras.optimizers.legacy.Optimizer
_Schedule: Any = tf.keras.optimizers.schedules.LearningRateSchedule
# A saved model names a class so: our Bop is not taken for larq's, which has the same name.
_registered: Any = tf.keras.utils.register_keras_serializable("bnn_lab")


class _SignFlipper(_Optimizer):
    """What both share: hyper-parameters that may be schedules, and flipping."""

    _HAS_AGGREGATE_GRAD = True  # Keras may sum the replicas' gradients before they arrive

    def _add_hyper(self, **hypers: Any) -> None:
        self._hyper_names = tuple(hypers)
        for name, value in hypers.items():
            bounds: Any = {"low_included": True} if name == "threshold" else {"high": 1.0}
            check_hyperparameter(type(self).__name__, name, value, **bounds)
            self._set_hyper(name, value)

    def _add_scalars(self, variables: Any, names: tuple[str, ...]) -> None:
        """Numbers that belong to a variable, 0 at first.

        They are not slots, because the loader of SavedModels gives every slot its variable's shape.
        """
        scalars = self.__dict__.setdefault("_scalars", {})
        for variable in variables:
            for name in names:
                key = (_slot_key(variable), name)
                if key not in scalars:
                    with self._distribution_strategy_scope():
                        scalars[key] = self.add_weight(
                            f"{name}_{len(scalars)}",
                            shape=(),
                            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                        )
                    self._weights.append(scalars[key])

    def scalar(self, variable: Any, name: str) -> Any:
        """A number that belongs to a variable; KeyError where there is none."""
        return self.__dict__.get("_scalars", {})[_slot_key(variable), name]

    def _now(self, name: str, dtype: Any) -> Any:
        """Present value of a hyper-parameter."""
        value = self._get_hyper(name, dtype)
        if isinstance(value, _Schedule):
            return tf.cast(value(tf.cast(self.iterations, dtype)), dtype)
        return value

    @staticmethod
    def _flip(var: Any, pressure: Any, threshold: Any) -> Any:
        return var.assign(tf.where(var * pressure > threshold, -var, var))

    def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any, **kwargs: Any) -> Any:
        raise InputError(
            f"{self._name}: the gradient of '{var.name}' is sparse, as an Embedding's is, and a "
            "moving average needs all of it. Fix: keep embeddings out of the binary weights."
        )

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        own = {name: self._serialize_hyperparameter(name) for name in self._hyper_names}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make the optimizer that `get_config` described."""
        config = dict(config)
        for name, value in config.items():
            if isinstance(value, dict):
                config[name] = tf.keras.optimizers.schedules.deserialize(value, custom_objects)
        return cls(**config)


@_registered
class Bop(_SignFlipper):
    """m = (1 - gamma) m + gamma g; flip w where w m > tau (arXiv:1906.02107, algorithm 1).

    With `relative_threshold`, tau is counted in units of the layer's gradient size: the test is
    w m > threshold * rms, where rms^2 is the mean square of the layer's gradients, averaged over
    steps with rate gamma and freed of its bias towards the start. Gradients differ in size by
    orders of magnitude between layers and problems, tau relative to them does not.

    Args:
        threshold: tau, at least 0, or a `LearningRateSchedule`.
        gamma: adaptivity rate in (0, 1], or a `LearningRateSchedule`.
        relative_threshold: whether `threshold` is in units of the gradient's rms.
        name: name of the optimizer.

    Raises:
        InputError: a value is out of range.
    """

    def __init__(
        self,
        threshold: Any = 1e-6,
        gamma: Any = 1e-3,
        relative_threshold: bool = False,
        name: str = "BnnLabBop",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self._add_hyper(threshold=threshold, gamma=gamma)
        self.relative_threshold = relative_threshold

    def _create_slots(self, var_list: Any) -> None:
        for var in var_list:
            self.add_slot(var, "m")
        if self.relative_threshold:
            # `seen`: share of the average that is data, not 0
            self._add_scalars(var_list, ("mean_square", "seen"))

    def _resource_apply_dense(self, grad: Any, var: Any, apply_state: Any = None) -> Any:
        dtype = var.dtype.base_dtype
        gamma, threshold = self._now("gamma", dtype), self._now("threshold", dtype)
        m = self.get_slot(var, "m")
        m = m.assign_add(gamma * (grad - m))
        if self.relative_threshold:
            square, seen = self.scalar(var, "mean_square"), self.scalar(var, "seen")
            square = square.assign_add(gamma * (tf.reduce_mean(grad * grad) - square))
            seen = seen.assign_add(gamma * (1.0 - seen))
            threshold = threshold * tf.sqrt(square / seen)
        return self._flip(var, m, threshold)

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        return {**super().get_config(), "relative_threshold": self.relative_threshold}


@_registered
class Bop2ndOrder(_SignFlipper):
    """Bop on m / (sqrt(v) + epsilon), so that tau has no unit (arXiv:2104.05124).

    m averages the gradient with rate gamma, v its square with rate sigma; w flips where
    w m / (sqrt(v) + epsilon) > tau. Both averages start at 0, and `correction` says what is done
    about that first:

    * ``none``: nothing, the paper's biased form.
    * ``start``: m is divided by 1 - (1 - gamma)^t and v by 1 - (1 - sigma)^t, as Adam does, so that
      each is a mean of the gradients seen; with schedules, by 1 minus the product of 1 - rate.
    * ``rates``: m is divided by gamma and v by sigma, which is what the authors' code does under
      the name "unbiased". It is right at the first step only; the quotient is always sqrt(sigma) /
      gamma times the biased one, so tau means something else.

    Args:
        threshold: tau, at least 0, or a `LearningRateSchedule`.
        gamma: rate of the gradient's average in (0, 1], or a `LearningRateSchedule`.
        sigma: rate of the squared gradient's average, likewise.
        correction: see above.
        epsilon: at least 0.
        name: name of the optimizer.

    Raises:
        InputError: a value is out of range, or there is no such correction.
    """

    def __init__(
        self,
        threshold: Any = 1e-6,
        gamma: Any = 1e-7,
        sigma: Any = 1e-3,
        correction: str = "none",
        epsilon: float = 1e-10,
        name: str = "Bop2ndOrder",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if correction not in CORRECTIONS:
            raise InputError(f"Bop2ndOrder({correction=}): must be one of {CORRECTIONS}.")
        if not (is_number(epsilon) and epsilon >= 0):
            raise InputError(f"Bop2ndOrder({epsilon=}): must be a finite number, at least 0.")
        self._add_hyper(threshold=threshold, gamma=gamma, sigma=sigma)
        self.correction, self.epsilon = correction, epsilon

    def _scheduled(self, name: str) -> bool:
        return isinstance(self._get_hyper(name), _Schedule)

    def _create_slots(self, var_list: Any) -> None:
        for var in var_list:
            self.add_slot(var, "m")
            self.add_slot(var, "v")
        for name in ("gamma", "sigma") if self.correction == "start" else ():
            if self._scheduled(name):  # the logarithm of the product of 1 - rate
                self._add_scalars(var_list, (f"log_{name}", f"lost_{name}"))

    def _seen(self, var: Any, name: str, rate: Any) -> Any:
        """Share of an average that is gradients, not the zero that it started from."""
        if not self._scheduled(name):
            step = tf.cast(self.iterations + 1, rate.dtype)
            # expm1 and log1p: 1 - (1 - 1e-7)^t is lost in float32 otherwise.
            return -tf.math.expm1(step * tf.math.log1p(-rate))
        # Summed with what rounding lost kept apart: 1e-7 would soon add nothing.
        total, lost = self.scalar(var, f"log_{name}"), self.scalar(var, f"lost_{name}")
        more = tf.math.log1p(-rate) - lost
        after = total + more
        lost = lost.assign((after - total) - more)
        with tf.control_dependencies([lost]):
            return -tf.math.expm1(total.assign(after))

    def _resource_apply_dense(self, grad: Any, var: Any, apply_state: Any = None) -> Any:
        dtype = var.dtype.base_dtype
        gamma, sigma = self._now("gamma", dtype), self._now("sigma", dtype)
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m = m.assign_add(gamma * (grad - m))
        v = v.assign_add(sigma * (grad * grad - v))
        if self.correction == "start":
            m, v = m / self._seen(var, "gamma", gamma), v / self._seen(var, "sigma", sigma)
        elif self.correction == "rates":
            m, v = m / gamma, v / sigma
        return self._flip(var, m / (tf.sqrt(v) + self.epsilon), self._now("threshold", dtype))

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        return {**super().get_config(), "correction": self.correction, "epsilon": self.epsilon}


@_registered
class BinaryAndRest(lq.optimizers.CaseOptimizer):
    """One optimizer for the binary weights, another for the rest, whose learning rate it has.

    larq's `CaseOptimizer` has none, so Keras's ReduceLROnPlateau and LearningRateScheduler refuse
    it. Here `lr` and `learning_rate` read and set that of the rest: Bop has no learning rate.

    Args:
        binary: optimizer of the binary weights.
        rest: of all others.
    """

    var_opt_mapping: dict[str, int] | None

    def __init__(self, binary: Any, rest: Any, name: str = "binary_and_rest") -> None:
        super().__init__(
            (lq.optimizers.Bop.is_binary_variable, binary), default_optimizer=rest, name=name
        )

    def _claim(self, variables: Any) -> dict[str, int]:
        """Which optimizer each variable has: 0 the binary one, 1 that of the rest.

        Variables may come later, as those of layers that were frozen before do.
        """
        mapping = self.var_opt_mapping = self.var_opt_mapping or {}
        for variable in variables:
            binary = lq.optimizers.Bop.is_binary_variable(variable)
            mapping.setdefault(_var_key(variable), 0 if binary else 1)
        if 0 not in mapping.values():
            raise InputError(
                f"{self._name}: none of the {len(mapping)} trainable weights is binary, so there "
                "is nothing to flip. Fix: give larq layers a kernel_quantizer of precision 1, such "
                "as larq.quantizers.NoOp(precision=1), and do not freeze all of them; or use the "
                "other optimizer alone."
            )
        return mapping

    def _create_all_weights(self, var_list: Any) -> None:
        """Make the state of both, in the order in which a file has it."""
        mapping = self._claim(var_list)
        for number, part in enumerate(self.optimizers):
            own = [v for v in var_list if mapping[_var_key(v)] == number]
            with tf.name_scope(("binary", "rest")[number]):  # .h5 files need names that differ
                part._create_all_weights(own)

    def apply_gradients(self, grads_and_vars: Any, name: str | None = None, **kwargs: Any) -> Any:
        """Make a step, see `tf.keras.optimizers.legacy.Optimizer.apply_gradients`.

        Raises:
            InputError: none of the variables is binary.
        """
        pairs = list(grads_and_vars)
        with tf.init_scope():
            self._create_all_weights([variable for _, variable in pairs])
        return super().apply_gradients(pairs, name, **kwargs)

    def variables(self) -> list[Any]:
        """State of both, in the order of `get_weights`."""
        return list(self.weights)

    @property
    def binary(self) -> Any:
        """Optimizer of the binary weights, such as for larq's `HyperparameterScheduler`."""
        return self.optimizers[0]

    @property
    def iterations(self) -> Any:
        """How many steps were made, an int64 variable."""
        return self.binary.iterations

    @property
    def learning_rate(self) -> Any:
        """Learning rate of the optimizer of the rest, a variable or a schedule."""
        return self.default.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.default.learning_rate = value

    lr = learning_rate

    def _trackable_children(self, save_type: str = "checkpoint", **kwargs: Any) -> Any:
        if save_type != "checkpoint":
            self._warn_of_lost_state("SavedModels")
        return super()._trackable_children(save_type, **kwargs)

    def _warn_of_lost_state(self, files: str) -> None:
        if tf.keras.backend.get_value(self.iterations):
            warnings.warn(
                f"Keras's {files} do not keep the state of legacy optimizers, such as Bop's "
                "averages: a training that goes on from this file starts with fresh ones. To go on "
                "exactly, save to .h5, or use BackupAndRestore or tf.train.Checkpoint.",
                stacklevel=2,
            )

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        if _saving_keras_file():
            self._warn_of_lost_state(".keras files")
        return {
            "name": self._name,
            # The newer format looks a class up by its bare name, by which our Bop is larq's.
            "binary": tf.keras.optimizers.serialize(self.binary, use_legacy_format=True),
            "rest": tf.keras.optimizers.serialize(self.default, use_legacy_format=True),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> BinaryAndRest:
        """Make the optimizer that `get_config` described."""
        parts = {
            part: tf.keras.optimizers.deserialize(
                config[part],
                custom_objects,
                use_legacy_format="module" not in config[part],
                use_legacy_optimizer=True,
            )
            for part in ("binary", "rest")
        }
        return cls(**parts, name=config["name"])


def _saving_keras_file() -> bool:
    from tf_keras.src.saving import serialization_lib

    return bool(getattr(serialization_lib.SHARED_OBJECTS, "enabled", False))


# Under these names Keras finds them when a saved model is loaded.
tf.keras.utils.get_custom_objects().update(
    {"BnnLabBop": Bop, "Bop2ndOrder": Bop2ndOrder, "BinaryAndRest": BinaryAndRest}
)
