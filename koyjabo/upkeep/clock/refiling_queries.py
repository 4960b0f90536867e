"""Files visits and events from the future again, and restores their earlier times.

Each transaction moves some rows with their sums. Numbers, ids and totals stay.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.database.json_rows import adding, insert_rows
from koyjabo.base.database.models import Counter
from koyjabo.base.database.rows import DISORDER_MS, change_in_database
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.columns import Columns, RowChange
from koyjabo.counting.evidence import queries as attendance_queries
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE, DailyVisits, Event, HourlyVisits, Visit
from koyjabo.upkeep.old_row_queries import lock, lock_counters
from .models import RefiledRow

SELECT_NEW_IN = text(f"""
SELECT v.id, coalesce(v.new_in, 0) | CASE WHEN s.first_visit = v.id THEN {ON_SITE} ELSE 0 END
                                   | CASE WHEN c.first_visit = v.id THEN {IN_COMMUNITY} ELSE 0 END FROM visits v
LEFT JOIN visitors s ON s.scope = 'site' AND s.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
WHERE v.id IN :ids
""").bindparams(bindparam("ids", expanding=True))
KEEP_EARLIER = "ON CONFLICT DO NOTHING"
CLEAR_DAY_NUMBERS = text("""
UPDATE visits SET day_number = NULL WHERE id > :after AND day = :day
AND day_number > coalesce((SELECT d.visits FROM daily_visits d WHERE d.scope = 'site' AND d.day = :day), 0)
RETURNING id
""")
"""Removes day numbers above the number of visits that are left on their day."""

SUM_TABLES_OF_VISITS: tuple[tuple[Any, str], ...] = ((DailyVisits, "day"), (HourlyVisits, "hour_s"))


class Later(NamedTuple):
    """The rows to file again: those later than `now_ms`, the clock's time. Visits with ids above `visit` came after
    `began_ms`, when the doubt began.
    """

    now_ms: int
    began_ms: int
    visit: int
    expires_ms: int  # when the earlier times are removed

    @property
    def least_ms(self) -> int:
        """Rows after this time are filed again. It is a little later than now, because the clocks of servers differ."""
        return self.now_ms + DISORDER_MS


class Filed(NamedTuple):
    """The time, day and hour that a row is filed at."""

    at_ms: int
    day: str
    hour_s: int
    day_number: int | None = None  # of a visit


class RestOfRows(NamedTuple):
    """The rows that are left to move: those with ids above `after`. `next_id` and `next_ms` are the id and time of the
    next row whose time is certain. If `next_ms` is None, no row up to `next_id` has a certain time.
    """

    after: int
    next_id: int = 0
    next_ms: int | None = None


def first_later(session: Session, table: Any, least_ms: int) -> int | None:
    """The id of the first row that is filed after this time."""
    return session.scalar(select(func.min(table.id)).where(table.at_ms > least_ms))


def last_certain_ms(session: Session, first: int | None, least_ms: int) -> int | None:
    """The time of the last visit before the first one from the future."""
    if first is None:
        return None
    before = select(Visit.at_ms).where(Visit.id < first, Visit.at_ms <= least_ms).order_by(Visit.id.desc())
    return session.scalar(before.limit(1))


def newest_visit(session: Session) -> int:
    return session.scalar(select(func.max(Visit.id))) or 0


def has_earlier(session: Session) -> bool:
    return bool(session.scalar(select(exists(select(RefiledRow.key)))))


def refile_visits(
    session: Session, columns: Columns, clock: Clock, later: Later, part: RestOfRows, size: int
) -> tuple[int, RestOfRows]:
    """File the next `size` visits again. Returns how many, and the rest."""
    lock(session)
    lock_counters(session, {SITE})
    rows = _next_rows(session, Visit, later, part.after, size)
    if not rows:
        return 0, part
    lock_counters(session, {Scope(row.scope) for row in rows} - {SITE})
    times = Times(session, Visit, clock, later, part)
    counted: defaultdict[str, int] = defaultdict(int)
    moves = {}
    for row in rows:
        filed = times.of(row, (row.id > later.visit and later.began_ms) or None)
        if not times.is_followed(filed.day):  # no later visit of that day has a number yet
            counted[filed.day] += 1
            filed = filed._replace(day_number=_visits_of(session, filed.day) + counted[filed.day])
        elif times.is_on(filed.day):
            counted[filed.day] += 1
        moves[row.id] = filed
    keep_earlier(session, "visits", {row.id: row[3:] for row in rows}, later.expires_ms)
    _move_visits(session, columns.change(session, events=True, attended=True), rows, moves)
    return len(rows), times.rest(rows[-1].id)


def refile_events(
    session: Session, columns: Columns, clock: Clock, later: Later, part: RestOfRows, size: int
) -> tuple[int, RestOfRows]:
    """File the next `size` events again, none before its visit."""
    lock(session)
    rows = _next_rows(session, Event, later, part.after, size)
    if not rows:
        return 0, part
    change = columns.change(session, events=True)
    of_visits = select(Visit.id, Visit.at_ms).where(Visit.id.in_({row.visit_id for row in rows}))
    visits: dict[int | None, int] = {visit.id: visit.at_ms for visit in session.execute(of_visits)}
    times = Times(session, Event, clock, later, part)
    moves = {row.id: times.of(row, visits.get(row.visit_id)) for row in rows}
    keep_earlier(session, "events", {row.id: row[3:6] for row in rows}, later.expires_ms)
    _move_events(session, change, rows, moves)
    return len(rows), times.rest(rows[-1].id)


def put_back_visits(session: Session, columns: Columns, size: int) -> list[int]:
    """Restore the earlier times of `size` visits. Returns their ids."""
    lock(session)
    lock_counters(session, {SITE})
    moves = _earlier_moves(session, Visit, size)
    rows = session.execute(_rows_of(Visit).where(Visit.id.in_(moves)).order_by(Visit.id)).all()
    if rows:  # some may be gone
        lock_counters(session, {Scope(row.scope) for row in rows} - {SITE})
        change = columns.change(session, events=True, attended=True)
        _move_visits(session, change, rows, moves)
        for day in sorted({row.day for row in rows}):
            change.visits(session.scalars(CLEAR_DAY_NUMBERS, {"after": rows[0].id, "day": day}).all())
    return sorted(moves)


def put_back_events(session: Session, columns: Columns, size: int) -> int:
    lock(session)
    moves = _earlier_moves(session, Event, size)
    rows = session.execute(_rows_of(Event).where(Event.id.in_(moves)).order_by(Event.id)).all()
    if rows:
        _move_events(session, columns.change(session, events=True), rows, moves)
    return len(moves)


class Times:
    """New times for rows of a table, in order of id. A row gets the client's time if this is between the certain times
    before and after it, otherwise the certain time before it.
    """

    def __init__(self, session: Session, table: Any, clock: Clock, later: Later, part: RestOfRows) -> None:
        self._session, self._table, self._clock, self._later = session, table, clock, later
        self._next_id, self._next_ms = part.next_id, part.next_ms
        self._before: tuple[int, int] | None = None  # id and time of the row that was filed last
        if self._next_ms is None:  # there may be one now
            self._find_next(max(part.after, part.next_id))

    def of(self, row: Any, since_ms: int | None) -> Filed:
        """The new time of a row, not before `since_ms`."""
        if self._next_ms is not None and row.id >= self._next_id:
            self._find_next(row.id)
        most_ms = self._later.now_ms if self._next_ms is None else min(self._next_ms, self._later.now_ms)
        before_ms = max([ms for ms in (self._before_ms(row.id), since_ms) if ms is not None], default=None)
        at_ms = most_ms if before_ms is None else min(before_ms, self._later.now_ms)
        least_ms = self._clock.release_ms if before_ms is None else at_ms
        if row.client_ms is not None and least_ms <= row.client_ms <= most_ms:
            at_ms = row.client_ms
        self._before = row.id, at_ms
        return Filed(at_ms, *self._clock.bucket(at_ms))

    def is_followed(self, day: str) -> bool:
        """Whether the next certain row is on this day or an earlier one."""
        return self._next_ms is not None and self._clock.bucket(self._next_ms).day <= day

    def is_on(self, day: str) -> bool:
        return self._next_ms is not None and self._clock.bucket(self._next_ms).day == day

    def rest(self, after: int) -> RestOfRows:
        return RestOfRows(after, self._next_id, self._next_ms)

    def _before_ms(self, row_id: int) -> int | None:
        if self._before and self._before[0] == row_id - 1:
            return self._before[1]
        earlier = select(self._table.at_ms).where(self._table.id < row_id).order_by(self._table.id.desc()).limit(1)
        return self._session.scalar(earlier)

    def _find_next(self, after: int) -> None:
        certain = self._table.id > after, self._table.at_ms <= self._later.least_ms
        columns = select(self._table.id, self._table.at_ms)
        row = self._session.execute(columns.where(*certain).order_by(self._table.id).limit(1)).first()
        newest = select(func.max(self._table.id))
        self._next_id, self._next_ms = row or (self._session.scalar(newest) or 0, None)


def _next_rows(session: Session, table: Any, later: Later, after: int, size: int) -> Sequence[Any]:
    these = _rows_of(table).where(table.id > after, table.at_ms > later.least_ms)
    return session.execute(these.order_by(table.id).limit(size)).all()


def _rows_of(table: Any) -> Any:
    own = table.day_number if table is Visit else table.visit_id
    return select(table.id, table.scope, table.client_ms, table.at_ms, table.day, table.hour_s, own)


def _visits_of(session: Session, day: str) -> int:
    row = session.get(DailyVisits, (SITE, day))
    return row.visits if row else 0


def _move_visits(session: Session, change: RowChange, rows: Sequence[Any], moves: dict[int, Filed]) -> None:
    """Change the times of visits and their sums. Their attended time stays."""
    first, last = rows[0].id, rows[-1].id
    sums: defaultdict[tuple[str, str, Any], list[int]] = defaultdict(lambda: [0, 0])
    new_in = dict(map(tuple, session.execute(SELECT_NEW_IN, {"ids": list(moves)})))
    for row in rows:
        for scope, bit in ((SITE, ON_SITE), (row.scope, IN_COMMUNITY)):
            if bit == ON_SITE or scope != SITE:
                for filed, by in ((row, -1), (moves[row.id], 1)):
                    for name in ("day", "hour_s"):
                        pair = sums[name, scope, getattr(filed, name)]
                        pair[0] += by
                        pair[1] += by * bool(new_in[row.id] & bit)
    for table, name in SUM_TABLES_OF_VISITS:
        changes = [(scope, key, *by) for (kind, scope, key), by in sums.items() if kind == name and any(by)]
        insert_rows(session, table, (), changes, adding(table))
        empty = delete(table).where(table.visits == 0, table.scope.in_({change[0] for change in changes}))
        change_in_database(session, empty)
    session.execute(update(Visit), [{"id": row.id, **moves[row.id]._asdict()} for row in rows])
    attendance_queries.remove(session, [row.id for row in rows])
    change.most_visits(first - 1, last)
    locked = Counter.scope.in_({SITE, *(row.scope for row in rows)})
    session.execute(update(Counter).where(locked).values(revision=Counter.revision + 1))


def _move_events(session: Session, change: RowChange, rows: Sequence[Any], moves: dict[int, Filed]) -> None:
    values = [dict(zip(("id", "at_ms", "day", "hour_s"), (row.id, *moves[row.id]), strict=False)) for row in rows]
    session.execute(update(Event), values)
    change.most_events(rows[0].id - 1, rows[-1].id)


def _earlier_moves(session: Session, table: Any, size: int) -> dict[int, Filed]:
    return {int(key): Filed(*earlier) for key, earlier in take_earlier(session, table.__tablename__, size)}


def keep_earlier(session: Session, name: str, earlier: dict[Any, Any], expires_ms: int) -> None:
    """Store the values of rows before they are moved, unless earlier values are stored."""
    rows = [(name, str(key), json.dumps(value), expires_ms) for key, value in earlier.items()]
    insert_rows(session, RefiledRow, (), rows, KEEP_EARLIER)


def take_earlier(session: Session, name: str, size: int | None = None) -> list[tuple[str, Any]]:
    """Remove up to `size` earlier values of a table. Returns them by key."""
    keys = select(RefiledRow.key).where(RefiledRow.name == name).limit(size)
    taken = delete(RefiledRow).where(RefiledRow.name == name, RefiledRow.key.in_(keys))
    options = {"synchronize_session": False}
    rows = session.execute(taken.returning(RefiledRow.key, RefiledRow.earlier), execution_options=options)
    return [(key, json.loads(earlier)) for key, earlier in rows]
