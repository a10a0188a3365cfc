"""What a release needs: links that work everywhere, a changelog by version, valid workflows."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"]


def test_links_of_the_readme_are_absolute_and_lead_to_files() -> None:
    """A package index shows the README without the repository around it."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 5
    raw = REPOSITORY.replace("github.com", "raw.githubusercontent.com") + "/main/"
    for link in links:
        assert link.startswith("https://"), link
        for base in (f"{REPOSITORY}/blob/main/", raw):
            if link.startswith(base):
                assert (ROOT / link.removeprefix(base).split("#")[0]).is_file(), link


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    headings = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0][0] == PROJECT["version"]
    for _, date in headings:
        assert date == "unreleased" or re.fullmatch(r"\d{4}-\d{2}-\d{2}", date)


@pytest.fixture
def check(tmp_path: Path):
    spec = importlib.util.spec_from_file_location("check_release", ROOT / ".ci/check_release.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')

    def run(name: str, changelog: str) -> str:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        return module.problem(name, tmp_path)

    return run


def test_a_release_needs_tag_version_and_changelog_to_agree(check) -> None:
    dated = "# Changelog\n\n## 1.2.3 (2026-11-27)\n"
    assert check("v1.2.3", dated) == ""
    assert "the tag is v1.2.4" in check("v1.2.4", dated)
    assert "has no heading '## 1.2.3" in check("v1.2.3", dated.replace("2026-11-27", "unreleased"))
    assert "has no heading" in check("v1.2.3", dated.replace("1.2.3", "1.2.30"))
    assert check("main", "") == ""


def test_workflows_fit_githubs_schema() -> None:
    files = sorted(map(str, (ROOT / ".github" / "workflows").glob("*.yml")))
    assert len(files) == 2
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    run = subprocess.run(
        [*command, "vendor.github-workflows", *files], capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_containers_install_what_the_start_page_names() -> None:
    (line,) = re.findall(r"^sudo apt-get install (.*)$", (ROOT / "docs/start.md").read_text(), re.M)
    files = ["Dockerfile", ".devcontainer/Dockerfile", ".github/workflows/ci.yml"]
    for name in files:
        assert line in (ROOT / name).read_text(), name
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).is_file()
