"""Damages `.tflite` files so that they stay files, runs them, and counts what became of each.

    python tests/tflite/mutants.py 4000 [FOLDER]     # mutants of each of five seeds; prints tables

Each mutant goes through `Interpreter.predict` on two backends, in a worker process that may die of
it. A death is tried again in plain LiteRT, without the delegate and without any check.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

SECONDS = 60  # of a mutant
INTERESTING = (-(2**31), -129, -2, -1, 0, 1, 2, 3, 7, 8, 31, 33, 64, 127, 255, 1 << 16, 2**31 - 1)


class Mutator:
    """`mutant(number)`: the seed with one or two parts of its graph changed."""

    def __init__(self, content: bytes) -> None:
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))

    def mutant(self, number: int) -> tuple[bytes, list[str]]:
        from bnn_lab.tflite.writer import pack

        rng = np.random.default_rng(number)
        while True:
            model, done = copy.deepcopy(self.model), []
            for _ in range(1 + (rng.random() < 0.3)):
                done.append(self.edit(model, rng))
            try:
                return pack(model), done
            except Exception:  # what the format cannot hold is not a mutant
                continue

    def edit(self, model: Any, rng: np.random.Generator) -> str:
        kinds = (self.tensor, self.tensor, self.op, self.op, self.options, self.graph, self.data)
        kind = kinds[rng.integers(len(kinds))]
        return f"{kind.__name__}: {kind(model, rng)}"

    def number(self, rng: np.random.Generator, old: int, limit: int) -> int:
        near = [old + 1, old - 1, old * 2, old // 2, limit, limit - 1, int(rng.integers(limit + 1))]
        return int((near if rng.random() < 0.6 else INTERESTING)[rng.integers(7)])

    def tensor(self, model: Any, rng: np.random.Generator) -> str:
        graph = model.subgraphs[rng.integers(len(model.subgraphs))]
        tensor = graph.tensors[rng.integers(len(graph.tensors))]
        match rng.integers(7):
            case 0:
                shape = [] if tensor.shape is None else [int(d) for d in tensor.shape]
                if shape:
                    at = rng.integers(len(shape))
                    shape[at] = self.number(rng, shape[at], 64)
                tensor.shape = shape
                return f"shape {shape}"
            case 1:
                shape = [] if tensor.shape is None else [int(d) for d in tensor.shape]
                tensor.shape = [shape[:-1], [*shape, 1], shape[::-1], []][rng.integers(4)]
                return "rank"
            case 2:
                tensor.type = int(rng.integers(19))
                return f"type {tensor.type}"
            case 3:
                tensor.buffer = int(rng.integers(len(model.buffers)))
                return "buffer"
            case 4:
                scales = [0.0, -1.0, np.nan, np.inf, 1e-40, 1e-30, 1e30, 0.5][rng.integers(8)]
                count = [1, 1, 2, 0][rng.integers(4)]
                tensor.quantization = schema.QuantizationParametersT(
                    scale=[scales] * count,
                    zeroPoint=[self.number(rng, 0, 127)] * count,
                    quantizedDimension=int(rng.integers(-1, 5)),
                )
                return f"scale {scales}"
            case 5:
                tensor.isVariable = not tensor.isVariable
                return "variable"
            case _:
                tensor.shapeSignature = [-1] * int(rng.integers(6))
                return "signature of the shape"

    def op(self, model: Any, rng: np.random.Generator) -> str:
        graph = model.subgraphs[rng.integers(len(model.subgraphs))]
        if not graph.operators:
            return "none"
        position = int(rng.integers(len(graph.operators)))
        op = graph.operators[position]
        match rng.integers(7):
            case 0 | 1:
                inputs = [int(i) for i in op.inputs]
                if inputs:
                    at = rng.integers(len(inputs))
                    inputs[at] = int(rng.integers(-1, len(graph.tensors) + 1))
                op.inputs = inputs
                return "operand"
            case 2:
                op.outputs = [int(rng.integers(len(graph.tensors)))]
                return "result"
            case 3:
                inputs = [int(i) for i in op.inputs]
                op.inputs = [inputs[:-1], inputs * 2, inputs[::-1], []][rng.integers(4)]
                return "number of operands"
            case 4:
                op.opcodeIndex = int(rng.integers(len(model.operatorCodes)))
                return "kind"
            case 5:
                graph.operators.insert(int(rng.integers(len(graph.operators))), op)
                return "twice"
            case _:
                del graph.operators[position]
                return "gone"

    def options(self, model: Any, rng: np.random.Generator) -> str:
        graph = model.subgraphs[0]
        op = graph.operators[rng.integers(len(graph.operators))]
        if op.builtinOptions is not None and vars(op.builtinOptions):
            names = list(vars(op.builtinOptions))
            name = names[rng.integers(len(names))]
            old = getattr(op.builtinOptions, name)
            if isinstance(old, (bool, np.bool_)):
                setattr(op.builtinOptions, name, not old)
            elif isinstance(old, (int, np.integer)):
                setattr(op.builtinOptions, name, self.number(rng, int(old), 8))
            return f"{type(op.builtinOptions).__name__}.{name}"
        if op.customOptions is not None and len(op.customOptions):
            data = np.array(op.customOptions, np.uint8)
            data[rng.integers(len(data))] = rng.integers(256)
            op.customOptions = data
            return "custom options"
        code = model.operatorCodes[rng.integers(len(model.operatorCodes))]
        code.builtinCode = code.deprecatedBuiltinCode = int(rng.integers(120))
        return f"builtin {code.builtinCode}"

    def graph(self, model: Any, rng: np.random.Generator) -> str:
        graph = model.subgraphs[0]
        name = ("inputs", "outputs")[rng.integers(2)]
        ends = [int(i) for i in getattr(graph, name)]
        other = int(rng.integers(len(graph.tensors)))
        ends = [[], [other], [*ends, other], ends * 2][rng.integers(4)]
        setattr(graph, name, ends)
        return name

    def data(self, model: Any, rng: np.random.Generator) -> str:
        full = [b for b in model.buffers if b.data is not None and len(b.data)]
        buffer = full[rng.integers(len(full))]
        data = np.array(buffer.data, np.uint8)
        match rng.integers(3):
            case 0:
                data[rng.integers(len(data))] = rng.integers(256)
            case 1:
                data = data[: rng.integers(len(data))]
            case _:
                whole = data[: len(data) // 4 * 4].view(np.int32)
                if len(whole):
                    special = [0, -1, 0x7FC00000, 0x7F800000, 1 << 31 - 1][rng.integers(5)]
                    whole[rng.integers(len(whole))] = special
        buffer.data = data
        return "constant"


def predict(content: bytes) -> str:
    """Run a file on two backends; "ran", "differs", "refused", or another class's name."""
    from bnn_lab import Interpreter
    from bnn_lab.errors import BnnLabError

    before = bytes(bytearray(content))
    try:
        results = []
        for options in ({}, {"use_reference": True}):
            interpreter = Interpreter(content, **options)
            rng = np.random.default_rng(0)
            given = [
                (100 * rng.normal(size=shape)).astype(kind)
                for shape, kind in zip(
                    interpreter.input_shapes, interpreter.input_types, strict=True
                )
            ]
            outputs = interpreter.predict(given)
            results.append(outputs if isinstance(outputs, list) else [outputs])
        same = all(
            (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
            or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(*results, strict=True)
        )
        outcome = "ran" if same else "differs"
    except BnnLabError as error:
        outcome = f"refused {type(error).__name__}"
    except Exception as error:
        outcome = f"foreign {type(error).__name__}: {' '.join(str(error).split())[:100]}"
    return outcome if content == before else "its bytes were changed"


def plain(content: bytes) -> None:
    """Run a file as plain LiteRT does."""
    from ai_edge_litert.interpreter import Interpreter

    litert = Interpreter(model_content=content)
    litert.allocate_tensors()
    for tensor in litert.get_input_details():
        litert.set_tensor(tensor["index"], np.ones(tensor["shape"], tensor["dtype"]))
    litert.invoke()


def work(seed: str, first: int, last: int) -> None:
    memory = 8 << 30
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    mutator = Mutator(Path(seed).read_bytes())
    for number in range(first, last):
        content, done = mutator.mutant(number)
        print(json.dumps([number, "; ".join(done)]), flush=True)
        signal.alarm(SECONDS)
        print(json.dumps([number, predict(content)]), flush=True)
        signal.alarm(0)


def count(seed: Path, first: int, last: int) -> tuple[Counter[str], list[str]]:
    """Outcomes of mutants of a seed, and a line for each that is not as it should be."""
    outcomes: Counter[str] = Counter()
    odd: list[str] = []
    while first < last:
        command = [sys.executable, __file__, "work", str(seed), str(first), str(last)]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        edits = dict(lines[::2])
        for number, outcome in lines[1::2]:
            kind = outcome.split(":")[0]
            outcomes[kind] += 1
            if not kind.startswith(("ran", "refused")):
                odd.append(f"{seed.stem} {number} ({edits[number]}): {outcome}")
        if done.returncode == 0:
            break
        if not edits:
            raise RuntimeError(done.stderr)
        number = max(edits)
        again = subprocess.run(
            [sys.executable, __file__, "plain", str(seed), str(number)], capture_output=True
        )
        also = again.returncode < 0
        kind = "died, as plain LiteRT does" if also else "died"
        outcomes[kind] += 1
        text = f"{kind} of signal {-done.returncode}: {done.stderr.strip()[-150:]}"
        odd.append(f"{seed.stem} {number} ({edits[number]}): {text}")
        first = number + 1
    return outcomes, odd


def make_seeds(folder: Path) -> list[Path]:
    """Five files: digits, QuickNet's form, int8 mixed with binary, LCE's own, plain float."""
    from bnn_lab._keras import require_tensorflow
    from bnn_lab.convert import convert_keras_model
    from bnn_lab.models.digits import digits_bnn
    from bnn_lab.models.quicknet import quicknet
    from bnn_lab.training import set_binary_signs

    tf = require_tensorflow()
    digits = digits_bnn(64)
    set_binary_signs(digits)
    small = quicknet((16, 16, 3), 4, filters=(32, 64), blocks=(1, 1))
    samples = np.random.default_rng(0).normal(size=(8, 16, 16, 3)).astype(np.float32)
    dense = tf.keras.Sequential(
        [
            tf.keras.Input((12, 12, 3)),
            tf.keras.layers.Conv2D(8, 3, activation="relu"),
            tf.keras.layers.MaxPooling2D(),
            tf.keras.layers.DepthwiseConv2D(3, padding="same"),
            tf.keras.layers.Flatten(),
            tf.keras.layers.Dense(5, activation="softmax"),
        ]
    )
    made = {
        "digits": convert_keras_model(digits),
        "quicknet": convert_keras_model(small),
        "int8": convert_keras_model(
            small,
            representative_dataset=samples,
            inference_input_type="int8",
            inference_output_type="int8",
        ),
        "float": tf.lite.TFLiteConverter.from_keras_model(dense).convert(),
    }
    try:
        import larq_compute_engine as lce

        made["lce"] = lce.convert_keras_model(small)
    except Exception as error:
        print(f"LCE's converter does not run here ({error}); a file of its form serves")
        made["lce"] = convert_keras_model(digits, lce_compatible=True)
    for name, content in made.items():
        (folder / f"{name}.tflite").write_bytes(content)
    return sorted(folder.glob("*.tflite"))


def table(found: dict[str, Counter[str]]) -> str:
    kinds = [kind for kind, _ in sum(found.values(), Counter()).most_common()]
    rows = [["seed", *kinds], ["---", *["--:"] * len(kinds)]]
    rows += [[seed, *(str(counts[kind]) for kind in kinds)] for seed, counts in found.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: list[str]) -> None:
    if arguments[0] == "work":
        return work(arguments[1], int(arguments[2]), int(arguments[3]))
    if arguments[0] == "plain":
        content, _ = Mutator(Path(arguments[1]).read_bytes()).mutant(int(arguments[2]))
        return plain(content)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int, help="of each seed")
    parser.add_argument("folder", type=Path, nargs="?", default="mutants", help="of the seeds")
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    options.folder.mkdir(exist_ok=True)
    seeds = sorted(options.folder.glob("*.tflite")) or make_seeds(options.folder)
    last = options.first + options.mutants
    found: dict[str, Counter[str]] = {}
    with ThreadPoolExecutor(options.workers) as pool:
        counts = pool.map(lambda seed: count(seed, options.first, last), seeds)
        for seed, (outcomes, odd) in zip(seeds, counts, strict=True):
            found[seed.stem] = outcomes
            print("\n".join(odd), flush=True)
    print(table(found))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
