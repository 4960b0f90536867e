"""The formats of exported visits and daily sums: CSV (RFC 4180), safe to open in a spreadsheet, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable
from typing import Any

from koyjabo.core.clock import iso
from koyjabo.reports.query.dimensions import UTM
from koyjabo.reports.traits.parser import TraitParser, VisitRow
from koyjabo.visit_log.queries import OTHERS, LoggedVisit

CSV, JSON_LINES = "csv", "jsonl"
MIMETYPES = {CSV: "text/csv; charset=utf-8", JSON_LINES: "application/x-ndjson"}

PARSED = ("browser", "system", "device", "language", "source", "channel", *UTM)
"""What reports read of a visit."""

LEFT_OUT = ("id", "ordinal", "at_ms", "others", "campaign", *PARSED)
STORED = tuple(name for name in (*LoggedVisit._fields, *OTHERS) if name not in LEFT_OUT)
COLUMNS = ("ordinal", "at", *STORED, "opened", *PARSED)

MARK = "'"
FORMULA = "=+\\-@＝＋－＠\t\r\n"
"""A spreadsheet would run a cell that begins with one of these as a formula, and visitors choose their texts. A cell
may begin within a text: spreadsheets split at the list separator of their country, or at one that is chosen.
"""

START = rf"(?<!\w)(?<!\W{MARK})"
"""Not within a row of MARK, which is read once. A sign after a letter or digit is safe: these separate nothing."""

SIGN = re.compile(rf"{START}({MARK}*[{FORMULA}])")
MARKED = re.compile(rf"{START}{MARK}({MARK}*[{FORMULA}])")


def head(kind: str, columns: Iterable[str] = COLUMNS) -> str:
    """The header row of a CSV file, "" for JSON lines."""
    return _csv([columns]) if kind == CSV else ""


def text(kind: str, visits: Iterable[LoggedVisit], parser: TraitParser) -> str:
    """One line for each visit."""
    return lines(kind, (_row(visit, parser) for visit in visits))


def lines(kind: str, rows: Iterable[dict[str, Any]]) -> str:
    """One line for each row, which has values by column, in the order of the header."""
    if kind == CSV:
        return _csv([_cell(value) for value in row.values()] for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(visit: LoggedVisit, parser: TraitParser) -> dict[str, Any]:
    stored = {**dict.fromkeys(OTHERS), **visit._asdict(), **visit.others}
    traits = parser.parse(VisitRow._make(stored[name] for name in VisitRow._fields))._asdict()
    opened = None if visit.opened_ms is None else iso(visit.opened_ms)
    values = {**stored, **traits, "at": iso(visit.at_ms), "opened": opened}
    return {name: values[name] for name in COLUMNS}


def plain(cell: str) -> str:
    """The original value of a cell: undoes `_cell`."""
    return MARKED.sub(r"\1", cell)


def _cell(value: Any) -> Any:
    """Puts MARK before each sign that may begin a formula, and one more where MARK is, so that `plain` is exact."""
    if isinstance(value, str):
        return SIGN.sub(rf"{MARK}\1", value)
    return str(value).lower() if isinstance(value, bool) else value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
