"""The little SVG that still pictures are made of; it is short, because notebooks keep it."""

from __future__ import annotations

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

_EM = 0.55  # width of a letter, as a share of the text's size
_FONT = "system-ui, Segoe UI, Roboto, Helvetica Neue, DejaVu Sans, sans-serif"
_TAGS = {
    "b": "font-weight='bold'",
    "i": "font-style='italic'",
    "sub": "dy='.35em' font-size='70%'",
    "sup": "dy='-.45em' font-size='70%'",
}
_BACK = {"sub": "-.25em", "sup": ".32em"}  # to the line, for what comes after it


class StillPen:
    """Collects elements."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def svg(self, width: float, height: float, words: str) -> str:
        """The whole picture, on clear paper."""
        name = escape(words)
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {short(width)} {short(height)}' "
            f"width='{short(width)}' height='{short(height)}' role='img' aria-label='{name}' "
            f"font-family='{_FONT}'><title>{name}</title>{''.join(self.parts)}</svg>"
        )

    def path(self, d: str, **style: Any) -> None:
        """An outline in SVG's language."""
        self.parts.append(f"<path d='{d}'{_style(style)}/>")

    def line(self, x1: float, y1: float, x2: float, y2: float, **style: Any) -> None:
        """A straight line."""
        self.path(f"M{short(x1)} {short(y1)}L{short(x2)} {short(y2)}", **{"fill": "none", **style})

    @contextmanager
    def group(self, transform: str) -> Iterator[None]:
        """What is drawn within is moved."""
        self.parts.append(f"<g transform='{transform}'>")
        yield
        self.parts.append("</g>")

    def rect(self, x: float, y: float, width: float, height: float, **style: Any) -> None:
        """A rectangle, whichever way its sides go."""
        x, width = (x, width) if width >= 0 else (x + width, -width)
        y, height = (y, height) if height >= 0 else (y + height, -height)
        box = f"x='{short(x)}' y='{short(y)}' width='{short(width)}' height='{short(height)}'"
        self.parts.append(f"<rect {box}{_style(style)}/>")

    def pixels(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        numbers: NDArray[np.uint8],
        palette: Sequence[Sequence[int]],
    ) -> None:
        """A picture of colours by their numbers in a palette, as a PNG with hard edges."""
        rows, columns = numbers.shape
        chunks = {
            b"IHDR": struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0),
            b"PLTE": bytes(value for colour in palette for value in colour),
            b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in numbers), 9),
            b"IEND": b"",
        }
        png = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks.items()
        )
        box = f"x='{short(x)}' y='{short(y)}' width='{short(abs(width))}'"
        self.parts.append(
            f"<image {box} height='{short(abs(height))}' preserveAspectRatio='none' "
            f"style='image-rendering:pixelated' "
            f"href='data:image/png;base64,{b64encode(png).decode()}'/>"
        )

    def text(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        *,
        anchor: str = "start",
        turn: float = 0.0,
        **style: Any,
    ) -> None:
        """Lines of plotly's text; `y` is the middle of them all."""
        lines = lines_of(text)
        step = 1.25 * size
        for number, line in enumerate(lines):
            at = y + (number - (len(lines) - 1) / 2) * step + 0.35 * size
            rest = _style({"text_anchor": None if anchor == "start" else anchor, **style})
            if turn:
                rest += f" transform='rotate({short(turn)} {short(x)} {short(y)})'"
            place = f"x='{short(x)}' y='{short(at)}' font-size='{short(size)}'"
            self.parts.append(f"<text {place}{rest}>{_spans(line)}</text>")


def short(value: float) -> str:
    """A number to a tenth, which is enough for pixels."""
    return f"{value:.1f}".removesuffix(".0")


def lines_of(text: str) -> list[str]:
    """Lines of plotly's text; a tag that goes over several is closed and opened again."""
    found, still_open = [], ""
    for line in re.split(r"<br\s*/?>", text):
        whole = still_open + line
        for tag in _TAGS:
            if whole.count(f"<{tag}>") > whole.count(f"</{tag}>"):
                whole, still_open = f"{whole}</{tag}>", f"<{tag}>"
                break
        else:
            still_open = ""
        found.append(whole)
    return found


def plain(text: str) -> str:
    """Plotly's text without its tags."""
    return re.sub(r"<[^>]*>", "", re.sub(r"<br\s*/?>", " ", text))


def width_of(text: str, size: float) -> float:
    """About how wide a text is, in pixels."""
    return max(_EM * size * len(plain(line)) for line in lines_of(text))


def _style(style: dict[str, Any]) -> str:
    given = {key: value for key, value in style.items() if value is not None}
    return "".join(
        f" {key.replace('_', '-')}='{short(value) if isinstance(value, float) else value}'"
        for key, value in given.items()
    )


def _spans(line: str) -> str:
    found, back = [], ""
    for part in re.split(r"(<(\w+)>.*?</\2>)", line)[::1]:
        match = re.fullmatch(r"<(\w+)>(.*?)</\1>", part)
        if match and match[1] in _TAGS:
            found.append(f"<tspan {_TAGS[match[1]]}>{escape(plain(match[2]))}</tspan>")
            back = _BACK.get(match[1], "")
        elif part and not re.fullmatch(r"b|i|sub|sup", part):
            text = escape(plain(part), quote=False)
            found.append(f"<tspan dy='{back}'>{text}</tspan>" if back else text)
            back = ""
    return "".join(found)


def joined(points: Sequence[tuple[float, float]]) -> str:
    """A line through points; where one is missing, it has a gap."""
    parts, up = [], True
    for x, y in points:
        if x != x or y != y:
            up = True
            continue
        parts.append(f"{'M' if up else 'L'}{short(x)} {short(y)}")
        up = False
    return "".join(parts)
