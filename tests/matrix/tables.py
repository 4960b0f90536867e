"""The eight tables."""

from __future__ import annotations

from matrix.table import Table

TABLES: tuple[Table, ...] = ()
