"""Count the people of communities again: are their days what the ledger says, and the rollups what their days make?

In pieces of bounded size, on the snapshot of `recount`.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.engine import Connection

from koyjabo.counting.daily_people import SLOT_S, SLOTS, hours_of
from koyjabo.maintenance.difference import Difference

PIECE = 5_000

SLOT = f"""
CASE WHEN v.hour_s < d.began_s THEN 0 WHEN v.hour_s - d.began_s >= {SLOTS * SLOT_S} THEN {SLOTS - 1}
ELSE (v.hour_s - d.began_s) / {SLOT_S} END
"""
# A visit belongs to the user who made it, or whom its visitor turned out to be, or else to the visitor.
PERSON = "coalesce('u:' || v.user_id, 'u:' || w.user_id, 'v:' || v.visitor_id)"
UNATTENDED = f"""
FROM visits v
JOIN visitors w ON w.scope = v.scope AND w.visitor_id = v.visitor_id
LEFT JOIN people p ON p.scope = v.scope
    AND p.person = {PERSON}
LEFT JOIN person_days d ON d.person_id = p.id AND d.day = v.day
WHERE v.id > :after AND v.id <= :upto AND v.scope <> 'site'
AND (d.slots IS NULL OR (d.slots >> CAST({SLOT} AS integer)) & 1 = 0)
"""
COUNT_UNATTENDED = text(f"SELECT count(*) {UNATTENDED}")
LIST_UNATTENDED = text(f"SELECT DISTINCT v.scope, {PERSON} AS person, v.day, v.hour_s {UNATTENDED}")
WRONG_LAST_DAYS = text("""
SELECT count(*) FROM people p WHERE p.id > :after AND p.id <= :upto
AND p.last_day <> coalesce((SELECT max(d.day) FROM person_days d WHERE d.person_id = p.id), '')
""")
RETURNS = text("""
SELECT scope, day, previous_day, is_user, count(*) FROM (
    SELECT p.scope, d.day, coalesce(lag(d.day) OVER (PARTITION BY d.person_id ORDER BY d.day), '') AS previous_day,
           p.person LIKE 'u:%' AS is_user
    FROM people p JOIN person_days d ON d.person_id = p.id
    WHERE p.id > :after AND p.id <= :upto AND d.person_id > :after AND d.person_id <= :upto
) AS days GROUP BY scope, day, previous_day, is_user
""")
HOURS = text("""
SELECT p.scope, d.began_s, d.slots, p.person LIKE 'u:%' AS is_user, count(*)
FROM people p JOIN person_days d ON d.person_id = p.id
WHERE p.id > :after AND p.id <= :upto AND d.person_id > :after AND d.person_id <= :upto
GROUP BY p.scope, d.began_s, d.slots, p.person LIKE 'u:%'
""")
# Visitors who were forgotten have names that begin with "~" (`erasure`).
NAMELESS = text("""
SELECT count(*) FROM conversions c LEFT JOIN visitors w ON w.scope = c.scope AND w.visitor_id = c.visitor_id
WHERE (w.user_id IS NULL OR w.user_id <> c.user_id) AND c.visitor_id NOT LIKE '~%'
""")
MISNAMED = text("""
SELECT count(*) FROM people p
LEFT JOIN visitors w ON w.scope = p.scope AND w.visitor_id = substr(p.person, 3)
WHERE p.id > :after AND p.id <= :upto AND p.person LIKE 'v:%' AND p.person NOT LIKE 'v:~%'
AND (w.scope IS NULL OR w.user_id IS NOT NULL)
""")


@dataclass
class Found:
    """What the days of people add up to."""

    wrong_last_days: int = 0
    misnamed: int = 0
    returns: Tally[tuple] = field(default_factory=Tally)  # by scope, day, previous day, and whether they are users
    hours: Tally[tuple] = field(default_factory=Tally)  # by scope, hour, and whether they are users


def unattended(connection: Connection, piece: dict[str, int]) -> int:
    """Visits of a piece of the ledger whose person was not there in that hour."""
    return connection.execute(COUNT_UNATTENDED, piece).scalar_one()


def problems(connection: Connection) -> Iterator[str]:
    """Every way in which people, their days, the rollups and the conversions disagree, as a sentence each."""
    found = count(connection)
    if found.wrong_last_days:
        yield f"people: {found.wrong_last_days} have a last day that is not the last of their days"
    if found.misnamed:
        yield f"people: {found.misnamed} visitors are anonymous who are not listed, or who turned out to be users"
    nameless = connection.execute(NAMELESS).scalar_one()
    if nameless:
        yield f"conversions: {nameless} are of visitors who are not known as that user"
    for each in differences(connection, found):
        yield from _sentences(each)


def count(connection: Connection) -> Found:
    found = Found()
    newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM people")).scalar_one()
    for after in range(0, newest, PIECE):
        _count_piece(connection, {"after": after, "upto": after + PIECE}, found)
    return found


def differences(connection: Connection, found: Found) -> Iterator[Difference]:
    yield from _differences(connection, "returns", ("scope", "day", "previous_day"), found.returns)
    yield from _differences(connection, "hourly_people", ("scope", "hour_s"), found.hours)


def _count_piece(connection: Connection, piece: dict[str, int], found: Found) -> None:
    found.wrong_last_days += connection.execute(WRONG_LAST_DAYS, piece).scalar_one()
    found.misnamed += connection.execute(MISNAMED, piece).scalar_one()
    for scope, day, previous_day, is_user, people in connection.execute(RETURNS, piece):
        found.returns[scope, day, previous_day, bool(is_user)] += people
    for scope, began_s, slots, is_user, people in connection.execute(HOURS, piece):
        for hour_s in hours_of(began_s, slots):
            found.hours[scope, hour_s, bool(is_user)] += people


def _differences(connection: Connection, table: str, key: tuple[str, ...], made: Tally[tuple]) -> Iterator[Difference]:
    rows = connection.execute(text(f"SELECT {', '.join(key)}, authenticated, anonymous FROM {table}"))
    kept = {tuple(row)[:-2]: (row.authenticated, row.anonymous) for row in rows}
    for place in sorted(kept.keys() | {place[:-1] for place in made}, key=str):
        says, makes = kept.get(place, (0, 0)), (made[(*place, True)], made[(*place, False)])
        if says != makes:
            at = tuple(zip(key, place, strict=True))
            yield Difference(table, at, ("authenticated", "anonymous"), says, makes)


def _sentences(found: Difference) -> Iterator[str]:
    place = tuple(value for _, value in found.key)
    for kind, says, makes in zip(("users", "visitors"), found.says, found.makes, strict=True):
        if says != makes:
            yield f"{found.table}: {place} says {says} {kind}, their days make it {makes}"
