"""The access version: a counter of revocations. All servers poll it to learn when to check permissions again."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from koyjabo.models import AccessVersion


def record_revocation(session: Session) -> None:
    """Call it in every transaction that revokes access: that ends a session or a membership, lowers a role, or
    disables an account.
    """
    session.execute(update(AccessVersion).values(version=AccessVersion.version + 1))


def version(session: Session) -> int:
    """Increases at each revocation, and at no other time."""
    return session.execute(select(AccessVersion.version)).scalar_one()
