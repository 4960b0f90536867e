"""Queries of the time that members spend in communities: stays are added to the sums by day, each moment once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import select, text, tuple_
from sqlalchemy.orm import Session

from koyjabo.communities.live.member_time import MemberTime
from koyjabo.core.clock import Clock
from koyjabo.database.json_rows import insert_sums
from koyjabo.models import Community, MemberSpans, Scope, TimeSpent, User

STORE = text("""
INSERT INTO member_spans (scope, user_id, spans, days) VALUES (:scope, :user_id, :spans, :days)
ON CONFLICT (scope, user_id) DO UPDATE SET spans = excluded.spans, days = excluded.days
""")
MAKE = text("""
INSERT INTO member_spans (scope, user_id, spans, days) VALUES (:scope, :user_id, '[]', '[]') ON CONFLICT DO NOTHING
""")
ADD = text(insert_sums(TimeSpent, "(:scope, :day, :members, :spent_ms)"))

Key = tuple[str, str]
"""(community, user)"""


class Stay(NamedTuple):
    """A span of time during which a member was connected. Times are ms since 1970-01-01 UTC."""

    scope: Scope
    user_id: str
    began_ms: int
    ended_ms: int


class Spent(NamedTuple):
    """Of a day: how many members were connected, and how long all together."""

    members: int = 0
    spent_ms: int = 0


def add(session: Session, stays: Collection[Stay], clock: Clock) -> None:
    """Add new time. Idempotent. Stays in deleted communities, and of deleted accounts, are left out.

    Locks rows in one order, so that two workers cannot deadlock.
    """
    times = _locked(session, stays)
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for stay in stays:
        time = times.get(stay[:2])
        if time is None:
            continue
        for day, added_ms in time.add(stay.began_ms, stay.ended_ms, clock).items():
            sums[stay.scope, day][0] += time.is_first_on(day)
            sums[stay.scope, day][1] += added_ms
    _store(session, STORE, [_row(key, spans=time.spans, days=time.days) for key, time in times.items()])
    rows = [{"scope": scope, "day": day, "members": of[0], "spent_ms": of[1]} for (scope, day), of in sums.items()]
    _store(session, ADD, sorted(rows, key=lambda row: (row["scope"], row["day"])))


def by_day(session: Session, scope: Scope, first: str, last: str) -> dict[str, Spent]:
    """Of the days `first` to `last`, both included; days without any are left out."""
    wanted = select(TimeSpent.day, TimeSpent.members, TimeSpent.spent_ms)
    rows = session.execute(wanted.where(TimeSpent.scope == scope, TimeSpent.day.between(first, last)))
    return {day: Spent(members, spent_ms) for day, members, spent_ms in rows}


def _locked(session: Session, stays: Collection[Stay]) -> dict[Key, MemberTime]:
    """By existing community and user. They cannot be deleted before the end of the transaction."""
    communities = _kept(session, Community, {stay.scope for stay in stays})
    users = _kept(session, User, {stay.user_id for stay in stays})
    keys = sorted({stay[:2] for stay in stays if stay.scope in communities and stay.user_id in users})
    if not keys:
        return {}
    _store(session, MAKE, [_row(key) for key in keys])
    wanted = select(MemberSpans).where(tuple_(MemberSpans.scope, MemberSpans.user_id).in_(keys))
    rows = session.scalars(wanted.order_by(MemberSpans.scope, MemberSpans.user_id).with_for_update())
    return {(row.scope, row.user_id): MemberTime(row.spans, row.days) for row in rows}


def _kept(session: Session, table: Any, ids: Collection[str]) -> set[str]:
    """The existing ids. Their rows cannot be deleted before the end of the transaction."""
    rows = select(table.id).where(table.id.in_(ids)).order_by(table.id)
    return set(session.scalars(rows.with_for_update(read=True, key_share=True)))


def _row(key: Key, **values: str) -> dict[str, str]:
    return {"scope": key[0], "user_id": key[1], **values}


def _store(session: Session, statement: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(statement, rows)
