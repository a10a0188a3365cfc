"""A small transformer learns a small language with float, ternary and binary weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.data.sentences import ALPHABET, load_sentences
from bnn_lab.experiments.training.base import ExperimentResult, configure, needs

if TYPE_CHECKING:
    import pandas as pd

FORMS: dict[str, str | None] = {
    "float": None,
    "ternary": "absmean_ternary",
    "binary": "absmean_sign",
}
BITS = {"float": 32.0, "ternary": 1.6, "binary": 1.0}  # of a packed weight
RECORDED_SIZES = ((32, 2), (64, 3), (128, 5))  # width and depth
_RECORDED = Path(__file__).parent / "data" / "low_bit_text.csv"


@dataclass(frozen=True)
class LowBitText:
    """Settings.

    Attributes:
        forms: keys of `FORMS`.
        steps: training steps of each.
        every: steps between two rows of the result.
        batch: windows a step.
        context: characters of a window.
        width: channels of the transformer.
        depth: its blocks.
        learning_rate: of Adam, at its peak; it rises in the first tenth and then falls to 0.
        seed: of text, weights and order.
    """

    forms: tuple[str, ...] = tuple(FORMS)
    steps: int = 600
    every: int = 25
    batch: int = 16
    context: int = 64
    width: int = 128
    depth: int = 5
    learning_rate: float = 4e-3
    seed: int = 0


@dataclass(frozen=True)
class TrainedText:
    """One trained form.

    Attributes:
        transformer: the `CharTransformer`.
        rows: what the experiment's frame holds of it.
        recorder: the `TernaryRecorder`, None of the float form.
    """

    transformer: Any
    rows: list[dict[str, Any]]
    recorder: Any


def low_bit_text(config: LowBitText | None = None, **changes: Any) -> ExperimentResult:
    """Train each form on the same text in the same order.

    Args:
        config: settings; default `LowBitText()`.
        **changes: settings that differ.

    Returns:
        A frame with a row per form and `every` steps: form, step, train_loss and test_loss (nats a
        character), flip_rate (moves a weight and step since the row before), zero_share, and
        weight_bytes, of all `BitLinear` weights packed. The last two columns of motion are 0 for
        the float form.

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(LowBitText(), config, changes)
    rows = [row for form in chosen.forms for row in train_text(form, chosen).rows]
    return ExperimentResult(chosen, to_frame(rows))


@cache
def recorded_low_bit_text() -> pd.DataFrame:
    """Runs of `low_bit_text` with its default settings at three sizes, as they were stored.

    Made by ``python -m bnn_lab.experiments.training.low_bit_text``; five minutes on two slow cores.

    Returns:
        The experiment's frame, with columns ``width`` and ``depth`` in front.
    """
    import pandas as pd

    return pd.read_csv(_RECORDED)


def train_text(form: str, config: LowBitText | None = None, **changes: Any) -> TrainedText:
    """Train one form; see `low_bit_text`.

    Args:
        form: a key of `FORMS`.
        config: settings; default `LowBitText()`.
        **changes: settings that differ.

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(LowBitText(), config, changes)
    for name in (form, *chosen.forms):
        needs(name in FORMS, "form", f"must be one of {', '.join(FORMS)}, not {name!r}")
    for name in ("steps", "every", "batch", "context"):
        needs(getattr(chosen, name) >= 1, name, "must be at least 1")
    needs(chosen.steps % chosen.every == 0, "every", "must divide steps")
    needs(chosen.learning_rate > 0, "learning_rate", "must be above 0")
    tf = require_tensorflow()
    from bnn_lab.models.char_transformer import CharTransformer
    from bnn_lab.training.ternary_flips import TernaryRecorder

    tf.keras.utils.set_random_seed(chosen.seed)
    text = load_sentences(seed=chosen.seed)
    transformer = CharTransformer(
        len(ALPHABET),
        context=chosen.context,
        width=chosen.width,
        depth=chosen.depth,
        kernel_quantizer=FORMS[form],
        seed=chosen.seed,
    )
    model = transformer.model
    model.compile(
        tf.keras.optimizers.legacy.Adam(_schedule(tf, chosen), beta_2=0.95, clipnorm=1.0),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    recorder = None if FORMS[form] is None else TernaryRecorder()
    watch = _Watch(tf, chosen, _windows(text.test, chosen.context))
    count = chosen.steps * chosen.batch
    starts = np.random.default_rng(chosen.seed).integers(
        0, len(text.train) - chosen.context - 1, count
    )
    x, y = _pairs(text.train, starts, chosen.context)
    model.fit(
        x,
        y,
        batch_size=chosen.batch,
        shuffle=False,
        verbose=0,
        callbacks=[c for c in (recorder, watch.callback) if c is not None],
    )
    weights = sum(int(np.prod(layer.kernel.shape)) for layer in transformer.bit_layers())
    rows = []
    for number, (train_loss, test_loss) in enumerate(watch.losses):
        steps = slice(number * chosen.every, (number + 1) * chosen.every)
        moved = zeros = 0.0
        if recorder is not None:
            seen = recorder.totals()
            moved = float(seen.moves[steps].sum(axis=1).mean() / weights)
            zeros = float(seen.zeros[steps.stop - 1] / weights)
        rows.append(
            {
                "form": form,
                "step": steps.stop,
                "train_loss": train_loss,
                "test_loss": test_loss,
                "flip_rate": moved,
                "zero_share": zeros,
                "weight_bytes": int(np.ceil(weights * BITS[form] / 8)),
            }
        )
    return TrainedText(transformer, rows, recorder)


class _Watch:
    """Losses at regular steps of one `fit`."""

    def __init__(self, tf: Any, config: LowBitText, test: tuple[NDArray, NDArray]) -> None:
        self.losses: list[tuple[float, float]] = []
        sums: list[float] = []
        x, y = test
        loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)

        def after(batch: int, logs: dict[str, float]) -> None:
            # Keras reports the mean since the epoch's beginning.
            sums.append(logs["loss"] * (batch + 1))
            if (batch + 1) % config.every == 0:
                before = sums[-config.every - 1] if batch >= config.every else 0.0
                train = (sums[-1] - before) / config.every
                self.losses.append(
                    (train, float(loss_of(y, self.callback.model.predict_on_batch(x))))
                )

        self.callback: Any = tf.keras.callbacks.LambdaCallback(on_batch_end=after)


def _schedule(tf: Any, config: LowBitText) -> Any:
    class WarmThenLinear(tf.keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            done = tf.cast(step, tf.float32) / config.steps
            return config.learning_rate * tf.minimum(done / 0.1, (1 - done) / 0.9) + 1e-6

        def get_config(self) -> dict[str, Any]:
            return {}

    return WarmThenLinear()


def _pairs(text: NDArray, starts: NDArray, context: int) -> tuple[NDArray, NDArray]:
    """Windows that begin at `starts`, and what follows each of their characters."""
    at = starts[:, None] + np.arange(context)
    return text[at], text[at + 1]


def _windows(text: NDArray, context: int) -> tuple[NDArray, NDArray]:
    return _pairs(text, np.arange(64) * context, context)


def _record() -> None:
    import pandas as pd

    parts = []
    for width, depth in RECORDED_SIZES:
        found = low_bit_text(width=width, depth=depth).frame
        found.insert(0, "depth", depth)
        found.insert(0, "width", width)
        parts.append(found)
        print(found.groupby("form").test_loss.last())
    pd.concat(parts).to_csv(_RECORDED, index=False, float_format="%.6g")


if __name__ == "__main__":
    _record()
