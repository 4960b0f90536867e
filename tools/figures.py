"""Copy measured figures from bench/results into the documents: `.venv/bin/python tools/figures.py`.

A document quotes results in three ways. The program replaces numbers and names, and keeps other words:

- a link whose title is a name in FIGURES: `[3,833](performance.md#visits "visits a second, SQLite")`
- a link whose title is the machine of a file: `[AMD EPYC](../bench/results/push.txt "machine of push.txt")`
- a table below the line `[figures]: ../bench/results/push.txt "10,000 open connections"`. Its rows and columns have the
  names of that table in the file. Columns with other names keep their text.

A file may have runs on several machines. Documents quote the slowest one.
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
    """A cell of a table in bench/results; `table` is the line above the table, or how it begins."""

    file: str
    table: str
    row: str
    column: str


NEXT_MACHINE = f"\n{'=' * 80}\n"
"""Separates runs on different machines in one file."""

SLOWEST_FIRST = ("AMD EPYC", "Intel(R) Xeon(R) Processor")
"""Processors of the machines. A run on another one has to be inserted by its speed."""

VISITS = Figure("register.txt", "64 connections", "this server, SQLite", "requests/s")
CROWD = Figure("crowd.txt", "", "last page shows a visit after, ms", "SQLite")
MEMORY = Figure("push.txt", "10,000 open connections", "this server, plain", "KB/connection")
START = Figure("start.txt", "", "4 workers, prepared database: this server", "ready s")
BEFORE = START._replace(row="4 workers, prepared database: before (48019ab)")
RSS = Figure("register.txt", "Memory of the worker", "this server, SQLite", "at start MB")
FRAME = MEMORY._replace(column="CPU µs/frame")
WATCHED = Figure("page-numbers.txt", "targets", "10,000 open pages: memory of a watched number", "measured")
FIGURES: dict[str, Figure] = {
    "visits a second, SQLite": VISITS,
    "MB of a worker that has just started": RSS,
    "MB of a worker after its visits": RSS._replace(column="at the end MB"),
    "visits of that worker": RSS._replace(column="registrations"),
    "stats a second": Figure("stats.txt", "GET /api/stats", "this server, SQLite, 10,000,000 visits", "requests/s"),
    "s until four workers are back": START,
    "s until four workers were back": BEFORE,
    "MB of four workers before": BEFORE._replace(column="PSS MB"),
    "KB of a WebSocket": MEMORY,
    "KB of a Socket.IO client": MEMORY._replace(row="this server, Socket.IO"),
    "KB of a Flask-SocketIO client": MEMORY._replace(row="Flask-SocketIO on eventlet"),
    "µs of a frame": FRAME,
    "µs of a Socket.IO frame": FRAME._replace(row="this server, Socket.IO"),
    "µs of a send in C": FRAME._replace(row="floor: send() in C"),
    "µs of a Flask-SocketIO frame": FRAME._replace(row="Flask-SocketIO on eventlet"),
    "ms until 100,000 pages show a visit": CROWD,
    "ms until 1,000 pages show a view": WATCHED._replace(
        row="SQLite, 1,000 open pages on one path: until all show a view, median"
    ),
    "times the CPU of stats": WATCHED._replace(
        row="SQLite, 1,000,000 pages, 10,000,000 views: CPU, GET of any page / GET /api/stats"
    ),
    "µs to receive a message": Figure("scale.txt", "", "hear_us", ""),
    "KB of a page in the model": Figure("scale.txt", "", "page_kb", ""),
    "pages that saturate the counter row": Figure(
        "scale.txt", "How many open pages fill a part", "PostgreSQL, the counter row", "as it comes"
    ),
}
"""Figures quoted in sentences, by the names used as link titles."""

LINK = re.compile(r'\[([^\[\]]+)(\]\([^()\s]+ ")([^"]+)("\))')
TABLE = re.compile(r'^(\[figures\]: \S*/(\w+\.txt) "([^"]*)"\n\n)((?:\|.*\n)+)', re.MULTILINE)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?%?")
RULE = re.compile(r"-+(?:  -+)+")
PROCESSOR = re.compile(r"^\s*\d+ cores, (.+?), Linux", re.MULTILINE)
REMOVED = re.compile(r"^\s*Measured at commit (\w+) by a benchmark that has been removed", re.MULTILINE)
MACHINE_OF = "machine of "

Tables = dict[str, dict[str, dict[str, str]]]
"""Tables by the line above each: row, column, cell. All tables of targets are one table, `targets`."""


def filled(text: str) -> str:
    """Return the document with the figures from bench/results. Raises KeyError for an unknown name."""
    text = LINK.sub(lambda link: f"[{_quoted(link[1], link[3])}{link[2]}{link[3]}{link[4]}", text)
    return TABLE.sub(lambda table: table[1] + _filled_table(*table.groups()[1:]), text)


def _quoted(text: str, name: str) -> str:
    if name.startswith(MACHINE_OF):
        return machine(name.removeprefix(MACHINE_OF))
    return _with(text, value(FIGURES[name]))


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
    tables = results(figure.file)
    name = figure.table if figure.table in tables else next(name for name in tables if name.startswith(figure.table))
    return _rounded(tables[name][figure.row][figure.column])


def _rounded(cell: str) -> str:
    """Write the first number of a cell with separators. Round decimals to three significant digits."""
    number = cell.split()[0]
    if not re.fullmatch(r"[\d,]+\.\d+", number):
        return f"{int(number):,}" if number.isdigit() and " of " not in cell else number
    whole, _, decimals = number.replace(",", "").partition(".")
    return f"{float(number.replace(',', '')):,.{max(0, min(len(decimals), 3 - len(whole)))}f}"


def processor(run: str) -> str:
    """The processor that a run's text names."""
    return str(PROCESSOR.findall(run)[0])


@cache
def slowest(file: str) -> str:
    """The text of the run on the slowest machine. Raises ValueError for an unknown processor."""
    runs = (RESULTS / file).read_text().split(NEXT_MACHINE)
    return min(runs, key=lambda run: SLOWEST_FIRST.index(processor(run)))


def machine(file: str) -> str:
    """The processor in plain words, and the commit if later versions cannot be measured."""
    name = re.sub(r"\(R\)| Processor", "", processor(slowest(file)))
    removed = REMOVED.search(slowest(file))
    return f"{name}, commit {removed[1]}" if removed else name


@cache
def results(file: str) -> Tables:
    """Return the tables of the run that documents quote."""
    return tables_of(slowest(file))


def tables_of(run: str) -> Tables:
    tables: Tables = {}
    for name, rows in _tables(run.splitlines()):
        tables.setdefault(name, {}).update(rows)
    return tables


def _tables(lines: list[str]) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    for number, line in enumerate(lines):
        if RULE.fullmatch(line):
            spans = [rule.span() for rule in re.finditer("-+", line)]
            _, *columns = (lines[number - 1][start:end].strip() for start, end in spans)
            rows: dict[str, dict[str, str]] = {}
            for row in lines[number + 1 :]:
                if not row:
                    break
                name, *cells = (row[start:end].strip() for start, end in spans)
                rows[name] = dict(zip(columns, cells, strict=True))
            yield "targets" if lines[number - 1].startswith(("target", "promise")) else lines[number - 2], rows


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
