"""The network that reads a drawn digit answers in the page as `bnn_lab.Interpreter` does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.lessons import drawn_digits
from bnn_lab.lessons.strokes import draw_strokes
from bnn_lab.runtime import Interpreter
from bnn_lab.widgets import bundle

HERE = Path(__file__).parent
CONTENT = drawn_digits.FILE.read_bytes()
RUN = """
import { readFileSync } from "node:fs";
import { DigitNet } from "%s/core/digit_net.js";
const [packed, images] = JSON.parse(readFileSync(0));
const net = new DigitNet(packed);
const logits = images.map((levels) => (net.look(levels), [...net.run()]));
console.log(JSON.stringify({ kernel: net.kernel.name, logits }));
"""


def in_node(node: str, packed: object, levels: np.ndarray) -> np.ndarray:
    """Logits of the page's network, (N, 10)."""
    run = subprocess.run(
        [node, "--input-type=module", "-e", RUN % bundle.SOURCES.as_uri()],
        input=json.dumps([packed, levels.reshape(len(levels), -1).tolist()]),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found["kernel"] == "WebAssembly"
    return np.array(found["logits"])


def test_the_page_has_the_network_of_the_file() -> None:
    stored = json.loads((bundle.SOURCES / "nets" / "drawn_digits.json").read_text())
    assert stored == drawn_digits.for_page(CONTENT)


def test_page_and_interpreter_agree_on_all_test_images(node: str) -> None:
    data = drawn_digits.load_images()
    wanted = np.asarray(Interpreter(CONTENT, num_threads=1).predict(data.test_images))
    levels = ((data.test_images + 1) * 8).astype(int)
    found = in_node(node, drawn_digits.for_page(CONTENT), levels)
    np.testing.assert_array_equal(found.argmax(1), wanted.argmax(1))
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert np.mean(found.argmax(1) == data.test_labels) > 0.95


def test_a_flipped_weight_changes_logits(node: str) -> None:
    """The comparison above can fail."""
    packed = drawn_digits.for_page(CONTENT)
    text = packed["layers"][2]["weights"]
    other = json.loads(json.dumps(packed))
    other["layers"][2]["weights"] = ("B" if text[0] != "B" else "C") + text[1:]
    levels = ((drawn_digits.load_images().test_images[:20] + 1) * 8).astype(int)
    assert np.abs(in_node(node, packed, levels) - in_node(node, other, levels)).max() > 1e-3


def test_drawn_strokes_are_read() -> None:
    strokes = json.loads((HERE / "strokes.json").read_text())
    digits = {name: lines for name, lines in strokes.items() if name[0].isdigit()}
    images = drawn_digits.to_levels(np.stack([draw_strokes(lines) for lines in digits.values()]))
    answers = np.argmax(Interpreter(CONTENT, num_threads=1).predict(images), axis=1)
    right = [answer == int(name[0]) for answer, name in zip(answers, digits, strict=True)]
    assert {int(name[0]) for name in digits} == set(range(10))
    assert np.mean(right) > 0.9


@pytest.mark.parametrize(
    "images",
    [np.zeros((2, 14, 14)), np.zeros((28, 28)), np.full((1, 28, 28), 256), -np.ones((1, 28, 28))],
)
def test_what_is_no_drawing_is_refused(images: np.ndarray) -> None:
    with pytest.raises(InputError, match="to_levels"):
        drawn_digits.to_levels(images)


@pytest.mark.parametrize("stroke", [[1], [1, 2, 3], [1, float("nan")], [[1, 2], [3, 4]]])
def test_what_is_no_stroke_is_refused(stroke: list[float]) -> None:
    with pytest.raises(InputError, match="draw_strokes"):
        draw_strokes([stroke])


def test_another_file_is_refused() -> None:
    with pytest.raises(BnnLabError):
        drawn_digits.for_page(b"TFL3" * 9)
    with pytest.raises(InputError, match="ops"):
        drawn_digits.for_page(_other_network())


def _other_network() -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    from bnn_lab.tflite.writer import pack

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(CONTENT, 0))
    model.subgraphs[0].operators = model.subgraphs[0].operators[:3]
    return pack(model)
