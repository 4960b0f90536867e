"""Register visits and read the stats they add up to.

A visit counts when `register` returns: the ledger has it on disk, under an ordinal nobody else has.
Whatever the world is told afterwards comes out of that receipt.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable
from weakref import WeakValueDictionary

from koyjabo.clock import Clock
from koyjabo.counting.ledger import Ledger, OnCommit, Writer
from koyjabo.counting.live_stats import Numbers
from koyjabo.counting.records import Figures, NewVisit, Receipt
from koyjabo.counting.stats import Stats
from koyjabo.errors import LedgerUnavailable, UnknownCommunity, UnknownVisitor
from koyjabo.models import SITE, Scope
from koyjabo.presence.visitors.active_visitors import Presence

log = logging.getLogger(__name__)

__all__ = ["VISITOR_ID", "VISIT_NAME", "NewVisit", "Receipt", "Stats", "Visits", "Writer"]

VISITOR_ID = re.compile(r"[A-Za-z0-9_.:\-]{1,128}", re.ASCII)
VISIT_NAME = re.compile(r"[A-Za-z0-9_.:+/=\-]{1,128}", re.ASCII)  # no "~": names we make up begin with it
"""(specification: Register a visit)"""

REGISTERED = "visit_registered ordinal=%d duplicate=%s scope=%s revision=%d"
"""The first broadcast of that scope with this revision or a newer one tells of it (docs/operations.md)."""

MOST_ASKED_FOR = 500
"""Times that the numbers of a community were asked for, after which they are forgotten: who polls is told that nothing
has changed.
"""


class Visits:
    """`figures` are what is known of the site from the start, should the ledger be away when the first one asks.

    With `ignores_bots`, declared crawlers are no visitors (BOT_POLICY).

    `open_ledger` is given what is to be called with each committed batch. `on_change` is called with the numbers of a
    scope when this worker changed them, `on_visit` with visitor and caller of each committed visit. Both are on the way
    of every visit: plain calls, since a signal takes 30 times as long (3.7 µs).
    """

    def __init__(
        self,
        open_ledger: Callable[[OnCommit], Ledger],
        presence: Presence,
        clock: Clock,
        figures: Figures,
        ignores_bots: bool,
        on_change: Callable[[Numbers], None],
        on_visit: Callable[[str, bytes], None],
    ) -> None:
        self.site = Numbers(figures, presence, clock)
        self._ledger = open_ledger(self._committed)
        self._ignores_bots = ignores_bots
        self._on_change = on_change
        self._on_visit = on_visit
        self._presence = presence
        self._clock = clock
        self._communities: WeakValueDictionary[Scope, Numbers] = WeakValueDictionary()  # those somebody looks at
        self._asked_for: deque[Numbers] = deque(maxlen=MOST_ASKED_FOR)

    def register(self, visit: NewVisit) -> Receipt | None:
        """Count a visit, durably (specification: Register a visit).

        Returns the receipt of the first time, marked `duplicate`, when the client retries. Raises LedgerUnavailable
        when nothing could be committed; then nothing was counted. Raises UnknownCommunity for a scope that is none.
        None for a crawler that is ignored: nothing was counted, and nobody is active.
        """
        if visit.is_bot and self._ignores_bots:
            log.debug("bot_ignored")
            return None
        receipt = self._ledger.append(visit)
        log.debug(REGISTERED, receipt.ordinal, receipt.duplicate, visit.scope, receipt.own.revision)
        return receipt

    def heartbeat(self, visitor_id: str, place: str) -> None:
        """Keep a visitor active. Raises UnknownVisitor for one who never registered, LedgerUnavailable."""
        if not self._presence.renew(SITE, visitor_id):
            if not self._ledger.knows(SITE, visitor_id):
                raise UnknownVisitor
            self._presence.meet(SITE, visitor_id, place)
            self._on_change(self.site)

    def arrive(self, visitor_id: str, place: str) -> bool:
        """A visitor's page is open. False, and nothing, when they have not registered a visit yet."""
        try:
            self.heartbeat(visitor_id, place)
        except (UnknownVisitor, LedgerUnavailable):
            return False
        return True

    def stats(self) -> Stats:
        """The newest stats, never with a lower total than one acknowledged to anybody before this call.

        When the ledger cannot be read, the last known ones, marked `stale`.
        """
        self.look(self.site)
        return self.site.newest()

    def newest(self) -> Stats:
        """The site's stats as far as this server has been told, without asking the ledger: right after a receipt."""
        return self.site.newest()

    def community(self, scope: Scope) -> Numbers:
        """The numbers of a community, kept up to date by what this server hears for as long as somebody holds them.

        Raises UnknownCommunity, and LedgerUnavailable where nothing was known and nothing can be read.
        """
        numbers = self._communities.get(scope)
        if numbers is not None:
            self.look(numbers)
        else:
            figures = self._ledger.figures(scope)
            if figures is None:
                raise UnknownCommunity
            numbers = self._of(figures)
        self._asked_for.append(numbers)
        return numbers

    def look(self, numbers: Numbers) -> bool:
        """Read what the ledger says now. False when it cannot be read; then the last known are marked `stale`.

        A scope that is gone keeps the last there was: those in its rooms are sent away.
        """
        try:
            figures = self._ledger.figures(numbers.scope)
        except LedgerUnavailable:
            numbers.learn(None)
            return False
        if figures is not None:
            numbers.learn(figures)
        return True

    def writer(self) -> Writer:
        """How many visits wait for their commit, and whether commits succeed."""
        return self._ledger.writer()

    def close(self) -> None:
        """Commit what waits and leave the database. Nothing can be registered afterwards."""
        self._ledger.close()

    def _committed(self, visits: list[tuple[NewVisit, Receipt]]) -> None:
        """Take in a whole batch before anybody in it is answered, so that all of them are told the same stats."""
        changed = {}
        for visit, receipt in visits:
            self._presence.touch(SITE, visit.visitor_id, visit.place)
            if visit.scope != SITE and not receipt.duplicate:  # a retry was counted where it was first sent to
                self._presence.touch(visit.scope, visit.visitor_id, visit.place)
                changed[visit.scope] = receipt.own
            self._on_visit(visit.visitor_id, visit.caller)
        self.site.learn(visits[-1][1].figures)
        self._on_change(self.site)
        for figures in changed.values():
            numbers = self._of(figures)
            numbers.learn(figures)
            self._on_change(numbers)

    def _of(self, figures: Figures) -> Numbers:
        return self._communities.setdefault(figures.scope, Numbers(figures, self._presence, self._clock))
