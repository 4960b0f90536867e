"""Remove what has run out, some rows at a time. Each says how many were removed; 0 is the end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from koyjabo.models import AuditLine, LoginFailures, LoginSession


def sessions(session: Session, before_ms: int, size: int) -> int:
    """Those that have run out; one that was ended earlier is known until then, with its tokens."""
    return _remove(session, LoginSession.id, size, LoginSession.expires_ms <= before_ms)


def login_failures(session: Session, before_ms: int, size: int) -> int:
    return _remove(session, LoginFailures.account, size, LoginFailures.began_ms <= before_ms)


def audit_lines(session: Session, before_ms: int, size: int) -> int:
    """From the oldest on, as far as they are old."""
    oldest = select(AuditLine.id, AuditLine.at_ms).order_by(AuditLine.id).limit(size)
    old = [row.id for row in session.execute(oldest) if row.at_ms < before_ms]
    return _remove(session, AuditLine.id, size, AuditLine.id.in_(old)) if old else 0


def _remove(session: Session, key: Any, size: int, which: ColumnElement[bool]) -> int:
    some = select(key).where(which).limit(size)
    gone = delete(key.class_).where(key.in_(some)).execution_options(synchronize_session=False)
    return session.execute(gone).rowcount  # type: ignore[attr-defined]
