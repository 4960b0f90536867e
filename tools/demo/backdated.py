"""Writes past visits, accounts and communities with the server's code, at earlier times.

It publishes nothing, and makes no one active or online.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from zoneinfo import ZoneInfo

from sqlalchemy.engine import URL

from koyjabo.base.core.clock import Clock, system_now_ms
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import OPERATOR
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.base.core.runtime import ThreadRuntime
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import SITE
from koyjabo.base.settings.schema import Settings
from koyjabo.communities.communities import Communities
from koyjabo.communities.memberships import CommunityScope, Memberships
from koyjabo.counting.ledger import open_store
from koyjabo.counting.records import NewVisit
from koyjabo.people.accounts.login_sessions import PendingSteps
from koyjabo.people.accounts.passwords import Passwords
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.accounts.users.invitations import Invitations
from koyjabo.people.audit import log as audit
from koyjabo.people.audit.log import Subject
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.presence.members.peaks import Peaks
from koyjabo.reports.community_people import Reports
from koyjabo.reports.events import ledger as event_ledger
from koyjabo.reports.events.records import NewEvents
from koyjabo.upkeep.stored_settings import queries

SERVER = Subject("server", "", "")


def _unpublished(subject: object) -> None:
    """Replaces the function that publishes an event."""


class Backdated:
    """Services of a migrated database, with `now_ms` as their current time. All methods raise LedgerUnavailable."""

    def __init__(self, database: URL, zone: ZoneInfo) -> None:
        self.now_ms = system_now_ms()
        self.clock = Clock(zone, lambda: self.now_ms)
        runtime = ThreadRuntime()
        self._database = DatabaseExecutor(database, runtime)
        self._store = open_store(database, Clock(zone))  # a revision has the time of the commit, not of the visits
        self._events = event_ledger.open_store(database, self.clock)
        self._passwords = passwords = Passwords(runtime)
        passwords.hash = cache(passwords.hash)  # type: ignore[method-assign]  # takes 0.1 s; all have one password
        settings = Settings.model_validate({"RATE_LIMIT_MAILS": 0})
        pending = PendingSteps(self._database, self.clock, "", settings)
        unsent = MailOutbox(self._database, self.clock, runtime, settings)
        self.accounts = Accounts(self._database, self.clock, passwords, _unpublished, _unpublished, pending, unsent)
        self.communities = Communities(self._database, self.clock, _unpublished)
        self.memberships = Memberships(self._database, self.clock, _unpublished)
        scope, tokens = CommunityScope(), LinkTokens("")
        self.invitations = Invitations(scope, self._database, self.clock, _unpublished, unsent, tokens)
        self.reports = Reports(self._database, self.clock, _unpublished)
        self.peaks = Peaks(self._database, self.clock, runtime, lambda scope: 0)

    def count(self) -> int:
        """The number of visits in the ledger."""
        with self._store_reached():
            snapshot = self._store.snapshot(SITE)
        return snapshot.visits if snapshot else 0

    def register(self, visits: Sequence[NewVisit], after: int) -> bool:
        """Write visits, oldest first, in one commit.

        Returns False and writes nothing unless the ledger has exactly `after` visits. Otherwise another program has
        registered a visit, and the ledger would not be in order of time.
        """
        named = [(visit, f"~{number}") for number, visit in enumerate(visits, after)]
        with self._store_reached(), self._store.writing():
            if self.count() != after:
                return False
            if named:
                self._store.commit(named)
        return True

    def record(self, events: NewEvents) -> None:
        """Write events of registered visits in one commit."""
        if events:
            with self._store_reached(), self._events.writing():
                self._events.commit([events])

    def set_if_missing(self, name: str, value: str) -> None:
        """Store a setting, unless it has a stored value. The running server applies it."""
        if name not in self._database.read(queries.stored):
            entry = audit.actor(OPERATOR, self.clock).entry(
                "settings.change", SERVER, was={name: ""}, now={name: value}
            )
            self._database.write(queries.store, {name: value}, entry)

    @contextmanager
    def _store_reached(self) -> Iterator[None]:
        try:
            yield
        except (*self._store.unavailable, *self._store.unreadable) as error:
            raise LedgerUnavailable from error

    def close(self) -> None:
        self.peaks.write()
        self._passwords.close()
        self._database.close()
        self._store.close()
        self._events.close()
