"""Answers requests from one snapshot, and keeps answers about closed days, those before the newest day with sums."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.core.clock import Clock, shifted
from koyjabo.models import SITE, EventSum, Visit
from koyjabo.reports.engine import ledger_queries
from koyjabo.reports.engine.requests import BreakdownRequest, ReportRequest, dimensions
from koyjabo.reports.engine.snapshot_queries import Caches, Snapshot
from koyjabo.reports.events.event_plan import EVENT
from koyjabo.reports.projection.additions import HOUR
from koyjabo.reports.query.dimensions import has_many
from koyjabo.reports.query.labels import has_addresses

LATE = (
    select(Visit.id).where(Visit.id > bindparam("after"), Visit.day.between(bindparam("first"), bindparam("last")))
).limit(1)


def answer_all(session: Session, clock: Clock, caches: Caches, requests: Sequence[ReportRequest]) -> list[Any]:
    """In the order of the requests, all of one moment. Raises NeedsScan, StillCounting, LedgerUnavailable."""
    snapshot, answers, versions = Snapshot(session, clock, caches), {}, {}
    for request in requests:
        versions[request] = _version(snapshot, request) if request.question.filters else None
        kept = None if versions[request] is None else caches.answers.get(request, versions[request])
        if kept is not None:
            answers[request] = kept[0]
            continue
        for question, key in request.wanted():
            snapshot.wanted[question].add(key)
    for request, version in versions.items():
        if request not in answers:
            answers[request] = request.answer(snapshot)
            if version is not None:
                caches.answers.store(request, version, [answers[request]])
    return [answers[request] for request in requests]


def _version(snapshot: Snapshot, request: ReportRequest) -> Hashable:
    """The same as long as the answer cannot change; None if it may. A visit of a closed day may have new events."""
    wanted = list(request.wanted())
    first, last = min(question.first for question, _ in wanted), max(question.last for question, _ in wanted)
    if any(map(has_many, dimensions(request))) or not snapshot.state.is_current or last >= snapshot.newest_day:
        return None
    if snapshot.session.scalar(LATE, {"after": snapshot.state.upto, "first": first, "last": last}):
        return None
    listed = isinstance(request, BreakdownRequest) and request.is_public and has_addresses(request.dimension)
    return snapshot.state.changes, _events(snapshot, first, last), listed and ledger_queries.listed(snapshot.session)


def _events(snapshot: Snapshot, first: str, last: str) -> int:
    """How many page views and events there were on these days, to notice late ones."""
    began, ended = (str(snapshot.clock.began_s(day)) for day in (first, shifted(last, 1)))
    by_day = (EventSum.dimension == EVENT, EventSum.period.between(first, last))
    by_hour = (EventSum.dimension == HOUR, EventSum.period >= began, EventSum.period < ended)
    counts = select(func.sum(EventSum.count)).where(EventSum.scope == SITE, or_(and_(*by_day), and_(*by_hour)))
    return int(snapshot.session.scalar(counts) or 0)
