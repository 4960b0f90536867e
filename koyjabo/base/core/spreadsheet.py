"""Writes rows as CSV (RFC 4180) that is safe to open in a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

MIMETYPE = "text/csv; charset=utf-8"

BYTE_ORDER_MARK = "\ufeff"
"""Begins the CSV files that people open: without it, Excel does not read them as UTF-8."""

CELL_MARK = "'"
FORMULA = "=+\\-@＝＋－＠\t\r\n"
"""Characters that begin a formula in spreadsheets. Many texts come from visitors, and a formula could do harm. A cell
may begin in the middle of a text, because spreadsheets split at the locale's list separator, or at one the user
chooses.
"""

CELL_START = rf"(?<!\w)(?<!\W{CELL_MARK})"
"""Matches outside a run of MARK, which is read once. A sign after a letter or digit is safe, because letters and digits
do not separate cells.
"""

SIGN = re.compile(rf"{CELL_START}({CELL_MARK}*[{FORMULA}])")
MARKED_SIGN = re.compile(rf"{CELL_START}{CELL_MARK}({CELL_MARK}*[{FORMULA}])")


def head(columns: Iterable[str]) -> str:
    """The header row."""
    return _csv([columns])


def lines(rows: Iterable[dict[str, Any]]) -> str:
    """One line per row. A row maps columns to values, in header order."""
    return _csv([_cell(value) for value in row.values()] for row in rows)


def plain(cell: str) -> str:
    """The original value of a cell. Undoes `_cell`."""
    return MARKED_SIGN.sub(r"\1", cell)


def _cell(value: Any) -> Any:
    """Put MARK before each sign that may begin a formula. An existing MARK is doubled, so that `plain` returns the
    exact text.
    """
    if isinstance(value, str):
        return SIGN.sub(rf"{CELL_MARK}\1", value)
    return str(value).lower() if isinstance(value, bool) else value


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
