"""Removes old entries from the audit log, and deleted users from its entries. Keeps the version of permissions
increasing.
"""

import json

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.database.upkeep_rules import ExpiringRows, UpkeepRules, change_rows, remove_rows
from .models import AccessVersion, AuditLine

NAMING_DETAILS = ("user_id", "user", "invited_by")
"""Fields in the details of entries that name another user."""


def _about_member(user_id: str) -> ColumnElement[bool]:
    """Community audit entries about this user. The index on actions keeps the number of entries to read small."""
    return and_(*_actions("member"), AuditLine.details.contains(f'"user_id": "{user_id}"', autoescape=True))


def _accepted_from(name: str) -> ColumnElement[bool]:
    """Audit entries about accepted invitations from a person with this name."""
    detail = f'"invited_by": {json.dumps(name, ensure_ascii=False)}'
    named = AuditLine.details.contains(detail, autoescape=True)
    return or_(*(and_(*_actions(kind), named) for kind in ("member", "panel")))


def _actions(kind: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions that select a range of the index on actions. SQLite expects few rows in the range, so it does not read
    the whole log.
    """
    return AuditLine.action >= f"{kind}.", AuditLine.action < f"{kind}/"


def _remove_entries(session: Session, before_ms: int, size: int) -> int:
    """Remove the oldest entries. Searches by id, because the times are not indexed."""
    oldest = select(AuditLine.id, AuditLine.at_ms).order_by(AuditLine.id).limit(size)
    old = [row.id for row in session.execute(oldest) if row.at_ms < before_ms]
    return remove_rows(session, AuditLine.id, size, AuditLine.id.in_(old)) if old else 0


class AuditRules(UpkeepRules):
    ageing = (ExpiringRows(AuditLine.__tablename__, _remove_entries),)

    def records_about(self, session: Session, user_id: str, name: str) -> list[int]:
        """The ids of entries whose details name the user. Run this as a report, because it reads all entries about
        members.
        """
        return list(session.scalars(select(AuditLine.id).where(or_(_about_member(user_id), _accepted_from(name)))))

    def strip_records(self, session: Session, ids: list[int], size: int) -> list[int]:
        for line in session.scalars(select(AuditLine).where(AuditLine.id.in_(ids[:size]))):
            kept = {name: value for name, value in json.loads(line.details).items() if name not in NAMING_DETAILS}
            line.details = json.dumps(kept, ensure_ascii=False)
        return ids[size:]

    def detach_account(self, session: Session, user_id: str, size: int) -> int:
        by_me, about_me = {"actor_id": DELETED_ID, "actor": "", "place": ""}, {"target_id": DELETED_ID, "target": ""}
        is_me = (AuditLine.target_id == user_id) & (AuditLine.target_kind == "user")
        return max(
            change_rows(session, AuditLine.id, size, AuditLine.actor_id == user_id, **by_me),
            change_rows(session, AuditLine.id, size, is_me, details="{}", **about_me),
        )

    def version(self, connection: Connection) -> int:
        return connection.execute(select(func.max(AccessVersion.version))).scalar() or 0

    def invalidate_restored(self, connection: Connection, version: int, now_ms: int) -> None:
        connection.execute(delete(AccessVersion))
        connection.execute(insert(AccessVersion).values(id=1, version=version))
