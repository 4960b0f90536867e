"""One visit, one session, one transaction, as most code would be written with SQLAlchemy's ORM."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, event, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

from koyjabo.clock import Bucket, Clock, iso
from koyjabo.counting.stats import base36
from koyjabo.models import SITE, Counter, DailyVisits, HourlyVisits, Visit, Visitor

CONNECTIONS = 20
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000")
"""As durable as the product."""


class NaiveLedger:
    def __init__(self, url: str, clock: Clock) -> None:
        engine = open_engine(url)
        self._new_session = sessionmaker(engine, expire_on_commit=False)
        self._insert = (sqlite if engine.dialect.name == "sqlite" else postgresql).insert
        self._clock = clock

    def register(self, body: dict) -> dict:
        """Register one visit; the body of the answer."""
        now_ms = self._clock.now_ms()
        with self._new_session.begin() as session:
            counter = session.scalars(
                update(Counter)
                .where(Counter.scope == SITE)
                .values(visits=Counter.visits + 1, total=Counter.total + 1, revision=now_ms)
                .returning(Counter)
            ).one()
            visit = {"visitor_id": body["visitorId"], "visit_id": body["visitId"]}
            first = session.scalar(select(Visit.ordinal).filter_by(**visit))
            if first is not None:
                session.rollback()
                return answer(counter, 0, first, True)
            bucket = self._clock.bucket(now_ms)
            session.add(new_visit(counter, bucket, body, now_ms))
            today = self._count(session, counter, bucket, body["visitorId"])
            return answer(counter, today, counter.total, False)

    def _count(self, session: Session, counter: Counter, bucket: Bucket, visitor_id: str) -> int:
        """The visitor and the rollups; the visits of the day so far."""
        visitor = self._insert(Visitor).values(scope=SITE, visitor_id=visitor_id, first_visit=counter.visits)
        is_new = session.execute(visitor.on_conflict_do_nothing()).rowcount
        counter.unique_visitors += is_new
        self._add_to(session, HourlyVisits, "hour_s", bucket.hour_s, is_new)
        return self._add_to(session, DailyVisits, "day", bucket.day, is_new)

    def _add_to(self, session: Session, rollup, key: str, at: str | int, is_new: int) -> int:
        row = self._insert(rollup).values(scope=SITE, **{key: at}, visits=1, new_visitors=is_new)
        sums = {"visits": rollup.visits + 1, "new_visitors": rollup.new_visitors + is_new}
        counted = row.on_conflict_do_update(index_elements=["scope", key], set_=sums).returning(rollup.visits)
        return session.scalars(counted).one()


def open_engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=CONNECTIONS, max_overflow=0)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def configure(connection, _record) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def new_visit(counter: Counter, bucket: Bucket, body: dict, now_ms: int) -> Visit:
    return Visit(
        id=counter.visits,
        ordinal=counter.total,
        scope=SITE,
        visitor_id=body["visitorId"],
        visit_id=body["visitId"],
        at_ms=now_ms,
        day=bucket.day,
        hour_s=bucket.hour_s,
        client_ms=body["timestamp"],
        place="Unknown",
        referrer=body["referrer"],
        user_agent=body["userAgent"],
        page=body["page"],
    )


def answer(counter: Counter, today: int, ordinal: int, duplicate: bool) -> dict:
    stats = {
        "totalVisitors": counter.total,
        "totalVisits": counter.total,
        "todayVisits": today,
        "activeUsers": 20000,
        "uniqueVisitors": counter.unique_visitors,
        "locations": {"Unknown": {"count": 20000}},
        "revision": counter.revision,
        "epoch": base36(counter.epoch),
        "timestamp": iso(counter.revision),
    }
    return {"success": True, "visit": {"ordinal": ordinal, "duplicate": duplicate}, "stats": stats}
