"""The tables of docs/performance.md, made from the reports that come with bnn_lab.

python docs/make_performance.py           writes them
python docs/make_performance.py --check   fails if they are of other reports
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import pandas as pd

from bnn_lab.bench.render import to_markdown
from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.bench.tables import report_parts
from bnn_lab.experiments.latency.files import read_study
from bnn_lab.experiments.latency.floor import BINARY, PARTS, WHY

PAGE = Path(__file__).parent / "performance.md"
FLOOR = Path(__file__).parent / "floor.json"  # of `bnn-lab bench study floor --json`
FROM, TO = "<!-- from docs/make_performance.py{} -->\n", "<!-- to -->\n"


def tables() -> str:
    """One part of the page for each report, by the device's name."""
    files = sorted(EXAMPLE.parent.glob("*.json"))
    reports = [read_report(path) for path in files]
    parts = [part for report in reports for part in report_parts(report)]
    # The page has a title of its own.
    return to_markdown("", parts).partition("\n")[2].strip()


def floor() -> str:
    """What binary ops leave over, a column a part, and why it is left."""
    study = read_study(FLOOR)
    frame = study.frame
    shown = [part for part in PARTS if (frame.part == part).any()]
    lines = [
        f"{study.host.cpu}, one thread, {study.time[:10]}: ms, and of parts that multiply "
        "their rate over XNNPACK's best.",
        "",
        "| network | all | float ops | " + " | ".join(shown) + " |",
        "|---|" + "---:|" * (len(shown) + 2),
    ]
    for name, found in frame.groupby("name", sort=False):
        by_part = found.set_index("part")
        left = by_part.ms.drop(BINARY).sum()
        cells = [f"{by_part.ms.sum():.2f}", f"**{left:.2f}** ({left / by_part.ms.sum():.0%})"]
        cells += [_cell(by_part, part) for part in shown]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", *(f"* *{part}*: {WHY[part]}." for part in shown if part != BINARY)]
    return "\n".join([*lines, "", study.finding])


def _cell(by_part: pd.DataFrame, part: str) -> str:
    if part not in by_part.index:
        return "–"
    row = by_part.loc[part]
    return f"{row.ms:.3f}" + ("" if pd.isna(row.of_best) else f" ({row.of_best:.0%})")


def page(text: str) -> str:
    """The page with today's tables."""
    for name, made in (("", tables), (": floor", floor)):
        begin = FROM.format(name)
        pattern = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(TO)})", re.DOTALL)
        text, count = pattern.subn(lambda match, made=made: f"\n{made()}\n\n", text)
        if count != 1:
            raise SystemExit(f"error: {PAGE} must hold {begin.strip()} and {TO.strip()} once each")
    return text


def main() -> None:
    """Write or check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    old = PAGE.read_text(encoding="utf-8")
    new = page(old)
    if not check:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"error: {PAGE} is not of today's reports. Fix: python docs/make_performance.py")


if __name__ == "__main__":
    main()
