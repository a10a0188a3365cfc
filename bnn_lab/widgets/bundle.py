"""Joins the modules of an explorable into one script that needs nothing else.

A widget's script reaches the page as text, so its relative imports could not resolve. The sources
in ``js/`` are ES modules that Node and a browser run as they are; here each becomes a function that
returns its exports, in the order of their imports. Only the forms of import and export that the
sources use are known, and anything else is refused.

The builds: `es_module` for anywidget; `classic_core` and `classic` for a site (one script for all
its pages, and one for each explorable, which also work from a disk); `page`, a whole page in one
file; `engine` for `render.py`.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError

SOURCES = Path(__file__).with_name("js")
_REGISTRY = "bnnLabModules"

_IMPORT = re.compile(
    r'^import\s+(?:\{(?P<names>[^}]*)\}|(?P<whole>\w+))\s+from\s+"(?P<path>[^"]+)"'
    r'(?:\s+with\s+\{\s*type:\s*"json"\s*\})?;[ \t]*\n',
    re.MULTILINE,
)
_EXPORT = re.compile(r"^export\s+(?:async\s+)?(?:function\*?|const|class)\s+(\w+)", re.MULTILINE)
_DEFAULT = re.compile(r"^export\s+default\s+", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)  # the style sheet needs none, either
# A comment after code; one with a quote in it may be in a string, so it stays.
_BESIDE = re.compile(r"(?<=[;,{}()\]])[ \t]+// [^\n\"'`]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:.|\n)*?\*/[ \t]*)\n", re.MULTILINE)


def es_module(name: str) -> str:
    """An explorable as one ES module with anywidget's ``export default {initialize, render}``.

    Args:
        name: name of the file ``js/<name>.js``.

    Returns:
        JavaScript.

    Raises:
        InputError: there is no such file, or it holds an import or export of an unknown form.
    """
    entry = f"{name}.js"
    return (
        f"const {_REGISTRY} = {{}};\n{_joined(order(entry))}"
        f"const {{ initialize, render }} = {_REGISTRY}[{json.dumps(entry)}].default;\n"
        "export default { initialize, render };\n"
    )


def classic_core() -> str:
    """The script that a page without a kernel needs once: the core, and what starts explorables."""
    return _shared(_core())


def classic(name: str) -> str:
    """One explorable as a script for pages that have `classic_core`.

    Args:
        name: name of the file ``js/<name>.js``.

    Returns:
        JavaScript that registers it as `name`.

    Raises:
        InputError: see `es_module`.
    """
    entry = f"{name}.js"
    own = [path for path in order(entry) if path not in _core()]
    return _shared(own) + (
        f'{_REGISTRY}["core/site.js"].register({json.dumps(name)}, '
        f"{_REGISTRY}[{json.dumps(entry)}].default);\n"
    )


def page(name: str, start: Mapping[str, Any] | None = None, style: str = "") -> str:
    """A page in one file with one explorable, which needs neither kernel nor server.

    Args:
        name: of the file ``js/<name>.js``.
        start: fields of its schema that start at another value.
        style: more CSS.

    Returns:
        HTML.

    Raises:
        InputError: see `es_module`.
    """
    schema = json.loads(_text(f"{name}.json"))
    scripts = [classic_core(), classic(name)]
    # A script ends at the first such tag, wherever that stands in it.
    safe = (text.replace("</script", "<\\/script") for text in scripts)
    inline = "".join(f"<script>{text}</script>\n" for text in safe)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(schema['title'])}</title>\n"
        "<style>:root { color-scheme: light dark; }\n"
        "body { margin: 12px; font-family: system-ui, sans-serif; background: Canvas; }\n"
        f"{style}</style>\n"
        f'<div class="bnn-lab-explorable-here" data-explorable="{name}" '
        f'data-name="{html.escape(schema["name"])}" '
        f'data-start="{html.escape(json.dumps(dict(start or {})))}"></div>\n{inline}'
    )


def engine(name: str) -> str:
    """One explorable for a JavaScript engine without a page: it becomes ``globalThis.explorable``.

    Args:
        name: name of the file ``js/<name>.js``.

    Returns:
        JavaScript.

    Raises:
        InputError: see `es_module`.
    """
    entry = f"{name}.js"
    return _shared(order(entry, "core/picture.js")) + (
        f"const made = {_REGISTRY}[{json.dumps(entry)}].default;\n"
        f'const {{ picture }} = {_REGISTRY}["core/picture.js"];\n'
        "globalThis.explorable = "
        "{ ...made, svg: (state, width) => picture(made, state, width) };\n"
    )


def explorables() -> list[str]:
    """Names of all explorables: the modules beside ``core/`` that have a schema of their name."""
    return sorted(path.stem for path in SOURCES.glob("*.js") if path.with_suffix(".json").exists())


def order(*entries: str) -> list[str]:
    """Modules in an order in which each comes after those that it imports.

    Args:
        entries: paths below ``js/``.

    Returns:
        Paths below ``js/``.

    Raises:
        InputError: a file is missing, or modules import each other in a circle.
    """
    found: list[str] = []

    def visit(path: str, above: tuple[str, ...]) -> None:
        if path in above:
            raise InputError(f"bundle: {' imports '.join([*above, path])}, a circle.")
        if path in found:
            return
        for imported in _imports(path):
            visit(imported, (*above, path))
        found.append(path)

    for entry in entries:
        visit(entry, ())
    return found


def _joined(paths: list[str], assign: str = "=") -> str:
    return "".join(f"{_REGISTRY}[{json.dumps(path)}] {assign} {_module(path)};\n" for path in paths)


def _shared(paths: list[str]) -> str:
    """Modules in a registry of the page, where another script finds them."""
    return f"globalThis.{_REGISTRY} ??= {{}};\n{_joined(paths, '??=')}"


def _core() -> list[str]:
    """Modules that all explorables use; what else some share comes with each of them."""
    return order("core/site.js", "core/explorable.js", "core/marks.js")


@cache
def _imports(path: str) -> tuple[str, ...]:
    if path.endswith(".json"):
        return ()
    return tuple(_resolve(path, match["path"]) for match in _IMPORT.finditer(_text(path)))


@cache
def _text(path: str) -> str:
    try:
        return (SOURCES / path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"bundle: cannot read js/{path}: {error.strerror}.") from error


def _resolve(importer: str, path: str) -> str:
    if not path.startswith("."):
        raise InputError(f"bundle: js/{importer} imports {path!r}; only relative paths work.")
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), path))


@cache
def _module(path: str) -> str:
    """A module as an expression: a function call that gives an object of its exports."""
    text = _text(path)
    if path.endswith(".json"):
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    text = _INDENT.sub("", _BESIDE.sub("", _COMMENT.sub("", text)))

    def imported(match: re.Match[str]) -> str:
        source = f"{_REGISTRY}[{json.dumps(_resolve(path, match['path']))}]"
        if match["whole"]:
            suffix = "" if match["path"].endswith(".json") else ".default"
            return f"const {match['whole']} = {source}{suffix};\n"
        names = re.sub(r"\s+as\s+", ": ", " ".join(match["names"].split()))
        return f"const {{ {names} }} = {source};\n"

    text = _IMPORT.sub(imported, text)
    names = _EXPORT.findall(text)
    text = re.sub(_EXPORT, lambda match: match[0].removeprefix("export").lstrip(), text)
    text, defaults = _DEFAULT.subn("const __default = ", text)
    if other := _OTHER.search(text):
        raise InputError(f"bundle: js/{path}: cannot read {other[0]!r}.")
    exports = [*names, *(["default: __default"] if defaults else [])]
    return f"(() => {{\n{text}return {{ {', '.join(exports)} }};\n}})()"
