"""Reads rows of the two logs in the form used by blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import bindparam, text
from sqlalchemy.orm import Session

from koyjabo.base.core.urls import page_path, referrer_path
from koyjabo.counting.evidence.facts import ATTENDED_MS, facts_of
from koyjabo.reports.log.blocks import BlockKind, Row, Seen
from koyjabo.reports.log.trait_parser import TraitParser

VISITS = BlockKind(
    "visits",
    "visit_blocks",
    {"visitor": "I", "new_in": "B", "attended_ms": "I", "facts": "B"},
    ("day", "hour_s", "scope", "page", "referrer", "traits"),
)
"""`visitor` is the id of the visitor's first visit on the site, `new_in` has the bits ON_SITE and IN_COMMUNITY,
`attended_ms` is 0 for visits that are not attended, `facts` is a byte of `counting.evidence.facts`, and `traits` is a
`trait_parser.ParsedTraits`.
"""

EVENTS = BlockKind("events", "event_blocks", {"visit_id": "I"}, ("day", "hour_s", "scope", "name", "page", "props"))
"""`visit_id` is NO_VISIT if the visitor has no visit; `props` is JSON."""

NO_VISIT = 0

ON_SITE, IN_COMMUNITY = 1, 2
"""Bits of `new_in`: the visit is the visitor's first on the site, or in its community."""

OF_VISITS = text("""
SELECT v.id, v.at_ms, w.first_visit, c.first_visit, v.day, v.hour_s, v.scope, v.page, v.referrer,
       v.user_agent, v.place, v.language, v.campaign, v.is_bot, v.attended_ms, v.acted, v.automated, v.network, v.own
FROM (SELECT * FROM visits WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
ORDER BY v.id
""")
MEASURED = "v.id, v.is_bot, v.attended_ms, v.acted, v.automated, v.network, v.own"
CHANGED = text(f"""
SELECT {MEASURED} FROM attendance a JOIN visits v ON v.id = a.visit_id
WHERE a.seq > :seq AND v.id BETWEEN :first AND :last ORDER BY v.id
""")
ATTENDED = text(f"SELECT {MEASURED} FROM visits v WHERE v.id IN :ids").bindparams(bindparam("ids", expanding=True))
WAITING = text("SELECT visit_id FROM attendance")
OF_EVENTS = text("""
SELECT id, at_ms, visit_id, day, hour_s, scope, name, page, props FROM events
WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most
""")

LARGEST_ID = 2**62

LONGEST_MS = 2**32 - 1
"""The longest time that a block can store, in ms: 49 days."""

ReadRows = Callable[[Session, int, int, int], Iterator[Row]]
"""Reads the next `most` rows with ids after `after`, up to `upto`."""


def seen(is_bot: bool, attended_ms: int | None, acted: bool, automated: bool, network: str | None, own: bool) -> Seen:
    """Return a visit's attended time and facts, from its columns in `visits`. Earlier versions stored only `is_bot`."""
    length_ms = attended_ms if attended_ms and attended_ms >= ATTENDED_MS else 0
    return min(length_ms, LONGEST_MS), facts_of(attended_ms, acted, automated or is_bot, network, own)


def changed_since(session: Session, seq: int, first: int = 1, last: int = LARGEST_ID) -> dict[int, Seen]:
    """Return the visits whose attended time was written after this `attendance.seq`, by id from `first` to `last`."""
    rows = session.execute(CHANGED, {"seq": seq, "first": first, "last": last})
    return {id: seen(*measured) for id, *measured in rows}


def attended(session: Session, ids: Sequence[int]) -> dict[int, Seen]:
    """Return the current attended times and facts of visits, by id."""
    return {id: seen(*measured) for id, *measured in session.execute(ATTENDED, {"ids": list(ids)})}


def waiting(session: Session) -> set[int]:
    """Return the visits that have a row in `attendance`."""
    return set(session.scalars(WAITING))


def visits(parser: TraitParser) -> ReadRows:
    def read(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
        rows = session.execute(OF_VISITS, {"after": after, "upto": upto, "most": most}).all()
        for id, at_ms, first, own, day, hour_s, scope, page, referrer, agent, *rest in rows:
            sent, measured = rest[:4], rest[3:]
            page, referrer = page_path(page), referrer_path(referrer)  # earlier versions stored what was sent
            traits = parser.parse(agent, referrer, *sent)
            new_in = ON_SITE * (first == id) + IN_COMMUNITY * (own == id)
            yield (id, at_ms, first or id, new_in, *seen(*measured)), (day, hour_s, scope, page, referrer, traits)

    return read


def events(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
    rows = session.execute(OF_EVENTS, {"after": after, "upto": upto, "most": most}).all()
    for id, at_ms, visit_id, day, hour_s, scope, name, page, props in rows:
        yield (id, at_ms, visit_id or NO_VISIT), (day, hour_s, scope, name, page_path(page), props)
