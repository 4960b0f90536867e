"""Write what happened at other times than now, by the same rules and into the same tables as what happens now.

Nobody is told while it is written, and nobody is active or online by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

from koyjabo.accounts.accounts import Accounts
from koyjabo.accounts.passwords import Passwords
from koyjabo.analytics.reports import Reports
from koyjabo.clock import Clock, system_now_ms
from koyjabo.communities.communities import Communities
from koyjabo.counting.ledger import open_store
from koyjabo.counting.visits import NewVisit
from koyjabo.database.executor import Desk
from koyjabo.errors import LedgerUnavailable
from koyjabo.models import SITE
from koyjabo.presence.members.peaks import Peaks
from koyjabo.runtime import ThreadRuntime

__all__ = ["Chronicle", "NewVisit"]


class Chronicle:
    """Its accounts, communities, reports and peaks take `now_ms` for the present.

    The tables are there already. Everything raises LedgerUnavailable.
    """

    def __init__(self, database: Any, zone: ZoneInfo) -> None:
        self.now_ms = system_now_ms()
        self.clock = Clock(zone, lambda: self.now_ms)
        runtime = ThreadRuntime()
        self._desk = Desk(database, runtime)
        self._store = open_store(database, Clock(zone))  # a revision is of the commit, whenever the visits were
        self.accounts = Accounts(self._desk, self.clock, OneHash(runtime))
        self.communities = Communities(self._desk, self.clock)
        self.reports = Reports(self._desk, self.clock)
        self.peaks = Peaks(self._desk, self.clock, runtime, lambda scope: 0)

    def count(self) -> int:
        """How many visits there are."""
        with self._reached():
            figures = self._store.figures(SITE)
        return figures.visits if figures else 0

    def register(self, visits: Sequence[NewVisit], after: int) -> bool:
        """Write visits, the oldest first, in one commit. False, and nothing, when there are not exactly `after` of them
        yet: somebody else has registered one, and the ledger goes by time.
        """
        keyed = [(visit, visit.visit_id or f"~{number}") for number, visit in enumerate(visits, after)]
        with self._reached(), self._store.writing():
            if self.count() != after:
                return False
            if keyed:
                self._store.commit(keyed)
        return True

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (*self._store.unavailable, *self._store.unreadable) as error:
            raise LedgerUnavailable from error

    def close(self) -> None:
        self.peaks.write()
        self.accounts.close()
        self._desk.close()
        self._store.close()


class OneHash(Passwords):
    """For people who have been made up with one password: what is slow on purpose is done once."""

    _made: tuple[str, str] | None = None

    def hash(self, password: str) -> str:
        if self._made is None or self._made[0] != password:
            self._made = (password, super().hash(password))
        return self._made[1]
