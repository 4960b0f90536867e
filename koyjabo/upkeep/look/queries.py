"""Queries for the mark of the site."""

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.models import SITE
from koyjabo.people.audit.queries import AuditRecord
from .mark import Mark
from .models import SiteMark


def newest(session: Session | Connection, known: Mark | None) -> Mark | None:
    """The stored mark. Its content is only read if it is not `known`."""
    digest = session.scalar(select(SiteMark.digest))
    if digest is None or (known and digest == known.digest):
        return known if digest else None
    return Mark(*session.execute(select(SiteMark.kind, SiteMark.content, SiteMark.digest)).one())


def store(session: Session, mark: Mark | None, entry: AuditRecord) -> None:
    """Store a mark, or remove it, with an audit entry."""
    session.execute(delete(SiteMark))
    session.flush()
    if mark:
        session.add(SiteMark(scope=SITE, kind=mark.kind, content=mark.content, digest=mark.digest))
    entry.store(session)
