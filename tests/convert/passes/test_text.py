"""Each pass on the smallest graphs it changes: text in, text out, and equal outputs.

A case is a file in `graphs/`: a pass's name, filecheck lines for the graph that it leaves, and the
graph that it is given. After the name may stand "lce_compatible = false", or "refuses" for a pass
that only says why. Data that the text leaves out is made from its key: "signs" are ±1, "signs
* 3" are ±3, "trits" -1, 0 and 1, "uniform" and "normal" numbers of these distributions. Both graphs
run on every interpreter that knows their ops.
"""

from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options as CheckOptions
from filecheck.parser import Parser, pattern_for_opts

from bnn_lab.convert import ir_text, make_pipeline, parse_ir
from bnn_lab.convert.ir.lq_dialect import Depthwise2d, LqOp, TernaryDense, Transpose2d
from bnn_lab.convert.pipeline import order_faults, passes_of
from bnn_lab.convert.rewrite.base import Pass

CONTRIBUTING = Path(__file__).parents[3] / "CONTRIBUTING.md"
GRAPHS = sorted((Path(__file__).parent / "graphs").glob("*.mlir"))
_HEAD = re.compile(r"// PASS: (\w+)(, lce_compatible = false)?(, refuses)?\n")


def case_of(text: str, *more: Pass) -> tuple[Pass, bool]:
    """The pass that the first line names, and whether it refuses."""
    head = _HEAD.match(text)
    assert head, "the first line is '// PASS: name', see above"
    pipeline = make_pipeline(lce_compatible=head[2] is None, of_torch=True)
    steps = [*passes_of(pipeline), *more]
    return next(step for step in steps if step.name == head[1]), head[3] is not None


def data(key: str, type_: Any) -> np.ndarray:
    """Values for a key: the same ones for the same key and type."""
    shape = type_.get_shape()
    rng = np.random.default_rng([len(key), *shape])
    kind, _, factor = key.partition(" * ")
    makers = {
        "signs": lambda: rng.choice([-1.0, 1.0], shape),
        "trits": lambda: rng.choice([-1.0, 0.0, 1.0], shape),
        "uniform": lambda: rng.uniform(0, 2, shape),
        "normal": lambda: rng.normal(size=shape),
    }
    values = makers[kind]() * float(factor or 1)
    return values.astype(np.int8 if str(type_.element_type) == "i8" else np.float32)


def filecheck(text: str, checks: str) -> None:
    options = CheckOptions("the graph's file", "the result", check_prefixes=["AFTER"])
    parser = Parser(options, io.StringIO(checks), *pattern_for_opts(options))
    assert Matcher(options, FInput("the result", text), parser).run() == 0, text


@pytest.fixture
def check(rng, interpreters, executable, litert, export):
    """Runs a case's pass and compares text and outputs."""
    return partial(check_case, rng, interpreters, executable, litert, export)


@pytest.mark.parametrize("path", GRAPHS, ids=[path.stem for path in GRAPHS])
def test_text_and_outputs(path, check):
    text = path.read_text()
    check(text, *case_of(text))


def check_case(rng, interpreters, executable, litert, export, text, step, refuses):
    module = parse_ir(text, data)
    (function,) = module.ops
    x = rng.normal(size=(3, *function.body.block.args[0].type.get_shape()[1:])).astype(np.float32)
    runs = dict(interpreters)
    if not any(isinstance(op, LqOp) for op in module.walk()):
        want = litert(export(module), x)
    else:
        want = runs["bnn_lab"](executable(module), x)
    files = {"before": executable(module)}
    outcomes = step.run(module)
    module.verify()
    files["after"] = executable(module)
    filecheck(ir_text(module), text)
    assert outcomes
    assert all(outcome.applied != refuses for outcome in outcomes)
    own_ops = any(isinstance(op, Depthwise2d | Transpose2d | TernaryDense) for op in module.walk())
    for stage, file in files.items():
        for name, run in runs.items():
            if name == "lce" and own_ops and stage == "after":
                continue
            got = run(file, x)
            assert len(got) == len(want)
            for expected, result in zip(want, got, strict=True):
                size = max(1.0, float(np.abs(expected).max()))
                np.testing.assert_allclose(
                    result, expected, rtol=0, atol=1e-6 * size, err_msg=f"{stage} on {name}"
                )


def test_every_pass_has_a_case():
    steps = {step.name for step in passes_of(make_pipeline(of_torch=True))}
    assert {case_of(path.read_text())[0].name for path in GRAPHS} == steps


def test_names_are_unique():
    names = [step.name for step in passes_of(make_pipeline())]
    assert len(set(names)) == len(names)


def test_adding_a_pass_as_contributing_says(check):
    page = CONTRIBUTING.read_text().split("## Add a pass")[1]
    code, graph = (
        dedent(re.search(rf"( *)```{kind}\n(.*?)\n *```", page, re.DOTALL)[2])
        for kind in ("python", "text")
    )
    names: dict[str, Any] = {"__name__": "cancel_negations"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    added = names["CancelNegations"]()
    steps = list(make_pipeline())
    folding = [step.name for step in steps].index("fold_constants")
    assert order_faults([*steps[: folding + 1], added, *steps[folding + 1 :]]) == []
    assert len(order_faults([added, *steps])) == 1
    check(graph, *case_of(graph, added))
