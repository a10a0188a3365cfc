"""What is installed, what works, and the fix for each thing that does not: `bnn-lab doctor`."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import NO_TENSORFLOW, install_training
from bnn_lab.errors import BackendError, BnnLabError

if TYPE_CHECKING:
    from rich.table import Table

OK, NOTE, WRONG = "ok", "note", "wrong"
_SECONDS = 120  # for TensorFlow's first import on a slow machine
_WIDGETS = "@jupyter-widgets/jupyterlab-manager"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        status: "ok"; "note" if something optional is missing; "wrong" if lessons would fail.
        found: what was found, such as a version.
        fix: what to do about it, "" if nothing.
    """

    name: str
    status: str
    found: str
    fix: str = ""


def examine(*, training: bool = True, notebooks: bool = True) -> list[Check]:
    """Look at everything that bnn_lab needs.

    Args:
        training: also start TensorFlow and larq, in a process of their own (some seconds).
        notebooks: also look at Jupyter and its widgets.

    Returns:
        The checks, in the order in which their failures should be fixed.
    """
    checks = [_python(), _package("NumPy", "numpy", (1, 26)), *_kernels(), _litert(), _delegate()]
    if training:
        checks.append(_training())
    if notebooks:
        checks += [*_jupyter(), _kernelspec()]
    return [*checks, _lce(), _nbgrader()]


def table(checks: list[Check]) -> Table:
    """The checks as a rich table, fixes included."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title="bnn-lab doctor", title_justify="left")
    for column in ("", "check", "found", "fix"):
        shown.add_column(column, overflow="fold")
    marks = {OK: ("✓", "green"), NOTE: ("·", "yellow"), WRONG: ("✗", "red")}
    for check in checks:
        # Texts, not markup: what was found may hold brackets.
        shown.add_row(Text(*marks[check.status]), *map(Text, (check.name, check.found, check.fix)))
    return shown


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= NO_TENSORFLOW:
        return Check("Python", NOTE, found, f"to train and convert: {install_training()}")
    return Check("Python", OK, found)


def _kernels() -> list[Check]:
    try:
        from bnn_lab import kernels

        available = kernels.available_backends()
    except ImportError as error:
        fix = "build it: pip install -e . in the repository, or install a wheel"
        return [Check("compiled kernels", WRONG, f"do not load: {error}", fix)]
    checks = [Check("compiled kernels", OK, ", ".join(available))]
    try:
        choice = kernels.backend_choice()
    except BnnLabError as error:
        fix = "unset BNN_LAB_BACKEND, or name one of: " + ", ".join(available)
        return [*checks, Check("backend in use", WRONG, str(error), fix)]
    found = "; ".join(filter(None, (f"{choice.name}: {choice.reason}", choice.problem)))
    return [*checks, Check("backend in use", NOTE if choice.fix else OK, found, choice.fix)]


def _litert() -> Check:
    return _package("LiteRT", "ai-edge-litert", (2, 1))


def _delegate() -> Check:
    name = "delegate self-test"
    try:
        from bnn_lab.runtime import load_delegate

        load_delegate()
    except BackendError:
        return Check(name, WRONG, "not run", "fix the backend first")
    except (BnnLabError, ImportError, ValueError, OSError) as error:
        fix = 'pip install "ai-edge-litert>=2.1,<2.4"; if that is so, reinstall bnn_lab'
        return Check(name, WRONG, str(error), fix)
    return Check(name, OK, "a canary model gives the exact result")


def _training() -> Check:
    """In a process of its own: TensorFlow takes seconds and can end a process that loads it."""
    name = "TensorFlow, larq"
    if sys.version_info >= NO_TENSORFLOW and find_spec("tensorflow") is None:
        return Check(name, NOTE, "not installed", "only to train and convert")
    code = (
        "import bnn_lab\n"
        "from bnn_lab._keras import require_tensorflow\n"
        "tf = require_tensorflow()\n"
        "import larq, tf_keras\n"
        "print(f'TensorFlow {tf.__version__}, tf_keras {tf_keras.__version__}, '"
        " f'larq {larq.__version__}')\n"
    )
    fix = f"{install_training()}; see the message on the left"
    try:
        run = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Check(name, WRONG, f"does not start within {_SECONDS} s", fix)
    if run.returncode == 0:
        return Check(name, OK, run.stdout.strip().splitlines()[-1])
    said = run.stderr.strip().splitlines() or [f"ends with code {run.returncode}"]
    return Check(name, WRONG, said[-1], fix)


def _jupyter() -> list[Check]:
    checks = [
        _package("JupyterLab", "jupyterlab", (4, 2), (5,)),
        _package("ipywidgets", "ipywidgets", (8, 1), (9,)),
        _package("plotly", "plotly", (6,)),
        _package("anywidget", "anywidget", (0, 9)),
    ]
    if any(check.status == WRONG for check in checks):
        return checks
    return [*checks, _widget_manager()]


def _widget_manager() -> Check:
    """Whether JupyterLab would load the widgets' JavaScript: the usual cause of blank widgets."""
    name = "widgets in JupyterLab"
    fix = "pip install --force-reinstall jupyterlab_widgets anywidget, then restart JupyterLab"
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return Check(name, WRONG, "jupyter_core is missing", fix)
    folders = [Path(path) for path in jupyter_path("labextensions")]
    wanted = {_WIDGETS: "", "anywidget": "", "jupyterlab-plotly": ""}
    for extension in wanted:
        for folder in folders:
            package = folder / extension / "package.json"
            if package.is_file():
                wanted[extension] = str(json.loads(package.read_text()).get("version", "?"))
                break
    missing = [extension for extension, found in wanted.items() if not found]
    disabled = [extension for extension in wanted if extension in _disabled_extensions()]
    if missing or disabled:
        return Check(name, WRONG, f"missing: {missing}; disabled: {disabled}", fix)
    shown = ", ".join(f"{extension} {found}" for extension, found in wanted.items())
    return Check(name, OK, shown)


def _disabled_extensions() -> set[str]:
    from jupyter_core.paths import jupyter_config_path

    found: set[str] = set()
    for folder in jupyter_config_path():
        try:
            config = json.loads((Path(folder) / "labconfig" / "page_config.json").read_text())
            names = config.get("disabledExtensions", {})
        except (OSError, ValueError, AttributeError):
            continue
        pairs = names.items() if isinstance(names, dict) else ((name, True) for name in names)
        found |= {name.split(":")[0] for name, off in pairs if off}
    return found


def _kernelspec() -> Check:
    """Whether notebooks start this Python and not another one's `python3` kernel."""
    name = "notebook kernel"
    fix = f"{sys.executable} -m ipykernel install --sys-prefix --name python3"
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return Check(name, WRONG, "jupyter_client is missing", 'pip install "bnn-lab[notebooks]"')
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Check(name, WRONG, "there is no kernel named python3", fix)
    program = Path(spec.argv[0])
    # A bare name stands for the Python that runs Jupyter.
    if program.is_absolute() and program.resolve() != Path(sys.executable).resolve():
        return Check(name, WRONG, f"python3 starts {program}", fix)
    return Check(name, OK, f"python3 starts {sys.executable}")


def _lce() -> Check:
    name = "Larq Compute Engine (baseline)"
    if sys.version_info >= (3, 13):
        return _optional(name, "larq-compute-engine", "only to compare with; none for this Python")
    return _optional(name, "larq-compute-engine", "only to compare with: pip install {}")


def _nbgrader() -> Check:
    return _optional(
        "nbgrader", "nbgrader", 'only for `bnn-lab course`: pip install "bnn-lab[course]"'
    )


def _optional(name: str, package: str, fix: str) -> Check:
    try:
        return Check(name, OK, version(package))
    except PackageNotFoundError:
        return Check(name, NOTE, "not installed", fix.format(package))


def _package(
    name: str, package: str, least: tuple[int, ...], below: tuple[int, ...] | None = None
) -> Check:
    wanted = f">={_dotted(least)}" + (f",<{_dotted(below)}" if below else "")
    fix = f'pip install "{package}{wanted}"'
    try:
        found = version(package)
    except PackageNotFoundError:
        return Check(name, WRONG, "not installed", fix)
    if not _numbers(found) >= least or (below and not _numbers(found) < below):
        return Check(name, WRONG, found, fix)
    return Check(name, OK, found)


def _numbers(text: str) -> tuple[int, ...]:
    """Leading numbers of a version."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def run(console: Any, *, as_json: bool = False, **which: bool) -> bool:
    """Print the checks.

    Args:
        console: a `rich.console.Console`.
        as_json: print a JSON list of objects with `Check`'s fields instead of a table.
        which: as for `examine`.

    Returns:
        Whether nothing is wrong.
    """
    checks = examine(**which)
    if as_json:
        console.print_json(json.dumps([vars(check) for check in checks]))
    else:
        console.print(table(checks))
        wrong = sum(check.status == WRONG for check in checks)
        console.print("all is well" if not wrong else f"{wrong} to fix, from the top down")
    return all(check.status != WRONG for check in checks)
