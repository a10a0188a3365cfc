"""Bop and its second-order variant for legacy Keras, written to be read beside the papers.

Both know only binary weights: use them through `bnn_lab.training.bop_optimizer`, which gives all
other weights to another optimizer. larq's Bop is the reference that `Bop` is tested against, step
for step. The two differ in one case: where w m equals tau exactly, larq's sets the weight to +1
whatever it was, and `Bop` leaves it, as the paper's strict ``>`` says.
"""

from __future__ import annotations

from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError

tf: Any = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)

# What `Bop2ndOrder` does about averages that start at 0.
CORRECTIONS = ("none", "start", "rates")

_Optimizer: Any = tf.keras.optimizers.legacy.Optimizer
_Schedule: Any = tf.keras.optimizers.schedules.LearningRateSchedule


class _SignFlipper(_Optimizer):
    """What both share: hyper-parameters that may be schedules, and flipping."""

    _HAS_AGGREGATE_GRAD = True  # Keras may sum the replicas' gradients before they arrive

    def _add_hyper(self, **hypers: Any) -> None:
        self._hyper_names = tuple(hypers)
        for name, value in hypers.items():
            self._set_hyper(name, value)

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
                self.add_slot(var, "mean_square", shape=())
                self.add_slot(var, "seen", shape=())  # share of the average that is data, not 0

    def _resource_apply_dense(self, grad: Any, var: Any, apply_state: Any = None) -> Any:
        dtype = var.dtype.base_dtype
        gamma, threshold = self._now("gamma", dtype), self._now("threshold", dtype)
        m = self.get_slot(var, "m")
        m = m.assign_add(gamma * (grad - m))
        if self.relative_threshold:
            square, seen = self.get_slot(var, "mean_square"), self.get_slot(var, "seen")
            square = square.assign_add(gamma * (tf.reduce_mean(grad * grad) - square))
            seen = seen.assign_add(gamma * (1.0 - seen))
            threshold = threshold * tf.sqrt(square / seen)
        return self._flip(var, m, threshold)

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        return {**super().get_config(), "relative_threshold": self.relative_threshold}


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
        epsilon: above 0.
        name: name of the optimizer.

    Raises:
        InputError: there is no such correction.
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
                    self.add_slot(var, f"log_{name}", shape=())
                    self.add_slot(var, f"lost_{name}", shape=())

    def _seen(self, var: Any, name: str, rate: Any) -> Any:
        """Share of an average that is gradients, not the zero that it started from."""
        if not self._scheduled(name):
            step = tf.cast(self.iterations + 1, rate.dtype)
            # expm1 and log1p: 1 - (1 - 1e-7)^t is lost in float32 otherwise.
            return -tf.math.expm1(step * tf.math.log1p(-rate))
        # Summed with what rounding lost kept apart: 1e-7 would soon add nothing.
        total, lost = self.get_slot(var, f"log_{name}"), self.get_slot(var, f"lost_{name}")
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


class BinaryAndRest(lq.optimizers.CaseOptimizer):
    """One optimizer for the binary weights, another for the rest, whose learning rate it has.

    larq's `CaseOptimizer` has none, so Keras's ReduceLROnPlateau and LearningRateScheduler refuse
    it. Here `lr` and `learning_rate` read and set that of the rest: Bop has no learning rate.

    Args:
        binary: optimizer of the binary weights.
        rest: of all others.
    """

    def __init__(self, binary: Any, rest: Any, name: str = "binary_and_rest") -> None:
        super().__init__(
            (lq.optimizers.Bop.is_binary_variable, binary), default_optimizer=rest, name=name
        )

    @property
    def learning_rate(self) -> Any:
        """Learning rate of the optimizer of the rest, a variable or a schedule."""
        return self.default.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.default.learning_rate = value

    lr = learning_rate

    def get_config(self) -> dict[str, Any]:
        """Configuration from which `from_config` makes an equal optimizer."""
        return {
            "name": self._name,
            "binary": tf.keras.optimizers.serialize(self.pred_opt_pairs[0][1]),
            "rest": tf.keras.optimizers.serialize(self.default),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> BinaryAndRest:
        """Make the optimizer that `get_config` described."""
        parts = {
            part: tf.keras.optimizers.deserialize(
                config[part], custom_objects, use_legacy_optimizer=True
            )
            for part in ("binary", "rest")
        }
        return cls(**parts, name=config["name"])


# Under these names Keras finds them when a saved model is loaded.
tf.keras.utils.get_custom_objects().update(
    {"BnnLabBop": Bop, "Bop2ndOrder": Bop2ndOrder, "BinaryAndRest": BinaryAndRest}
)
