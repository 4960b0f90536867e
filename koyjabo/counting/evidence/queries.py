"""Writes the attended time of visits, for many visits in one transaction.

Every transaction locks the row `attendance` of `watermarks` first, so two workers never lose each other's spans.
"""

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from koyjabo.counting.records import is_late
from .spans import MAX_BRIDGE_MS, AttendedTime
from .timeline import READING_TIMELINE, Shown, Timeline

LATEST_VISITS = 10
"""How many of a visitor's latest visits may get a span that names no visit."""

MAX_DROPPED_ROWS = 1000
"""Maximum number of rows that `drop` removes in one transaction."""

NEXT_SEQ = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('attendance', :now_ms, 0)
ON CONFLICT (name) DO UPDATE
SET upto = CASE WHEN watermarks.upto < :now_ms THEN :now_ms ELSE watermarks.upto + 1 END RETURNING upto
""")
LOCK_ATTENDANCE = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('attendance', 0, 0)
ON CONFLICT (name) DO UPDATE SET upto = watermarks.upto RETURNING upto
""")
SET_DROPPED_SEQ = text("""
INSERT INTO watermarks (name, upto, version) VALUES ('attendance_dropped', :seq, 0)
ON CONFLICT (name) DO UPDATE SET upto = excluded.upto WHERE watermarks.upto < excluded.upto
""")

VISIT_FIELDS = "v.id, v.visitor_id, v.visit_id, v.at_ms, v.waited_ms, v.attended_ms, a.settled_ms, a.settled_until_ms"
# Without `+ 0`, PostgreSQL may read the whole table in key order, looking for a visitor with few visits.
NEWEST_IDS = (
    f"SELECT w.id FROM visits w WHERE w.visitor_id = r.value ->> 0 ORDER BY w.id + 0 DESC LIMIT {LATEST_VISITS}"
)
OLDEST_ROWS = text("SELECT visit_id, seq FROM attendance WHERE seq < :before_ms ORDER BY seq LIMIT :most")


Correct = Callable[[Session, Collection[int]], None]
"""Corrects the report blocks of visits whose rows are removed, in the same transaction."""


def _statements(rows: str, visits: str, newest: str) -> dict[str, TextClause]:
    """The statements that take many rows. `rows` is a table with the column `value`, made from one parameter. `visits`
    selects one row of JSON, because each additional row would release and retake the interpreter lock. `newest` joins
    a visitor's latest visits.
    """
    statements = {
        "named": f"""
{visits} FROM {rows} JOIN visits v ON v.visitor_id = r.value ->> 0 AND v.visit_id = r.value ->> 1
LEFT JOIN attendance a ON a.visit_id = v.id
""",
        "newest": f"{visits} FROM {rows} {newest} LEFT JOIN attendance a ON a.visit_id = v.id",
        "write": f"""
INSERT INTO attendance (visit_id, seq, settled_ms, settled_until_ms, spans, beats)
SELECT CAST(r.value ->> 0 AS BIGINT), :seq, CAST(r.value ->> 1 AS BIGINT), CAST(r.value ->> 2 AS BIGINT),
       CAST(r.value -> 3 AS TEXT), CAST(r.value -> 4 AS TEXT) FROM {rows} WHERE true
ON CONFLICT (visit_id) DO UPDATE SET seq = excluded.seq, settled_ms = excluded.settled_ms,
    settled_until_ms = excluded.settled_until_ms, spans = excluded.spans, beats = excluded.beats
""",
        "write_visits": f"""
UPDATE visits SET attended_ms = u.attended_ms, acted = visits.acted OR u.acted FROM (
    SELECT CAST(r.value ->> 0 AS BIGINT) AS id, CAST(r.value ->> 5 AS BIGINT) AS attended_ms,
           CAST(r.value ->> 6 AS BOOLEAN) AS acted FROM {rows}
) u WHERE visits.id = u.id
""",
        "remove": f"""
DELETE FROM attendance WHERE visit_id IN (SELECT CAST(r.value AS BIGINT) FROM {rows}) RETURNING seq, visit_id
""",
    }
    return {name: text(statement) for name, statement in statements.items()}


ATTENDANCE_STATEMENTS = {
    "sqlite": _statements(
        rows="json_each(:rows) r",
        visits=f"SELECT json_group_array(json_array({VISIT_FIELDS}, json(a.spans), json(a.beats)))",
        newest=f"JOIN visits v ON v.id IN ({NEWEST_IDS})",
    ),
    "postgresql": _statements(
        rows="jsonb_array_elements(CAST(:rows AS jsonb)) r(value)",
        visits=f"SELECT json_agg(json_build_array({VISIT_FIELDS}, CAST(a.spans AS json), CAST(a.beats AS json)))",
        newest=f"CROSS JOIN LATERAL ({NEWEST_IDS}) n JOIN visits v ON v.id = n.id",
    ),
}


class StoredVisit(NamedTuple):
    """A visit that may get spans, with its row of `attendance` if there is one."""

    id: int
    visitor_id: str
    visit_id: str
    at_ms: int
    waited_ms: int | None
    attended_ms: int | None
    settled_ms: int | None
    settled_until_ms: int
    spans: list[list[int]]
    beats: list[tuple[int, bool]]


@dataclass(slots=True)
class ChangedVisit:
    """A visit that may get spans."""

    visit_id: str
    at_ms: int  # its commit, on the current timeline
    committed_ms: int  # its commit, by the wall clock at that time
    attended: AttendedTime
    acted: bool = False
    is_changed: bool = False


def record(session: Session, shown: Sequence[Shown], timeline: Timeline) -> tuple[list[str | None], int, float]:
    """Add spans and heartbeats to the visits that they belong to. Repeating it changes nothing.

    Returns the visit that each span belongs to, or None if there is none; the number of rows that were written; and
    when the transaction began, monotonic s.
    """
    began_s = time.monotonic()
    lock(session)
    visits = SpansOfVisits(session, shown, timeline)
    visit_ids = [visits.add(part) for part in shown]
    rows = list(visits.changed_rows())
    if rows:
        seq = session.execute(NEXT_SEQ, {"now_ms": timeline.now_ms}).scalar_one()
        parameters = {"rows": json.dumps(rows), "seq": seq}
        session.execute(_statement(session, "write"), parameters)
        session.execute(_statement(session, "write_visits"), parameters)
    return visit_ids, len(rows), began_s


def drop(session: Session, before_ms: int, correct: Correct) -> tuple[int, bool]:
    """Remove rows that were last written before `before_ms`. Returns a `before_ms` that would cover all current rows,
    and whether there are more rows to remove. `correct` is called with the visits of these rows.

    Call it with a number that it returned ten minutes earlier: a change of the wall clock must not remove an open
    page's row.
    """
    newest = lock(session)
    old = session.execute(OLDEST_ROWS, {"before_ms": before_ms, "most": MAX_DROPPED_ROWS}).all()
    correct(session, remove(session, [row.visit_id for row in old]))
    return newest + 1, len(old) == MAX_DROPPED_ROWS


def remove(session: Session, visits: Collection[int]) -> list[int]:
    """Remove the spans of these visits, and keep their attended time. Returns the visits that had a row, whose report
    blocks must be corrected. The caller holds the lock.
    """
    removed = session.execute(_statement(session, "remove"), {"rows": json.dumps(list(visits))}).all() if visits else ()
    if removed:
        session.execute(SET_DROPPED_SEQ, {"seq": max(row.seq for row in removed)})
    return [row.visit_id for row in removed]


class SpansOfVisits:
    """The visits that spans may belong to."""

    def __init__(self, session: Session, shown: Sequence[Shown], timeline: Timeline) -> None:
        self._timeline = timeline
        self._visits: dict[int, ChangedVisit] = {}
        self._named: dict[tuple[str, str], ChangedVisit] = {}
        self._newest: dict[str, list[ChangedVisit]] = {}  # by visitor, oldest first
        names = {(part.visitor_id, part.visit_id) for part in shown if part.visit_id is not None}
        for row in named(session, names):
            self._named[row.visitor_id, row.visit_id] = self._visit(row)
        unnamed = _read(session, "newest", {(part.visitor_id,) for part in shown if part.visit_id is None})
        for row in sorted(unnamed, key=lambda row: (timeline.moved(row.id, row.at_ms), row.id)):
            self._newest.setdefault(row.visitor_id, []).append(self._visit(row))

    def add(self, shown: Shown) -> str | None:
        """Add a span or heartbeat to its visit. Returns the `visit_id`, or None if there is no such visit."""
        visit = self._visit_of(shown)
        if visit is None:
            return None
        visit.is_changed = True
        visit.acted |= shown.acted
        if shown.beat is None:
            is_earlier = shown.ended_ms > self._timeline.now_ms  # the clock was set back since then
            visit.attended.add(max(shown.began_ms, visit.committed_ms * is_earlier), shown.ended_ms)
            return visit.visit_id
        if shown.restarts:
            visit.attended.restart_beats()
            bridged_ms = min(shown.began_ms + MAX_BRIDGE_MS, shown.ended_ms)
            visit.attended.add(shown.began_ms, bridged_ms)
        else:
            self._end_earlier(shown, visit)
        visit.attended.beats[shown.ended_ms] = shown.beat
        return visit.visit_id

    def changed_rows(self) -> Iterator[tuple[Any, ...]]:
        for visit_id, visit in self._visits.items():
            if visit.is_changed:
                attended = visit.attended
                attended.settle(self._timeline.kept_ms)
                settled, beats = (attended.settled_ms, attended.settled_until_ms), sorted(attended.beats.items())
                yield visit_id, *settled, attended.spans, beats, attended.total_ms(), visit.acted

    def _visit(self, row: StoredVisit) -> ChangedVisit:
        visit = self._visits.get(row.id)
        if visit is None:
            attended, at_ms = attended_time(row, self._timeline), self._timeline.moved(row.id, row.at_ms)
            visit = self._visits[row.id] = ChangedVisit(row.visit_id, at_ms, row.at_ms, attended)
        return visit

    def _visit_of(self, shown: Shown) -> ChangedVisit | None:
        if shown.visit_id is not None:
            return self._named.get((shown.visitor_id, shown.visit_id))
        visits, began_ms = self._newest.get(shown.visitor_id, ()), shown.began_ms
        if shown.beat is not None:
            began_ms = shown.ended_ms
        earlier = [visit for visit in visits if visit.at_ms <= began_ms]
        later = next((visit for visit in visits if visit.at_ms > began_ms), None)
        if later is not None and (not earlier or (shown.came_first and later.at_ms <= shown.ended_ms)):
            return later
        return earlier[-1] if earlier else None

    def _end_earlier(self, beat: Shown, visit: ChangedVisit) -> None:
        """End the time since the previous heartbeat, if that heartbeat belongs to the visit before `visit`."""
        visits = self._newest.get(beat.visitor_id, []) if beat.visit_id is None else []
        for earlier in visits[: visits.index(visit)][-1:] if visits else ():
            beats = earlier.attended.beats
            if beats and max(beats) < visit.at_ms:
                beats[beat.ended_ms] = False
                earlier.is_changed = True


def named(session: Session, names: Collection[tuple[str, str]]) -> list[StoredVisit]:
    """The visits with these `visitor_id` and `visit_id`, except late ones."""
    return _read(session, "named", names)


def _read(session: Session, name: str, names: Collection[tuple[str, ...]]) -> list[StoredVisit]:
    """The visits with these names that may get spans."""
    if not names:
        return []
    packed = session.scalar(_statement(session, name), {"rows": json.dumps(list(names))})
    rows = map(StoredVisit._make, json.loads(packed) if isinstance(packed, str) else packed or ())
    return [row for row in rows if not is_late(row.waited_ms)]


def attended_time(row: StoredVisit, timeline: Timeline = READING_TIMELINE) -> AttendedTime:
    """The time of a visit. `timeline` is the one of the spans to add."""
    if row.settled_ms is None:  # a new row: time counts from when the visit was committed
        since_ms = timeline.moved(row.id, row.at_ms)
        # A visit that already has attended time had a row that was dropped. It had no spans after `kept_ms`.
        return AttendedTime(row.attended_ms or 0, max(since_ms, timeline.kept_ms if row.attended_ms else 0), [], {})
    spans = [(began, ended) for began, ended in row.spans]
    return AttendedTime(row.settled_ms, timeline.moved(row.id, row.settled_until_ms), spans, dict(row.beats))


def lock(session: Session) -> int:
    """Lock all rows, before the blocks of reports are locked. Returns the newest `seq`."""
    newest: int = session.execute(LOCK_ATTENDANCE).scalar_one()
    return newest


def _statement(session: Session, name: str) -> TextClause:
    return ATTENDANCE_STATEMENTS[session.get_bind().dialect.name][name]
