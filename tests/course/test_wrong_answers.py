"""What a student may well write, and is wrong: no check may take it for right."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnn_lab import convert
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.tfl_dialect import is_tfl, producer
from bnn_lab.convert.rewrite.base import Pass, Refusal
from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.course import checks
from bnn_lab.course.folder import build_notebook, shipped_exercises
from bnn_lab.course.markers import open_lines
from bnn_lab.lessons.checks.feedback import NotYet
from bnn_lab.tflite.layer_shapes import LayerShape

SOURCES = {path.stem: path for path in shipped_exercises()}
HELP = {name: getattr(checks, name) for name in ("attempt", "expect", "passed")} | {
    name: getattr(checks, name) for name in ("expect_equal", "expect_close", "in_students_kernel")
}


@pytest.fixture(scope="module")
def check() -> Any:
    """`check(assignment, id of the check, names, visible=False)` runs a check's cell."""
    notebooks = {name: build_notebook(SOURCES[name]) for name in ("04_deployment", "05_design")}

    def run(assignment: str, name: str, given: dict[str, Any], visible: bool = False) -> None:
        cells = notebooks[assignment].cells
        (cell,) = (c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") == name)
        source = "\n".join(open_lines(cell.source)) if visible else cell.source
        exec(source, {**HELP, "np": np, **given})

    return run


def floor(K: int, gamma: Any, beta: Any, mean: Any, std: Any) -> Any:
    return np.floor((K - mean + beta * std / gamma) / 2).astype(int)


def ceil(K: int, gamma: Any, beta: Any, mean: Any, std: Any) -> Any:
    return np.ceil((K - mean + beta * std / gamma) / 2).astype(int) - 1


THRESHOLDS = {
    "0 counts as negative": ceil,
    "cut off toward 0": lambda K, g, b, m, s: (
        ((K - m + b * s / g) / 2).astype(int) if np.ndim(g) else int((K - m + b * s / g) / 2)
    ),
    "rounded": lambda *case: np.round((case[0] - case[3] + case[2] * case[4] / case[1]) / 2),
    "beta with the wrong sign": lambda K, g, b, m, s: floor(K, g, -b, m, s),
    "without gamma": lambda K, g, b, m, s: floor(K, 1.0, b, m, s),
    "without std": lambda K, g, b, m, s: floor(K, g, b, m, 1.0),
    "the first channel for all": lambda K, g, b, m, s: (
        floor(K, g, b, m, s) if not np.ndim(g) else np.full(len(g), floor(K, g, b, m, s)[0])
    ),
}


@pytest.mark.parametrize("wrong", THRESHOLDS.values(), ids=THRESHOLDS)
def test_thresholds(check: Any, wrong: Any) -> None:
    check("04_deployment", "check_threshold", {"threshold": floor})
    with pytest.raises(NotYet):
        check("04_deployment", "check_threshold", {"threshold": wrong}, visible=True)


def flips(negative: Any, positive: Any = floor) -> Any:
    """An answer for each sign of gamma."""

    def answer(K: int, gamma: float, *rest: float) -> tuple[bool, int]:
        if gamma > 0:
            return False, positive(K, gamma, *rest)
        return True, negative(K, gamma, *rest)

    return answer


FLIPS = {
    "0 counts as negative": flips(lambda K, g, b, m, s: ceil(K, -g, b, -m, s)),
    "also for a positive gamma": flips(lambda K, g, b, m, s: floor(K, -g, b, -m, s), ceil),
    "the mean stays": flips(lambda K, g, b, m, s: floor(K, -g, b, m, s)),
    "beta flips as well": flips(lambda K, g, b, m, s: floor(K, -g, -b, -m, s)),
    "only the count is turned": flips(lambda K, g, b, m, s: K - floor(K, g, b, m, s)),
    "never flipped": lambda *case: (False, floor(*case)),
}


@pytest.mark.parametrize("wrong", FLIPS.values(), ids=FLIPS)
def test_negative_gammas(check: Any, wrong: Any) -> None:
    right = flips(lambda K, g, b, m, s: floor(K, -g, b, -m, s))
    check("04_deployment", "check_flip", {"flip_and_threshold": right})
    with pytest.raises(NotYet):
        check("04_deployment", "check_flip", {"flip_and_threshold": wrong}, visible=True)


def leaky_pass(check: Any) -> type:
    """A student's pass with this check."""

    def rewrite(self: Any, op: Any, match: Any, rewriter: Any) -> str:
        rewriter.replace(op, Quantize.build(operands=[match], result_types=op.result_types))
        return "dropped"

    body = {"name": "drop", "summary": "drops", "check": check, "rewrite": rewrite}
    return type("DropLeakyRelu", (Pass,), body)


def right_check(self: Any, op: Any) -> Any:
    if not isinstance(op, Quantize) or not is_tfl(producer(op.input), "leaky_relu"):
        return None
    relu = producer(op.input)
    return relu.operands[0] if relu.option("alpha") > 0 else Refusal("alpha")


def _zero_passes(self: Any, op: Any) -> Any:
    found = right_check(self, op)
    zero = isinstance(found, Refusal) and producer(op.input).option("alpha") == 0
    return producer(op.input).operands[0] if zero else found


def _any_producer(self: Any, op: Any) -> Any:
    if not isinstance(op, Quantize) or producer(op.input) is None:
        return None
    relu = producer(op.input)
    return relu.operands[0] if relu.option("alpha") > 0 else Refusal("alpha")


def _no_refusal(self: Any, op: Any) -> Any:
    found = right_check(self, op)
    return None if isinstance(found, Refusal) else found


def _always_a_producer(self: Any, op: Any) -> Any:
    if isinstance(op, Quantize) and producer(op.input).name != "tfl.leaky_relu":
        return None
    return right_check(self, op)


def _refuses_all_others(self: Any, op: Any) -> Any:
    found = right_check(self, op)
    return Refusal("no leaky_relu") if found is None and isinstance(op, Quantize) else found


def _only_below_one(self: Any, op: Any) -> Any:
    found = right_check(self, op)
    if found is None or isinstance(found, Refusal):
        return found
    return found if producer(op.input).option("alpha") < 1 else Refusal("steep")


PASSES = {
    "alpha 0 passes": _zero_passes,
    "whatever makes the value": _any_producer,
    "None in place of a refusal": _no_refusal,
    "there is always a producer": _always_a_producer,
    "refuses all others": _refuses_all_others,
    "only slopes below 1": _only_below_one,
}


@pytest.fixture(scope="module")
def graph_of() -> Any:
    """`graph_of(alpha)` as the assignment makes it, from one conversion."""
    cells = build_notebook(SOURCES["04_deployment"]).cells
    code = [c.source for c in cells if c.cell_type == "code"]
    scope: dict[str, Any] = {}
    exec(code[0], scope)
    exec(next(c for c in code if "def leaky_network" in c).split("for line in")[0], scope)
    text = convert.exact_text(scope["graph_of"](0.1))
    return lambda alpha: convert.parse_ir(text.replace("alpha = 0.1", f"alpha = {alpha}"))


@pytest.mark.slow
def test_passes(check: Any, graph_of: Any) -> None:
    given = {"convert": convert, "graph_of": graph_of, "Quantize": Quantize}
    given |= {"is_tfl": is_tfl, "producer": producer}
    right = {**given, "DropLeakyRelu": leaky_pass(right_check)}
    check("04_deployment", "check_drop_leaky_relu", right)
    for name, wrong in PASSES.items():
        answer = {**given, "DropLeakyRelu": leaky_pass(wrong)}
        try:
            check("04_deployment", "check_drop_leaky_relu", answer)
        except NotYet:
            continue
        pytest.fail(f"{name}: taken for right")


def test_who_is_to_blame(check: Any) -> None:
    reasons = {"conv_3": "its filter", "conv_4": "its input", "conv_5": "its input"}
    floats = {"conv_1": "its input", **reasons, "classifier": "its input"}
    names = ["conv_2", *floats]
    report = SimpleNamespace(
        float_layers=floats, layers=[SimpleNamespace(name=name) for name in names]
    )
    right = {"conv_3": "filter", "conv_4": "input", "conv_5": "input"}
    check("04_deployment", "check_blame", {"report": report, "blame": right})
    wrongs: list[Any] = [{**right, name: part} for name in right for part in ("input", "filter")]
    wrongs = [wrong for wrong in wrongs if wrong != right]
    wrongs += [{"conv_3": "filter"}, {**right, "conv_2": "input"}, {**right, "conv_1": "input"}]
    wrongs += [{**right, "conv_4": "the input"}, {**right, "conv_9": "input"}, list(right)]
    for wrong in wrongs:
        with pytest.raises(NotYet):
            check("04_deployment", "check_blame", {"report": report, "blame": wrong}, visible=True)


def macs(out: Any) -> Any:
    """A count whose pixels on a side `out` gives."""
    return lambda size, cin, cout, kernel, stride=1: (
        out(size, kernel, stride) ** 2 * cout * kernel**2 * cin
    )


MACS = {
    "rounded": macs(lambda size, kernel, stride: round(size / stride)),
    "rounded half up": macs(lambda size, kernel, stride: int(size / stride + 0.5)),
    "cut off": macs(lambda size, kernel, stride: size // stride),
    "valid padding": macs(lambda size, kernel, stride: (size - kernel) // stride + 1),
    "one more": macs(lambda size, kernel, stride: size // stride + 1),
    "not cut": macs(lambda size, kernel, stride: size / stride),
}


@pytest.mark.parametrize("wrong", MACS.values(), ids=MACS)
def test_macs(check: Any, wrong: Any) -> None:
    given = {"LayerShape": LayerShape}
    right = macs(lambda size, kernel, stride: -(-size // stride))
    check("05_design", "check_macs", {**given, "count_macs": right})
    with pytest.raises(NotYet):
        check("05_design", "check_macs", {**given, "count_macs": wrong}, visible=True)


def rated(key: Any, kept: Any = lambda row: row.macs) -> Any:
    return lambda profile: min(filter(kept, profile.rows), key=key).name


LEAST_EFFICIENT = {
    "fewest MACs": rated(lambda row: row.macs),
    "only float rows": rated(lambda row: row.macs / row.ms, lambda r: r.macs and not r.binary),
    "most time": rated(lambda row: -row.ms),
    "most efficient": rated(lambda row: -row.macs / row.ms),
    "with the pool": rated(lambda row: (row.macs or 0) / row.ms, lambda row: True),
    "MACs times ms": rated(lambda row: row.macs * row.ms),
}


@pytest.mark.parametrize("wrong", LEAST_EFFICIENT.values(), ids=LEAST_EFFICIENT)
def test_slow_ops(check: Any, profiles: dict[str, Any], wrong: Any) -> None:
    slowest = rated(lambda row: -row.ms, lambda row: True)
    right = rated(lambda row: row.macs / row.ms)
    given = {**profiles, "slowest": slowest}
    check("05_design", "check_slow_op", {**given, "least_efficient": right})
    with pytest.raises(NotYet):
        check("05_design", "check_slow_op", {**given, "least_efficient": wrong}, visible=True)


SLOWEST = {
    "first": lambda profile: profile.rows[0].name,
    "most MACs": lambda profile: max(profile.rows, key=lambda row: row.macs or 0).name,
    "only float rows": lambda profile: (
        max((row for row in profile.rows if not row.binary), key=lambda row: row.ms).name
    ),
}


@pytest.mark.parametrize("wrong", SLOWEST.values(), ids=SLOWEST)
def test_slowest_ops(check: Any, profiles: dict[str, Any], wrong: Any) -> None:
    given = {**profiles, "slowest": wrong, "least_efficient": rated(lambda r: r.macs / r.ms)}
    with pytest.raises(NotYet):
        check("05_design", "check_slow_op", given)


@pytest.fixture(scope="module")
def profiles() -> dict[str, Any]:
    """What the assignment makes up for practice."""
    cells = build_notebook(SOURCES["05_design"]).cells
    source = next(c.source for c in cells if "def made_up" in c.source)
    scope: dict[str, Any] = {}
    exec("from bnn_lab.profiling.model_profile import Profile, ProfileRow\n" + source, scope)
    return {name: scope[name] for name in ("row", "made_up", "example")}


def of_binary(profile: Any) -> tuple[float, float]:
    """Times of all rows and of the binary ones."""
    return sum(r.ms for r in profile.rows), sum(r.ms for r in profile.rows if r.binary)


def by_macs(profile: Any, k: float) -> float:
    share = sum(r.macs for r in profile.rows if r.binary) / sum(r.macs or 0 for r in profile.rows)
    return 1 / (1 - share + share / k)


SPEEDUPS = {
    "by MACs": by_macs,
    "the share alone": lambda profile, k: k * of_binary(profile)[1] / of_binary(profile)[0],
    "all of it": lambda profile, k: float(k),
    "new over old": lambda profile, k: (
        1 - (1 - 1 / k) * of_binary(profile)[1] / of_binary(profile)[0]
    ),
    "floats gain": lambda profile, k: (
        1 / (of_binary(profile)[1] + (of_binary(profile)[0] - of_binary(profile)[1]) / k)
    ),
}


@pytest.mark.parametrize("wrong", SPEEDUPS.values(), ids=SPEEDUPS)
def test_speedups(check: Any, profiles: dict[str, Any], wrong: Any) -> None:
    with pytest.raises(NotYet):
        check("05_design", "check_whole_speedup", {**profiles, "whole_speedup": wrong}, True)


RATES = {
    "per second": lambda s, macs: macs / 1e6 / s,
    "not in millions": lambda s, macs: macs / (1e3 * s),
    "ms per million": lambda s, macs: 1e3 * s / (macs / 1e6),
    "seconds taken for ms": lambda s, macs: macs / 1e6 / (s / 1e3),
}


@pytest.mark.parametrize("wrong", RATES.values(), ids=RATES)
def test_rates(check: Any, wrong: Any) -> None:
    cells = build_notebook(SOURCES["05_design"]).cells
    source = next(c.source for c in cells if c.source.startswith("cost = CostModel"))
    scope: dict[str, Any] = {"CostModel": CostModel, "LayerShape": LayerShape, "SHIPPED": SHIPPED}
    exec(source, scope)

    def rates(layers: dict[str, Any], cost: Any) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, layer in layers.items():
            if layer.macs:
                found[name] = wrong(cost.predict(layer), layer.macs)
        return found

    given = {"layers": scope["layers"], "cost": scope["cost"]}
    with pytest.raises(NotYet):
        check("05_design", "check_mac_rates", {**given, "mac_rates": rates}, visible=True)


def last_error(check: Any, assignment: str, name: str, given: dict[str, Any]) -> str:
    """The hint of a visible check, "" if it takes the answer for right."""
    try:
        check(assignment, name, given, visible=True)
    except NotYet as hint:
        return str(hint)
    return ""


# What is built, in the terms of `Repair.network`, and words of the hint.
REPAIRS: dict[str, tuple[dict[str, Any], str]] = {
    "right": ({}, ""),
    "the ternary filter stays": ({"kernels": "ssts"}, "conv_4, because its filter is not binary"),
    "a float filter": ({"kernels": "s-ss"}, "conv_3, because its filter is not binary"),
    "DoReFa stays": ({"inputs": "ssds"}, "conv_4, because its input"),
    "one layer reads floats": ({"inputs": "sss-"}, "conv_5, because its input"),
    "the image is binarized": ({"first": "s"}, "conv_1 reads the image"),
    "a normalization is gone": ({"norms": 4}, "Layer 10: GlobalAveragePooling2D"),
    "a ReLU in front of each sign": ({"relu": True}, "Layer 3: ReLU (8, 8, 32)"),
    "a layer is gone": ({"kernels": "sss", "inputs": "sss"}, "Wanted: conv_2 to conv_5"),
    "other sizes": ({"filters": 64}, "Layer 1: QuantConv2D (8, 8, 64)"),
    "other classes": ({"classes": 5}, "Layer 12: Dense (5,)"),
}


class Repair:
    """Builds answers to "repair a network" with the assignment's own `conv`."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        quantizers = scope["lq"].quantizers
        self.kinds = {"s": quantizers.SteSign, "t": quantizers.SteTern, "-": lambda: None}
        self.kinds["d"] = lambda: quantizers.DoReFa(2)

    def network(
        self,
        kernels: str = "ssss",
        inputs: str = "ssss",
        first: str = "-",
        norms: int = 5,
        relu: bool = False,
        filters: int = 32,
        classes: int = 10,
    ) -> Any:
        keras = self.scope["tf"].keras
        layers = [keras.Input((8, 8, 3))]
        for number, (kernel, read) in enumerate(zip("s" + kernels, first + inputs, strict=True)):
            if relu and number:
                layers.append(keras.layers.ReLU())
            layers.append(
                self.scope["conv"](
                    f"conv_{number + 1}",
                    filters,
                    kernel_quantizer=self.kinds[kernel](),
                    input_quantizer=self.kinds[read](),
                )
            )
            if number < norms:
                layers.append(keras.layers.BatchNormalization(scale=False))
        layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes)]
        return keras.Sequential(layers)


@pytest.mark.slow
def test_repairs(check: Any) -> None:
    code = [c.source for c in build_notebook(SOURCES["04_deployment"]).cells]
    scope: dict[str, Any] = {}
    exec(next(source for source in code if "import bnn_lab" in source), scope)
    broken = next(source for source in code if "def broken_network" in source)
    exec(broken.split("report =")[0], scope)
    repair = Repair(scope)
    for name, (changes, words) in REPAIRS.items():
        given = {**scope, "repaired_network": lambda changes=changes: repair.network(**changes)}
        hint = last_error(check, "04_deployment", "check_repaired", given)
        assert words in hint and bool(words) == bool(hint), f"{name}: {hint}"
    given = {**scope, "repaired_network": lambda: repair.network().layers}
    assert "Keras network" in last_error(check, "04_deployment", "check_repaired", given)


IMAGES = (224, 224, 3)
DESIGNS: dict[str, tuple[tuple[Any, ...], str]] = {
    "too slow": ((IMAGES, 10, (96, 192, 256), (4, 2, 1)), "Too slow"),
    "too little work": ((IMAGES, 10, (32, 64, 128), (1, 1, 1)), "Too little work"),
    "two sections": ((IMAGES, 10, (64, 128), (3, 4)), "At least 3 sections"),
    "too large a file": ((IMAGES, 10, (32, 64, 128, 1024), (1, 1, 1, 3)), "too large"),
    "small images": (((64, 64, 3), 10, (32, 64), (1, 1)), "Keep the input"),
    "other classes": ((IMAGES, 100, (32, 64), (1, 1)), "Keep the 10 classes"),
}


@pytest.mark.slow
def test_designs(check: Any) -> None:
    code = [c.source for c in build_notebook(SOURCES["05_design"]).cells]
    scope: dict[str, Any] = {}
    exec(next(source for source in code if "import bnn_lab" in source), scope)
    scope["cost"] = CostModel.load(SHIPPED, backend="avx2")
    for name, ((*shape, filters, blocks), words) in DESIGNS.items():
        network = scope["quicknet"](*shape, filters=filters, blocks=blocks)
        given = {**scope, "design": lambda network=network: network}
        hint = last_error(check, "05_design", "check_design", given)
        assert words in hint, f"{name}: {hint}"
    for wrong in ((64, 128, 256), b"TFL3"):
        hint = last_error(
            check, "05_design", "check_design", {**scope, "design": lambda w=wrong: w}
        )
        assert "Return the network itself" in hint
