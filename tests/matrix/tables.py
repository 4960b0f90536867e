"""The eight tables."""

from __future__ import annotations

from matrix.clocks import TIME
from matrix.settings import SETTINGS
from matrix.table import Table

TABLES: tuple[Table, ...] = (SETTINGS, TIME)
