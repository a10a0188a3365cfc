"""Measuring over SSH, on a server that the test starts on this machine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bnn_lab.bench import remote as remote_module
from bnn_lab.bench import runs
from bnn_lab.bench.remote import Remote, RemoteError, source_archive, source_root
from bnn_lab.cli.bench import app
from bnn_lab.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def there(ssh_server: Any, tmp_path: Path) -> Remote:
    return Remote(
        ssh_server.target,
        port=ssh_server.port,
        identity=ssh_server.identity,
        options=ssh_server.options,
        python=sys.executable,
        folder=str(tmp_path / "there"),
    )


def flags(server: Any, folder: Path) -> list[str]:
    words = ["--ssh", server.target, "--ssh-port", str(server.port)]
    words += ["--ssh-identity", str(server.identity), "--ssh-python", sys.executable]
    for option in server.options:
        words += ["--ssh-option", option]
    return [*words, "--ssh-installed", "--ssh-folder", str(folder)]


def test_commands_and_files_get_there(there: Remote, tmp_path: Path) -> None:
    assert there.run("cat", content=b"\0binary\n") == b"\0binary\n"
    path = tmp_path / "a folder" / "it's a file"
    there.upload(b"content", str(path))
    assert path.read_bytes() == b"content"
    found = there.describe()
    assert found["machine"] == os.uname().machine
    assert found["python"] == f"3.{sys.version_info[1]}"
    with pytest.raises(RemoteError, match="failed with code 3: no such luck"):
        there.run("echo no such luck >&2; exit 3")


def test_kernels_come_back_as_a_report(ssh_server: Any, tmp_path: Path) -> None:
    file = tmp_path / "here" / "figures.json"
    page = tmp_path / "page.html"
    words = [*flags(ssh_server, tmp_path / "there"), "kernels", "--rounds", "1", "--force"]
    words += ["--no-float-peers", "--json", str(file), "--html", str(page)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(file.read_text())
    assert report["schema"] == "bnn_lab.bench/1"
    assert report["command"] == ["bench", "kernels"]
    assert "3x3 56,64" in [layer["name"] for layer in report["layers"]]
    peers = {peer["name"] for layer in report["layers"] for peer in layer["peers"]}
    assert "float32 TFLite" not in peers  # the option arrived
    assert page.read_text().startswith("<!doctype html>")
    assert not list((tmp_path / "there").glob("*.json"))


def test_model_files_are_sent(ssh_server: Any, tmp_path: Path) -> None:
    from bnn_lab.tflite import layer_shapes as kinds
    from bnn_lab.tflite.layer_shapes import LayerShape
    from bnn_lab.tflite.op_files import layer_file

    binary, floating = tmp_path / "tiny.tflite", tmp_path / "float.tflite"
    binary.write_bytes(layer_file(LayerShape(kinds.BINARY_CONV, 8, 8, 32, kernel=(3, 3))))
    floating.write_bytes(layer_file(LayerShape(kinds.CONV, 8, 8, 32, kernel=(3, 3))))
    file = tmp_path / "figures.json"
    words = [*flags(ssh_server, tmp_path / "there"), "model", str(binary), "--float"]
    words += [str(floating), "--rounds", "2", "--threads", "1", "--force", "--json", str(file)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    (model,) = json.loads(file.read_text())["models"]
    assert (model["name"], model["num_threads"]) == ("tiny", 1)
    assert model["file_bytes"] == {
        "binary": binary.stat().st_size,
        "float TFLite": floating.stat().st_size,
    }
    assert {peer["rounds"] for peer in model["peers"]} == {2}


def test_what_fails_there_is_told_here(there: Remote) -> None:
    with pytest.raises(RemoteError, match="there is no network"):
        there.bench(["model", "nothing-of-the-kind"], python=sys.executable)


def test_connections_that_fail(ssh_server: Any, there: Remote, tmp_path: Path) -> None:
    unknown = Remote(
        ssh_server.target,
        port=ssh_server.port,
        identity=ssh_server.identity,
        options=[f"UserKnownHostsFile={tmp_path / 'none'}", "ControlPath=none"],
    )
    with pytest.raises(RemoteError, match=r"key is not known or has changed; connect once by hand"):
        unknown.run("true")
    key = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    stranger = Remote(
        ssh_server.target,
        port=ssh_server.port,
        identity=key,
        options=[*ssh_server.options, "ControlPath=none"],
    )
    with pytest.raises(RemoteError, match=r"Permission denied.*--ssh-identity"):
        stranger.run("true")
    closed = Remote("127.0.0.1", port=1, options=["ControlPath=none"])
    with pytest.raises(RemoteError, match=r"cannot connect to 127\.0\.0\.1.*--ssh-port"):
        closed.run("true")
    there.python = "no-such-python"
    with pytest.raises(RemoteError, match="no-such-python"):
        there.describe()


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    for target in ("", "-oProxyCommand=evil", "two words"):
        with pytest.raises(InputError, match="is not a host"):
            Remote(target)
    with pytest.raises(InputError, match="must be Name=value"):
        Remote("host", options=["NoValue"])
    result = CliRunner().invoke(app, ["--ssh", "nowhere.invalid", "kernels", "--rounds", "many"])
    assert result.exit_code == 2 and "--rounds" in result.output
    result = CliRunner().invoke(app, ["--ssh", "nowhere.invalid", "compare", "a", "b"])
    assert isinstance(result.exception, InputError)
    assert "--ssh works with kernels, model, suite" in str(result.exception)


def test_a_report_of_an_emulated_cpu_is_refused(
    there: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = {
        "schema": "bnn_lab.bench/1",
        "host": {"emulated": "by qemu"},
        "device": "board",
        "layers": [],
        "models": [],
        "noise": None,
    }
    monkeypatch.setattr(there, "run", lambda *_, **__: json.dumps(report).encode())
    with pytest.raises(InputError, match="measured on an emulated CPU"):
        there.bench(["kernels"], python="python3")


def test_sources_are_what_pip_needs() -> None:
    root = source_root()
    assert root == ROOT
    content = source_archive(root)
    assert content == source_archive(root)
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    assert {"pyproject.toml", "native/CMakeLists.txt", "bnn_lab/__init__.py"} <= set(names)
    assert not [name for name in names if name.endswith((".so", ".pyc"))]


def test_package_that_is_sent(there: Remote, tmp_path: Path, monkeypatch: Any) -> None:
    same = there.describe()
    wheel = tmp_path / "bnn_lab-1-cp311-none-any.whl"
    wheel.write_bytes(b"wheel")
    monkeypatch.setattr(remote_module, "build_wheel", lambda root: wheel)
    assert there._package(None, same) == (wheel.name, b"wheel", wheel.name)
    name, content, wanted = there._package(None, {**same, "machine": "riscv64"})
    assert (name, wanted) == ("source.tar.gz", "source") and content
    monkeypatch.setattr(remote_module, "source_root", lambda: None)
    assert there._package(None, same)[2].startswith("bnn-lab==")
    with pytest.raises(InputError, match="is not a wheel"):
        there._package(tmp_path / "x.zip", same)
    with pytest.raises(InputError, match="cannot read"):
        there._package(tmp_path / "missing.whl", same)


def test_environment_is_made_once(there: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pip's download: the environment gets a stand-in for the package."""
    monkeypatch.setattr(Remote, "_package", lambda self, wheel, found: ("", b"", "pip"))
    python = there.install()
    assert python.startswith(there.folder)
    assert there.run(f"{python} -c 'import sys; print(sys.prefix)'").strip().decode() in python
    said: list[str] = []
    there.say = said.append
    assert there.install() == python and not said


@pytest.mark.exhaustive  # a build and an installation, each also tested elsewhere
def test_wheel_is_built_installed_and_measures(ssh_server: Any, tmp_path: Path) -> None:
    """The whole way: wheel from these sources, environment there, kernels, report."""
    file = tmp_path / "figures.json"
    words = [w for w in flags(ssh_server, tmp_path / "there") if w != "--ssh-installed"]
    words += ["kernels", "--rounds", "1", "--force", "--json", str(file)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(file.read_text())
    assert "tensorflow" not in report["host"]["packages"]  # a small device has none
    peers = {peer["name"] for layer in report["layers"] for peer in layer["peers"]}
    assert {"float32 TFLite", "int8 TFLite"} <= peers


def test_suite_without_models_sends_the_quicknets(monkeypatch: pytest.MonkeyPatch) -> None:
    from bnn_lab.cli import bench_remote as remote_cli

    sent: list[str] = []
    monkeypatch.setattr(
        remote_cli, "_send_model", lambda remote, model, **_: sent.append(model) or f"m/{model}"
    )
    words: list[str] = []

    def bench(self: Remote, arguments: list[str], *, python: str) -> Any:
        words.extend(arguments)
        raise RemoteError("enough")

    monkeypatch.setattr(Remote, "bench", bench)
    command = ["--ssh", "board", "--ssh-installed", "suite", "--threads", "1", "--no-lce"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, RemoteError)
    assert tuple(sent) == runs.SUITE
    assert words[0] == "suite" and "--no-lce" in words
    assert words[words.index("--threads") + 1] == "1"
    assert words.count("--model") == len(sent)
