"""Queries for the newest version of the program that the audit log has recorded."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from koyjabo.audit import queries
from koyjabo.models import SITE, Counter

RECORD = queries.Selection(actions=("server.version",))


def newest(session: Session) -> str:
    """The version; "" if none was recorded."""
    return next((str(each.details["version"]) for each in queries.newest(session, RECORD, 1)), "")


def lock_newest(session: Session) -> str:
    """The same, until the end of the transaction."""
    session.execute(select(Counter.scope).where(Counter.scope == SITE).with_for_update())
    return newest(session)
