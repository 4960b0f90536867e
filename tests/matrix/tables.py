"""The eight tables."""

from __future__ import annotations

from matrix.clients import CLIENTS
from matrix.table import Table
from matrix.versions import VERSIONS

TABLES: tuple[Table, ...] = (VERSIONS, CLIENTS)
