"""(j) How many characters a second does a small transformer write, float, int8 and ternary?

One step of `CharTransformer.decoder`: a character goes in, the next one's logits and the longer
cache come out. Each weight is used once a step. Weights are random, which is all the same to the
speed. The int8 form is TensorFlow's own: weights quantized after training, activations as they
come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.convert import convert_keras_model
from bnn_lab.convert.stock import Quantization, convert_function
from bnn_lab.convert.tracing import concrete_function, model_name
from bnn_lab.data.sentences import ALPHABET
from bnn_lab.experiments.latency.base import Run, known
from bnn_lab.tflite.forms import FLOAT32, INT8

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "How many characters a second does a small transformer write?"
TERNARY = "ternary"
SIZES = ((128, 5), (512, 6))  # width and depth: the lesson's million weights, and 19 million
_QUICK = ((32, 1),)


def measure(run: Run) -> pd.DataFrame:
    """A row per size and form, one thread: width, depth, form, ms, characters_per_s, file_bytes,
    and speedup, speedup_low, speedup_high: how many times as long as the ternary form it takes."""
    sizes, rows = _QUICK if run.quick else SIZES, []
    for width, depth in sizes:
        run.progress(f"converting {width} channels, {depth} blocks")
        files = step_files(width, depth)
        calls: dict[str, Callable[[], object]] = {
            form: litert_call(content, delegate=form == TERNARY) for form, content in files.items()
        }
        run.progress(f"timing {width} channels, {depth} blocks")
        table = run.time(calls, share=1 / len(sizes))
        for form, content in files.items():
            rows.append(
                {
                    "width": width,
                    "depth": depth,
                    "form": form,
                    "ms": table[form].median * 1e3,
                    "characters_per_s": 1 / table[form].median,
                    "file_bytes": len(content),
                    **run.ratio(table, "speedup", TERNARY, form),
                }
            )
    return to_frame(rows)


def step_files(width: int, depth: int) -> dict[str, bytes]:
    """Files of one step of the model, with random weights, by form."""
    require_tensorflow()
    from bnn_lab.models.char_transformer import CharTransformer

    def decoder(quantizer: str | None) -> Any:
        sizes: dict[str, Any] = {"width": width, "depth": depth, "kernel_quantizer": quantizer}
        return CharTransformer(len(ALPHABET), **sizes).decoder()

    return files_of(decoder(None), decoder("absmean_ternary"))


def files_of(plain: Any, ternary: Any) -> dict[str, bytes]:
    """Files of one step by form, of a float model and of a ternary one.

    Args:
        plain: `CharTransformer.decoder()` of the float model; it becomes the int8 file, too.
        ternary: of the ternary one.
    """
    traced, name = concrete_function(plain), model_name(plain)
    return {
        FLOAT32: convert_function(traced, name),
        INT8: convert_function(traced, name, Quantization(int8_weights=True)),
        TERNARY: convert_keras_model(ternary, lce_compatible=False),
    }


def finding(frame: pd.DataFrame, run: Run) -> str:
    """Characters a second at each size."""
    said = []
    for (width, depth), rows in frame.groupby(["width", "depth"]):
        by_form = rows.set_index("form")
        ternary = by_form.loc[TERNARY]
        size = by_form.file_bytes[FLOAT32] / ternary.file_bytes
        said.append(
            f"With {width} channels and {depth} blocks it writes "
            f"{ternary.characters_per_s:,.0f} characters a second with ternary weights, "
            f"{by_form.characters_per_s[INT8]:,.0f} with int8 and "
            f"{by_form.characters_per_s[FLOAT32]:,.0f} with float ones: it is "
            f"{known(by_form.loc[INT8], 'speedup')} times faster than int8 and "
            f"{known(by_form.loc[FLOAT32], 'speedup')} times faster than float, from a file "
            f"{size:.1f} times smaller than the float one."
        )
    return " ".join(said)
