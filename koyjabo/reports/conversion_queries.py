"""A community's conversions, grouped by each visitor's first page (specification: Conversions)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.models import Conversion, Scope, Visit, Visitor


class PageConversions(NamedTuple):
    page: str | None  # None: not recorded
    conversions: int


class ConversionReport(NamedTuple):
    """Conversions by page. `pages` are sorted by conversions, most first. `average_ms` is the average time from the
    first visit to the conversion, or None if there are no conversions.
    """

    conversions: int
    pages: list[PageConversions]
    average_ms: int | None


def between(session: Session, scope: Scope, first: str, last: str) -> ConversionReport:
    """Report the conversions of visitors whose first visit was on the days `first` to `last` (inclusive) and is still
    stored.
    """
    is_theirs = (Visitor.scope == Conversion.scope) & (Visitor.visitor_id == Conversion.visitor_id)
    query = select(Visit.page, Conversion.at_ms - Visit.at_ms).join(Visitor, is_theirs)
    query = query.join(Visit, Visit.id == Visitor.first_visit)
    query = query.where(Conversion.scope == scope, Visit.day.between(first, last))
    conversions = session.execute(query).all()
    pages = Counter(page for page, _ in conversions)
    ordered = sorted(pages.items(), key=lambda item: (-item[1], item[0] or ""))
    average_ms = round(sum(waited_ms for _, waited_ms in conversions) / len(conversions)) if conversions else None
    return ConversionReport(len(conversions), [PageConversions(*item) for item in ordered], average_ms)
