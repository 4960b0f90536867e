"""How often anybody has lost a right: one number, by which every server notices that it has to look again."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from koyjabo.models import AccessVersion


def record_revocation(session: Session) -> None:
    """Part of every transaction that takes a right away: a session, a membership, a role, an account."""
    session.execute(update(AccessVersion).values(version=AccessVersion.version + 1))


def version(session: Session) -> int:
    """It only grows, and stays as it is while nobody loses anything."""
    return session.execute(select(AccessVersion.version)).scalar_one()
