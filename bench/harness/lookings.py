"""An admin who looks for visits: in the product's own way, without a server around it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.engine import make_url

from harness.fill_log import COMMON, LARGE, RARE, SMALL
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.identity import Account
from koyjabo.insights.traits.parser import TraitParser
from koyjabo.runtime import ThreadRuntime
from koyjabo.visit_log.visit_log import Filter, VisitLog

ENOUGH = 200
"""Visits, after which a person looks no further."""

ADMIN = Account("00000000-0000-4000-8000-000000000000", "bench@example.com", "Benchmark", True)


@dataclass(frozen=True)
class Looked:
    what: str
    first_ms: float
    longest_ms: float
    pages: int
    visits: int


def look_through(url: str) -> Iterator[Looked]:
    clock = Clock(ZoneInfo("Asia/Dhaka"))
    database = DatabaseExecutor(make_url(url), ThreadRuntime())
    log = VisitLog(database, clock, TraitParser())
    try:
        some = log.page(ADMIN, Filter()).visits[-1]
        day = (date.fromisoformat(clock.today()) - timedelta(200)).isoformat()
        searches = {
            "anything": Filter(),
            "a day": Filter(day, day),
            "a common place": Filter(place=COMMON),
            "a rare place": Filter(place=RARE),
            "a rare place on a day": Filter(day, day, place=RARE),
            "a large community": Filter(community_id=LARGE),
            "a small community": Filter(community_id=SMALL),
            "a rare place in it": Filter(place=RARE, community_id=SMALL),
            "a number": Filter(text=str(some.ordinal)),
            "a visitor": Filter(text=some.visitor_id),
            "how a visitorId begins": Filter(text=some.visitor_id[:20]),
            "a visitId": Filter(text=some.visit_id),
            "a part of a page": Filter(text="histor"),
            "a browser": Filter(browser="Chrome"),
            "a browser that no one has": Filter(browser="Firefox"),
            "what is not there": Filter(text="nobody"),
        }
        for what, which in searches.items():
            yield _look(log, what, which)
        yield _export(log, Filter(day, day))
    finally:
        database.close()


def _look(log: VisitLog, what: str, which: Filter) -> Looked:
    before, visits, took = None, 0, []
    while True:
        began = time.perf_counter()
        found = log.page(ADMIN, which, before)
        took.append((time.perf_counter() - began) * 1000)
        before, visits = found.before, visits + len(found.visits)
        if before is None or visits >= ENOUGH:
            return Looked(what, took[0], max(took), len(took), visits)


def _export(log: VisitLog, which: Filter) -> Looked:
    took, lines, began = [], 0, time.perf_counter()
    for piece in log.export(ADMIN, which, "csv"):
        took.append((time.perf_counter() - began) * 1000)
        lines, began = lines + piece.count("\n"), time.perf_counter()
    return Looked("an export of a day, by the piece", took[0], max(took), len(took), lines - 1)
