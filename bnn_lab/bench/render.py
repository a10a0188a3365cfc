"""Documents of `bnn_lab.bench.tables` in a terminal, as Markdown and as one HTML page.

rich draws the first, Jinja's templates the other two; a page is whole in itself and loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnn_lab.bench.tables import NOISY, QUIET, Heading, Part, Table, Text
from bnn_lab.errors import BnnLabError

if TYPE_CHECKING:
    from rich.console import Console

_STYLES = {"": "", QUIET: "dim", NOISY: "yellow"}


def to_terminal(console: Console, parts: Sequence[Part]) -> None:
    """Print a document; figures are left out."""
    for part in parts:
        match part:
            case Heading():
                console.print(part.text, style="bold", markup=False, highlight=False)
            case Text():
                style = _STYLES[part.style]
                console.print(part.text, style=style, markup=False, highlight=False)
            case Table():
                console.print(_rich_table(part))


def to_markdown(title: str, parts: Sequence[Part]) -> str:
    """A document as Markdown; figures are left out.

    Raises:
        BnnLabError: Jinja is not installed.
    """
    environment = _environment(autoescape=False, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = lambda text: " ".join(text.replace("|", r"\|").split())
    return environment.get_template("document.md.j2").render(title=title, parts=_named(parts))


def to_html(title: str, parts: Sequence[Part]) -> str:
    """A document as a page.

    Raises:
        BnnLabError: Jinja is not installed.
    """
    page = _environment(autoescape=True).get_template("document.html.j2")
    return page.render(title=title, parts=_named(parts))


def _rich_table(table: Table) -> Any:
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

    # Texts, not markup: names may hold brackets.
    shown = RichTable(title=RichText(table.caption, "italic"), title_justify="left")
    for index, column in enumerate(table.columns):
        shown.add_column(RichText(column), justify="right" if index else "left", overflow="fold")
    for row in table.rows:
        cells = [RichText(cell) for cell in row.cells]
        shown.add_row(*cells, style="bold" if row.strong else None)
    if table.notes:
        shown.caption = RichText("\n".join(table.notes), "dim", justify="left")
    return shown


def _named(parts: Sequence[Part]) -> list[tuple[str, Part]]:
    """Each part with what it is, for the templates."""
    return [(type(part).__name__.lower(), part) for part in parts]


def _environment(**options: Any) -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise BnnLabError(
            'Jinja is not installed. Fix: pip install "bnn-lab[notebooks]"'
        ) from error
    loader = jinja2.PackageLoader("bnn_lab.bench")
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, **options)
