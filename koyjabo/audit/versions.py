"""Records in the audit log that the server has started with a different version."""

from __future__ import annotations

from koyjabo.audit import log, queries
from koyjabo.audit.log import AuditEntry, Subject
from koyjabo.core.clock import Clock
from koyjabo.core.errors import LedgerUnavailable
from koyjabo.core.identity import OPERATOR
from koyjabo.database.executor import DatabaseExecutor

SERVER = Subject("server", "", "")


class VersionLog:
    """Records the running version. Call `record` repeatedly: it succeeds once, as soon as the database responds."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, version: str) -> None:
        self._database = database
        self._clock = clock
        self._version = version
        self._is_recorded = False

    def record(self) -> None:
        """Record this version, unless the latest record already has it. If several workers start at once, only one
        writes the record.
        """
        if self._is_recorded:
            return
        try:
            if self._database.read(queries.newest_version) != self._version:
                self._database.write(queries.lock_newest_version, audit=self._entry)
        except LedgerUnavailable:
            return  # the next call tries again
        self._is_recorded = True

    def forget(self) -> None:
        """Make the next call to `record` check the database again."""
        self._is_recorded = False

    def _entry(self, before: str) -> AuditEntry | None:
        if before == self._version:  # another worker was faster
            return None
        by = log.actor(OPERATOR, self._clock)
        return by.entry("server.version", SERVER, version=self._version, before=before)
