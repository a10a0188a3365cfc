"""The tables of docs/performance.md, made from the reports that come with bnn_lab.

python docs/make_performance.py           writes them
python docs/make_performance.py --check   fails if they are of other reports
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from bnn_lab.bench.render import to_markdown
from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.bench.tables import report_parts

PAGE = Path(__file__).parent / "performance.md"
FROM, TO = "<!-- from docs/make_performance.py -->\n", "<!-- to -->\n"


def tables() -> str:
    """One part of the page for each report, by the device's name."""
    files = sorted(EXAMPLE.parent.glob("*.json"))
    reports = [read_report(path) for path in files]
    parts = [part for report in reports for part in report_parts(report)]
    # The page has a title of its own.
    return to_markdown("", parts).partition("\n")[2].strip()


def page(text: str) -> str:
    """The page with today's tables."""
    pattern = re.compile(f"(?<={re.escape(FROM)}).*?(?={re.escape(TO)})", re.DOTALL)
    found, count = pattern.subn(lambda match: f"\n{tables()}\n\n", text)
    if count != 1:
        raise SystemExit(f"error: {PAGE} must hold {FROM.strip()} and {TO.strip()} once each")
    return found


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
