"""The documentation site builds without a warning, and each page is sound for every reader."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from runpy import run_path
from typing import Any
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import plotly
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


def test_each_part_of_the_api_begins_with_a_table(pages: dict[Path, Page], site: Path) -> None:
    parts = [path for path in pages if path.parent == site / "reference" / "api"]
    assert len(parts) > 10
    for path in parts:
        text = path.read_text()
        assert "autosummary" in text, path.name
        names = re.findall(r'<a class="reference internal" href="#([\w.]+)" title=', text)
        assert names and set(names) <= pages[path].ids, path.name


def test_the_map_and_the_cards_name_every_page(pages: dict[Path, Page], site: Path) -> None:
    base = re.search(r'Documentation = "(.*)"', (ROOT / "pyproject.toml").read_text())[1]  # type: ignore[index]
    found = set(re.findall(r"<loc>(.*?)</loc>", (site / "sitemap.xml").read_text()))
    assert found == {
        base + ("" if path == site / "index.html" else path.relative_to(site).as_posix())
        for path in pages
    }
    for path in pages:
        text = path.read_text()
        for name in ("og:title", "og:description", "og:image", "og:url"):
            assert re.search(rf'<meta property="{name}" content="[^"]+">', text), (path.name, name)
    card = site / "_static" / "social-card.png"
    assert 10_000 < card.stat().st_size < 400_000


def test_every_page_can_be_edited(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        (edit,) = [link for link in page.links if "/edit/main/" in link]
        assert (ROOT / edit.split("/edit/main/")[1]).is_file(), path.name


SAMPLE = ["index", "start"]
LOOKS = [(390, "light"), (1440, "dark")]
MORE_LOOKS = [(390, "dark"), (1100, "light"), (1440, "light")]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
CHECKS = Path(__file__).with_name("page_checks.js").read_text()


def ask(page: Any, what: str) -> Any:
    """Call one of the functions of page_checks.js."""
    return page.evaluate(f"({CHECKS}).{what}()")


def check_page(page: Any, served: str, name: str, folder: Path, axe: bool) -> None:
    """No request leaves the site, all is drawn, nothing is cut, axe finds nothing serious."""
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.goto(f"{served}{name}.html")
    assert ask(page, "through"), name
    page.wait_for_load_state("networkidle")
    width = page.viewport_size["width"]
    theme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    page.screenshot(path=folder / f"{name.replace('/', '-')}-{width}-{theme}.png", full_page=True)
    assert not errors, name
    assert not [url for url in asked if not url.startswith((served, "data:", "blob:"))], name
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert not ask(page, "cut"), name
    if axe:
        assert not violations(page), name


def violations(page: Any) -> list[Any]:
    """What axe finds on a page, with examples."""
    page.evaluate(AXE.read_text())
    passes, found = ask(page, "violations")
    assert passes, "axe looked at nothing"
    return list(found)


def look_at(browser: Any, served: str, names: list[str], folder: Path, more: bool) -> None:
    """Pages of one look share a browser context, which keeps what they share."""
    for looks, axe in ((LOOKS, True), (MORE_LOOKS if more else [], False)):
        for width, theme in looks:
            view = {"width": width, "height": 900}
            context = browser.new_context(viewport=view, color_scheme=theme)
            for name in names:
                page = context.new_page()
                check_page(page, served, name, folder, axe)
                page.close()
            context.close()


def test_a_page_is_open_to_every_reader(browser: Any, served: str, screenshots: Path) -> None:
    look_at(browser, served, SAMPLE, screenshots, more=False)


PARTS = 12  # of all pages, so that each part ends long before a test counts as hanging


@pytest.mark.exhaustive
@pytest.mark.parametrize("part", range(PARTS))
def test_all_pages_are_open_to_every_reader(
    part: int,
    browser: Any,
    served: str,
    site: Path,
    pages: dict[Path, Page],
    screenshots: Path,
) -> None:
    names = [path.relative_to(site).with_suffix("").as_posix() for path in sorted(pages)]
    look_at(browser, served, names[part::PARTS], screenshots, more=True)


KEYBOARD = ["index", "measure", "studies", "compare-devices", "reference/api/kernels"]


@pytest.mark.parametrize("name", [*KEYBOARD, f"lessons/{LESSONS[2]}"])
def test_the_keyboard_is_seen(name: str, browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{served}{name}.html")
    assert ask(page, "through")
    page.keyboard.press("Tab")
    assert not ask(page, "unseen")
    page.close()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("Bop", "lessons/"),
        ("inertia", "lessons/"),
        ("bitpacking", "lessons/"),
        ("Raspberry Pi", "deploy-on-a-pi"),
        ("bnn_lab.kernels.bconv2d", "reference/api/kernels"),
        ("LatencyExplorer", "reference/api/widgets"),
    ],
)
def test_the_search_has_lessons_and_guides_first(
    query: str, first: str, browser: Any, served: str
) -> None:
    page = browser.new_page()
    page.goto(f"{served}search.html?q={query}")
    page.locator(".search-summary", has_text="finished").wait_for()
    found = page.locator("ul.search > li > a")
    links = [str(one.get_attribute("href")) for one in found.all()]
    page.close()
    assert links[0].startswith(first), links[:5]
    if not first.startswith("reference/"):
        ranks = [link.startswith("reference/") for link in links]
        assert ranks == sorted(ranks), links


def test_nothing_is_cut_on_paper(browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{served}compare-devices.html")
    assert ask(page, "through")
    page.emulate_media(media="print")  # the window keeps its size: what was drawn for it is printed
    drawn = page.locator(".figure > div").bounding_box()
    whole = page.locator(".figure").bounding_box()
    assert 400 < drawn["width"] <= 641
    assert drawn["height"] <= whole["height"] + 1
    page.set_viewport_size({"width": 640, "height": 900})
    page.goto(f"{served}performance.html")
    tables = [one.bounding_box() for one in page.locator("table").all()]
    assert len(tables) > 3 and max(box["x"] + box["width"] for box in tables) <= 641
    page.close()


def test_plotly_is_small_and_draws_all_figures(pages: dict[Path, Page], site: Path) -> None:
    """What `make docs` fetches is another bundle than the one that these tests may draw with."""
    peers = run_path(str(DOCS / "fetch_peers.py"))
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    version = re.search(r"plotly\.js v([\d.]+)", whole.read_text()[:200])
    assert version and peers["PLOTLY"].version == version[1]
    kinds = set()
    for path in pages:
        text = path.read_text()
        for stored in re.findall(r'class="figure-data"[^>]*>(.*?)</script>', text, re.DOTALL):
            figure = json.loads(stored)
            traces = figure["data"] + figure.get("narrow", {}).get("data", [])
            kinds |= {trace.get("type", "scatter") for trace in traces}
    assert "scatter" in kinds and kinds <= set(peers["PLOTLY_KINDS"])
    # The script loads it with the first figure; no page asks for it by itself.
    assert not [path for path, page in pages.items() if "plotly" in str(page.resources)]


def test_the_latency_explorer_is_recorded(browser: Any, served: str, site: Path) -> None:
    assert (site / "_static" / "recorded" / "latency.js").stat().st_size < 400_000
    page = browser.new_page(viewport={"width": 390, "height": 800})
    (lesson,) = [name for name in LESSONS if name.startswith("05")]
    page.goto(f"{served}lessons/{lesson}.html")
    assert ask(page, "through")
    assert ask(page, "crowded") == []
    show, x, y, runtime = (page.locator(".figure-controls select").nth(i) for i in range(4))
    x.select_option("MACs")
    y.select_option("latency")
    page.locator(".figure-title", has_text="latency over MACs").wait_for()
    runtime.select_option("int8 TFLite")
    page.locator("[aria-live]", has_text="on int8 TFLite").first.wait_for()
    show.select_option("single layers")
    page.locator("[aria-live]", has_text="dense 4096x4096").first.wait_for()
    page.wait_for_function(f"({CHECKS}).crowded().length === 0")
    # A narrow figure has each name once.
    names = page.locator(".figure .textpoint text").all_text_contents()
    names = [name for name in names if name]
    assert len(names) == len(set(names)) > 3
    # Others say that they stand still.
    assert "a click on a point" in page.locator(".figure-more").last.inner_text()
    page.close()


def test_what_must_be_found_is_found(browser: Any) -> None:
    """The checks above can fail."""
    page = browser.new_page()
    page.set_content(
        "<html lang='en'><title>wrong</title><body><main><h1>One</h1><img src='data:,'>"
        "<p style='color: #ddd'>pale</p><p>good</p>"
        "<p style='background: #fff'><span style='color: #ddd'>pale, too</span></p>"
        "<div class='figure' id='f' style='width: 90px'>"
        "<svg class='main-svg' width='90' height='60'>"
        "<text x='0' y='20' font-size='6'>small</text><text x='80' y='40'>cut off</text>"
        "<text x='0' y='55'>fits</text><g class='scatterlayer'>"
        "<g class='textpoint'><text x='0' y='15'>one</text></g>"
        "<g class='textpoint'><text x='9' y='17'>two</text></g></g></svg></div>"
        "<button style='outline: none'>no ring</button><button>a ring</button>"
        "<button style='opacity: 0'>never seen</button></main></body>"
    )
    found = dict(violations(page))
    small, cut = ask(page, "cut")
    page.keyboard.press("Tab")
    unseen = ask(page, "unseen")
    crowded = ask(page, "crowded")
    page.close()
    assert set(found) == {"image-alt", "color-contrast"}
    assert len(found["color-contrast"]) == 2
    assert "small" in small and "cut off" in cut
    assert crowded == ["f: two over one"]
    assert [one.split(": ")[1] for one in unseen] == ["no ring", "never seen"]


def test_the_front_page_is_small_and_answers(browser: Any, served: str, site: Path) -> None:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{served}index.html")
    shown = "document.querySelector('.bnn-lab-explorable')"
    page.wait_for_function(f"{shown}?.explorable.frames > 0")
    page.wait_for_load_state("networkidle")
    # As files: what is loaded early has no body of its own for the tools that a test has.
    files = {urlsplit(answer.url).path for answer in answers if answer.ok}
    sizes = {path: (site / path.lstrip("/")).stat().st_size for path in files}
    assert len(sizes) > 5 and sum(sizes.values()) <= 500_000, sizes
    page.get_by_role("button", name="clear").click()
    box = page.locator(".area[data-id=paper]").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + 0.85 * box["height"], steps=9)
    page.mouse.up()
    page.wait_for_function(f"{shown}.explorable.scene().data.answer === 1")
    # What was drawn goes with the link, which opens to the same drawing.
    page.wait_for_function("location.hash.includes('strokes=')")
    drawn = page.evaluate(f"JSON.stringify({shown}.explorable.state.strokes)")
    page.wait_for_timeout(500)  # the link is written a moment later than the drawing
    other = browser.new_page()
    other.goto(page.url)
    other.wait_for_function(f"{shown}?.explorable.scene().data.answer === 1")
    assert other.evaluate(f"JSON.stringify({shown}.explorable.state.strokes)") == drawn
    # On paper, a picture stands in for what moves.
    still = other.locator(".bnn-lab-explorable-here > svg")
    assert not still.is_visible()
    other.emulate_media(media="print")
    assert still.is_visible() and not other.locator(".bnn-lab-alive").is_visible()
    other.close()
    page.close()


def test_a_figure_fits_a_phone(browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(f"{served}lessons/{LESSONS[0]}.html")
    assert ask(page, "through")
    for figure in page.locator(".figure").all():
        box, drawn = figure.bounding_box(), figure.locator(".main-svg").first.bounding_box()
        assert drawn["x"] >= box["x"] - 1 and drawn["width"] <= box["width"] + 1
        assert drawn["height"] <= box["height"] + 1
    assert "which" in page.locator(".figure-title").first.inner_text()
    # Its slider has all that it does recorded, and a table of scores is a table.
    assert page.locator(".figure-more").count() == 0
    slider = page.locator(".figure-controls input")
    slider.focus()
    page.keyboard.press("End")
    assert page.locator(".figure-controls output").inner_text() == "512"
    assert "2,048 bytes" in page.locator("[aria-live]", has_text="512 weights").inner_text()
    page.wait_for_function("document.body.textContent.includes('512 binary weights')")
    assert page.locator("table", has_text="your guess").count() == 1
    page.close()


def test_without_scripts_the_front_page_has_a_picture(browser: Any, served: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}index.html")
    picture = page.locator(".bnn-lab-explorable-here svg")
    assert picture.is_visible() and "reads 3" in picture.get_attribute("aria-label")
    context.close()
