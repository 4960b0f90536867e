"""Queries for the mark of the site."""

from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import lock_limit
from koyjabo.base.models import SITE
from koyjabo.people.audit.queries import AuditRecord
from .mark import Mark
from .models import SiteMark


class StoredMark(NamedTuple):
    """A row, which may come from an earlier version or a changed backup. `content` is only read if it is needed."""

    digest: str
    content: bytes = b""


def newest(session: Session | Connection, known: str) -> StoredMark:
    """The stored mark, without its content if its digest is `known`."""
    digest = session.scalar(select(SiteMark.digest)) or ""
    if digest == known:
        return StoredMark(digest)
    row = session.execute(select(SiteMark.digest, SiteMark.content)).one_or_none()
    return StoredMark(*row) if row else StoredMark("")  # another server may have removed it since


def locked_digest(session: Session) -> str:
    """The digest of the stored mark, or "". Other changes wait until the end of the transaction."""
    lock_limit(session, SiteMark)
    return session.scalar(select(SiteMark.digest)) or ""


def store(session: Session, mark: Mark | None, entry: AuditRecord) -> None:
    """Store a mark, or remove it, with an audit entry."""
    session.execute(delete(SiteMark))
    session.flush()
    if mark:
        session.add(SiteMark(scope=SITE, kind=mark.kind, content=mark.content, digest=mark.digest))
    entry.store(session)
