"""Count the ledger again, row by row, and compare with the counters and rollups that were kept beside it.

In pieces of bounded size, on one snapshot: it may run beside a busy server.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.engine import Connection

from koyjabo.models import SITE
from koyjabo.storage import recount_people

PIECE = 50_000

ROWS = text("""
SELECT scope, day, hour_s, count(*) FROM visits WHERE id > :after AND id <= :upto GROUP BY scope, day, hour_s
""")
WRONG_ORDINALS = text("""
SELECT count(*) FROM visits WHERE id > :after AND id <= :upto AND ordinal - id <> :offset
""")
FIRST_VISITS = text("""
SELECT w.scope, v.day, v.hour_s, count(*) FROM visits v
JOIN visitors w ON w.scope IN ('site', v.scope) AND w.visitor_id = v.visitor_id AND w.first_visit = v.id
WHERE v.id > :after AND v.id <= :upto GROUP BY w.scope, v.day, v.hour_s
""")
STRANGERS = text("""
SELECT count(*) FROM visits v WHERE v.id > :after AND v.id <= :upto AND NOT EXISTS (
    SELECT 1 FROM visitors w WHERE w.scope = v.scope AND w.visitor_id = v.visitor_id AND w.first_visit <= v.id)
""")

Place = tuple[str, str, str | int]
"""(scope, "day" or "hour", which one)"""


@dataclass
class Found:
    """What the rows add up to."""

    rows: int = 0
    wrong_ordinals: int = 0
    strangers: int = 0
    unattended: int = 0
    visits: Tally[Place] = field(default_factory=Tally)
    new_visitors: Tally[Place] = field(default_factory=Tally)
    by_scope: Tally[str] = field(default_factory=Tally)
    new_by_scope: Tally[str] = field(default_factory=Tally)


def rows_to_count(connection: Connection) -> int:
    """How far the ledger goes: the newest id, whatever the counter says."""
    return connection.execute(text("SELECT coalesce(max(id), 0) FROM visits")).scalar_one()


def recount(connection: Connection, progress: Callable[[int], None]) -> list[str]:
    """Every way in which ledger, counters and rollups disagree, as a sentence each; none is what one hopes for.

    `progress` is told how many rows were done since it was last told.
    """
    newest = rows_to_count(connection)
    found = Found()
    for after, upto, offset in _segments(connection, newest):
        for start in range(after, upto, PIECE):
            piece = {"after": start, "upto": min(upto, start + PIECE)}
            _count_piece(connection, piece, offset, found)
            progress(piece["upto"] - start)
    return [
        *_ledger_problems(found, newest),
        *_rollup_problems(connection, found),
        *_counter_problems(connection, found),
        *recount_people.problems(connection),
    ]


def _segments(connection: Connection, newest: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of the ledger (after id, up to id) in which ordinals are ahead of ids by the same offset."""
    after, offset = 0, 0
    adjusted = text("SELECT after_visit, total_after - total_before FROM adjustments WHERE scope = 'site' ORDER BY id")
    for upto, change in connection.execute(adjusted).all():
        if upto > after:
            yield after, upto, offset
        after, offset = upto, offset + change
    if newest > after:
        yield after, newest, offset


def _count_piece(connection: Connection, piece: dict[str, int], offset: int, found: Found) -> None:
    for scope, day, hour_s, rows in connection.execute(ROWS, piece):
        found.rows += rows
        for counted_for in {SITE, scope}:
            _tally(found.visits, found.by_scope, counted_for, day, hour_s, rows)
    for scope, day, hour_s, visitors in connection.execute(FIRST_VISITS, piece):
        _tally(found.new_visitors, found.new_by_scope, scope, day, hour_s, visitors)
    found.wrong_ordinals += connection.execute(WRONG_ORDINALS, {**piece, "offset": offset}).scalar_one()
    found.strangers += connection.execute(STRANGERS, piece).scalar_one()
    found.unattended += recount_people.unattended(connection, piece)


def _tally(places: Tally[Place], scopes: Tally[str], scope: str, day: str, hour_s: int, rows: int) -> None:
    places[scope, "day", day] += rows
    places[scope, "hour", hour_s] += rows
    scopes[scope] += rows


def _ledger_problems(found: Found, newest: int) -> Iterator[str]:
    if found.rows != newest:
        yield f"visits: the newest id is {newest}, but there are {found.rows} rows"
    if found.wrong_ordinals:
        yield f"visits: {found.wrong_ordinals} ordinals are not what their id and the adjustments make"
    if found.strangers:
        yield f"visitors: {found.strangers} visits are by visitors who are not listed"
    if found.unattended:
        yield f"person_days: {found.unattended} visits are of hours in which their person was not there"


def _rollup_problems(connection: Connection, found: Found) -> Iterator[str]:
    for table, kind, column in (("daily_visits", "day", "day"), ("hourly_visits", "hour", "hour_s")):
        kept = connection.execute(text(f"SELECT scope, {column}, visits, new_visitors FROM {table}")).all()
        said = {(scope, kind, which): (visits, new) for scope, which, visits, new in kept}
        for place in sorted(said.keys() | {place for place in found.visits if place[1] == kind}, key=str):
            counted = (found.visits[place], found.new_visitors[place])
            if said.get(place, (0, 0)) != counted:
                yield f"{table}: {place[0]} {place[2]} says {said.get(place, (0, 0))}, the ledger makes it {counted}"


def _counter_problems(connection: Connection, found: Found) -> Iterator[str]:
    changes = text("SELECT scope, sum(total_after - total_before) FROM adjustments GROUP BY scope")
    adjusted = {scope: int(change) for scope, change in connection.execute(changes)}
    listing = connection.execute(text("SELECT scope, count(*) FROM visitors GROUP BY scope"))
    listed: dict[str, int] = {scope: count for scope, count in listing}  # noqa: C416  (rows are not pairs to mypy)
    counters = connection.execute(text("SELECT scope, visits, total, unique_visitors FROM counters")).all()
    for scope, visits, total, unique_visitors in counters:
        rows, new = found.by_scope[scope], found.new_by_scope[scope]
        for name, says, is_ in (
            ("visits", visits, rows),
            ("total", total, rows + adjusted.get(scope, 0)),
            ("unique_visitors", unique_visitors, new),
            ("unique_visitors", unique_visitors, listed.get(scope, 0)),
        ):
            if says != is_:
                yield f"counters: {scope} {name} says {says}, the ledger makes it {is_}"
