"""What a recount finds in tables that are derived: told as sentences by `recount`, put right by `repair`."""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """Where a table says something else than the ledger makes it."""

    table: str
    key: tuple[tuple[str, str | int], ...]  # by column
    columns: tuple[str, ...]
    says: tuple[int, ...]
    makes: tuple[int, ...]
