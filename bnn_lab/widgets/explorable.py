"""Explorables: widgets that compute in the page, from Python's side.

Everything that moves is JavaScript (``js/``, see the README there). Python holds the state, a
handful of traits that both sides may change, and never stands in the way: the page owns the state,
and goes on while the kernel is busy, restarted or gone.
"""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from bnn_lab._files import write_whole
from bnn_lab.errors import InputError
from bnn_lab.widgets import bundle, render
from bnn_lab.widgets.base import STATIC
from bnn_lab.widgets.heard import Heard

MIME = "application/vnd.bnn-lab.explorable+json"
_INVITATION = (
    "▶ You can play with this figure. Run this cell (Shift+Enter) to bring it to life,\n"
    "or choose Run → Run All Cells."
)


class _FromSchema(type(anywidget.AnyWidget)):  # type: ignore[misc]
    """Gives a class the traits and the script of its module."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], module: str = ""
    ) -> Any:
        if module:
            schema = json.loads((bundle.SOURCES / f"{module}.json").read_text(encoding="utf-8"))
            if schema["python"] != name:
                raise InputError(f"js/{module}.json: python is {schema['python']}, not {name}.")
            fields = schema["fields"]
            namespace["module"], namespace["schema"] = module, schema
            namespace["_esm"] = bundle.es_module(module)
            namespace |= {field: _trait(field, shape) for field, shape in fields.items()}
            lines = [_describe(field, shape) for field, shape in fields.items()]
            doc = namespace.get("__doc__") or schema["title"]
            namespace["__doc__"] = f"{doc.rstrip()}\n\n    Attributes:\n" + "".join(lines)
        return super().__new__(mcs, name, bases, namespace)

    def __init__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], module: str = ""
    ) -> None:
        super().__init__(name, bases, namespace)


class Explorable(Heard, metaclass=_FromSchema):
    """One explorable; a subclass names its module: ``class Bop(Explorable, module="bop")``.

    A value may be set at any time, ``explorable.drift = 0.3``, and the page follows. What a reader
    changes arrives here as soon as the kernel has time for it.

    Args:
        name: name of this explorable. Under it the page remembers where the reader left off: over
            another run of its cell, a reload, and a restart of the kernel. Default: the schema's.
        **start: fields of the schema that start at another value.

    Raises:
        InputError: there is no such field, or its value is out of range.
    """

    module: ClassVar[str] = ""
    schema: ClassVar[dict[str, Any]] = {}

    _name = traitlets.Unicode().tag(sync=True)
    _start = traitlets.Dict().tag(sync=True)

    def __init__(self, name: str = "", **start: Any) -> None:
        fields = self.schema["fields"]
        for field in start:
            if field not in fields:
                raise InputError(
                    f"{type(self).__name__}({field}=...): there is no such setting. Fix: use one "
                    f"of {', '.join(fields)}."
                )
        super().__init__(_name=name or self.schema["name"], **start)

    def open(self) -> None:
        """Tell the page of it; the traits have checked and stored all values by now."""
        # Before the page hears of it, as a later message could come after the first drawing.
        self._start = self.state
        super().open()

    @property
    def state(self) -> dict[str, Any]:
        """Field to value, as far as the kernel has heard."""
        return {field: getattr(self, field) for field in self.schema["fields"]}

    def static(self, width: int = 900) -> Any:
        """A picture of the present state, for documents without widgets.

        Args:
            width: in pixels; its height follows.

        Returns:
            An `IPython.display.SVG`.
        """
        from IPython.display import SVG

        return SVG(render.draw(self.module, self.state, width))

    def save_page(self, path: str | Path) -> None:
        """Write a page that works by itself, in any browser and without a kernel.

        Args:
            path: of the HTML file, which holds all that it needs.

        Raises:
            InputError: the file cannot be written.
        """
        text = bundle.page(self.module, _changed(self))
        write_whole(path, text)

    def describe(self) -> str:
        """What is to be seen in the present state, in words."""
        return render.describe(self.module, self.state)

    @property
    def _heading(self) -> str:
        return f"{self.schema['title']}."

    def _instead(self) -> str:
        """What stands here where neither scripts nor pictures are shown.

        JupyterLab shows no pictures that are stored in a notebook which its user has not yet run.
        """
        return f"{self._heading}\n\n{_INVITATION}\n\n{textwrap.fill(self.describe(), 80)}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        picture = {
            "image/svg+xml": render.draw(self.module, self.state),
            "text/plain": self._instead(),
        }
        if os.environ.get(STATIC) == "1":
            # As text: a notebook would give each number of a list its own line.
            start = json.dumps(_changed(self), separators=(",", ":"))
            return {MIME: {"module": self.module, "name": self._name, "start": start}, **picture}
        found: Any = super()._repr_mimebundle_(**options)
        live, metadata = found if isinstance(found, tuple) else (found, {})
        # Without a kernel or scripts, the picture is what remains.
        return live | picture, metadata


def _changed(shown: Explorable) -> dict[str, Any]:
    """The fields that are not at their defaults."""
    fields = shown.schema["fields"]
    return {name: value for name, value in shown.state.items() if value != fields[name]["default"]}


class _Number(traitlets.Float):
    """A number within the range of its field."""

    def __init__(self, shape: dict[str, Any]) -> None:
        self.low, self.high, self.whole = shape["low"], shape["high"], shape.get("whole", False)
        super().__init__(shape["default"], allow_none=shape.get("optional", False))

    def validate(self, owner: Any, value: Any) -> Any:
        """Refuse a value that is not a number or is out of range."""
        if value is None and self.allow_none:
            return None
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not self.low <= value <= self.high or (self.whole and value % 1):
            kind = "a whole number" if self.whole else "a number"
            none = " or None" if self.allow_none else ""
            raise InputError(
                f"{type(owner).__name__}({self.name}={value!r}): must be {kind} in "
                f"{self.low:g}..{self.high:g}{none}."
            )
        return int(value) if self.whole else float(value)


class _Toggle(traitlets.Bool):
    """Yes or no."""

    def validate(self, owner: Any, value: Any) -> Any:
        """Refuse what is neither."""
        if not isinstance(value, bool):
            raise InputError(
                f"{type(owner).__name__}({self.name}={value!r}): must be True or False."
            )
        return value


class _Choice(traitlets.Any):
    """One of the field's options."""

    def __init__(self, shape: dict[str, Any]) -> None:
        self.options = shape["options"]
        super().__init__(shape["default"])

    def validate(self, owner: Any, value: Any) -> Any:
        """Refuse what is none of them."""
        if value not in self.options:
            raise InputError(
                f"{type(owner).__name__}({self.name}={value!r}): choose one of "
                f"{', '.join(map(repr, self.options))}."
            )
        return value


def _trait(name: str, shape: dict[str, Any]) -> traitlets.TraitType:
    made: traitlets.TraitType
    if shape["kind"] == "number":
        made = _Number(shape)
    elif shape["kind"] == "toggle":
        made = _Toggle(shape["default"])
    elif shape["kind"] == "choice":
        made = _Choice(shape)
    else:
        made = traitlets.Any(shape["default"])
    return made.tag(sync=True)


def _describe(name: str, shape: dict[str, Any]) -> str:
    """A line of the class' documentation."""
    label = " ".join(
        part for part in (shape["label"], shape.get("symbol"), shape.get("unit")) if part
    )
    if shape["kind"] == "number":
        none = ", or None" if shape.get("optional") else ""
        label += f", in {shape['low']:g}..{shape['high']:g}{none}"
    elif shape["kind"] == "choice":
        label += f": {', '.join(map(repr, shape['options']))}"
    text = f"{label}. {shape['help']}" if shape.get("help") else f"{label}."
    return f"        {name}: {text}\n"
