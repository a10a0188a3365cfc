"""The bundler joins what it understands, and refuses the rest by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import quickjs

from bnn_lab.errors import InputError
from bnn_lab.widgets import bundle
from bnn_lab.widgets.explorable import MIME

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of its own, with a core."""
    monkeypatch.setattr(bundle, "SOURCES", tmp_path)
    for cached in (bundle._imports, bundle._text, bundle._module):
        cached.cache_clear()
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "site.js").write_text("export function register() {}\n")
    for name in ("explorable", "marks", "simulate"):
        (tmp_path / "core" / f"{name}.js").write_text('import { two } from "./base.js";\n')
    (tmp_path / "core" / "base.js").write_text(
        "// a comment\nconst hidden = 2;\nexport const two = hidden;\n"
        "export function twice(x) {\n  return two * x; // a comment that stays\n}\n"
        "export class Thing {}\n"
    )
    (tmp_path / "core" / "picture.js").write_text("export function picture() {}\n")
    yield tmp_path
    for cached in (bundle._imports, bundle._text, bundle._module):
        cached.cache_clear()


def run(name: str) -> object:
    context = quickjs.Context()
    context.eval(bundle.engine(name))
    return context.eval("explorable.value")


def test_modules_see_each_others_exports_and_nothing_else(sources: Path) -> None:
    (sources / "a.json").write_text('{"text": "a \\"quoted\\" `text`"}')
    (sources / "a.js").write_text(
        'import data from "./a.json" with { type: "json" };\n'
        'import {\n  twice as double,\n  two,\n} from "./core/base.js";\n'
        "const hidden = 1;\n"
        "export default { value: `${double(two)} ${hidden} ${data.text}` };\n"
    )
    assert run("a") == '4 1 a "quoted" `text`'
    assert "// a comment" not in bundle.es_module("a").replace("// a comment that stays", "")


def test_each_module_comes_once_and_after_its_imports(sources: Path) -> None:
    (sources / "core" / "top.js").write_text(
        'import { two } from "./base.js";\nexport const four = two + two;\n'
    )
    (sources / "b.js").write_text(
        'import { four } from "./core/top.js";\nimport { two } from "./core/base.js";\n'
        "export default { value: four + two };\n"
    )
    assert bundle.order("b.js") == ["core/base.js", "core/top.js", "b.js"]
    assert run("b") == 6


def test_the_classic_scripts_of_a_page_share_the_core(sources: Path) -> None:
    for name in "cd":
        (sources / f"{name}.js").write_text(
            'import { two } from "./core/base.js";\nexport default { value: two };\n'
        )
        assert "hidden" not in bundle.classic(name)
    context = quickjs.Context()
    context.eval(bundle.classic_core())
    for name in "cd":
        context.eval(bundle.classic(name))
    assert context.eval("bnnLabModules['d.js'].default.value") == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('import * as all from "./core/base.js";\n', "cannot read 'import"),
        ('export * from "./core/base.js";\n', "cannot read 'export"),
        ("export let changes = 1;\n", "cannot read 'export let"),
        ('import x from "d3";\n', "only relative paths"),
        ('import { x } from "./nothing.js";\n', "cannot read js/nothing.js"),
        ('import { x } from "./wrong.js";\n', "a circle"),
    ],
)
def test_what_it_cannot_join_is_named(sources: Path, text: str, complaint: str) -> None:
    (sources / "wrong.js").write_text(text)
    with pytest.raises(InputError, match=complaint):
        bundle.es_module("wrong")


def test_no_lesson_loads_much_script() -> None:
    lessons = sorted((ROOT / "notebooks" / "lessons").glob("[0-9]*.ipynb"))
    assert lessons
    used = {lesson.stem: _modules_of(json.loads(lesson.read_text())) for lesson in lessons}
    assert {"ball_and_lamp", "bop_explorer"} <= set().union(*used.values())
    for name, modules in used.items():
        script = "".join([bundle.classic_core(), *map(bundle.classic, modules)])
        # Apart from it comes data: recorded examples, what a network has learned, a kernel.
        files = bundle.order(*(f"{module}.js" for module in modules))
        recorded = [bundle._module(path) for path in files if path.endswith(".json")]
        for text in recorded:
            assert text in script
            script = script.replace(text, "")
        data = "".join([*recorded, *re.findall(r"[\w+/=]{1000,}", script)])
        script = re.sub(r"[\w+/=]{1000,}", "", script)
        assert len(script.encode()) <= 150_000, name
        assert len(data.encode()) <= 100_000, name


def _modules_of(notebook: dict[str, Any]) -> set[str]:
    """The explorables that a lesson's stored outputs show."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    return {o["data"][MIME]["module"] for o in outputs if MIME in o.get("data", {})}
