"""Finds the visits of a source, which the database does not know: it follows from a visit's referrer and campaign."""

import json
from collections.abc import Callable

from sqlalchemy import ColumnElement, and_, select, text as sql
from sqlalchemy.orm import Session

from koyjabo.columns.dimensions.sources import Sources
from koyjabo.counting.models import Visit

DIRECT_SOURCE = "direct"
"""The source of direct visits in the filter."""

# A campaign contains no space, so a text has only one meaning.
IS_ORIGIN_IN_LIST = {
    "sqlite": "coalesce(visits.referrer, '') || ' ' || coalesce(visits.campaign, '') IN "
    "(SELECT value FROM json_each(:origins))",
    "postgresql": "coalesce(visits.referrer, '') || ' ' || coalesce(visits.campaign, '') IN "
    "(SELECT json_array_elements_text(CAST(:origins AS json)))",
}

Conditions = tuple[ColumnElement[bool], ...]
OfSource = Callable[[Session, Conditions], Conditions]
"""Adds to conditions, which include a range of ids, that the visits have a source."""


def of_source(sources: Sources, text: str) -> OfSource:
    """Return the condition for the sources that a text means (`Sources.meant`), or for direct visits."""
    meant = frozenset([None]) if text.casefold() == DIRECT_SOURCE else sources.meant(text)

    def add(session: Session, conditions: Conditions) -> Conditions:
        pairs = session.execute(select(Visit.referrer, Visit.campaign).where(*conditions).distinct())
        origins = [
            f"{referrer or ''} {campaign or ''}"
            for referrer, campaign in pairs
            if sources.of_visit(referrer, campaign).domain in meant
        ]
        is_listed = sql(IS_ORIGIN_IN_LIST[session.get_bind().dialect.name])
        return *conditions, and_(is_listed.bindparams(origins=json.dumps(origins)))

    return add
