"""Measuring on another machine over SSH: bnn_lab goes there, JSON comes back.

Everything runs through OpenSSH's own client, with the user's configuration, agent and known hosts.
An unknown host key is an error, not accepted silently.
"""

from __future__ import annotations

import getpass
import gzip
import hashlib
import io
import json
import platform
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bnn_lab
from bnn_lab._files import cache_dir
from bnn_lab.bench.report import Report, check_report
from bnn_lab.errors import BnnLabError, InputError

_OLDEST = (3, 11)
_CONNECT_SECONDS = 20
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "requirements.lock", "native", "bnn_lab")
_BUILT = {".so", ".pyc", ".tflite"}


class RemoteError(BnnLabError):
    """Another machine could not be reached, prepared or measured; the message has its answer."""


@dataclass
class Remote:
    """A machine that can be reached over SSH.

    Attributes:
        target: as for ssh: host, user@host, or a name of ssh_config.
        port: None takes ssh's.
        identity: file of the private key; None takes ssh's.
        options: further ones, as in ssh_config: "ProxyJump=gate".
        python: that makes the environment there.
        folder: there, relative to the home directory: environment, wheel, models, results.
        say: told what is being done.
    """

    target: str
    port: int | None = None
    identity: Path | None = None
    options: Sequence[str] = ()
    python: str = "python3"
    folder: str = ".cache/bnn_lab/remote"
    say: Callable[[str], None] = field(default=lambda text: None)

    def __post_init__(self) -> None:
        if not self.target or self.target.startswith("-") or any(c.isspace() for c in self.target):
            raise InputError(f"--ssh: {self.target!r} is not a host; write user@host")
        for option in self.options:
            if "=" not in option:
                raise InputError(f"--ssh-option: {option!r} must be Name=value as in ssh_config")

    def run(self, command: str, *, content: bytes = b"", shown: bool = False) -> bytes:
        """Run a shell command there.

        Args:
            command: for the user's shell there.
            content: its standard input.
            shown: let the user see its standard error, such as a progress bar, as it comes.

        Returns:
            Its standard output.

        Raises:
            RemoteError: it fails, or there is no connection.
        """
        try:
            done = subprocess.run(
                [*self._ssh(), self.target, command],
                input=content,
                stdout=subprocess.PIPE,
                stderr=None if shown else subprocess.PIPE,
                check=False,
            )
        except FileNotFoundError as error:
            raise RemoteError(
                "there is no ssh on this machine; on Debian: apt-get install openssh-client"
            ) from error
        if done.returncode:
            raise RemoteError(self._explain(command, done.returncode, done.stderr or b""))
        return done.stdout

    def describe(self) -> dict[str, str]:
        """Architecture and Python there.

        Raises:
            RemoteError: no connection, no such Python, or one that bnn_lab does not support.
        """
        script = (
            "import json,platform,sys;print(json.dumps({'machine':platform.machine(),"
            "'python':'%d.%d'%sys.version_info[:2]}))"
        )
        found: dict[str, str] = json.loads(
            self.run(f"{shlex.quote(self.python)} -c {shlex.quote(script)}")
        )
        if tuple(map(int, found["python"].split("."))) < _OLDEST:
            raise RemoteError(
                f"{self.target}: {self.python} is Python {found['python']}; bnn_lab needs "
                "3.11 or newer. Fix: --ssh-python /path/to/python3.11"
            )
        return found

    def install(self, wheel: Path | None = None) -> str:
        """Make an environment with bnn_lab there, unless it is there already.

        Args:
            wheel: for that machine. None builds one here if the machine is like this one, else
                sends the sources to be built there, else installs this version from the index.

        Returns:
            Path of the environment's Python, for a shell there.

        Raises:
            RemoteError: see `run`.
        """
        there = self.describe()
        name, content, requirement = self._package(wheel, there)
        digest = hashlib.sha256(content or requirement.encode()).hexdigest()[:12]
        place = f"{self.folder}/env-{there['python']}-{digest}"
        python = f"{place}/bin/python"
        ready = shlex.quote(f"{place}/ready")
        if self.run(f"test -f {ready} && echo yes || true").strip() == b"yes":
            return python
        self.say(f"installing bnn_lab on {self.target}")
        if content:
            self.upload(content, f"{place}/{name}")
            if name.endswith(".tar.gz"):
                folder = shlex.quote(place)
                self.run(f"cd {folder} && mkdir -p source && tar -xzf {name} -C source")
        wanted = f"{place}/{requirement}" if content else requirement
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
        self.run(
            f"{shlex.join([self.python, '-m', 'venv', place])} && {shlex.join(pip)} "
            f"&& touch {ready}"
        )
        return python

    def upload(self, content: bytes, path: str) -> None:
        """Write a file there; directories are made."""
        folder = shlex.quote(str(Path(path).parent))
        self.run(f"mkdir -p {folder} && cat > {shlex.quote(path)}", content=content)

    def bench(self, arguments: Sequence[str], *, python: str) -> Report:
        """Run `bnn-lab bench` there.

        Args:
            arguments: of the command, without --json.
            python: from `install`, or one that has bnn_lab.

        Returns:
            The report.

        Raises:
            RemoteError: the benchmark fails there, such as for noise.
            InputError: what comes back is not a report of this version.
        """
        self.say(f"measuring on {self.target}")
        self.run(f"mkdir -p {shlex.quote(self.folder)}")
        result = f"{self.folder}/result.json"
        words = [python, "-m", "bnn_lab.cli", "bench", *arguments, "--json", result]
        quoted = shlex.quote(result)
        text = self.run(
            f"rm -f {quoted}; {shlex.join(words)} >&2 && cat {quoted} && rm {quoted}", shown=False
        )
        try:
            return check_report(json.loads(text), f"the report of {self.target}")
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise RemoteError(f"{self.target} sent no report: {error}") from error

    def _ssh(self) -> list[str]:
        command = ["ssh"]
        for option in self.options:  # before ours: ssh takes the first value of an option
            command += ["-o", option]
        if self.port is not None:
            command += ["-p", str(self.port)]
        if self.identity is not None:
            command += ["-i", str(self.identity), "-o", "IdentitiesOnly=yes"]
        # One login for all commands; the socket's path must be short.
        socket = Path(tempfile.gettempdir()) / f"bnn-lab-ssh-{getpass.getuser()}"
        socket.mkdir(mode=0o700, exist_ok=True)
        defaults = {
            "BatchMode": "no" if sys.stdin is not None and sys.stdin.isatty() else "yes",
            "ConnectTimeout": str(_CONNECT_SECONDS),
            "ControlMaster": "auto",
            "ControlPath": f"{socket}/%C",
            "ControlPersist": "30",
        }
        for name, value in defaults.items():
            command += ["-o", f"{name}={value}"]
        return command

    def _explain(self, command: str, code: int, stderr: bytes) -> str:
        text = " ".join(stderr.decode(errors="replace").split()[-120:])
        if code != 255:  # 255 is ssh's own
            return f"{self.target}: '{command[:60]}...' failed with code {code}: {text}"
        advice = "check the name, the port (--ssh-port) and that the machine is on"
        if "Host key verification failed" in text:
            advice = (
                "the machine's key is not known or has changed; connect once by hand (ssh "
                f"{self.target}) and compare its fingerprint"
            )
        elif "Permission denied" in text:
            advice = "give a key with --ssh-identity, or load one into your agent (ssh-add)"
        return f"cannot connect to {self.target}: {text}. Fix: {advice}"

    def _package(self, wheel: Path | None, there: dict[str, str]) -> tuple[str, bytes, str]:
        """Name and content of what to send, and what pip there is told to install."""
        if wheel is not None:
            if wheel.suffix != ".whl":
                raise InputError(f"--ssh-wheel: {wheel} is not a wheel")
            try:
                return wheel.name, wheel.read_bytes(), wheel.name
            except OSError as error:
                raise InputError(f"--ssh-wheel: cannot read {wheel}: {error.strerror}") from error
        root = source_root()
        if root is None:
            return "", b"", f"bnn-lab=={bnn_lab.__version__}"
        here = {
            "machine": platform.machine(),
            "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        }
        if here == there:
            self.say("building a wheel")
            built = build_wheel(root)
            return built.name, built.read_bytes(), built.name
        return "source.tar.gz", source_archive(root), "source"


def source_root() -> Path | None:
    """The source tree that this copy of bnn_lab runs from, None if it was installed."""
    root = Path(bnn_lab.__file__).parents[1]
    return root if (root / "native" / "CMakeLists.txt").exists() else None


def source_archive(root: Path) -> bytes:
    """What pip needs to build bnn_lab, as a .tar.gz that is the same for the same sources."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if Path(entry.name).suffix in _BUILT or "__pycache__" in entry.name:
            return None
        entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in _SOURCES:
            if (root / name).exists():
                archive.add(root / name, name, filter=plain)
    return gzip.compress(buffer.getvalue(), mtime=0)


def build_wheel(root: Path) -> Path:
    """A wheel of the source tree for this machine; kept, so the same sources build once.

    Raises:
        RemoteError: it cannot be built.
    """
    digest = hashlib.sha256(source_archive(root)).hexdigest()[:12]
    folder = cache_dir() / "wheels" / f"{digest}-py{sys.version_info[0]}{sys.version_info[1]}"
    if found := list(folder.glob("*.whl")):
        return found[0]
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        source.mkdir()
        with tarfile.open(fileobj=io.BytesIO(source_archive(root))) as archive:
            archive.extractall(source, filter="data")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*command, "--wheel-dir", str(folder), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
    found = list(folder.glob("*.whl"))
    if done.returncode or not found:
        raise RemoteError(f"no wheel could be built: {' '.join(done.stderr.split()[-80:])}")
    return found[0]
