"""Register visits and read their statistics.

A visit counts when `register` returns: the ledger has it on disk under a unique ordinal (specification: Register a
visit). All that is published afterwards derives from that receipt.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

from koyjabo.core.clock import Clock
from koyjabo.core.errors import KoyJaboError, LedgerUnavailable, UnknownCommunity, UnknownVisitor
from koyjabo.counting.high_water import HighWater
from koyjabo.counting.ledger import Ledger, OnCommit
from koyjabo.counting.live_stats import LiveStats
from koyjabo.counting.outage import Writer
from koyjabo.counting.records import CounterSnapshot, NewVisit, Receipt
from koyjabo.counting.stats import Stats
from koyjabo.counting.visit_texts import SeenTexts, StorageLimits
from koyjabo.models import SITE, Scope
from koyjabo.presence.visitors.active_visitors import ActiveVisitors

log = logging.getLogger(__name__)

REGISTERED = "visit_registered ordinal=%d duplicate=%s scope=%s revision=%d"
"""The first broadcast of that scope with this revision or a newer one includes the visit (docs/operations.md)."""

RECENT_LOOKUPS = 500
"""How many recent lookups keep a community's statistics cached, so that a client that polls gets 304 instead of a new
revision.
"""


class Visits:
    """`snapshot` are the site's figures at the start, used while the ledger is unavailable for the first read.

    With `ignores_bots`, visits of declared crawlers are not counted (BOT_POLICY).

    `open_ledger` gets a function to call with each committed batch. `on_visit` is called with visitor and caller of
    each committed visit, `on_change`, which later features may replace, with the numbers of a scope when this worker
    changed them. Both are on the path of every visit: plain calls, since a signal takes 30 times as long (3.7 µs).
    `on_commit`, which one feature may replace, is called with each committed batch when all this is done.
    `on_epoch` is called when the site has begun a new epoch, before anything of it is answered.
    """

    def __init__(
        self,
        open_ledger: Callable[[OnCommit], Ledger],
        active_visitors: ActiveVisitors,
        clock: Clock,
        snapshot: CounterSnapshot,
        high_water: HighWater,
        ignores_bots: bool,
        on_visit: Callable[[str, bytes], None],
    ) -> None:
        self.site = LiveStats(snapshot, active_visitors, clock, high_water)
        self._high_water = high_water
        self._epoch = snapshot.epoch
        self.on_epoch: Callable[[], object] = lambda: None
        self.on_commit: OnCommit = lambda visits: None
        self.texts = SeenTexts()
        self._ledger = open_ledger(self._committed)
        self._ignores_bots = ignores_bots
        self.on_change: Callable[[LiveStats], None] = lambda live_stats: None
        self._on_visit = on_visit
        self._active_visitors = active_visitors
        self._clock = clock
        self._communities: WeakValueDictionary[Scope, LiveStats] = WeakValueDictionary()  # of the scopes in use
        self._recent_lookups: deque[LiveStats] = deque(maxlen=RECENT_LOOKUPS)

    def register(self, visit: NewVisit, limits: StorageLimits | None = None) -> Receipt | None:
        """Count a visit, durably (specification: Register a visit). With `limits`, its texts are left out if its sender
        may not store them.

        Returns the receipt; for a retry, the first receipt marked `duplicate`. Raises LedgerUnavailable when the visit
        could not be committed; it was then not counted. Raises UnknownCommunity for an unknown scope. Returns None for
        an ignored crawler, which is neither counted nor active.
        """
        if self._is_ignored(visit):
            return None
        receipt = self._ledger.append(self.texts.within(visit, limits) if limits else visit)
        log.debug(REGISTERED, receipt.ordinal, receipt.duplicate, receipt.own.scope, receipt.own.revision)
        return receipt

    def register_all(self, visits: Sequence[NewVisit]) -> list[Receipt | KoyJaboError | None]:
        """As `register`, for visits that all have a `visit_id`: together, in this order, each with its own outcome."""
        counted = [each for each in visits if not self._is_ignored(each)]
        outcomes = iter(self._ledger.append_all(counted)) if counted else iter(())
        return [None if self._is_ignored(each) else next(outcomes) for each in visits]

    def _is_ignored(self, visit: NewVisit) -> bool:
        if visit.is_bot and self._ignores_bots:
            log.debug("bot_ignored")
            return True
        return False

    def keep_active(self, visitor_id: str, place: str) -> None:
        """Keep a visitor active. Raises UnknownVisitor if they never registered a visit, LedgerUnavailable."""
        if not self._active_visitors.keep_alive(SITE, visitor_id):
            if not self._ledger.knows(SITE, visitor_id):
                raise UnknownVisitor
            self._active_visitors.touch_maybe_known(SITE, visitor_id, place)
            self.on_change(self.site)

    def knows(self, visitor_id: str) -> bool:
        """Whether a visitor has registered a visit. Raises LedgerUnavailable."""
        return self._ledger.knows(SITE, visitor_id)

    def arrive(self, visitor_id: str, place: str) -> bool:
        """Mark a visitor with an open page as active. False, without effect, if they have not registered a visit yet
        or the ledger is unavailable."""
        try:
            self.keep_active(visitor_id, place)
        except (UnknownVisitor, LedgerUnavailable):
            return False
        return True

    def stats(self) -> Stats:
        """The newest stats. Their total is at least that of every receipt returned before this call, on any server.

        When the ledger cannot be read: the last known stats, marked `stale`.
        """
        self.refresh(self.site)
        return self.site.stats()

    def newest(self) -> Stats:
        """The site's stats as this server last saw them, without a read of the ledger. For use after a receipt."""
        return self.site.stats()

    def community(self, scope: Scope) -> LiveStats:
        """The statistics of a community. They stay up to date as long as a caller keeps a reference to the object.

        Raises UnknownCommunity, and LedgerUnavailable when they are not cached and the ledger cannot be read.
        """
        live_stats = self._communities.get(scope)
        if live_stats is not None:
            self.refresh(live_stats)
        else:
            snapshot = self._ledger.snapshot(scope)
            if snapshot is None:
                raise UnknownCommunity
            live_stats = self._numbers_of(snapshot)
        self._recent_lookups.append(live_stats)
        return live_stats

    def refresh(self, live_stats: LiveStats) -> bool:
        """Update from the ledger. False when it cannot be read; the last known stats are then marked `stale`.

        A deleted scope keeps its last stats: its rooms are closed anyway.
        """
        try:
            snapshot = self._ledger.snapshot(live_stats.scope)
        except LedgerUnavailable:
            live_stats.update(None)
            return False
        if snapshot is not None:
            live_stats.update(snapshot)
            self._notice_epoch()
        return True

    def writer(self) -> Writer:
        """The number of uncommitted visits, and whether commits succeed."""
        return self._ledger.writer()

    def close(self) -> None:
        """Commit the queued visits and close the database. No visit can be registered afterwards."""
        self._ledger.close()

    def _committed(self, visits: list[tuple[NewVisit, Receipt]]) -> None:
        """Take in a whole batch before any of its requests is answered, so that all answers have the same stats."""
        changed = {}
        for visit, receipt in visits:
            visitor_id = self._touch(visit, receipt)
            scope = receipt.own.scope  # not always that of the visit: a closed community counts its members alone
            if scope != SITE and not receipt.duplicate:  # a retry counts in the scope of its first attempt
                self._active_visitors.touch(scope, visit.visitor_id, visit.place)
                changed[scope] = receipt.own
            self._on_visit(visitor_id, visit.fingerprint)
        self.site.update(visits[-1][1].snapshot)
        self._notice_epoch()
        self.on_change(self.site)
        for snapshot in changed.values():
            live_stats = self._numbers_of(snapshot)
            live_stats.update(snapshot)
            self.on_change(live_stats)
        self.on_commit(visits)

    def _notice_epoch(self) -> None:
        epoch = self.site.snapshot.epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._recent_lookups.clear()  # some of these communities may be gone
            self.on_epoch()

    def _touch(self, visit: NewVisit, receipt: Receipt) -> str:
        """Returns the active visitor: for a retry across midnight, the one under the hash that is active already."""
        visitor_id, keep_alive = visit.visitor_id, self._active_visitors.keep_alive
        if receipt.duplicate and visit.other_key and not keep_alive(SITE, visitor_id):
            other_id = visit.other_key[0]
            visitor_id = other_id if keep_alive(SITE, other_id) else visitor_id
        self._active_visitors.touch(SITE, visitor_id, visit.place)
        return visitor_id

    def _numbers_of(self, snapshot: CounterSnapshot) -> LiveStats:
        new = LiveStats(snapshot, self._active_visitors, self._clock, self._high_water)
        return self._communities.setdefault(snapshot.scope, new)
