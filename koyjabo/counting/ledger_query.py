"""Queries of other features on the ledger's connection for reads."""

from collections.abc import Callable
from typing import Any, Protocol

ReadRow = Callable[[str, tuple[Any, ...]], Any]
"""Runs a statement with its parameters, and returns the first row."""


class LedgerQuery(Protocol):
    """A feature's query on the ledger's connection for reads. It has a value, because equal queries share a result. The
    methods run on a real thread; `read` runs a statement and returns its first row.
    """

    def sqlite(self, read: ReadRow) -> Any: ...

    def postgres(self, read: ReadRow) -> Any: ...
