"""All code in the pages of docs/ runs: Python blocks, and console blocks of `$ bnn-lab` commands.

A page's blocks run in order, in one process per page and in one folder for all pages. Blocks marked
`sh`, `cmake`, `c` or `cpp` are for other machines or other tests.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# This page writes the model file that others read.
FIRST = "convert-my-model"
NEEDS = {"from-pytorch": "litert_torch"}  # packages that not everybody has, by page
OTHERS = {"sh", "cmake", "c", "cpp", "text", "json", "toml", ""}
SECONDS = 300


def pages() -> list[Path]:
    found = sorted(DOCS.glob("*.md")) + sorted(DOCS.glob("summaries/*.md"))
    return sorted(found, key=lambda page: (page.stem != FIRST, page.stem))


def blocks(page: Path) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in BLOCK.findall(page.read_text()) if kind != "{toctree}"]


def with_code() -> list[Path]:
    return [p for p in pages() if {kind for kind, _ in blocks(p)} & {"python", "console"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("docs")


def script(page: Path) -> str:
    """The page's blocks as one program; commands run where they stand in the text."""
    parts = ["import subprocess"]
    for kind, text in blocks(page):
        if kind == "python":
            parts.append(text)
        elif kind == "console":
            for line in text.splitlines():
                if line.startswith("$ "):
                    words = shlex.split(line[2:], comments=True)
                    assert words[0] == "bnn-lab", f"{page.name}: {line}: use a `sh` block"
                    start = "import sys; from bnn_lab.cli.main import main; main(sys.argv[1:])"
                    command = [sys.executable, "-c", start, *words[1:]]
                    parts.append(f"subprocess.run({command!r}, check=True)")
    return "\n".join(parts)


@pytest.mark.slow
@pytest.mark.parametrize("page", [pytest.param(p, id=p.stem) for p in with_code()])
def test_page_runs(page: Path, folder: Path, need_bubblewrap: Callable[[], None]) -> None:
    if "$ bnn-lab course grade" in page.read_text():
        need_bubblewrap()
    if package := NEEDS.get(page.stem):
        pytest.importorskip(package, reason=f"{package} is an optional package: see the page")
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script(page)],
        cwd=folder,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"


@pytest.mark.parametrize("page", [pytest.param(p, id=p.stem) for p in pages()])
def test_every_block_says_what_it_is(page: Path) -> None:
    kinds = {kind for kind, _ in blocks(page)}
    assert kinds <= {"python", "console"} | OTHERS, kinds
