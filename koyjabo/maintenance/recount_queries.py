"""Count the ledger again, row by row and with the sums of what was folded, and compare with the counters and rollups
that were kept beside it.

In pieces of bounded size, on one snapshot: it may run beside a busy server.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.engine import Connection

from koyjabo.maintenance import recount_people_queries
from koyjabo.maintenance.difference import Difference
from koyjabo.models import SITE

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

FOLDED = text("SELECT scope, day, hour_s, visits, new_visitors FROM folded_visits")
FORGOTTEN = text("SELECT scope, visitors FROM forgotten_visitors")

Place = tuple[str, str, str | int]
"""(scope, "day" or "hour", which one)"""


@dataclass
class Found:
    """What the rows add up to, and the sums of those that are gone."""

    newest: int = 0  # the greatest id
    rows: int = 0
    folded: int = 0
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
    found = count(connection, progress)
    return [
        *ledger_problems(found),
        *_unattended_problems(found),
        *map(_rollup_problem, rollup_differences(connection, found)),
        *map(_counter_problem, counter_differences(connection, found)),
        *recount_people_queries.problems(connection),
    ]


def count(connection: Connection, progress: Callable[[int], None]) -> Found:
    found = Found(rows_to_count(connection))
    _add_folded(connection, found)
    for after, upto, offset in _segments(connection, found.newest):
        for start in range(after, upto, PIECE):
            piece = {"after": start, "upto": min(upto, start + PIECE)}
            _count_piece(connection, piece, offset, found)
            progress(piece["upto"] - start)
    return found


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


def _add_folded(connection: Connection, found: Found) -> None:
    for scope, day, hour_s, visits, new_visitors in connection.execute(FOLDED):
        found.folded += visits if scope == SITE else 0
        _tally(found.visits, found.by_scope, scope, day, hour_s, visits)
        _tally(found.new_visitors, found.new_by_scope, scope, day, hour_s, new_visitors)


def _count_piece(connection: Connection, piece: dict[str, int], offset: int, found: Found) -> None:
    for scope, day, hour_s, rows in connection.execute(ROWS, piece):
        found.rows += rows
        for counted_for in {SITE, scope}:
            _tally(found.visits, found.by_scope, counted_for, day, hour_s, rows)
    for scope, day, hour_s, visitors in connection.execute(FIRST_VISITS, piece):
        _tally(found.new_visitors, found.new_by_scope, scope, day, hour_s, visitors)
    found.wrong_ordinals += connection.execute(WRONG_ORDINALS, {**piece, "offset": offset}).scalar_one()
    found.strangers += connection.execute(STRANGERS, piece).scalar_one()
    found.unattended += recount_people_queries.unattended(connection, piece)


def _tally(places: Tally[Place], scopes: Tally[str], scope: str, day: str, hour_s: int, rows: int) -> None:
    places[scope, "day", day] += rows
    places[scope, "hour", hour_s] += rows
    scopes[scope] += rows


def ledger_problems(found: Found) -> Iterator[str]:
    """What is wrong with the visits themselves, from which all else is derived."""
    if found.rows + found.folded < found.newest:  # the newest may be gone: their visitor was forgotten
        yield (
            f"visits: the newest id is {found.newest}, but there are {found.rows} rows, and {found.folded} were folded"
        )
    if found.wrong_ordinals:
        yield f"visits: {found.wrong_ordinals} ordinals are not what their id and the adjustments make"
    if found.strangers:
        yield f"visitors: {found.strangers} visits are by visitors who are not listed"


def _unattended_problems(found: Found) -> Iterator[str]:
    if found.unattended:
        yield f"person_days: {found.unattended} visits are of hours in which their person was not there"


def rollup_differences(connection: Connection, found: Found) -> Iterator[Difference]:
    columns = ("visits", "new_visitors")
    for table, kind, column in (("daily_visits", "day", "day"), ("hourly_visits", "hour", "hour_s")):
        kept = connection.execute(text(f"SELECT scope, {column}, visits, new_visitors FROM {table}")).all()
        said = {(scope, kind, which): (visits, new) for scope, which, visits, new in kept}
        for place in sorted(said.keys() | {place for place in found.visits if place[1] == kind}, key=str):
            makes = (found.visits[place], found.new_visitors[place])
            if said.get(place, (0, 0)) != makes:
                key = (("scope", place[0]), (column, place[2]))
                yield Difference(table, key, columns, said.get(place, (0, 0)), makes)


def _rollup_problem(found: Difference) -> str:
    (_, scope), (_, which) = found.key
    return f"{found.table}: {scope} {which} says {found.says}, the ledger makes it {found.makes}"


def counter_differences(connection: Connection, found: Found) -> Iterator[Difference]:
    """One for each figure. Unique visitors are counted twice: by first visits, and as they are listed."""
    changes = text("SELECT scope, sum(total_after - total_before) FROM adjustments GROUP BY scope")
    adjusted = {scope: int(change) for scope, change in connection.execute(changes)}
    listing = connection.execute(text("SELECT scope, count(*) FROM visitors GROUP BY scope"))
    listed: Tally[str] = Tally({scope: count for scope, count in listing})  # noqa: C416  (rows are not pairs to mypy)
    listed.update({scope: visitors for scope, visitors in connection.execute(FORGOTTEN)})  # noqa: C416
    counters = connection.execute(text("SELECT scope, visits, total, unique_visitors FROM counters")).all()
    for scope, visits, total, unique_visitors in counters:
        rows, new = found.by_scope[scope], found.new_by_scope[scope]
        for name, says, is_ in (
            ("visits", visits, rows),
            ("total", total, rows + adjusted.get(scope, 0)),
            ("unique_visitors", unique_visitors, new),
            ("unique_visitors", unique_visitors, listed[scope]),
        ):
            if says != is_:
                yield Difference("counters", (("scope", scope),), (name,), (says,), (is_,))


def _counter_problem(found: Difference) -> str:
    ((_, scope),) = found.key
    return f"counters: {scope} {found.columns[0]} says {found.says[0]}, the ledger makes it {found.makes[0]}"
