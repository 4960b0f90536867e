"""People of other systems, who are known here by their system's id (their ref) and have no account (decision 93).

They are users in the database: memberships, presence, time and reports need no second kind of person. They cannot log
in, get no mail, and stand in no list of accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koyjabo.accounts.users import external_queries
from koyjabo.accounts.users.external_queries import ExternalPerson
from koyjabo.core.clock import Clock
from koyjabo.database.executor import DatabaseExecutor

__all__ = ["ExternalPeople", "ExternalPerson"]


class ExternalPeople:
    """`issuer` is that of the tokens that are accepted now (AUTH_ISSUER), "" without one. All methods raise
    LedgerUnavailable, but those that are given a session.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, issuer: str) -> None:
        self._database = database
        self._clock = clock
        self.issuer = issuer

    def find_or_make(self, names: Mapping[str, str | None]) -> dict[str, ExternalPerson]:
        """The people with these refs, AT_ONCE at most, who are called by these names from now on. Without a name they
        are called as before, and a new one by the ref. Writes only what differs.
        """
        known = self._database.read(external_queries.find, self.issuer, names)
        new = {ref: name for ref, name in names.items() if ref not in known or name not in (None, known[ref].name)}
        return known | self._database.write(self.put, new, self._clock.now_ms()) if new else known

    def put(self, session: Any, names: Mapping[str, str | None], now_ms: int) -> dict[str, ExternalPerson]:
        """`external_queries.put`, as part of a transaction."""
        return external_queries.put(session, self.issuer, names, now_ms)

    def found(self, session: Any, ref: str) -> ExternalPerson | None:
        """`find`, as part of a transaction."""
        return external_queries.find(session, self.issuer, [ref]).get(ref)
