"""Reads visits and events from their tables, in the form that blocks have, and visits' current attended times."""

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import BigInteger, bindparam, column, text
from sqlalchemy.orm import Session

from koyjabo.columns.dimensions.readers import PARSED_COLUMNS
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.counting.evidence.facts import ATTENDED_VISIT_MS, facts_of
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE, Visit
from .block_kinds import NO_VISIT, Row, Seen

BLOCK_COLUMNS = (
    *("id", "at_ms", "visitor_number", "new_in", "day", "hour_s", "scope", "page"),
    *("is_bot", "attended_ms", "acted", "automated", "own"),
)
BLOCK_ROW_COLUMNS = tuple(dict.fromkeys((*BLOCK_COLUMNS, *PARSED_COLUMNS)))
"""The columns of a visit that blocks have, and then the others that dimensions are parsed from."""

SELECT_VISITS = text(f"""
SELECT {", ".join(f"v.{name}" for name in BLOCK_ROW_COLUMNS)}, w.first_visit, c.first_visit
FROM (SELECT * FROM visits WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
ORDER BY v.id
""").columns(
    *map(Visit.__table__.columns.__getitem__, BLOCK_ROW_COLUMNS),  # with their types: SQLite has no booleans
    *(column(name, BigInteger) for name in ("first_on_site", "first_in_community")),
)

MEASURED_COLUMNS = "v.id, v.is_bot, v.attended_ms, v.acted, v.automated, v.own"

SELECT_CHANGED_VISITS = text(f"""
SELECT {MEASURED_COLUMNS} FROM attendance a JOIN visits v ON v.id = a.visit_id
WHERE a.seq > :seq AND v.id BETWEEN :first AND :last ORDER BY v.id
""")

SELECT_ATTENDED_VISITS = text(f"SELECT {MEASURED_COLUMNS} FROM visits v WHERE v.id IN :ids").bindparams(
    bindparam("ids", expanding=True)
)

SELECT_WAITING_VISITS = text("SELECT visit_id FROM attendance")

SELECT_EVENTS = text("""
SELECT id, at_ms, visit_id, day, hour_s, scope, name, page, props FROM events
WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most
""")

MAX_ID = 2**62

MAX_VISITOR_NUMBER = 2**32 - 1
"""The largest number of a visitor in a block. Reduced visits' numbers count down from it, because the first visit of a
visitor who still comes may be reduced, and has to count separately from the later ones.
"""

MAX_LENGTH_MS = 2**32 - 1
"""The longest time that a block can store, in ms: 49 days."""

ReadRows = Callable[[Session, int, int, int], Iterator[Row]]
"""Reads the next `most` rows with ids after `after`, up to `upto`."""


def seen(is_bot: bool, attended_ms: int | None, acted: bool, automated: bool, own: bool) -> Seen:
    """Return a visit's attended time and facts, from its columns in `visits`. Earlier versions stored only `is_bot`."""
    length_ms = attended_ms if attended_ms and attended_ms >= ATTENDED_VISIT_MS else 0
    return min(length_ms, MAX_LENGTH_MS), facts_of(attended_ms, acted, automated or is_bot, own)


def changed_since(session: Session, seq: int, first: int = 1, last: int = MAX_ID) -> dict[int, Seen]:
    """Return the visits whose attended time was written after this `attendance.seq`, by id from `first` to `last`."""
    rows = session.execute(SELECT_CHANGED_VISITS, {"seq": seq, "first": first, "last": last})
    return {id: seen(*measured) for id, *measured in rows}


def attended(session: Session, ids: Sequence[int]) -> dict[int, Seen]:
    """Return the current attended times and facts of visits, by id."""
    return {id: seen(*measured) for id, *measured in session.execute(SELECT_ATTENDED_VISITS, {"ids": list(ids)})}


def waiting(session: Session) -> set[int]:
    """Return the visits that have a row in `attendance`."""
    return set(session.scalars(SELECT_WAITING_VISITS))


def visits(parser: TraitParser) -> ReadRows:
    parse = parser.rows(BLOCK_ROW_COLUMNS)

    def read(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
        rows = session.execute(SELECT_VISITS, {"after": after, "upto": upto, "most": most}).all()
        for row in rows:
            id, at_ms, number, new_in, day, hour_s, scope, page, *measured = row[: len(BLOCK_COLUMNS)]
            if number is None:
                first_on_site, first_in_community = row[-2:]
                visitor = first_on_site or id
                new_in = (ON_SITE if first_on_site == id else 0) | (IN_COMMUNITY if first_in_community == id else 0)
            else:
                visitor = MAX_VISITOR_NUMBER - number
            yield (id, at_ms, visitor, new_in, *seen(*measured)), (day, hour_s, scope, page, parse(row))

    return read


def events(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
    rows = session.execute(SELECT_EVENTS, {"after": after, "upto": upto, "most": most}).all()
    for id, at_ms, visit_id, day, hour_s, scope, name, page, props in rows:
        yield (id, at_ms, visit_id or NO_VISIT), (day, hour_s, scope, name, page, props)
