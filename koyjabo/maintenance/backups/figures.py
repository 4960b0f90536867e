"""What metrics say of the backups that the server makes: read of the database, so that all servers say the same."""

from __future__ import annotations

from contextlib import suppress

from koyjabo.core.errors import LedgerUnavailable
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.maintenance.backups import run_queries
from koyjabo.maintenance.backups.run_queries import BackupFigures

READ_S = 30.0
"""Seconds between two calls of `refresh`."""


class BackupGauges:
    """Call `refresh` every READ_S."""

    def __init__(self, database: DatabaseExecutor, is_on: bool) -> None:
        self._database = database
        self._is_on = is_on
        self.newest: BackupFigures | None = None
        """As they were read last. None before that, and where the server makes no backups."""

    def refresh(self) -> None:
        if self._is_on:
            with suppress(LedgerUnavailable):
                self.newest = self._database.read(run_queries.figures)
