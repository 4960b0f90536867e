"""Computes `page_sums` from the report "Viewed page" of all time when the sums cannot be continued, for example after
the feature was turned on. Otherwise they follow the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import LedgerUnavailable, StillCounting
from koyjabo.base.database.executor import Throttle
from koyjabo.base.jobs.claims import LeasedTasks
from koyjabo.base.models import SITE
from koyjabo.counting.page_numbers import page_queries
from koyjabo.counting.page_numbers.page_numbers import PageNumbers
from koyjabo.counting.page_numbers.page_queries import PageRow
from koyjabo.reports.engine.requests import EventValues
from koyjabo.reports.engine.snapshot_queries import Snapshot, first_day
from koyjabo.reports.live.live import Live
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.block_queries import LogState
from koyjabo.reports.log.trait_parser import TraitParser
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.report_query import VIEWED_PAGE, Question, Value
from koyjabo.reports.services import ReportServices

LEASE = "page_totals"

RENEW_MS = 20_000
"""How often the lease is renewed, ms: after a third of its length."""


class PageViewTotals(NamedTuple):
    """The views of all pages, in all and on the day `today`, at one state of the log."""

    state: LogState
    views: Mapping[str, int]
    today: str
    of_today: Mapping[str, int]

    def rows(self) -> list[PageRow]:
        return [
            (page, views, self.today if page in self.of_today else "", self.of_today.get(page, 0))
            for page, views in sorted(self.views.items())
        ]


class PageTotals:
    """Call `tick` every second."""

    def __init__(self, base: Base) -> None:
        self._database, self._clock = base.database, base.clock
        self._numbers = base.services[PageNumbers]
        self._live = base.services[ReportServices].reports.live
        self._tasks = LeasedTasks(
            base.database, base.clock, base.runtime, LEASE, "page_totals_interrupted", "page_totals_failed"
        )
        self._renewed_ms = 0

    def tick(self) -> None:
        """Follow the log. If the sums are not ready, compute them in a task, on one worker. Never raises."""
        if not self._numbers.is_on or self._tasks.busy:
            return
        with suppress(LedgerUnavailable):  # the next tick tries again
            try:
                self._numbers.tick()
            except StillCounting:
                if self._tasks.take():
                    self._tasks.start(LEASE, self._work)

    def begin_again(self) -> None:
        """Discard the sums, because other days have begun. Never raises."""
        if self._numbers.is_on:
            with suppress(LedgerUnavailable):
                self._database.write(page_queries.discard)

    def read(self) -> PageViewTotals:
        """The numbers that reports show. Raises StillCounting, LedgerUnavailable."""
        return self._database.scan(_totals, self._clock, self._live)

    def _work(self) -> None:
        with suppress(StillCounting):  # blocks are being stored; the next tick tries again
            while not self._compute():
                pass  # rows have changed in the meantime
        self._tasks.release()

    def _compute(self) -> bool:
        """Replace all sums. Returns whether they are ready."""
        throttle = Throttle(self._database)
        self._database.write(page_queries.discard)
        totals = self.read()
        while throttle.do(page_queries.remove_some):
            self._renew()
        rows, added = totals.rows(), 0
        while added < len(rows):
            added += throttle.do(page_queries.add_some, rows, added)
            self._renew()
        return self._database.write(_finish, totals.state)

    def _renew(self) -> None:
        if self._clock.elapsed_ms() - self._renewed_ms >= RENEW_MS:
            self._renewed_ms = self._clock.elapsed_ms()
            self._tasks.take()


def problems(session: Session, clock: Clock, parser: TraitParser) -> Iterator[str]:
    """Compare the numbers of all pages with the report of all time, and yield a sentence for each difference. Nothing
    is compared while one of them is being computed.
    """
    numbers = page_queries.numbers(session)
    with suppress(StillCounting):
        views = _totals(session, clock, Live(parser, clock)).views if numbers is not None else {}
        for page in sorted({*views, *(numbers or ())}):
            if numbers is not None and numbers[page] != views.get(page, 0):
                yield f"page_sums: {page} has {numbers[page]} views instead of {views.get(page, 0)}"


def _totals(session: Session, clock: Clock, live: Live) -> PageViewTotals:
    snapshot, today = Snapshot(session, clock, live), clock.today()
    views = _views(snapshot, Question(first_day(session, SITE) or today, LAST_DAY))
    return PageViewTotals(live.at(session), views, today, _views(snapshot, Question(today, today)))


def _views(snapshot: Snapshot, question: Question) -> Counter[str]:
    counts: Counter[Value] = EventValues(snapshot, question, VIEWED_PAGE).counts
    return Counter({page: count for page, count in counts.items() if page is not None and count})


def _finish(session: Session, state: LogState) -> bool:
    """Mark the sums as ready, unless rows that they have were changed or removed."""
    if block_queries.lock(session).version != state.version:
        return False
    page_queries.mark_ready(session, state.visits, state.events)
    return True
