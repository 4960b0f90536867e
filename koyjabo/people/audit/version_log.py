"""Records in the audit log that the server has started with a different version."""

from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.database.executor import DatabaseExecutor
from . import queries
from .log import Subject, actor


class VersionLog:
    """Call `record` repeatedly: it succeeds once, as soon as the database responds."""

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
                by = actor(OPERATOR, self._clock)

                def operation(session: Any) -> None:
                    before = queries.lock_newest_version(session)
                    if before != self._version:  # otherwise another worker was faster
                        details = {"version": self._version, "before": before}
                        by.entry("server.version", Subject("server", "", ""), **details).store(session)

                self._database.write(operation)
        except LedgerUnavailable:
            return  # the next call tries again
        self._is_recorded = True

    def forget(self) -> None:
        """Make the next call to `record` check the database again."""
        self._is_recorded = False
