"""Queries for the mark of the site."""

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import lock_limit
from koyjabo.base.models import SITE
from koyjabo.people.audit.queries import AuditRecord
from .mark import Mark
from .models import SiteMark


def newest(session: Session | Connection, known: Mark | None) -> Mark | None:
    """The stored mark. Its content is only read if it is not `known`."""
    digest = session.scalar(select(SiteMark.digest))
    if digest is None or (known and digest == known.digest):
        return known if digest else None
    row = session.execute(select(SiteMark.kind, SiteMark.content, SiteMark.digest)).one_or_none()
    return Mark(*row) if row else None  # another server may have removed it since


def locked(session: Session, known: Mark | None) -> Mark | None:
    """The stored mark, as `newest` reads it. Other changes wait until the end of the transaction."""
    lock_limit(session, SiteMark)
    return newest(session, known)


def store(session: Session, mark: Mark | None, entry: AuditRecord) -> None:
    """Store a mark, or remove it, with an audit entry."""
    session.execute(delete(SiteMark))
    session.flush()
    if mark:
        session.add(SiteMark(scope=SITE, kind=mark.kind, content=mark.content, digest=mark.digest))
    entry.store(session)
