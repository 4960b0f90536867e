"""Queries for stored settings.

Every worker reads all rows each second. There are at most as many as settings on the page Server, so this costs no more
than reading a revision, and notices a restored or rolled-back database as well.
"""

from collections.abc import Mapping

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.models import User
from .models import StoredSetting


def stored(session: Session | Connection) -> dict[str, str]:
    """All stored values, by name. A secret is sealed."""
    rows = session.execute(select(StoredSetting.name, StoredSetting.value))
    return {row.name: row.value for row in rows}


def locked(session: Session) -> dict[str, str]:
    """All stored values. Other changes wait until the end of the transaction, so that admins who change settings at the
    same time see each other's values.
    """
    session.execute(select(Counter.scope).where(Counter.scope == SITE).with_for_update())
    return stored(session)


def admins(session: Session) -> list[User]:
    """The site's admins who can log in."""
    return list(session.scalars(select(User).where(User.is_admin, User.disabled_ms.is_(None)).order_by(User.id)))


def store(session: Session, values: Mapping[str, str], entry: AuditRecord) -> None:
    """Store values by name, with an audit entry. A setting whose value is empty is removed."""
    session.execute(delete(StoredSetting).where(StoredSetting.name.in_(values)))
    session.flush()
    for name, value in values.items():
        if value:
            session.add(StoredSetting(name=name, value=value))
    entry.store(session)
