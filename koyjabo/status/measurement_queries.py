"""Stores what workers measure, and reads what the promises are judged by. Operations of the database executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from koyjabo.core.clock import MINUTE_MS
from koyjabo.maintenance.backups.run_queries import FAILED
from koyjabo.maintenance.health import queries as health
from koyjabo.maintenance.health.queries import LastRecount
from koyjabo.models import Adjustment, Backup, MeasuredMinute, Measurement
from koyjabo.models.ledger import ROLLED_BACK

RETRIES, FREED, OUTAGE = "retries_absorbed", "members_freed", "minutes_without_ledger"
LATENCY = "commit_to_page"

HOUR_MS = 60 * MINUTE_MS
MONTH_MS = 30 * 24 * HOUR_MS

ADD = text("""
INSERT INTO measurements (name, since_ms, amount) VALUES (:name, :since_ms, :amount)
ON CONFLICT (name) DO UPDATE SET amount = measurements.amount + excluded.amount
""")
ADD_PUSHES = text("""
INSERT INTO measured_minutes (name, minute_ms, bucket, amount) VALUES (:name, :minute_ms, :bucket, :amount)
ON CONFLICT (name, minute_ms, bucket) DO UPDATE SET amount = measured_minutes.amount + excluded.amount
""")
# Every worker has seen the same outage, so the longest part of a minute stands for all.
SET_OUTAGE = text("""
INSERT INTO measured_minutes (name, minute_ms, bucket, amount) VALUES (:name, :minute_ms, 0, :amount)
ON CONFLICT (name, minute_ms, bucket) DO UPDATE SET amount =
CASE WHEN excluded.amount > measured_minutes.amount THEN excluded.amount ELSE measured_minutes.amount END
""")


class Measured(NamedTuple):
    """What a worker has measured and not stored yet."""

    sums: Mapping[str, int]  # of RETRIES and FREED
    pushes: Mapping[int, int]  # by bucket of their latency
    outage: Mapping[int, int]  # ms without a ledger, by the beginning of the minute


class MeasuredSum(NamedTuple):
    since_ms: int
    amount: int


class PromiseFacts(NamedTuple):
    sums: dict[str, MeasuredSum]  # by RETRIES, FREED and OUTAGE, whose amount is always 0: it has its own
    pushes: dict[int, int]  # of the last hour, by bucket
    outage_ms: int  # of the last 30 days
    recount: LastRecount | None
    proven_ms: int | None  # when the newest backup was proven
    failed_ms: int | None  # when the newest one that failed ended
    rollbacks: int | None  # of the last 30 days; None if they could not be read
    rollback_ms: int | None  # when the first of these was found


def store(session: Session, new: Measured, measures: Sequence[str], now_ms: int) -> None:
    """Add what was measured until now. `measures` are the names of all that this worker measures, so that their first
    moment is known before anything happens.
    """
    session.execute(ADD, [{"name": each, "since_ms": now_ms, "amount": new.sums.get(each, 0)} for each in measures])
    minute_ms = now_ms - now_ms % MINUTE_MS
    if new.pushes:
        at = {"name": LATENCY, "minute_ms": minute_ms}
        session.execute(ADD_PUSHES, [{**at, "bucket": each, "amount": n} for each, n in sorted(new.pushes.items())])
        _forget(session, LATENCY, now_ms - HOUR_MS)
    if new.outage:
        session.execute(
            SET_OUTAGE, [{"name": OUTAGE, "minute_ms": each, "amount": ms} for each, ms in sorted(new.outage.items())]
        )
        _forget(session, OUTAGE, now_ms - MONTH_MS)


def facts(session: Session, now_ms: int) -> PromiseFacts:
    of_late = Adjustment.kind == ROLLED_BACK, Adjustment.at_ms >= now_ms - MONTH_MS
    sums = session.execute(select(Measurement.name, Measurement.since_ms, Measurement.amount))
    found = select(func.count(Adjustment.epoch.distinct()), func.min(Adjustment.at_ms)).where(*of_late)
    rollbacks, rollback_ms = session.execute(found).one()
    return PromiseFacts(
        sums={name: MeasuredSum(since_ms, amount) for name, since_ms, amount in sums},
        pushes=_by_bucket(session, LATENCY, now_ms, HOUR_MS),
        outage_ms=sum(_by_bucket(session, OUTAGE, now_ms, MONTH_MS).values()),
        recount=health.last_recount(session),
        proven_ms=health.proven_ms(session),
        failed_ms=session.scalar(select(func.max(Backup.ended_ms)).where(Backup.state == FAILED)),
        rollbacks=rollbacks,
        rollback_ms=rollback_ms,
    )


def _by_bucket(session: Session, name: str, now_ms: int, length_ms: int) -> dict[int, int]:
    """The sums of the minutes that began in the period that ends now. A clock that was put back leaves later ones."""
    begun_ms = MeasuredMinute.minute_ms
    minutes = MeasuredMinute.name == name, begun_ms > now_ms - length_ms, begun_ms <= now_ms
    sums = select(MeasuredMinute.bucket, func.sum(MeasuredMinute.amount)).where(*minutes)
    return {bucket: int(amount) for bucket, amount in session.execute(sums.group_by(MeasuredMinute.bucket))}


def _forget(session: Session, name: str, before_ms: int) -> None:
    old = MeasuredMinute.name == name, MeasuredMinute.minute_ms <= before_ms
    session.execute(delete(MeasuredMinute).where(*old))
