"""Measuring over SSH, on a server that the test starts on this machine."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from bnn_lab.bench import remote as remote_module
from bnn_lab.bench import runs
from bnn_lab.bench.kernels import ConvCase
from bnn_lab.bench.remote import Remote, RemoteError
from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.cli.bench import app
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.files import read_study, write_study
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file

BNN_LAB = Path(sys.executable).with_name("bnn-lab")


def flags(server: Any, options: list[str] | None = None) -> list[str]:
    words = ["--ssh", server.target, "--ssh-command", str(BNN_LAB)]
    for option in options or server.options:
        words += ["--ssh-option", option]
    return words


def script(path: Path, text: str) -> str:
    """A stand-in for bnn-lab, to see what reaches it."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def small(tmp_path: Path) -> str:
    """bnn-lab with a single small layer to measure."""
    return script(
        tmp_path / "bnn-lab",
        f"exec '{sys.executable}' -c '"
        "import sys\n"
        "from bnn_lab.bench import runs\n"
        "from bnn_lab.bench.kernels import ConvCase\n"
        "from bnn_lab.cli.main import main\n"
        'defaults = {**runs.run_kernels.__kwdefaults__, "cases": (ConvCase(6, 32, 32),)}\n'
        "runs.run_kernels.__kwdefaults__ = defaults\n"
        'main(sys.argv[1:])\' "$@"',
    )


@pytest.mark.parametrize("login", ["quiet", "noisy"])
def test_kernels_come_back_as_a_report(
    login: str, ssh_server: Any, small: str, tmp_path: Path
) -> None:
    file, page = tmp_path / "here" / "figures.json", tmp_path / "page.html"
    options = ssh_server.noisy if login == "noisy" else ssh_server.options
    words = ["kernels", *flags(ssh_server, options), "--ssh-command", small, "--rounds", "1"]
    words += ["--force", "--no-float-baselines", "--json", str(file), "--html", str(page)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    report = read_report(file)
    assert report.command == ["bench", "kernels"]
    (layer,) = report.layers
    assert layer.name == ConvCase(6, 32, 32).name
    assert layer.of("float32 TFLite") is None  # the option arrived
    assert page.read_text().startswith("<!doctype html>")


def test_model_files_are_sent(ssh_server: Any, tmp_path: Path) -> None:
    binary, floating = tmp_path / "tiny it's; $(x).tflite", tmp_path / "float.tflite"
    binary.write_bytes(layer_file(LayerShape(kinds.BINARY_CONV, 8, 8, 32, kernel=(3, 3))))
    floating.write_bytes(layer_file(LayerShape(kinds.CONV, 8, 8, 32, kernel=(3, 3))))
    file = tmp_path / "figures.json"
    words = ["model", str(binary), *flags(ssh_server), "--float", str(floating)]
    words += ["--rounds", "2", "--threads", "1", "--force", "--json", str(file)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    (model,) = read_report(file).models
    assert (model.name, model.num_threads) == (binary.stem, 1)
    sizes = {"binary": binary.stat().st_size, "float32": floating.stat().st_size}
    assert model.file_bytes == sizes
    assert all(2 <= times.rounds <= 40 for times in model.times)


def test_words_and_files_arrive_as_they_are(ssh_server: Any, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    odd = ["it's", "two words", "$HOME", "`id`", "a;b", "new\nline", "!!", "*", ""]
    command = script(
        tmp_path / "a 'dir'" / "bnn-lab",
        f"printf '%s\\0' \"$@\" > '{seen}'; pwd >> '{seen}'; cat 'x y/1.bin' >> '{seen}'; exit 3",
    )
    remote = Remote(ssh_server.target, ssh_server.options, command)
    with pytest.raises(RemoteError, match="bnn-lab failed there: code 3"):
        remote.bench(odd, {"x y/1.bin": b"\0binary\xff"})
    *words, rest = seen.read_bytes().split(b"\0", len(odd) + 3)
    assert words == [b"bench", *(word.encode() for word in odd), b"--json", b"report.json"]
    folder, content = rest.split(b"\n", 1)
    assert content == b"\0binary\xff"
    assert not Path(folder.decode()).exists()  # nothing stays there


def test_a_relative_command_is_from_the_home_directory(ssh_server: Any, tmp_path: Path) -> None:
    folder = Path.home() / f".{tmp_path.name}"
    try:
        script(folder / "bnn-lab", "echo found >&2; exit 1")
        remote = Remote(ssh_server.target, ssh_server.options, f"{folder.name}/bnn-lab")
        with pytest.raises(RemoteError, match="failed there: found"):
            remote.bench(["kernels"])
    finally:
        (folder / "bnn-lab").unlink()
        folder.rmdir()


def test_what_fails_there_is_told_here(ssh_server: Any, tmp_path: Path) -> None:
    options = ssh_server.options
    remote = Remote(ssh_server.target, options, str(BNN_LAB))
    with pytest.raises(RemoteError, match="failed there: error: there is no file 'nothing'"):
        remote.bench(["model", "nothing"])
    with pytest.raises(RemoteError, match=r"has no command 'no such thing'.*--ssh-command"):
        Remote(ssh_server.target, options, "no such thing").bench(["kernels"])
    for text, problem in (
        ("echo '{' > report.json", "the report of .* is not JSON"),
        ("echo '{}' > report.json", "the report of .* is not a benchmark report"),
        ("echo hello", "failed there: hello.*report.json"),
    ):
        command = script(tmp_path / "bnn-lab", text)
        with pytest.raises((RemoteError, InputError), match=problem):
            Remote(ssh_server.target, options, command).bench(["kernels"])


def test_connections_that_fail(ssh_server: Any, tmp_path: Path) -> None:
    def fails(target: str, options: list[str], problem: str) -> None:
        with pytest.raises(RemoteError, match=problem):
            Remote(target, options).bench(["kernels"])

    # ssh takes the first value of an option.
    unknown = [f"UserKnownHostsFile={tmp_path / 'none'}", *ssh_server.options]
    fails(ssh_server.target, unknown, "key is not known or has changed; connect once by hand")
    key = tmp_path / "other_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    stranger = [f"IdentityFile={key}", *ssh_server.options[:-1]]
    fails(ssh_server.target, stranger, "Permission denied.*IdentityFile")
    fails("127.0.0.1", ["Port=1"], r"cannot connect to 127\.0\.0\.1.*--ssh-option Port")


def test_a_machine_without_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RemoteError, match="there is no ssh on this machine"):
        Remote("board").bench(["kernels"])


def test_wrong_arguments_are_refused_before_anything_is_sent() -> None:
    for target in ("", "-oProxyCommand=evil", "two words"):
        with pytest.raises(InputError, match="is not a host"):
            Remote(target)
    for option in ("NoValue", "-oProxyCommand=evil"):
        with pytest.raises(InputError, match="must be Name=value"):
            Remote("host", options=[option])
    for path in ("../x", "a/../../x", "/etc/x"):
        with pytest.raises(InputError, match="lies outside"):
            Remote("host").bench(["kernels"], {path: b""})
    result = CliRunner().invoke(app, ["kernels", "--ssh", "nowhere.invalid", "--rounds", "many"])
    assert result.exit_code == 2 and "--rounds" in result.output


def test_suite_without_models_sends_the_quicknets(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def find_files(model: str, **more: Any) -> Any:
        return lambda progress: (model, {"binary": model.encode()})

    def run(self: Remote, command: str, content: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            seen.extend([command, archive.getnames()])
        raise RemoteError("enough")

    monkeypatch.setattr(runs, "find_files", find_files)
    monkeypatch.setattr(remote_module.Remote, "_run", run)
    words = ["suite", "--ssh", "board", "--threads", "1", "--threads", "2", "--no-lce", "--force"]
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, RemoteError)
    command, names = seen
    assert names == [f"{name}/binary.tflite" for name in runs.SUITE]
    models = " ".join(f"--model ./{name}" for name in runs.SUITE)
    options = "--rounds 20 --threads 1 --threads 2 --no-lce --force"
    assert f"bench suite {options} {models} --json" in command


def test_a_study_comes_back_too(ssh_server: Any, tmp_path: Path) -> None:
    example = read_report(EXAMPLE)
    assert example.noise is not None
    frame = pd.DataFrame(
        [
            {"case": "3x3 7,512", "padding": name, "ms": 1.0, "border": 0.5, "cost": 1.2,
             "cost_low": 1.1, "cost_high": 1.3}
            for name in ("ones", "zeros", "none")
        ]
    )  # fmt: skip
    there = Study(
        name="padding", question="?", frame=frame, finding="Zeros cost.", noise=example.noise,
        host=example.host, device="board",
    )  # fmt: skip
    write_study(there, tmp_path / "there.json")
    seen, here = tmp_path / "seen", tmp_path / "here.json"
    command = script(
        tmp_path / "bnn-lab",
        f"echo \"$@\" > '{seen}'; cat '{tmp_path / 'there.json'}' > report.json",
    )
    words = ["study", "padding", "--seconds", "3", "--name", "board", "--json", str(here)]
    words += [*flags(ssh_server), "--ssh-command", command]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    wanted = "bench study padding --seconds 3.0 --name board --json report.json"
    assert seen.read_text().strip() == wanted
    assert read_study(here).device == "board" and "Zeros cost." in result.output
