"""The documentation site builds without a warning, and each page is sound for every reader."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LESSONS = sorted(path.stem for path in (ROOT / "notebooks" / "lessons").glob("[0-9]*.ipynb"))
# Indexes and the search page, whose content Sphinx and its theme decide.
BY_SPHINX = {"search.html", "genindex.html", "py-modindex.html"}

pytestmark = pytest.mark.slow


class Page(HTMLParser):
    """What the tests ask of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.resources: list[str] = []
        self.headings: list[int] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if tag in ("script", "img") and found.get("src"):
            self.resources.append(str(found["src"]))
        if tag == "link" and found.get("rel") == "stylesheet":
            self.resources.append(str(found["href"]))
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img" or found.get("role") == "img":
            self.images.append(found)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, target],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-5000:]
    return target


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Page]:
    return {
        path: Page(path)
        for path in site.rglob("*.html")
        if "_static" not in path.parts and path.name not in BY_SPHINX
    }


def test_lessons_and_their_figures_are_there(pages: dict[Path, Page], site: Path) -> None:
    assert LESSONS
    for lesson in LESSONS:
        page = pages[site / "lessons" / f"{lesson}.html"]
        assert any(image.get("role") == "img" for image in page.images), lesson


def test_every_lesson_has_a_summary_to_print(pages: dict[Path, Page], site: Path) -> None:
    for lesson in LESSONS:
        if not lesson.startswith("00"):
            assert site / "summaries" / f"{lesson}.html" in pages


def test_internal_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("mailto:"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                broken.append(f"{path.name}: {link}")
            elif (
                target in pages
                and parts.fragment
                and unquote(parts.fragment) not in pages[target].ids
            ):
                broken.append(f"{path.name}: {link} (no such place)")
    assert not broken


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    foreign = {
        f"{path.name}: {resource}"
        for path, page in pages.items()
        for resource in page.resources
        if urlsplit(resource).netloc
    }
    assert not foreign


def test_every_picture_has_alternative_text(pages: dict[Path, Page]) -> None:
    silent = [
        f"{path.name}: {image.get('src') or image.get('id')}"
        for path, page in pages.items()
        for image in page.images
        if len((image.get("alt") or image.get("aria-label") or "").strip()) < 10
    ]
    assert not silent


def test_headings_do_not_skip_a_level(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.headings.count(1) == 1, path.name
        for above, below in zip(page.headings, page.headings[1:], strict=False):
            assert below <= above + 1, f"{path.name}: h{above} is followed by h{below}"


def test_relative_links_of_markdown_files_exist() -> None:
    """On the repository's own page, too."""
    missing = []
    generated = re.compile(r"^(lessons/|reference/cli\.md)")
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]:
        if "_build" in page.parts or page.name == "cli.md":
            continue
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)\s#]+)[^)]*\)", page.read_text()):
            if not (page.parent / target).exists() and not generated.match(target):
                missing.append(f"{page.name}: {target}")
    assert not missing


@pytest.mark.parametrize("lesson", [name for name in LESSONS if not name.startswith("00")])
def test_a_summary_fits_on_one_sheet(lesson: str, site: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((site / "summaries" / f"{lesson}.html").as_uri())
    pdf = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "14mm"))
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
