"""Finds a visit by its ordinal."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.core.identity import DELETED
from koyjabo.models import Visit
from koyjabo.visit_log.condition_queries import of_ordinal


def day_of(session: Session, ordinal: int) -> str | None:
    """The day (YYYY-MM-DD) of the newest visit with this ordinal; None if it is folded or its visitor is forgotten."""
    newest = max(of_ordinal(session, ordinal), default=None)
    found = session.execute(select(Visit.day, Visit.visitor_id).where(Visit.id == newest)).first()
    return None if found is None or found.visitor_id.startswith(DELETED) else found.day
