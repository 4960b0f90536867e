"""Reads visits that are to be projected, with the numbers of their visitors."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Scope
from koyjabo.reports.projection.additions import Counted
from koyjabo.reports.projection.trait_parser import ParsedTraits, TraitParser, VisitRow

ON_SITE, IN_COMMUNITY = 1, 2
"""Bits of `visit_facts.new_in`."""

VISITS = text("""
SELECT v.id, v.scope, v.day, v.hour_s, v.at_ms, v.user_agent, v.referrer, v.page, v.place, v.language, v.campaign,
       v.is_bot, w.first_visit, c.first_visit AS first_in_community, n.number
FROM (SELECT * FROM visits WHERE id > :after AND id <= :upto ORDER BY id LIMIT :size) AS v
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
LEFT JOIN visitor_numbers n ON n.first_visit = w.first_visit
ORDER BY v.id
""")


class Parsed(NamedTuple):
    """A visit with its values. `visitor` is the visitor's first visit on the site; `number` is None without one."""

    id: int
    scope: Scope
    day: str
    hour_s: int
    visitor: int
    number: int | None
    new_in: int
    traits: ParsedTraits
    page: str | None
    referrer: str | None
    at_ms: int = 0  # a recount does not need it

    def is_new(self, scope: Scope) -> bool:
        """Whether it is its visitor's first in the scope."""
        return bool(self.new_in & (ON_SITE if scope == SITE else IN_COMMUNITY))

    def counted(self, person: int) -> list[Counted]:
        """As the site counts it, and as its community does."""
        when, what = (self.day, self.hour_s, person), (self.traits, self.page, self.referrer)
        if self.scope == SITE:
            return [Counted(SITE, *when, self.is_new(SITE), *what, None)]
        return [Counted(each, *when, self.is_new(each), *what, self.scope) for each in (SITE, self.scope)]


def visits(session: Session, parser: TraitParser, after: int, upto: int, size: int) -> list[Parsed]:
    """The next `size` visits with ids over `after` and up to `upto`."""
    parsed = []
    for (
        id,
        scope,
        day,
        hour_s,
        at_ms,
        agent,
        referrer,
        page,
        place,
        language,
        campaign,
        is_bot,
        first,
        own,
        number,
    ) in session.execute(VISITS, {"after": after, "upto": upto, "size": size}).all():
        traits = parser.parse(VisitRow(agent, referrer, page, place, language, campaign, bool(is_bot)))
        new_in = ON_SITE * (first == id) + IN_COMMUNITY * (own == id)
        parsed.append(Parsed(id, scope, day, hour_s, first or id, number, new_in, traits, page, referrer, at_ms))
    return parsed
