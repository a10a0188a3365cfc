from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bnn_lab.lessons.glossary import TERMS, mark, mark_notebook

TWO = {"Bop": "an optimizer", "popcount": 'ones in a "word"'}


def test_the_first_occurrence_is_explained() -> None:
    text, found = mark("**Bop** flips. Bop again, and popcounts.", TWO)
    assert text == (
        '**<abbr title="an optimizer">Bop</abbr>** flips. Bop again, and '
        '<abbr title="ones in a &quot;word&quot;">popcounts</abbr>.'
    )
    assert found == {"Bop", "popcount"}
    assert mark("nothing here", TWO) == ("nothing here", set())
    assert mark("anything", {}) == ("anything", set())


def test_code_formulas_links_headings_tables_and_other_words_stay() -> None:
    kept = (
        "# Bop\n\n`Bop` [Bop](Bop.ipynb) $Bop$ Bop-like BopMap\n\n```\nBop\n```\n\n"
        "$$\nBop\n$$\n\n| Bop |\n|---|\n\n> Bop\n\n<b class='Bop'>"
    )
    assert mark(kept, TWO) == (kept, set())


def test_longer_terms_win() -> None:
    terms = {"larq": "a", "larq zoo": "b"}
    assert mark("the larq zoo", terms) == ('the <abbr title="b">larq zoo</abbr>', {"larq zoo"})


def test_a_lesson_explains_each_term_once_and_not_in_its_first_cell() -> None:
    cells = [
        new_markdown_cell("Bop at the top"),
        new_markdown_cell("about Bop"),
        new_code_cell("Bop"),
        new_markdown_cell("Bop and XOR"),
    ]
    marked = mark_notebook(new_notebook(cells=cells))
    assert [cell.source.count("<abbr") for cell in marked.cells] == [0, 1, 0, 1]
    nbformat.validate(marked)


def test_meanings_are_short() -> None:
    assert all(10 < len(meaning) < 90 and not meaning.endswith(".") for meaning in TERMS.values())
