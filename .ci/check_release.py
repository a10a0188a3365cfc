"""A tag, the project's version and the changelog agree: `python3 .ci/check_release.py v1.2.3`.

Any other name, such as a branch's, is accepted: then nothing is published.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problem(name: str, root: Path = ROOT) -> str:
    """What is wrong with releasing `name`; empty if nothing is.

    Args:
        name: of a tag or a branch.
        root: of the repository.
    """
    if not re.fullmatch(r"v\d.*", name):
        return ""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if name != f"v{version}":
        return f"the tag is {name}, but pyproject.toml says {version}"
    changelog = (root / "CHANGELOG.md").read_text()
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)$", changelog, re.M):
        return f"CHANGELOG.md has no heading '## {version} (YYYY-MM-DD)'"
    return ""


if __name__ == "__main__":
    if found := problem(sys.argv[1]):
        sys.exit(f"error: {found}")
