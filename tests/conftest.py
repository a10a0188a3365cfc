from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from bnn_lab.data import ImageData, load_digits

# On a busy machine an example may take any time.
settings.register_profile("bnn_lab", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bnn_lab")


class TrainedDigits(NamedTuple):
    """The lesson's network after its full training."""

    model: Any
    history: Any
    data: ImageData


@pytest.fixture(scope="session")
def trained_digits() -> TrainedDigits:
    """Train once for the whole test run (about 15 s)."""
    from bnn_lab.training import train_digits

    model, history = train_digits(seed=0)
    return TrainedDigits(model, history, load_digits())


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str, str], str]:
    """`require_tool(program, debian_package)` returns the program's path.

    Without the program the test is skipped; it fails instead if BNN_LAB_REQUIRE_SYSTEM_TOOLS=1, so
    that continuous integration cannot lose a test silently.
    """

    def require(program: str, package: str) -> str:
        search = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
        if path := shutil.which(program, path=search):
            return path
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1":
            pytest.fail(f"{reason}, but BNN_LAB_REQUIRE_SYSTEM_TOOLS=1")
        pytest.skip(reason)

    return require


@pytest.fixture(scope="session")
def require_registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where pip cannot reach a package index; fail if BNN_LAB_REQUIRE_SYSTEM_TOOLS=1."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    target = str(tmp_path_factory.mktemp("download"))
    # A small package that bnn_lab depends on anyway.
    command = [*pip, "download", "--quiet", "--no-deps", "--dest", target, "flatbuffers"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        problem = done.stderr.strip() if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = "no answer within two minutes"
    if problem:
        reason = f"pip cannot download packages: {problem.splitlines()[-1]}"
        if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(require_tool: Callable[[str, str], str]) -> Iterator[Any]:
    """Debian's Chromium, headless.

    Not for the whole session: playwright's loop would run beside all later tests of the process,
    and each that starts another one, or any `asyncio.run`, would fail.
    """
    path = require_tool("chromium", "chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def need_bubblewrap(require_tool: Callable[[str, str], str]) -> Callable[[], None]:
    """Called, it skips where bubblewrap is missing or may make no sandbox."""

    def need() -> None:
        from bnn_lab.course.sandbox import require_bubblewrap
        from bnn_lab.errors import BnnLabError

        require_tool("bwrap", "bubblewrap")
        try:
            require_bubblewrap()
        except BnnLabError as error:
            pytest.skip(str(error))

    return need


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go, for eyes only: BNN_LAB_SCREENSHOTS, or a temporary folder."""
    chosen = os.environ.get("BNN_LAB_SCREENSHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """`mount(options)`: a file system in memory; skips where that is not allowed."""
    made = []

    def mounted(options: str) -> Path:
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        except OSError as error:
            pytest.skip(f"mount: {error}")
        if done.returncode:
            pytest.skip(f"mount: {done.stderr.strip()}")
        made.append(folder)
        return folder

    yield mounted
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)  # may be busy


# Backends that the kernel tests of this run have used, over all of its processes.
BACKENDS_RUN = pytest.StashKey[set[str]]()


def pytest_configure(config: pytest.Config) -> None:
    # Where it has a wheel, a run that must be whole must not lose the tests beside it.
    if (
        os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1"
        and sys.version_info < (3, 13)
        and (sys.platform, platform.machine()) == ("linux", "x86_64")
        and find_spec("larq_compute_engine") is None
    ):
        raise pytest.UsageError(
            "larq-compute-engine is missing; BNN_LAB_REQUIRE_SYSTEM_TOOLS=1 asks for it"
        )
    config.stash[BACKENDS_RUN] = set()
    # By its path: with pytest's importlib mode no test file is a module that could be imported.
    spec = spec_from_file_location("bnn_lab_memory_of_tests", Path(__file__).with_name("memory.py"))
    assert spec is not None and spec.loader is not None
    memory = module_from_spec(spec)
    spec.loader.exec_module(memory)
    config.pluginmanager.register(memory)


@pytest.fixture(scope="session")
def backends_run(request: pytest.FixtureRequest) -> set[str]:
    """Kernel tests add the backend that they run on."""
    return request.config.stash[BACKENDS_RUN]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    covered = session.config.stash[BACKENDS_RUN]
    if hasattr(session.config, "workeroutput"):  # one of several processes: hand it on
        session.config.workeroutput["backends_run"] = sorted(covered)
        return
    missing = cpu_backends() - covered
    if covered and missing and exitstatus == 0:
        print(f"\nkernel backends that this CPU supports but no test ran: {sorted(missing)}")
        session.exitstatus = 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: Any) -> None:
    covered = getattr(node, "workeroutput", {}).get("backends_run", ())
    node.config.stash[BACKENDS_RUN].update(covered)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    covered = terminalreporter.config.stash[BACKENDS_RUN]
    if covered:
        terminalreporter.write_line(f"kernel backends covered: {', '.join(sorted(covered))}")


def _tiles_offered() -> bool:
    """Whether Linux saves tiles: old ones list the CPU's feature but do not."""
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        return False
    offered = ctypes.c_uint64()
    prctl, get_supported, tile_data = 158, 0x1021, 18
    failed = ctypes.CDLL(None).syscall(prctl, get_supported, ctypes.byref(offered))
    return not failed and bool(offered.value >> tile_data & 1)


def cpu_backends() -> set[str]:
    """Backends that this CPU must have.

    What each needs is listed; what the CPU has is found independently of the code under test.
    """
    from bnn_lab.kernels import all_backends

    found: set[str] = set()
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith(("flags", "Features")):
            found.update(line.split(":")[1].split())
            break
    if not _tiles_offered():
        found.discard("amx_tile")
    architectures = ("any", platform.machine())
    return {
        backend.name
        for backend in all_backends()
        if backend.architecture in architectures and found.issuperset(backend.features)
    }
