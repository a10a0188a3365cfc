from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest


class SshServer(NamedTuple):
    """A server of the test's own on localhost, with its own keys.

    Attributes:
        target: user and host.
        options: of a client that gets in.
        noisy: the same, but with a login that prints before and after the command.
        folder: of its files.
    """

    target: str
    options: list[str]
    noisy: list[str]
    folder: Path


NOISE = (
    r"""command="printf 'welcome\n{\"schema\": \"no\"}\n'; $SHELL -c \"$SSH_ORIGINAL_COMMAND\"; """
    r"""code=$?; echo bye; exit $code" """
)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests read and write no calibration or model of the user."""
    folder = tmp_path_factory.getbasetemp() / "bench-cache"  # one for all: conversion takes time
    monkeypatch.setenv("BNN_LAB_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def ssh_server(
    require_tool: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SshServer]:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    sshd = shutil.which("sshd", path=search) or require_tool("sshd", "openssh-server")
    keygen = require_tool("ssh-keygen", "openssh-client")
    folder = tmp_path_factory.mktemp("sshd")
    folder.chmod(0o700)
    for name in ("host_key", "user_key", "noisy_key"):
        subprocess.run(
            [keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
        )
    keys = [(folder / f"{name}.pub").read_text() for name in ("user_key", "noisy_key")]
    (folder / "authorized_keys").write_text(f"{keys[0]}{NOISE}{keys[1]}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd puts away its privileges
    settings = {
        "ListenAddress": f"127.0.0.1:{port}",
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PidFile": folder / "pid",
        "UsePAM": "no",
        "StrictModes": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
    }
    config = folder / "sshd_config"
    config.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    server = subprocess.Popen(
        [sshd, "-D", "-e", "-f", str(config)],
        stderr=(folder / "log").open("wb"),
    )
    host_key = " ".join((folder / "host_key.pub").read_text().split()[:2])
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key}\n")
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        target = f"{getpass.getuser()}@127.0.0.1"
        options = [
            f"Port={port}",
            f"UserKnownHostsFile={known}",
            "GlobalKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
        ]
        quiet, noisy = (
            [*options, f"IdentityFile={folder / name}"] for name in ("user_key", "noisy_key")
        )
        yield SshServer(target, quiet, noisy, folder)
    finally:
        server.terminate()
        server.wait(10)
