"""Visits, and numbers of days, as text for other programs: CSV (RFC 4180), which spreadsheets open, or a JSON object a
line.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from koyjabo.clock import iso
from koyjabo.visit_log.queries import LoggedVisit

CSV, JSON_LINES = "csv", "jsonl"
MIMETYPES = {CSV: "text/csv; charset=utf-8", JSON_LINES: "application/x-ndjson"}

COLUMNS = ("ordinal", "at", *(name for name in LoggedVisit._fields if name not in ("id", "ordinal", "at_ms")))

MARK = "'"
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
"""What begins with one of these a spreadsheet would carry out, and visitors say what they like."""


def head(kind: str, columns: Iterable[str] = COLUMNS) -> str:
    """What stands before the first line; `columns` are those of visits, if nothing is said."""
    return _csv([columns]) if kind == CSV else ""


def text(kind: str, visits: Iterable[LoggedVisit]) -> str:
    """These visits, each as a line."""
    return lines(kind, map(_row, visits))


def lines(kind: str, rows: Iterable[dict[str, Any]]) -> str:
    """Each row as a line: values by column, in the order of the head."""
    if kind == CSV:
        return _csv([_cell(value) for value in row.values()] for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(visit: LoggedVisit) -> dict[str, Any]:
    return {name: iso(visit.at_ms) if name == "at" else getattr(visit, name) for name in COLUMNS}


def plain(cell: str) -> str:
    """What was written as this cell."""
    return cell[1:] if cell.startswith(MARK) and cell[1:].startswith((MARK, *FORMULA)) else cell


def _cell(value: Any) -> Any:
    """What a spreadsheet would carry out is marked as text; and so is what looks as if it were marked (`plain`)."""
    if isinstance(value, str):
        return f"{MARK}{value}" if value.startswith((MARK, *FORMULA)) else value
    return str(value).lower() if isinstance(value, bool) else value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
