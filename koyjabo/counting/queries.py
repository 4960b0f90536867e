"""Queries about visits outside of the ledger: ids by time, recent visits, a visit by number, sums by hour and day,
secrets of anonymous visits by day.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Engine, Select, bindparam, case, delete, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import MINUTE_MS
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import ids_between
from koyjabo.base.models import SITE, Scope
from .models import Adjustment, DailyVisits, DaySecret, HourlyVisits, Visit

SITE_EPOCH = select(Counter.epoch).where(Counter.scope == SITE)

ADD_DAY_SECRET = text("INSERT INTO day_secrets (day, secret) VALUES (:day, :secret) ON CONFLICT DO NOTHING")

LARGEST_NUMBER = 2**62
"""The highest visit number to search for. Adjustments are far smaller, so the resulting id fits into 64 bits."""

MAX_RECENT_VISITS = 200_000
"""Maximum number of recent visits that are read: more than a small machine registers in one active window."""

EARLIER_KEY = 0
"""Key for all visits before the requested time, in place of a minute."""

IN_A_COMMUNITY: Any = text("scope <> 'site'")
"""The condition of the partial index, in the exact form that SQLite needs to use it."""


def id_range(session: Session, began_ms: int | None, ended_ms: int | None) -> tuple[int, int]:
    """The ids of visits in a time range: greater than the first result, up to the second. None means no limit."""
    upto = session.scalar(select(func.max(Visit.id))) or 0
    return ids_between(session, Visit, began_ms, ended_ms, after=0, upto=upto)


class Visited(NamedTuple):
    visits: int = 0
    new_visitors: int = 0


def recent_visits(engine: Engine, since_ms: int) -> list[tuple[Scope, str, str, int]]:
    """The visits after `since_ms`, oldest first, without erased visitors: (scope, visitor, location, time in ms).
    Raises LedgerUnavailable. Reads backwards from the newest row to `since_ms`.
    """
    newest_first = select(Visit.scope, Visit.visitor_id, Visit.place, Visit.at_ms).order_by(Visit.id.desc())
    visits: list[tuple[Scope, str, str, int]] = []
    try:
        with engine.connect() as connection:
            rows = connection.execution_options(snapshot=True, yield_per=1000).execute(
                newest_first.limit(MAX_RECENT_VISITS)
            )
            for row in rows:
                if row.at_ms <= since_ms:
                    break
                if row.visitor_id.startswith(DELETED_ID):
                    continue
                for scope in {SITE, Scope(row.scope)}:  # a community's visit also counts for the site
                    visits.append((scope, row.visitor_id, row.place, row.at_ms))
    except (OperationalError, sqlite3.OperationalError) as error:
        raise LedgerUnavailable from error
    return visits[::-1]


def epoch(session: Session) -> int:
    """The site's epoch, ms."""
    return session.scalars(SITE_EPOCH).one()


def minute_counts(session: Session, scope: Scope, after: int, since_ms: int) -> Sequence[Any]:
    """A scope's visits with an id above `after`: the `minute` since 1970, whether they have an account, how many they
    are, and the `newest` id. The site includes its communities. Visits before `since_ms` have the minute BEFORE.
    """
    return session.execute(_minutes(scope == SITE), {"scope": scope, "after": after, "since_ms": since_ms}).all()


@cache
def _minutes(is_site: bool) -> Select[Any]:
    """The statement for `minute_counts`. It is built only once, because feeds execute it for each visit."""
    minute = case((Visit.at_ms >= bindparam("since_ms"), Visit.at_ms // MINUTE_MS), else_=EARLIER_KEY).label("minute")
    has_account = Visit.user_id.is_not(None).label("has_account")
    counted = select(minute, has_account, func.count(), func.max(Visit.id).label("newest")).where(
        Visit.id > bindparam("after")
    )
    if not is_site:
        counted = counted.where(Visit.scope == bindparam("scope"), IN_A_COMMUNITY)
    return counted.group_by(minute, has_account)


def ids_of(session: Session, number: int | None) -> list[int]:
    """The ids of the visits with this number. There are several if a new epoch began with a lower total."""
    ids = [first for first, _ in ids_between_ordinals(session, number, number)] if number is not None else []
    return list(session.scalars(select(Visit.id).where(Visit.id.in_(ids))))


def ids_between_ordinals(session: Session, first: int, last: int) -> list[tuple[int, int]]:
    """The ids of the visits with these numbers, as ranges, in order. Reads no visits."""
    if not 0 < first <= last <= LARGEST_NUMBER:
        return []
    change = func.sum(Adjustment.total_after - Adjustment.total_before)
    places = select(Adjustment.after_visit, change).where(Adjustment.scope == SITE).group_by(Adjustment.after_visit)
    offset, after, ranges = 0, 0, []
    for upto, by in [*session.execute(places.order_by(Adjustment.after_visit)), (LARGEST_NUMBER, 0)]:
        ranges.append((max(after + 1, first - offset), min(upto, last - offset)))
        offset, after = offset + int(by), upto
    return [(begin, end) for begin, end in ranges if begin <= end]


def numbered_visit(session: Session, ordinal: int) -> Any:
    """The `id`, `day` and `visitor_id` of the latest visit with this number; None if it is reduced or its visitor was
    erased.
    """
    newest = max(ids_of(session, ordinal), default=None)
    visit = session.execute(select(Visit.id, Visit.day, Visit.visitor_id).where(Visit.id == newest)).first()
    return None if visit is None or visit.visitor_id.startswith(DELETED_ID) else visit


def epochs_of_ordinals(session: Session, epoch: int) -> list[int]:
    """The epochs whose numbers are valid in `epoch`, newest first: `epoch` itself, and the epochs that it continued
    after rollbacks.
    """
    continued = select(Adjustment.epoch, Adjustment.epoch_before)
    continued = continued.where(Adjustment.scope == SITE, Adjustment.epoch_before.is_not(None))
    before, epochs = {row.epoch: row.epoch_before for row in session.execute(continued)}, [epoch]
    while (earlier := before.get(epochs[-1])) is not None:
        epochs.append(earlier)
    return epochs


def visits_by_day(session: Session, scope: Scope, first: str, last: str) -> dict[str, Visited]:
    """Visits by day, in order, omitting days without visits."""
    rows = select(DailyVisits.day, DailyVisits.visits, DailyVisits.new_visitors)
    rows = rows.where(DailyVisits.scope == scope, DailyVisits.day.between(first, last))
    return {day: Visited(*counts) for day, *counts in session.execute(rows.order_by(DailyVisits.day))}


def visits_in_hours(session: Session, scope: Scope, hours: Sequence[int]) -> dict[int, int]:
    """Visits by hour, for hours with these start times (s since 1970), omitting hours without visits."""
    rows = select(HourlyVisits.hour_s, HourlyVisits.visits)
    rows = rows.where(HourlyVisits.scope == scope, HourlyVisits.hour_s.in_(hours))
    return {row.hour_s: row.visits for row in session.execute(rows)}


def day_secret(session: Session, day: str) -> str | None:
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one_or_none()


def make_day_secret(session: Session, day: str, secret: str) -> str:
    """Store `secret`, unless the day already has one. Returns the day's secret."""
    session.execute(ADD_DAY_SECRET, {"day": day, "secret": secret})
    return session.execute(select(DaySecret.secret).where(DaySecret.day == day)).scalar_one()


def delete_day_secrets(session: Session, before: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA secure_delete = ON"))  # overwrites the deleted bytes
    session.execute(delete(DaySecret).where(DaySecret.day < before))
