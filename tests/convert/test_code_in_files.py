"""Files that bring code along are refused before it runs, unless they are trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnn_lab.cli.main import main
from bnn_lab.convert import convert_saved_model, load_keras_model
from bnn_lab.convert.code_in_files import refuse_code
from bnn_lab.errors import InputError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with models, and the file that exists once one of their codes has run."""
    from bnn_lab._keras import require_tensorflow

    tf = require_tensorflow()
    folder = tmp_path_factory.mktemp("code")
    ran = folder / "ran"
    keras = tf.keras
    # The path is in the code itself: a file from elsewhere has no variables of this test.
    code = f"lambda x: (open({str(ran)!r}, 'w').close(), x)[1]"
    function = eval(code)
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    evil = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(function)])
    nested = keras.Sequential([keras.Input((4,)), keras.Sequential([evil]), keras.layers.Dense(2)])
    named = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, activation=keras.activations.relu)]
    )
    for name, model in (("plain", plain), ("evil", evil), ("nested", nested), ("named", named)):
        model.save(folder / f"{name}.h5")
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.saved", save_format="tf")

    class Writes(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([1, 4])])
        def run(self, x: Any) -> Any:
            tf.io.write_file(str(ran), "x")
            return {"y": x + 1.0}

    writes = Writes()
    tf.saved_model.save(writes, str(folder / "writes.saved"), signatures=writes.run)
    ran.unlink(missing_ok=True)
    return folder, ran


@pytest.mark.parametrize("name", ["evil.h5", "nested.h5", "evil.saved", "nested.saved"])
def test_lambda_layers(files: tuple[Path, Path], name: str) -> None:
    folder, ran = files
    with pytest.raises(InputError, match=r"holds a Lambda layer.*pass --trust \(in Python trust"):
        load_keras_model(folder / name)
    if name.endswith(".saved"):
        with pytest.raises(InputError, match="holds a Lambda layer"):
            convert_saved_model(folder / name)
    assert not ran.exists()


def test_of_keras_files_keras_looks_itself(files: tuple[Path, Path]) -> None:
    folder, ran = files
    with pytest.raises(Exception, match=r"(?i)lambda|unsafe"):
        load_keras_model(folder / "evil.keras")
    assert not ran.exists()


def test_ops_that_touch_files(files: tuple[Path, Path]) -> None:
    folder, ran = files
    with pytest.raises(InputError, match="holds the op WriteFile"):
        convert_saved_model(folder / "writes.saved")
    assert not ran.exists()


@pytest.mark.parametrize("name", ["plain", "named"])
@pytest.mark.parametrize("kind", ["h5", "keras", "saved"])
def test_others_load_as_before(files: tuple[Path, Path], name: str, kind: str) -> None:
    load_keras_model(files[0] / f"{name}.{kind}")


def test_trust(files: tuple[Path, Path]) -> None:
    folder, ran = files
    assert not ran.exists()
    load_keras_model(folder / "evil.h5", trust=True)
    assert ran.exists()  # the layer's code runs while it is loaded: what the refusal is about
    ran.unlink()


def test_command(files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder, ran = files
    with pytest.raises(SystemExit):
        main(["convert", str(folder / "evil.h5"), "-o", str(folder / "x.tflite")])
    assert "pass --trust" in " ".join(capsys.readouterr().err.split())
    assert not ran.exists()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.with_suffix(".h5").write_bytes(b"not HDF5"),
        lambda path: path.with_suffix(".h5").write_bytes(b""),
        lambda path: path.mkdir() or (path / "saved_model.pb").write_bytes(b"\xff\xff"),
    ],
)
def test_what_cannot_be_read_is_left_to_the_loader(
    tmp_path: Path, make: Callable[[Path], Any]
) -> None:
    make(tmp_path / "m")
    for path in tmp_path.iterdir():
        refuse_code(path)
