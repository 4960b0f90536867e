"""Reads rows of the two logs in the form that blocks have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.reports.log.blocks import BlockKind
from koyjabo.reports.log.trait_parser import TraitParser, VisitRow

VISITS = BlockKind(
    "visits",
    "visit_blocks",
    {"visitor": "I", "new_in": "B"},
    ("day", "hour_s", "scope", "page", "referrer", "traits"),
)
"""`visitor` is the id of the visitor's first visit on the site, `new_in` has the bits ON_SITE and IN_COMMUNITY, and
`traits` is a `trait_parser.ParsedTraits`.
"""

EVENTS = BlockKind("events", "event_blocks", {"visit_id": "I"}, ("day", "hour_s", "scope", "name", "page", "props"))
"""`visit_id` is NO_VISIT if the visitor has no visit; `props` is JSON."""

NO_VISIT = 0

ON_SITE, IN_COMMUNITY = 1, 2
"""Bits of `new_in`: the visit is the visitor's first on the site, or in its community."""

OF_VISITS = text("""
SELECT v.id, v.at_ms, w.first_visit, c.first_visit, v.day, v.hour_s, v.scope, v.page, v.referrer,
       v.user_agent, v.place, v.language, v.campaign, v.is_bot
FROM (SELECT * FROM visits WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most) AS v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
ORDER BY v.id
""")
OF_EVENTS = text("""
SELECT id, at_ms, visit_id, day, hour_s, scope, name, page, props FROM events
WHERE id > :after AND id <= :upto ORDER BY id LIMIT :most
""")

Row = tuple[tuple[int, ...], tuple[Any, ...]]
"""The plain and the coded columns of a row."""

ReadRows = Callable[[Session, int, int, int], Iterator[Row]]
"""Reads the next `most` rows with ids after `after`, up to `upto`."""


def visits(parser: TraitParser) -> ReadRows:
    def read(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
        rows = session.execute(OF_VISITS, {"after": after, "upto": upto, "most": most}).all()
        for id, at_ms, first, own, day, hour_s, scope, page, referrer, agent, *sent in rows:
            traits = parser.parse(VisitRow(agent, referrer, page, *sent))
            new_in = ON_SITE * (first == id) + IN_COMMUNITY * (own == id)
            yield (id, at_ms, first or id, new_in), (day, hour_s, scope, page, referrer, traits)

    return read


def events(session: Session, after: int, upto: int, most: int) -> Iterator[Row]:
    rows = session.execute(OF_EVENTS, {"after": after, "upto": upto, "most": most}).all()
    for id, at_ms, visit_id, *coded in rows:
        yield (id, at_ms, visit_id or NO_VISIT), tuple(coded)
