"""PyTorch modules: files that litert-torch made of them, and where it is installed, itself.

`torch_networks.py` made the files in `torch_files/` and recorded torch's own outputs.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import bnn_lab
from bnn_lab.cli.main import main
from bnn_lab.convert import import_model
from bnn_lab.convert.ir.lq_dialect import Bconv2d, Dequantize, Quantize
from bnn_lab.convert.ir.tfl_dialect import is_tfl
from bnn_lab.convert.torch_modules import _known_names, _translated
from bnn_lab.convert.torch_words import in_torch_words
from bnn_lab.errors import (
    BnnLabError,
    ConversionError,
    InputError,
    ModelFileError,
    NoBinaryLayerError,
)

FILES = Path(__file__).parent / "torch_files"
CONVERT = Path(bnn_lab.__file__).parent / "convert"
REFUSED = {"plain_sign", "binary_connect"}
NAMES = sorted(path.stem for path in FILES.glob("*.tflite"))
RECORDED = np.load(FILES / "outputs.npz")


def predictions(tflite: bytes) -> np.ndarray:
    """Image by image: the example's batch of 1 is fixed in the file."""
    interpreter = bnn_lab.Interpreter(tflite, num_threads=1)
    return np.concatenate([interpreter.predict(image[None]) for image in RECORDED["images"]])


def equal_torch(tflite: bytes, name: str) -> None:
    want = RECORDED[name]
    np.testing.assert_allclose(predictions(tflite), want, rtol=0, atol=2e-6 * np.abs(want).max())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_a_file_of_torch_becomes_binary_and_gives_what_torch_gives(name: str) -> None:
    tflite = bnn_lab.convert_tflite(FILES / f"{name}.tflite")
    equal_torch(tflite, name)
    ops = list(import_model(tflite).walk())
    assert sum(isinstance(op, Bconv2d) for op in ops) == 2
    # Of images, only the model's input is turned; bits are never turned.
    turned = [op for op in ops if is_tfl(op, "transpose")]
    assert len(turned) <= 2
    assert not any(isinstance(op.operands[0].owner, Quantize | Dequantize) for op in turned)


def test_shortcuts_poolings_and_flattened_bits_stay_fused() -> None:
    ops = list(import_model(bnn_lab.convert_tflite(FILES / "where.tflite")).walk())
    assert not any(isinstance(op, Dequantize) for op in ops)  # pooled as bits
    assert sum(op.name == "lq.BMaxPool2d" for op in ops) == 1


def test_the_command_takes_such_a_file(tmp_path: Path) -> None:
    done = tmp_path / "done.tflite"
    with pytest.raises(SystemExit) as ended:
        main(["convert", str(FILES / "where.tflite"), "-o", str(done)])
    assert ended.value.code == 0
    assert done.read_bytes() == bnn_lab.convert_tflite(FILES / "where.tflite")


@pytest.mark.parametrize(
    "words, message",
    [
        ([str(FILES / "where.tflite"), "--report"], "just --output and --lce-compatible apply"),
        ([str(FILES / "where.tflite"), "--input-type", "int8"], "leave the others out"),
        ([str(FILES / "where.tflite"), "--trust"], "leave the others out"),
        (["net.onnx"], "'net.onnx' cannot be read. Fix: convert the module in Python"),
        (["net.pth"], "export it with litert-torch and pass the .tflite file"),
    ],
)
def test_the_command_refuses(words: list[str], message: str, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["convert", *words, "-o", str(tmp_path / "done.tflite")])
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_plain_sign_is_refused_in_torch_words() -> None:
    with pytest.raises(NoBinaryLayerError) as caught:
        bnn_lab.convert_tflite(FILES / "plain_sign.tflite")
    message = str(caught.value)
    assert "plain_sign.tflite" in message and "a plain sign, which is 0 at 0" in message
    assert "torch.where(x >= 0, 1.0, -1.0), whose zero is +1, in place of torch.sign" in message
    assert "quantizer" not in message
    equal_torch(caught.value.tflite, "plain_sign")


def test_binary_weights_alone_are_refused() -> None:
    with pytest.raises(NoBinaryLayerError, match="make its input binary in forward"):
        bnn_lab.convert_tflite((FILES / "binary_connect.tflite").read_bytes())


def test_a_file_that_is_none() -> None:
    with pytest.raises(InputError, match=r"there is no file 'none\.tflite'"):
        bnn_lab.convert_tflite("none.tflite")
    with pytest.raises(ModelFileError):
        bnn_lab.convert_tflite(b"not a model")


def advice_of_passes() -> set[str]:
    """Every string of the passes and their helpers that speaks of larq."""
    found = set()
    for path in [*CONVERT.glob("passes/*.py"), *CONVERT.glob("rewrite/*.py")]:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
                if re.search(r"(use|or) .*(quantizer=|pad_values|ste_sign|padding=\")", text):
                    found.add(text)
    return {text for text in found if "\n" not in text}


def test_all_advice_has_words_for_torch() -> None:
    advice = advice_of_passes()
    assert len(advice) > 5
    for text in advice:
        words = in_torch_words(text)
        assert not re.search(r"quantizer|ste_sign|pad_values|padding=", words), words
    both = in_torch_words('use input_quantizer="ste_sign" and depthwise_quantizer="ste_sign"')
    assert both == (
        "make both its input and its weight binary in forward, by torch.where(x >= 0, 1.0, -1.0)"
    )


class _Part:
    """As much of a torch module as names need."""

    def __init__(self, **parts: _Part) -> None:
        self.parts = parts

    def named_modules(self, prefix: str = ""):
        yield prefix, self
        for name, part in self.parts.items():
            yield from part.named_modules(f"{prefix}.{name}" if prefix else name)


class ModuleList(_Part):
    """torch's, which is never called."""


class Conv(_Part):
    """A layer."""


def test_names_of_the_exporter_become_paths() -> None:
    here = _Part.__module__
    net = _Part(
        body=_Part(**{"0": Conv(), "1": Conv()}),
        first=ModuleList(**{"0": Conv()}),
        second=ModuleList(**{"0": Conv(), "1": Conv()}),
    )
    paths = _known_names(net)
    root = f"{here}._Part"
    assert paths[root] == ""
    assert paths[f"{root}/{here}._Part_body/{here}.Conv_1"] == "body.1"
    assert paths[f"{root}/{here}.Conv_1"] == "second.1"
    assert f"{root}/{here}.Conv_0" not in paths  # first.0 or second.0: their sizes tell
    fused = f"{root}/{here}.Conv_1;;{root}/{here}._Part_body/{here}.Conv_0;2"
    assert _translated(fused, paths, "Net") == "Net/second.1/Conv_1;Net/body.0/Conv_0_2"
    assert _translated("arith.constant3", paths, "Net") == "arith.constant3"


def test_without_litert_torch_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "litert_torch", None)
    with pytest.raises(BnnLabError, match=r"Fix: pip install torch litert-torch .*&& pip install"):
        bnn_lab.convert_torch_module(SimpleNamespace(), None)


@pytest.fixture(scope="module")
def networks():
    reason = "torch and litert-torch are an optional group: see docs/from-pytorch.md"
    pytest.importorskip("litert_torch", reason=reason)
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        "torch_networks", Path(__file__).with_name("torch_networks.py")
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_module_is_converted_and_left_as_it_was(networks) -> None:
    module = networks.network("where")
    module.body.train()
    tflite, report = bnn_lab.convert_torch_module(
        module, networks.torch.zeros(networks.IMAGE), report=True
    )
    assert module.body.training and not module.training
    equal_torch(tflite, "where")
    assert report.binary_layers == ["body.0.conv", "body.2.conv"]
    assert set(report.float_layers) == {"stem", "head"}
    kinds = {layer.name: layer.kind for layer in report.layers}
    assert kinds["body.0.norm"] == "BatchNorm2d"
    by_name = {layer.name: layer for layer in report.layers}
    assert by_name["body.0.conv"].weights_1bit == 8 * 8 * 9
    assert by_name["body.0.conv"].macs_binary == 6 * 6 * 8 * 8 * 9
    assert report.file_bytes == len(tflite)
    assert sum(x.file_bytes for x in report.layers) + report.other_bytes + (
        report.structure_bytes
    ) == len(tflite)
    assert "its weights alone" in str(report)
    # What is recorded is what is exported today.
    assert predictions(bnn_lab.convert_tflite(FILES / "where.tflite")).shape == (8, 4)


def test_the_parameters_of_the_net_itself_are_a_layer(networks) -> None:
    module = networks.network("dense")
    report = bnn_lab.explain_torch_module(module, networks.torch.zeros(networks.IMAGE))
    layer = next(layer for layer in report.layers if layer.name == "Dense")
    assert layer.verdict == "binary" and layer.macs_binary == 32 * 128 + 4 * 32


def test_what_is_no_module(networks) -> None:
    with pytest.raises(ConversionError, match=r"a dict is not a torch\.nn\.Module"):
        bnn_lab.convert_torch_module({}, networks.torch.zeros(1))
    with pytest.raises(InputError, match="example input 0 is a ndarray"):
        bnn_lab.convert_torch_module(networks.network("where"), np.zeros(1))


def test_what_cannot_be_traced(networks) -> None:
    class Branch(networks.nn.Module):
        def forward(self, x):
            return x if float(x.sum()) > 0 else -x

    with pytest.raises(ConversionError, match=r"cannot export the module 'Branch'.*no branches"):
        bnn_lab.convert_torch_module(Branch(), networks.torch.zeros(1, 2))
