"""Queries for the audit log: store an entry, and read records by action and time. Also records revocations."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, Select, and_, insert, not_, select, union_all, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.database.models import Counter
from koyjabo.base.models import SITE
from .models import AccessVersion, AuditLine

MAX_DETAIL = 200
"""Maximum length of a text in an entry's details, characters."""


class AuditRecord(NamedTuple):
    """An action, with the names that the actor and the target had at that time. Ids increase over time."""

    id: int  # 0 until it is stored
    at_ms: int
    actor_id: str | None  # None for the operator, on the command line
    actor: str
    action: str
    target_kind: str  # "community", "user", "total", "ledger", "visits", "share", "server"
    target_id: str
    target: str
    details: dict[str, Any]
    place: str  # the client's location; "" if unknown

    def store(self, session: Session | Connection) -> None:
        """Insert the record in the same transaction as the change. Long texts are truncated."""
        values = {**self._asdict(), "details": json.dumps(_shortened(self.details), ensure_ascii=False)}
        del values["id"]
        session.execute(insert(AuditLine).values(**values))


def _shortened(value: Any) -> Any:
    """The value, with long texts truncated and followed by their length."""
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, str) and len(value) > MAX_DETAIL:
        return f"{value[:MAX_DETAIL]}… ({len(value):,} characters)"
    return value


NEWEST_RECORDS = select(*(getattr(AuditLine, name) for name in AuditRecord._fields)).order_by(AuditLine.id.desc())


def page(session: Session, before: int | None, count: int, without: Mapping[str, str]) -> tuple[AuditRecord, ...]:
    """The latest `count` records, or those with smaller ids than `before`, newest first. `without`: actions to leave
    out, with a text in their details (`ROUTINE_ACTIONS`).
    """
    query = NEWEST_RECORDS.limit(count).where(
        AuditLine.action.not_in([name for name, text in without.items() if not text])
    )
    for action, text in without.items():
        if text:
            is_routine = and_(AuditLine.action == action, AuditLine.details.contains(text, autoescape=True))
            query = query.where(not_(is_routine))
    return _records(session, query if before is None else query.where(AuditLine.id < before))


def newest(session: Session, actions: tuple[str, ...], count: int, after: int = 0) -> tuple[AuditRecord, ...]:
    """The latest `count` records of these actions with larger ids than `after`, newest first."""
    query = NEWEST_RECORDS.limit(count).where(AuditLine.id.in_(_of_each_action(actions, count, after)))
    return _records(session, query)


def _of_each_action(actions: tuple[str, ...], count: int, after: int) -> CompoundSelect[int]:
    """Select ids, `count` per action. The index on actions finds them quickly, however many records other
    actions have.
    """
    selects = (select(AuditLine.id).where(AuditLine.action == action, AuditLine.id > after) for action in actions)
    limited = (ids.order_by(AuditLine.id.desc()).limit(count).subquery() for ids in selects)
    return union_all(*(select(ids.c.id) for ids in limited))


def _records(session: Session, query: Select[Any]) -> tuple[AuditRecord, ...]:
    return tuple(AuditRecord._make(row)._replace(details=json.loads(row.details)) for row in session.execute(query))


def newest_version(session: Session) -> str:
    """The program version most recently recorded in the log; "" if there is none."""
    return next((str(record.details["version"]) for record in newest(session, ("server.version",), 1)), "")


def lock_newest_version(session: Session) -> str:
    """The most recently recorded version, locked until the end of the transaction."""
    session.execute(select(Counter.scope).where(Counter.scope == SITE).with_for_update())
    return newest_version(session)


def record_revocation(session: Session) -> None:
    """Record that access was revoked. Call it in every transaction that ends a session or a membership, lowers a role,
    or disables an account.
    """
    session.execute(update(AccessVersion).values(version=AccessVersion.version + 1))


def record_shown_people(session: Session) -> None:
    """Record that other people are named as online."""
    session.execute(update(AccessVersion).values(people=AccessVersion.people + 1))
