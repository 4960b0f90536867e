"""The eight tables."""

from __future__ import annotations

from matrix import browser, element
from matrix.table import Table

TABLES: tuple[Table, ...] = (browser.TABLE, element.TABLE)
