"""Queries of conversions: which of the visitors who first came on some days have become users, by their first page."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from koyjabo.models import SITE, Conversion, Scope, Visit, Visitor


class Converted(NamedTuple):
    """A conversion, and the visitor's first visit in the scope."""

    at_ms: int
    page: str | None
    opened_ms: int


def between(session: Session, scope: Scope, first: str, last: str) -> list[Converted]:
    """Those whose first visit was on the days `first` to `last`, both included, and is still stored. For the site, each
    visitor once: by the first of their conversions in communities.
    """
    is_theirs = (Visitor.scope == scope) & (Visitor.visitor_id == Conversion.visitor_id)
    wanted = select(func.min(Conversion.at_ms), Visit.page, Visit.at_ms).join(Visitor, is_theirs)
    wanted = wanted.join(Visit, Visit.id == Visitor.first_visit).where(Visit.day.between(first, last))
    if scope != SITE:
        wanted = wanted.where(Conversion.scope == scope)
    return [Converted._make(row) for row in session.execute(wanted.group_by(Visit.id, Visit.page, Visit.at_ms))]
