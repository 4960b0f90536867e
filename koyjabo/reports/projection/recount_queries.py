"""Counts the sums of reports again, from the facts, and compares these with the visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pyroaring import BitMap
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from koyjabo.models import InsightSum, Scope, Traits
from koyjabo.reports.projection import state_queries
from koyjabo.reports.projection.additions import Addition, Additions, Key
from koyjabo.reports.projection.people import is_rest, unpacked
from koyjabo.reports.projection.reading_queries import Parsed
from koyjabo.reports.projection.referrer_queries import REMADE, asked_days
from koyjabo.reports.projection.state_queries import RULES
from koyjabo.reports.projection.sum_queries import KEY, SUMS, Sum, whole
from koyjabo.reports.projection.trait_parser import ParsedTraits
from koyjabo.reports.query.dimensions import TRAITS
from koyjabo.reports.query.ranges import day_of

PIECE = 50_000

READ = f"v.id <= (SELECT upto FROM watermarks WHERE name = 'visits' AND version = {RULES})"
DIFFERENT = text(f"""
SELECT count(*) FROM visits v
LEFT JOIN visit_facts f ON f.visit_id = v.id
LEFT JOIN addresses p ON p.id = f.page_id
LEFT JOIN addresses r ON r.id = f.referrer_id
LEFT JOIN visitors w ON w.scope = 'site' AND w.visitor_id = v.visitor_id
LEFT JOIN visitors c ON v.scope <> 'site' AND c.scope = v.scope AND c.visitor_id = v.visitor_id
WHERE v.id > :after AND v.id <= :upto AND {READ} AND (
    f.visit_id IS NULL OR f.scope <> v.scope OR f.hour_s <> v.hour_s OR f.visitor <> coalesce(w.first_visit, v.id)
    OR coalesce(p.text, '') <> coalesce(v.page, '') OR coalesce(r.text, '') <> coalesce(v.referrer, '')
    OR f.new_in <> CASE WHEN w.first_visit = v.id THEN 1 ELSE 0 END + CASE WHEN c.first_visit = v.id THEN 2 ELSE 0 END
)
""")
WITHOUT_VISIT = text("""
SELECT count(*) FROM visit_facts f WHERE f.visit_id > :after AND f.visit_id <= :upto
AND NOT EXISTS (SELECT 1 FROM visits v WHERE v.id = f.visit_id)
""")
FACTS = text("""
SELECT f.visit_id, f.scope, f.day, f.hour_s, f.visitor, n.number, f.new_in, f.traits_id, p.text, r.text
FROM visit_facts f LEFT JOIN visitor_numbers n ON n.first_visit = f.visitor
LEFT JOIN addresses p ON p.id = f.page_id LEFT JOIN addresses r ON r.id = f.referrer_id
WHERE f.visit_id > :after AND f.visit_id <= :upto ORDER BY f.visit_id
""")
NEWEST = text("SELECT coalesce(max(visit_id), 0) FROM visit_facts")


def problems(session: Session) -> Iterator[str]:
    """A sentence for each group of sums that is wrong, without their values: these may be addresses, which logs must
    not keep. Nothing while the sums are being made.
    """
    for (scope, dimension, period), values in sorted(Counter(key[:3] for key in _wrong(session)).items()):
        yield f"insight_sums: {scope} {dimension} {period}: {values} sums are not what the visits give"


def _wrong(session: Session) -> Iterator[Key]:
    """The keys of sums that are wrong or missing."""
    if not state_queries.read(session).is_complete:
        return
    counted, asked = _counted(session), asked_days(session)
    for key in [key for key in counted if key[1] in REMADE and key[2] in asked]:
        counted.pop(key)
    wholes: dict[Any, BitMap | None] = {}
    for row in session.execute(_rows(InsightSum.value == "")):
        wholes[tuple(row[:4])] = None if row.people is None else unpacked(bytes(row.people))
    left_out = set()
    for row in _in_pieces(session):
        key = tuple(row[:4])
        if row.dimension in REMADE and row.period in asked:
            continue
        if row.people is not None:  # else the day is folded
            if _differs(row[4:], counted.pop(key, Addition()), wholes.get(whole(key))):
                yield key
        else:
            left_out.add(key[:3])
    yield from (key for key in counted if key[:3] not in left_out)


def _in_pieces(session: Session) -> Iterator[Any]:
    """All rows, those of a dimension at once: readers of PostgreSQL have no cursor on the server."""
    group = (InsightSum.scope, InsightSum.dimension)
    for scope, dimension in session.execute(select(*group).distinct()).all():
        yield from session.execute(_rows(InsightSum.scope == scope, InsightSum.dimension == dimension)).all()


def reject(session: Session) -> None:
    """Let the projection begin anew."""
    state_queries.begin_anew(session, state_queries.lock(session))


def _counted(session: Session) -> Additions:
    traits = {id: ParsedTraits(*values) for id, *values in session.execute(select(Traits.id, *_TRAITS))}
    counted = Additions()
    for after in range(0, session.scalar(NEWEST) or 0, PIECE):
        rows = session.execute(FACTS, {"after": after, "upto": after + PIECE})
        counted.add(visit for row in rows for visit in _parsed(row, traits).counted(row.number or 0))
    return counted


def _parsed(row: Any, traits: dict[int, ParsedTraits]) -> Parsed:
    id, scope, day, hour_s, visitor, number, new_in, traits_id, page, referrer = row
    return Parsed(id, Scope(scope), day_of(day), hour_s, visitor, number, new_in, traits[traits_id], page, referrer)


def _differs(stored: Any, counted: Addition, everyone: BitMap | None) -> bool:
    row = Sum._make(stored)
    packed = bytes(stored[-1])
    people = None if is_rest(packed) and everyone is None else unpacked(packed, everyone)
    right = (counted.visits, counted.new_visitors, counted.count, len(counted.people))
    return row[:4] != right or people != counted.people


_TRAITS = [getattr(Traits, name) for name in TRAITS]


def _rows(*conditions: Any) -> Any:
    return select(*(getattr(InsightSum, name) for name in (*KEY, *SUMS))).where(*conditions)
