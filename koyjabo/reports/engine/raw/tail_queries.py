"""The tail: visits that the projection has not read yet, parsed for one report."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.orm import Session

from koyjabo.core.errors import StillCounting
from koyjabo.models import SITE, Visit, Visitor
from koyjabo.reports.projection import state_queries
from koyjabo.reports.projection.reading_queries import IN_COMMUNITY, ON_SITE
from koyjabo.reports.query.ranges import day_number
from koyjabo.reports.query.report_query import Question
from koyjabo.reports.traits.parser import TraitParser, VisitRow

MOST_ROWS = 100_000
"""More new visits are not parsed for a report (in about 3 s): the projection is being filled."""

COUNT = text("SELECT count(*) FROM (SELECT 1 FROM visits WHERE id > :after LIMIT :most) AS x")

_on_site, _own = Visitor.__table__.alias("on_site"), Visitor.__table__.alias("own")
PARSED = [getattr(Visit, name) for name in VisitRow._fields]
ROWS = (
    select(
        *(Visit.id, Visit.day, Visit.hour_s, Visit.scope),
        _on_site.c.first_visit.label("first_on_site"),
        _own.c.first_visit.label("first_in_scope"),
        *PARSED,
    )
    .outerjoin(_on_site, (_on_site.c.scope == SITE) & (_on_site.c.visitor_id == Visit.visitor_id))
    .outerjoin(_own, (_own.c.scope == Visit.scope) & (_own.c.visitor_id == Visit.visitor_id))
    .where(Visit.id > bindparam("after"), Visit.day.between(bindparam("first"), bindparam("last")))
)


def watermark(session: Session) -> int:
    """The id of the last visit that has facts; 0 while all are made again."""
    state = state_queries.read(session)
    return state.upto if state.is_current else 0


def is_long(session: Session) -> bool:
    """Whether there are more new visits than a report parses."""
    found: int = session.scalars(COUNT, {"after": watermark(session), "most": MOST_ROWS + 1}).one()
    return found > MOST_ROWS


def tail(session: Session, question: Question, after: int, parser: TraitParser) -> str:
    """The visits over an id as JSON: objects with the columns of `arm_queries.Tail`. Raises StillCounting."""
    if session.scalar(COUNT, {"after": after, "most": MOST_ROWS + 1}) > MOST_ROWS:
        raise StillCounting
    wanted = ROWS if question.scope == SITE else ROWS.where(Visit.scope == question.scope)
    found = session.execute(wanted, {"after": after, "first": question.first, "last": question.last})
    return json.dumps([_object(row, parser) for row in found], ensure_ascii=False)


def _object(row: Row[Any], parser: TraitParser) -> dict[str, Any]:
    is_new_in_scope = row.scope != SITE and row.first_in_scope == row.id
    return {
        "visit_id": row.id,
        "visitor": row.first_on_site or row.id,
        "day": day_number(row.day),
        "hour_s": row.hour_s,
        "scope": row.scope,
        "new_in": ON_SITE * (row.first_on_site == row.id) + IN_COMMUNITY * is_new_in_scope,
        "page": row.page,
        "referrer": row.referrer,
        **parser.parse(VisitRow._make(row[-len(PARSED) :]))._asdict(),
    }
