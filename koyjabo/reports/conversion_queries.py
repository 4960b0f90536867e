"""Reports the conversions of a community: visitors who were identified as users."""

import collections
from typing import NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from koyjabo.base.models import Scope
from koyjabo.counting.models import Visit, Visitor
from .models import Conversion

RATE = text("""
SELECT (SELECT count(*) FROM conversions WHERE scope = :scope) AS conversions,
       (SELECT coalesce(sum(anonymous), 0) FROM returns WHERE scope = :scope AND previous_day = '') AS anonymous
""")


def conversion_rate(session: Session, scope: Scope) -> float:
    """Return the percentage of anonymous visitors who were later identified as users, to one decimal; 0 if there were
    none."""
    conversions, anonymous = map(int, session.execute(RATE, {"scope": scope}).one())
    return round(100 * conversions / (conversions + anonymous), 1) if conversions + anonymous else 0.0


class ConversionReport(NamedTuple):
    """Conversions by page (None: not recorded), most conversions first. `average_ms` is the average time from the first
    visit to the conversion, or None if there are no conversions.
    """

    conversions: int
    pages: list[tuple[str | None, int]]
    average_ms: int | None


def conversions_between(session: Session, scope: Scope, first: str, last: str) -> ConversionReport:
    """Report the conversions of visitors whose first visit was on the days `first` to `last` (inclusive)."""
    is_theirs = (Visitor.scope == Conversion.scope) & (Visitor.visitor_id == Conversion.visitor_id)
    query = select(Visit.page, Conversion.at_ms - Visit.at_ms).outerjoin(Visitor, is_theirs)
    query = query.join(Visit, Visit.id == func.coalesce(Conversion.first_visit, Visitor.first_visit))
    query = query.where(Conversion.scope == scope, Visit.day.between(first, last))
    conversions = session.execute(query).all()
    pages = collections.Counter(page for page, _ in conversions)
    ordered = sorted(pages.items(), key=lambda item: (-item[1], item[0] or ""))
    average_ms = round(sum(waited_ms for _, waited_ms in conversions) / len(conversions)) if conversions else None
    return ConversionReport(len(conversions), ordered, average_ms)
