"""Registers visits and reads their stats. When `register` returns, the visit counts: it is on disk under a unique
number (specification: Register a visit). Everything that is published afterwards derives from its receipt.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

from koyjabo.base.core.errors import KoyJaboError, LedgerUnavailable, UnknownCommunity, UnknownVisitor
from koyjabo.base.models import SITE, Scope
from koyjabo.presence.visitors.active_visitors import ActiveVisitors
from .ledger import Ledger, OnCommit
from .ledger_query import LedgerQuery
from .live_stats import LiveStats
from .outage import Writer
from .records import CounterSnapshot, NewVisit, Receipt
from .seen_texts import SeenTexts, StorageLimits
from .stats import Stats

log = logging.getLogger(__name__)

VISIT_REGISTERED = "visit_registered ordinal=%d duplicate=%s scope=%s revision=%d"
"""Log message. The first broadcast to that scope with this revision or a newer one includes the visit
(docs/operations.md).
"""

RECENT_LOOKUPS = 500
"""Number of recent lookups that keep a community's stats cached, so that a polling client gets a 304 instead of a new
revision.
"""


class Visits:
    """Registers visits and keeps the statistics of the site and its communities.

    `live_stats` creates the stats of a scope from its numbers. `snapshot` has the site's numbers at startup, used if
    the first read of the ledger fails. `ignores_bots` says whether to leave out visits by declared crawlers.

    `open_ledger` receives the function that the ledger calls with each committed batch. `on_visit` is called with the
    visitor and caller of each committed visit. It and the functions passed to `follow` are plain calls rather than
    signals, which take 30 times as long (3.7 µs) and would slow down every visit. `on_epoch` is called when the site
    has begun a new epoch, before any response contains it.
    """

    def __init__(
        self,
        open_ledger: Callable[[OnCommit], Ledger],
        active_visitors: ActiveVisitors,
        live_stats: Callable[[CounterSnapshot], LiveStats],
        snapshot: CounterSnapshot,
        ignores_bots: Callable[[], bool],
        on_visit: Callable[[str, bytes], None],
        on_epoch: Callable[[], object],
    ) -> None:
        self.site = live_stats(snapshot)
        self._live_stats = live_stats
        self._epoch = snapshot.epoch
        self._on_epoch = on_epoch
        self.texts = SeenTexts()
        self._ledger = open_ledger(self._committed)
        self._ignores_bots = ignores_bots
        self._followers: list[Callable[[LiveStats], object]] = []
        self._on_visit = on_visit
        self._active_visitors = active_visitors
        self._communities: WeakValueDictionary[Scope, LiveStats] = WeakValueDictionary()  # the scopes in use
        self._recent_lookups: deque[LiveStats] = deque(maxlen=RECENT_LOOKUPS)

    def follow(self, follower: Callable[[LiveStats], object]) -> None:
        """Call `follower` with the numbers of each scope that this worker changes, before any response has them. A
        commit may have only page views of visitors without an id.
        """
        self._followers.append(follower)

    def register(self, visit: NewVisit, limits: StorageLimits | None = None) -> Receipt | None:
        """Count a visit durably and return its receipt (specification: Register a visit).

        A retry returns the first receipt, marked `duplicate`. The receipt of a page view has no number. With `limits`,
        the visit's texts are left out if its sender may store no more. Returns None for an ignored crawler, which is
        neither counted nor active. Raises LedgerUnavailable if no commit was confirmed, and UnknownCommunity for an
        unknown scope.
        """
        if self._is_ignored(visit):
            return None
        receipt = self._ledger.append(self.texts.within(visit, limits) if limits else visit)
        if receipt.is_view:
            return receipt
        log.debug(VISIT_REGISTERED, receipt.ordinal, receipt.duplicate, receipt.own.scope, receipt.own.revision)
        return receipt

    def register_all(self, visits: Sequence[NewVisit]) -> list[Receipt | KoyJaboError | None]:
        """Count several visits together, in this order. All must have a `visit_id`. Returns their outcomes as
        `register` would return or raise them.
        """
        ignored = list(map(self._is_ignored, visits))
        counted = [visit for visit, is_ignored in zip(visits, ignored, strict=True) if not is_ignored]
        outcomes = iter(self._ledger.append_all(counted)) if counted else iter(())
        return [None if is_ignored else next(outcomes) for is_ignored in ignored]

    def _is_ignored(self, visit: NewVisit) -> bool:
        if visit.is_bot and self._ignores_bots():
            log.debug("bot_ignored")
            return True
        return False

    def keep_active(self, visitor_id: str, place: str) -> None:
        """Keep a visitor active. Raises UnknownVisitor if they have never registered a visit, and LedgerUnavailable."""
        if not self._active_visitors.keep_alive(SITE, visitor_id):
            if not self._ledger.knows(SITE, visitor_id):
                raise UnknownVisitor
            self._active_visitors.touch_maybe_known(SITE, visitor_id, place)
            self._announce(self.site)

    def knows(self, visitor_id: str) -> bool:
        """Whether a visitor has registered a visit. Raises LedgerUnavailable."""
        return self._ledger.knows(SITE, visitor_id)

    def arrive(self, visitor_id: str, place: str) -> bool:
        """Mark a visitor with an open page as active. If they have not registered a visit or the ledger is unavailable,
        does nothing and returns False.
        """
        try:
            self.keep_active(visitor_id, place)
        except (UnknownVisitor, LedgerUnavailable):
            return False
        return True

    def stats(self) -> Stats:
        """The latest stats. Their total is at least as high as in any receipt returned before this call, on any server.
        If the ledger cannot be read, the last known stats are returned, marked `stale`.
        """
        self.refresh(self.site)
        return self.site.stats()

    def newest(self) -> Stats:
        """The site's last known stats, without reading the ledger. Use this after a receipt."""
        return self.site.stats()

    def community(self, scope: Scope) -> LiveStats:
        """The stats of a community, which are kept up to date while the caller keeps a reference to the object. Raises
        UnknownCommunity, and LedgerUnavailable if they are not cached and the ledger cannot be read.
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
        """Update stats from the ledger. Returns False if it cannot be read; the last known stats are then marked
        `stale`. A deleted scope keeps its last stats, because its rooms are closed anyway.
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

    def read(self, query: LedgerQuery) -> Any:
        """Run a feature's query on the ledger's connection. Raises LedgerUnavailable."""
        return self._ledger.read(query)

    def writer(self) -> Writer:
        """The number of uncommitted visits, and whether commits succeed."""
        return self._ledger.writer()

    def close(self) -> None:
        """Commit the queued visits and close the database. No visit can be registered afterwards."""
        self._ledger.close()

    def _committed(self, visits: list[tuple[NewVisit, Receipt]]) -> None:
        """Update everything from a whole batch before any of its requests gets its response, so that all responses have
        the same stats.
        """
        changed = {}
        for visit, receipt in visits:
            visitor_id = self._touch(visit, receipt)
            scope = receipt.own.scope  # may differ from the visit's scope: a closed community only counts its members
            if scope != SITE and not receipt.duplicate:  # a retry counts in the scope of its first attempt
                self._active_visitors.touch(scope, visit.visitor_id, visit.place)
                changed[scope] = receipt.own
            self._on_visit(visitor_id, visit.fingerprint)
        self.site.update(visits[-1][1].snapshot)
        self._notice_epoch()
        self._announce(self.site)
        for snapshot in changed.values():
            live_stats = self._numbers_of(snapshot)
            live_stats.update(snapshot)
            self._announce(live_stats)

    def _announce(self, live_stats: LiveStats) -> None:
        for follower in self._followers:
            follower(live_stats)

    def _notice_epoch(self) -> None:
        epoch = self.site.snapshot.epoch
        if epoch != self._epoch:
            self._epoch = epoch
            self._recent_lookups.clear()  # some of these communities may no longer exist
            self._on_epoch()

    def _touch(self, visit: NewVisit, receipt: Receipt) -> str:
        """Mark the visitor as active, and return the id that was marked. For a retry across midnight, this is the
        earlier hash.
        """
        visitor_id, keep_alive = visit.visitor_id, self._active_visitors.keep_alive
        if receipt.duplicate and visit.other_key and not keep_alive(SITE, visitor_id):
            other_id = visit.other_key[0]
            visitor_id = other_id if keep_alive(SITE, other_id) else visitor_id
        self._active_visitors.touch(SITE, visitor_id, visit.place)
        return visitor_id

    def _numbers_of(self, snapshot: CounterSnapshot) -> LiveStats:
        return self._communities.setdefault(snapshot.scope, self._live_stats(snapshot))
