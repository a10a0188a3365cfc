"""Figures of others that a page, a lesson or the README repeats: in `cited.json`, with source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bnn_lab.bench import energy
from bnn_lab.errors import InputError
from bnn_lab.models.cited import cited_claim, cited_claims, cited_latencies, cited_trainings

ROOT = Path(__file__).parents[2]
# How a text names a source, and what of it stands in `cited.json`. The longer name first.
NAMES = {
    "second-order Bop": "2104.05124",
    "Second-order Bop": "2104.05124",
    "2104.05124": "2104.05124",
    "Bop": "1906.02107",
    "1906.02107": "1906.02107",
    "Larq Compute Engine": "ompute",
    "LCE": "ompute",
    "2011.09398": "2011.09398",
    "QuickNet": "2011.09398",
    "dabnn": "JDAI-CV/dabnn",
    "Riptide": "jwfromm/Riptide",
    "bitnet.cpp": "microsoft/BitNet",
    "T-MAC": "microsoft/T-MAC",
    "larq-zoo": "larq/zoo",
    "AdamBNN": "AdamBNN",
    "IR-Net": "htqin/IR-Net",
    "ReCU": "z-hXu/ReCU",
    "larq's": "docs.larq.dev",
    "Horowitz": "Horowitz",
}
CITING = re.compile(r"\bcited\b|README|\bauthors (report|give)\b|abstract (of|reports)", re.I)
REPORTING = re.compile(r"\breport(?:s|ed)\b")
OURS = "bnn-lab/bnn-lab"
ARITHMETIC = {32.0}  # bits of a float
ONE = r"\d[\d,]*(?:\.\d+)?"
UNIT = r"\s?(?:%|ms\b|pJ\b|×(?! ?\d)|times\b|tokens\b)"
FIGURES = re.compile(rf"(?<![\w.:^]){ONE}(?:(?:, | and | to |–){ONE})*(?={UNIT})")


def figures(text: str) -> list[float]:
    """Numbers with a unit, and lists and ranges of them."""
    return [
        float(number.replace(",", ""))
        for match in FIGURES.finditer(text)
        for number in re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", match[0])
    ]


def known() -> list[tuple[str, set[float]]]:
    """Sources of `cited.json`, each with its figures."""
    latencies = cited_latencies()
    numbers = {
        value
        for device in latencies["devices"]
        for of_threads in device["latency_ms"].values()
        for value in of_threads.values()
    }
    return [
        (latencies["source"], numbers),
        *((entry.source, {entry.top1}) for entry in cited_trainings()),
        *((claim.source, set(claim.numbers)) for claim in cited_claims()),
    ]


def unsourced(text: str) -> list[float]:
    """Figures of a text that no source which it names has."""
    parts = {part for name, part in NAMES.items() if name in text}
    sourced = [numbers for source, numbers in known() if any(part in source for part in parts)]
    wanted = [figure for figure in figures(text) if figure not in ARITHMETIC]
    return [figure for figure in wanted if not any(figure in has for has in sourced)]


def citing(text: str) -> bool:
    """A text says that it repeats others."""
    links = re.findall(r"https?://\S+", text)
    foreign = any(OURS not in link for link in links) or any(name in text for name in NAMES)
    return bool(CITING.search(text) or (foreign and REPORTING.search(text)))


def blocks(markdown: str) -> Iterator[str]:
    """Paragraphs and list items; a table is one with the paragraph before it."""
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*[*-] )", markdown)
    joined: list[str] = []
    for paragraph in paragraphs:
        if paragraph.lstrip().startswith("|") and joined:
            joined[-1] += "\n\n" + paragraph
        else:
            joined.append(paragraph)
    return iter(joined)


def texts(path: Path) -> Iterator[str]:
    """What a reader reads of a page or of a lesson's source, and its cited claims."""
    content = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from blocks(re.sub(r"```.*?```", "", content, flags=re.S))
        return
    for cell in content.split("\n# %%"):
        if cell.startswith(" [markdown]"):
            lines = cell.splitlines()[1:]
            yield from blocks("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "checked.cited":
            if all(isinstance(argument, ast.Constant) for argument in node.args):
                yield "cited: " + " ".join(ast.literal_eval(argument) for argument in node.args)
            else:  # of `cited.json` as it stands
                assert [ast.unparse(a) for a in node.args] == ["claim.says", "claim.source"]
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "summaries").glob("*.md")),
    *sorted((ROOT / "notebooks" / "lessons").glob("*.py")),
    *sorted((ROOT / "notebooks" / "exercises" / "source").rglob("*.py")),
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_cited_figure_has_its_source(path: Path) -> None:
    for text in texts(path):
        if citing(text):
            assert not unsourced(text), text


def test_the_check_finds_a_figure_without_source() -> None:
    assert figures("59.4, 63.3 and 66.9 % in 12.5 ms, 28×28, 3 × 3") == [59.4, 63.3, 66.9, 12.5]
    assert figures("1,234 times, 8.5 to 18.5 times, arXiv:2011.09398") == [1234, 8.5, 18.5]
    assert unsourced("LCE's README reports 45.0 ms") == []
    assert unsourced("LCE's README reports 45.1 ms") == [45.1]
    assert unsourced("dabnn's README reports 45.0 ms") == [45.0]
    assert unsourced("a README reports 45.0 ms") == [45.0]
    assert citing("dabnn reports 45.0 ms") and citing("45.0 ms (cited)")
    assert not citing("a report of 45.0 ms") and not citing("our converter reports 2 ms")


def test_every_claim_is_repeated_somewhere() -> None:
    everything = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    for claim in cited_claims():
        place = re.search(r"(?:arXiv:|github\.com/)([\w./-]+)", claim.source)
        shown = (
            place is not None and f'"{place[1]}"' in everything
        )  # a lesson shows it as it stands
        repeated = any(f"{number:g}" in everything for number in claim.numbers)
        assert shown or repeated, claim.says
        assert re.search(r"https://|arXiv:|ISSCC", claim.source)
        # Whoever reads the statement finds its figures there.
        assert set(claim.numbers) <= {
            float(number) for number in re.findall(r"\d+(?:\.\d+)?", claim.says)
        }


def test_a_claim_by_its_source() -> None:
    assert cited_claim("microsoft/T-MAC").numbers == (20, 3)
    with pytest.raises(InputError, match="no statement is cited from 'nobody'"):
        cited_claim("nobody")


def test_the_energy_model_is_the_cited_table() -> None:
    (table,) = (claim for claim in cited_claims() if "Horowitz" in claim.source)
    values = [*energy.PICOJOULES.values(), 8 * energy.CACHE_BYTE, 4 * energy.DRAM_BYTE]
    assert tuple(values) == table.numbers
