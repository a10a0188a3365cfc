"""Explorables on pages without a kernel, opened from a disk: mouse, finger, keys, links, sizes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bnn_lab.widgets import bundle

VECTORS = Path(__file__).parents[1] / "js"
MODULES = bundle.explorables()
SCHEMAS = {
    module: json.loads((bundle.SOURCES / f"{module}.json").read_text()) for module in MODULES
}
# Those that play have a field for it.
PLAYING = [module for module in MODULES if "step" in SCHEMAS[module]["fields"]]
SHOWN = "document.querySelector('.bnn-lab-explorable')"

pytestmark = pytest.mark.slow


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`open_page(module, start, **options of the browser)`: the page, drawn."""
    contexts, errors = [], []

    def start(module: str, begin: dict[str, Any] | None = None, **options: Any) -> Any:
        path = tmp_path / f"{module}.html"
        path.write_text(bundle.page(module, begin), encoding="utf-8")
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function(f"{SHOWN}?.explorable.frames > 0")
        return page

    yield start
    for context in contexts:
        context.close()
    assert errors == []


def get(page: Any, what: str) -> Any:
    return page.evaluate(f"{SHOWN}.explorable.{what}")


def settle(page: Any) -> None:
    """Until two frames have come: what was asked for has been drawn."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def state(page: Any) -> str:
    """All that a reader can change, as text to compare; with what a view keeps for itself."""
    return str(
        page.evaluate(f"JSON.stringify([{SHOWN}.explorable.state, {SHOWN}.explorable.local])")
    )


def grips(page: Any) -> list[Any]:
    return page.locator(".grip").all()


def areas(page: Any) -> list[Any]:
    return page.locator(".area").all()


@pytest.mark.parametrize("module", MODULES)
def test_everything_that_can_be_grabbed_answers(
    open_page: Callable[..., Any], screenshots: Path, module: str
) -> None:
    page = open_page(module)
    page.screenshot(path=screenshots / f"{module}.png")
    for number, grip in enumerate(grips(page)):
        label = grip.get_attribute("aria-label")
        for dx, dy in ((35, -35), (-70, 70)):
            before = state(page)
            box = grip.bounding_box()
            page.mouse.move(box["x"], box["y"])
            page.mouse.down()
            page.mouse.move(box["x"] + dx, box["y"] + dy, steps=8)
            settle(page)
            page.screenshot(path=screenshots / f"{module}-drag-{number}.png")
            page.mouse.up()
            after = state(page)
            if before != after:
                break
        assert before != after, label
    for number, area in enumerate(areas(page)):
        before = state(page)
        box = area.bounding_box()
        page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
        page.mouse.down()
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
        page.mouse.up()
        settle(page)
        page.screenshot(path=screenshots / f"{module}-area-{number}.png")
        assert before != state(page), area.get_attribute("aria-label")
    spots = page.locator(".spot")
    for number in range(min(spots.count(), 40)):
        if number >= spots.count():
            break  # what was pressed has left fewer
        if spots.nth(number).get_attribute("aria-pressed") == "true":
            continue  # the chosen one of several
        before = state(page)
        spots.nth(number).click()
        settle(page)
        assert state(page) != before, number
    assert spots.count() or grips(page) or areas(page)


@pytest.mark.parametrize("module", MODULES)
def test_the_keyboard_alone_is_enough(open_page: Callable[..., Any], module: str) -> None:
    page = open_page(module)
    wanted = {grip.get_attribute("data-id") for grip in [*grips(page), *areas(page)]}
    reached, moved, seen = set(), set(), set()
    for _ in range(150):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            f"""(() => {{
              const element = {SHOWN}.shadowRoot.activeElement;
              const chosen = element?.getAttribute('aria-pressed') === 'true';
              return element && [element.getAttribute('aria-label'),
                chosen ? '' : (element.dataset.id ?? ''), element.className, element.type ?? ''];
            }})()"""
        )
        if focus is None:
            if seen:
                break
            continue
        label, name, kind, sort = focus
        seen.add(label)
        reached |= {name} - {""}
        keys: tuple[str, ...] = ()
        if kind.startswith(("grip", "area")) or sort == "range":
            keys = ("ArrowUp", "ArrowDown", "ArrowRight", "ArrowLeft", "Home")
        elif kind == "spot" and name:
            keys = ("Space",)
        for key in keys:
            before = state(page)
            page.keyboard.press(key)
            settle(page)
            if before != state(page):
                moved.add(name)
                break
    assert wanted <= reached <= moved
    if module in PLAYING:
        assert {"play", "play again"} & seen


@pytest.mark.parametrize("module", MODULES)
def test_a_finger_drags_and_the_page_does_not_scroll(
    open_page: Callable[..., Any], screenshots: Path, module: str
) -> None:
    phone = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
    page = open_page(module, **phone)
    page.screenshot(path=screenshots / f"{module}-phone.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("scrollTo(0, 0)")
    held = [page.locator(kind) for kind in (".grip.invite", ".grip", ".area.drawn")]
    held = [found for found in held if found.count()]
    if not held:
        page.locator(".spot").first.tap()
        return
    box = held[0].first.bounding_box()
    session = page.context.new_cdp_session(page)
    before = state(page)

    def touch(kind: str, points: list[tuple[float, float]]) -> None:
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]},
        )

    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for way in (-3, 3):  # one of them may be its end
        touch("touchStart", [(x, y)])
        for step in range(1, 9):
            touch("touchMove", [(x + way * step, y + 5 * step)])
        touch("touchEnd", [])
        settle(page)
        if state(page) != before:
            break
    assert state(page) != before
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("module", MODULES)
def test_a_window_that_shrinks_and_grows_leaves_it_whole(
    open_page: Callable[..., Any], module: str
) -> None:
    page = open_page(module)
    sizes = []
    for width in (1440, 1100, 390, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"{SHOWN}.explorable.width <= {width}")
        settle(page)
        settle(page)
        size = page.evaluate(
            f"""(() => {{
              const {{ canvas, stage, width, height }} = {SHOWN}.explorable;
              return [canvas.clientWidth, canvas.clientHeight, stage.clientHeight, width, height,
                canvas.width];
            }})()"""
        )
        assert size[0] == size[3] and size[1] == size[2] == size[4] > 100
        assert size[5] >= size[0]
        sizes.append(size)
    assert sizes[0] == sizes[-1] and sizes[0] != sizes[1]


def test_hidden_and_shown_again_it_has_its_size(open_page: Callable[..., Any]) -> None:
    page = open_page(MODULES[0])
    height = get(page, "stage.clientHeight")
    page.evaluate("document.body.style.display = 'none'")
    settle(page)
    page.evaluate("document.body.style.display = ''")
    settle(page)
    assert get(page, "stage.clientHeight") == height > 200


@pytest.mark.parametrize("module", PLAYING)
def test_it_plays_pauses_and_steps(open_page: Callable[..., Any], module: str) -> None:
    page = open_page(module)
    page.get_by_role("button", name="back to the start").click()  # some begin at their end
    page.evaluate(f"{SHOWN}.explorable.player.once.click()")
    page.wait_for_function(f"{SHOWN}.explorable.state.step === 1")  # some go there in motion
    far = min(8, get(page, "player.steps") - 3)
    page.locator(".speeds button").last.click()
    page.get_by_role("button", name="play").click()
    page.wait_for_function(f"{SHOWN}.explorable.player.step > {far}")
    page.get_by_role("button", name="pause").click()
    step = get(page, "state.step")
    assert step >= far
    frames = get(page, "frames")
    settle(page)
    settle(page)
    assert get(page, "frames") <= frames + 2  # at rest nothing is drawn
    page.get_by_role("button", name="back to the start").click()
    assert get(page, "state.step") == 0


def test_out_of_sight_it_stands_still(open_page: Callable[..., Any]) -> None:
    page = open_page(PLAYING[0])
    page.evaluate("document.body.style.paddingBottom = '3000px'")
    page.get_by_role("button", name="play").click()
    page.wait_for_function(f"{SHOWN}.explorable.player.step > 2")
    page.evaluate("scrollTo(0, 2500)")
    page.wait_for_function(f"!{SHOWN}.explorable._visible")
    frames = get(page, "frames")
    for _ in range(5):
        settle(page)
    assert get(page, "frames") == frames
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function(f"{SHOWN}.explorable.frames > {frames}")


def test_the_address_keeps_a_setting_and_gives_it_back(open_page: Callable[..., Any]) -> None:
    page = open_page("ball_and_lamp", {"noise": 0.5})
    page.get_by_role("slider", name="push").press("ArrowRight")
    page.wait_for_function("location.hash.includes('ball-and-lamp.drift=0.21')")
    assert "noise" not in page.evaluate("location.hash")  # the page's own start
    page.reload()
    page.wait_for_function(f"{SHOWN}?.explorable.frames > 0")
    assert get(page, "state.drift") == 0.21 and get(page, "state.noise") == 0.5
    page.evaluate("location.hash = '#ball-and-lamp.drift=7&ball-and-lamp.clip=0.5'")
    page.wait_for_function(f"{SHOWN}.explorable.state.clip === 0.5")
    assert get(page, "state.drift") == 1  # the nearest that there is


def test_a_dark_page_is_drawn_in_dark_colours(
    open_page: Callable[..., Any], screenshots: Path
) -> None:
    for module in MODULES:
        page = open_page(module, color_scheme="dark")
        assert get(page, "theme.dark") is True
        page.screenshot(path=screenshots / f"{module}-dark.png")
        page.emulate_media(color_scheme="light")
        page.wait_for_function(f"{SHOWN}.explorable.theme.dark === false")


def test_with_reduced_motion_steps_are_whole_and_nothing_flashes(
    open_page: Callable[..., Any],
) -> None:
    page = open_page("ball_and_lamp", {"step": 20}, reduced_motion="reduce")
    assert page.evaluate(f"{SHOWN}.explorable.scene().still") is True
    page.get_by_role("button", name="one step on").click()
    settle(page)
    frames = get(page, "frames")
    settle(page)
    settle(page)
    assert get(page, "frames") == frames


def test_a_screen_reader_hears_what_is_seen(open_page: Callable[..., Any]) -> None:
    page = open_page("ball_and_lamp")
    canvas = page.locator("canvas")
    assert canvas.get_attribute("role") == "img"
    assert canvas.get_attribute("aria-label").startswith("Ball and lamp")
    ball = page.get_by_role("slider", name="initial latent weight").first
    assert ball.get_attribute("aria-valuetext") == "1, 20 kicks left"
    ball.focus()
    page.keyboard.press("PageUp")
    page.locator("[aria-live=polite]").get_by_text("Inertia at the start").wait_for(
        state="attached"
    )
    assert float(ball.get_attribute("aria-valuenow")) > 1


def test_the_page_computes_what_python_computed(open_page: Callable[..., Any]) -> None:
    page = open_page(MODULES[0])
    script = (VECTORS / "vectors.mjs").read_text().replace("export function", "function")
    page.add_script_tag(content=script)
    names = ("random", "simulate", "closed_forms")
    vectors = {
        name: json.loads((VECTORS / "vectors" / f"{name}.json").read_text()) for name in names
    }
    found = page.evaluate(
        """vectors => differences({
          random: bnnLabModules["core/random.js"],
          simulate: bnnLabModules["core/simulate.js"],
          closedForms: bnnLabModules["core/closed_forms.js"],
        }, vectors)""",
        vectors,
    )
    assert found == []
