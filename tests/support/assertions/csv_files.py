"""Reads CSV files as spreadsheets do."""

from __future__ import annotations

import csv
import io


def rows_of(file: str) -> list[dict[str, str]]:
    """The rows of a file that a browser downloaded. It begins with U+FEFF, so that Excel reads it as UTF-8."""
    mark, text = file[:1], file[1:]
    assert mark == "\ufeff"
    return list(csv.DictReader(io.StringIO(text)))
