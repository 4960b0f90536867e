"""Reads the views of all pages from the reports, and compares them with the numbers of pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import StillCounting
from koyjabo.base.models import SITE
from koyjabo.counting.page_numbers import page_queries
from koyjabo.counting.page_numbers.page_queries import PageRow
from koyjabo.reports.engine.requests import EventValues
from koyjabo.reports.engine.snapshot_queries import Snapshot, first_day
from koyjabo.reports.live.live import Live
from koyjabo.reports.log import block_queries
from koyjabo.reports.log.block_queries import LogState
from koyjabo.reports.log.trait_parser import TraitParser
from koyjabo.reports.query.parameters import LAST_DAY
from koyjabo.reports.query.report_query import VIEWED_PAGE, Question, Value


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


def problems(session: Session, clock: Clock, parser: TraitParser) -> Iterator[str]:
    """Compare the numbers of all pages with the report of all time, and yield a sentence for each difference. Nothing
    is compared while one of them is being computed.
    """
    numbers = page_queries.numbers(session)
    with suppress(StillCounting):
        views = totals(session, clock, Live(parser, clock)).views if numbers is not None else {}
        for page in sorted({*views, *(numbers or ())}):
            if numbers is not None and numbers[page] != views.get(page, 0):
                yield f"page_sums: {page} has {numbers[page]} views instead of {views.get(page, 0)}"


def totals(session: Session, clock: Clock, live: Live) -> PageViewTotals:
    snapshot, today = Snapshot(session, clock, live), clock.today()
    views = _views(snapshot, Question(first_day(session, SITE) or today, LAST_DAY))
    return PageViewTotals(live.at(session), views, today, _views(snapshot, Question(today, today)))


def _views(snapshot: Snapshot, question: Question) -> Counter[str]:
    counts: Counter[Value] = EventValues(snapshot, question, VIEWED_PAGE).counts
    return Counter({page: count for page, count in counts.items() if page is not None and count})


def finish(session: Session, state: LogState) -> bool:
    """Mark the sums as ready, unless rows that they have were changed or removed."""
    if block_queries.lock(session).version != state.version:
        return False
    page_queries.mark_ready(session, state.visits, state.events)
    return True
