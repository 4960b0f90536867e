"""Users of other systems. They are known here by their system's id (the external id, `ref`) and have no account.

They are rows of `users`, so that memberships, presence and reports treat them like other users. They cannot log in, get
no email, and are not listed as accounts.
"""

from collections.abc import Mapping
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.executor import DatabaseExecutor
from . import external_queries
from .external_queries import ExternalPerson


class ExternalPeople:
    """Users of another system. `issuer` is AUTH_ISSUER, the issuer of accepted tokens, or "". All methods raise
    LedgerUnavailable, except those that take a session.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, issuer: str) -> None:
        self._database = database
        self._clock = clock
        self.issuer = issuer

    def find_or_make(self, names: Mapping[str, str | None]) -> dict[str, ExternalPerson]:
        """Find or create the people with these external ids.

        Missing people are created, and people whose names differ are renamed. If no name is given, a known person keeps
        the current name, and a new person is named after the external id. Only differences are written.
        """
        people = self._database.read(external_queries.find, self.issuer, names)
        new = {ref: name for ref, name in names.items() if ref not in people or name not in (None, people[ref].name)}
        return people | self._database.write(self.put, new, self._clock.now_ms()) if new else people

    def put(self, session: Any, names: Mapping[str, str | None], now_ms: int) -> dict[str, ExternalPerson]:
        """`external_queries.put`, in a given transaction."""
        return external_queries.put(session, self.issuer, names, now_ms)

    def found(self, session: Any, ref: str) -> ExternalPerson | None:
        """The person with this external id, in a given transaction."""
        return external_queries.find(session, self.issuer, [ref]).get(ref)
