"""Copy measured figures from bench/results into the documents: `.venv/bin/python tools/figures.py`.

A document quotes a figure in two ways. The program replaces the number and keeps the words:

- a link whose title is a name in FIGURES: `[3,833](performance.md#visits "visits a second, SQLite")`
- a table below the line `[figures]: ../bench/results/push.txt "10,000 open connections"`. Its rows and columns have the
  names of that table in the file. Columns with other names keep their text.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"


class Figure(NamedTuple):
    """A cell of a table in bench/results; `table` is the line above the table."""

    file: str
    table: str
    row: str
    column: str


VISITS = Figure("register.txt", "64 connections", "this server, SQLite", "requests/s")
CROWD = Figure("crowd.txt", "", "last page shows a visit after, ms", "SQLite")
MEMORY = Figure("push.txt", "10,000 open connections", "this server, plain", "KB/connection")
STORM = "From a visit to each client that shows it, for every visit and every socket, ms"
FIGURES = {
    "visits a second, SQLite": VISITS,
    "visits a second, PostgreSQL": VISITS._replace(row="this server, PostgreSQL"),
    "ms for the pages of a month": Figure("reports.txt", "SQLite, the whole site", "30d, by page", "cold median ms"),
    "stats a second": Figure("stats.txt", "GET /api/stats", "this server, SQLite, 10,000,000 visits", "requests/s"),
    "MB of a worker": Figure("start.txt", "", "1 worker, prepared database: this server", "PSS MB"),
    "s until four workers serve": Figure("start.txt", "", "4 workers, new database: this server", "ready s"),
    "KB of a WebSocket": MEMORY,
    "KB of a Socket.IO client": MEMORY._replace(row="this server, Socket.IO"),
    "ms until 100,000 pages show a visit": CROWD,
    "s until 10,000 pages are back": Figure("reconnect.txt", "", "this server, plain", "all back s"),
    "ms until a page shows a visit": Figure("storm.txt", STORM, "from the commit", "p99"),
}
"""Figures quoted in sentences, by the names used as link titles."""

LINK = re.compile(r'\[([^\[\]]+)(\]\([^()\s]+ ")([^"]+)("\))')
TABLE = re.compile(r'^(\[figures\]: \S*/(\w+\.txt) "([^"]*)"\n\n)((?:\|.*\n)+)', re.MULTILINE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?%?")
RULE = re.compile(r"-+(?:  -+)+")


def filled(text: str) -> str:
    """Return the document with the figures from bench/results. Raises KeyError for an unknown name."""
    text = LINK.sub(lambda link: f"[{_with(link[1], value(FIGURES[link[3]]))}{link[2]}{link[3]}{link[4]}", text)
    return TABLE.sub(lambda table: table[1] + _filled_table(*table.groups()[1:]), text)


def _with(text: str, number: str) -> str:
    return NUMBER.sub(number, text, count=1)


def _filled_table(file: str, heading: str, markdown: str) -> str:
    head, rule, *rows = markdown.splitlines()
    names = [_plain(cell) for cell in head.split("|")]
    lines = [head, rule]
    for row in rows:
        cells = row.split("|")
        figures = results(file)[heading][_plain(cells[1])]
        for place, name in enumerate(names[2:], 2):
            if name in figures:
                cells[place] = _with(cells[place], _rounded(figures[name]))
        lines.append("|".join(cells))
    return "\n".join(lines) + "\n"


def _plain(cell: str) -> str:
    return cell.strip(" *")


def value(figure: Figure) -> str:
    return _rounded(results(figure.file)[figure.table][figure.row][figure.column])


def _rounded(cell: str) -> str:
    """Write the first number of a cell with separators. Round decimals to three significant digits."""
    number = cell.split()[0]
    if not re.fullmatch(r"[\d,]+\.\d+", number):
        return f"{int(number):,}" if number.isdigit() and " of " not in cell else number
    whole, _, decimals = number.replace(",", "").partition(".")
    return f"{float(number.replace(',', '')):,.{max(0, min(len(decimals), 3 - len(whole)))}f}"


@cache
def results(file: str) -> dict[str, dict[str, dict[str, str]]]:
    """Return the tables of a file in bench/results, by the line above each: row, column, cell."""
    return dict(_tables((RESULTS / file).read_text().splitlines()))


def _tables(lines: list[str]) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    for number, line in enumerate(lines):
        if RULE.fullmatch(line) and not lines[number - 1].startswith(("target", "promise")):
            spans = [rule.span() for rule in re.finditer("-+", line)]
            _, *columns = (lines[number - 1][start:end].strip() for start, end in spans)
            rows: dict[str, dict[str, str]] = {}
            for row in lines[number + 1 :]:
                if not row:
                    break
                name, *cells = (row[start:end].strip() for start, end in spans)
                rows[name] = dict(zip(columns, cells, strict=True))
            yield lines[number - 2], rows


def documents() -> list[Path]:
    return sorted(path for glob in ("README.md", "docs/**/*.md", "bench/*.md") for path in ROOT.glob(glob))


def main() -> None:
    for path in documents():
        text = path.read_text()
        if (new := filled(text)) != text:
            path.write_text(new)
            sys.stdout.write(f"{path.relative_to(ROOT)} has new figures.\n")


if __name__ == "__main__":
    main()
