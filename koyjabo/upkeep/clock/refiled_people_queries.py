"""Files people's days, peaks and other times again, and restores them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Text, cast, delete, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.rows import change_in_database
from koyjabo.base.models import Scope
from koyjabo.columns.columns import Columns
from koyjabo.counting import daily_people_postgres, daily_people_sqlite
from koyjabo.counting.daily_people import SLOT_S, DailyPeople, Day, slot_of
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.models import Person, PersonDay, StoredMilestone
from koyjabo.people.mail.models import OutboxMail
from koyjabo.presence.members.models import Peak
from koyjabo.presence.members.peak_queries import store as store_peak
from koyjabo.reports.models import Conversion
from koyjabo.upkeep.old_row_queries import lock, lock_counters
from koyjabo.upkeep.recounts.derived_tables_queries import LIST_ABSENT
from .models import RefiledRow
from .refiling_queries import Later, keep_earlier, take_earlier

OTHER_TIMES: tuple[tuple[Any, Any], ...] = (
    (StoredMilestone.key, StoredMilestone.at_ms),
    (Conversion.id, Conversion.at_ms),
)
"""Keys and times of rows that no sum depends on."""

VISITS_PER_PIECE = 5_000
SELECT_ATTENDED_LATER = text("SELECT visit_id FROM attendance WHERE settled_until_ms > :least_ms")


def mark_present(session: Session, clock: Clock, expires_ms: int | None, after: int, upto: int) -> None:
    """Mark people as present in the hours of their visits. With `expires_ms`, also store their earlier days."""
    lock(session)
    absent = session.execute(LIST_ABSENT, {"after": after, "upto": upto}).all()
    if not absent:
        return
    lock_counters(session, {Scope(row.scope) for row in absent})
    module, execute = _database(session)
    keys = sorted({(Scope(row.scope), row.person, row.day) for row in absent})
    seen = module.look_up(execute, keys)
    people = DailyPeople(seen, clock)
    for scope, person, day, hour_s in absent:
        people.record(scope, person, day, hour_s)
    module.write(execute, people)
    if expires_ms is not None:
        earlier = {(row.scope, row.person, row.day): row.slots or 0 for row in seen}
        for scope, person, day in keys:
            person_id = session.scalar(select(Person.id).where(Person.scope == scope, Person.person == person))
            row = {f"{person_id} {day}": [clock.began_s(day), earlier.get((scope, person, day), 0)]}
            keep_earlier(session, "person_days", row, expires_ms)


def refile_people(session: Session, clock: Clock, later: Later, before_ms: int, after: int, size: int) -> int | None:
    """Remove future times from the days of the next `size` people. A person without another time since `before_ms`
    counts as present at `before_ms`. Returns the last id, or None if there are no more.
    """
    lock(session)
    today = clock.bucket(later.now_ms).day
    late = select(Person).where(Person.last_day >= today, Person.id > after).order_by(Person.id).limit(size)
    people = session.scalars(late).all()
    if not people:
        return None
    lock_counters(session, {Scope(person.scope) for person in people})
    changes, at = DailyPeople((), clock), clock.bucket(before_ms)
    for person in people:
        days = _days(session, person.id)
        kept = {day: row for day, value in days.items() if (row := _until(value, later.least_ms // 1000))[1]}
        if kept == days:
            continue
        if max(kept, default="") < at.day:
            began_s, slots = kept.get(at.day, (clock.began_s(at.day), 0))
            kept[at.day] = began_s, slots | 1 << slot_of(began_s, at.hour_s)
        _set_days(session, changes, person, days, kept, later.expires_ms)
    _write(session, changes)
    return people[-1].id


def put_back_people(session: Session, clock: Clock, size: int) -> int:
    """Restore the days of people. Returns how many."""
    lock(session)
    rows, by_person = take_earlier(session, "person_days", size), defaultdict[int, dict[str, Day]](dict)
    for key, (began_s, slots) in rows:
        by_person[int(key.split()[0])][key.split()[1]] = began_s, slots
    people = session.scalars(select(Person).where(Person.id.in_(by_person)).order_by(Person.id)).all()
    lock_counters(session, {Scope(person.scope) for person in people})
    changes = DailyPeople((), clock)
    for person in people:
        days = _days(session, person.id)
        restored = {day: row for day, row in {**days, **by_person[person.id]}.items() if row[1]}
        if restored and restored != days:
            _set_days(session, changes, person, days, restored, None)
    _write(session, changes)
    return len(rows)


def refile_others(session: Session, columns: Columns, clock: Clock, later: Later, before_ms: int) -> None:
    """File peaks and other times again, and end the spans of visits from the future. Their attended time stays."""
    lock(session)
    change = columns.change(session, attended=True)
    attended = session.scalars(SELECT_ATTENDED_LATER, {"least_ms": later.least_ms}).all()
    change.visits(attendance_queries.remove(session, attended))
    _refile_peaks(session, clock.bucket(before_ms).day, later, before_ms)
    for key, time in OTHER_TIMES:
        rows = session.execute(select(key, time).where(time > later.least_ms)).all()
        keep_earlier(session, key.class_.__tablename__, dict(map(tuple, rows)), later.expires_ms)
        kept = select(RefiledRow.key).where(RefiledRow.name == key.class_.__tablename__)
        is_kept = cast(key, Text).in_(kept)  # not what another transaction has stored in between
        moved = update(key.class_).where(time > later.least_ms, is_kept).values({time: before_ms})
        change_in_database(session, moved)
    is_late = (OutboxMail.due_ms > later.least_ms) & OutboxMail.done_ms.is_(None)  # it would wait for its time
    change_in_database(session, update(OutboxMail).where(is_late).values(due_ms=before_ms))


def _refile_peaks(session: Session, day: str, later: Later, before_ms: int) -> None:
    """Move peaks from the future to this day, whose highest peak is kept."""
    columns = select(Peak.scope, Peak.day, Peak.people, Peak.at_ms)
    for scope, late_day, people, at_ms in session.execute(columns.where(Peak.at_ms > later.least_ms)).all():
        earlier = session.execute(columns.where(Peak.scope == scope, Peak.day == day)).first()
        stored = earlier[2:] if earlier else (0, 0)
        rows = {f"{scope} {late_day}": (people, at_ms, 0), f"{scope} {day}": (*stored, before_ms)}
        keep_earlier(session, "peaks", rows, later.expires_ms)
        session.execute(delete(Peak).where(Peak.scope == scope, Peak.day == late_day))
        store_peak(session, Scope(scope), day, people, before_ms)


def put_back_others(session: Session) -> None:
    lock(session)
    for key, (people, at_ms, moved_ms) in take_earlier(session, "peaks"):
        scope, day = key.rsplit(" ", 1)
        session.execute(delete(Peak).where(Peak.scope == scope, Peak.day == day, Peak.at_ms == moved_ms))
        if people:
            store_peak(session, Scope(scope), day, people, at_ms)
    for key, time in OTHER_TIMES:
        for value, at_ms in take_earlier(session, key.class_.__tablename__):
            change_in_database(session, update(key.class_).where(key == value).values({time: at_ms}))


def _until(day: Day, now_s: int) -> Day:
    """The slots of a day that have begun."""
    began_s, slots = day
    begun = max(0, (now_s - began_s) // SLOT_S + 1)
    return began_s, slots & ((1 << begun) - 1)


def _days(session: Session, person_id: int) -> dict[str, Day]:
    rows = session.scalars(select(PersonDay).where(PersonDay.person_id == person_id))
    return {row.day: (row.began_s, row.slots) for row in rows}


def _set_days(
    session: Session,
    changes: DailyPeople,
    person: Person,
    days: Mapping[str, Day],
    others: Mapping[str, Day],
    expires_ms: int | None,
) -> None:
    """Replace the days of a person. With `expires_ms`, also store the earlier ones."""
    changed = [day for day in {**days, **others} if days.get(day) != others.get(day)]
    if expires_ms is not None:
        earlier = {f"{person.id} {day}": days.get(day, (others.get(day, (0, 0))[0], 0)) for day in changed}
        keep_earlier(session, "person_days", earlier, expires_ms)
    changes.replace(Scope(person.scope), person.person, days, others)
    gone = PersonDay.person_id == person.id, PersonDay.day.in_(days.keys() - others.keys())
    change_in_database(session, delete(PersonDay).where(*gone))


def _write(session: Session, changes: DailyPeople) -> None:
    module, execute = _database(session)
    module.write(execute, changes)
    for table in ("returns", "hourly_people"):
        session.execute(text(f"DELETE FROM {table} WHERE authenticated = 0 AND anonymous = 0"))


def _database(session: Session) -> tuple[Any, Any]:
    connection = session.connection()
    module = daily_people_sqlite if connection.dialect.name == "sqlite" else daily_people_postgres
    return module, connection.exec_driver_sql
