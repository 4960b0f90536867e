"""The eight tables."""

from __future__ import annotations

from matrix.behind import BEHIND
from matrix.front import FRONT
from matrix.table import Table

TABLES: tuple[Table, ...] = (BEHIND, FRONT)
