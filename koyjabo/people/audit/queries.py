"""Queries for the audit log: store an entry, and read records by action and time. Also records revocations."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, func, insert, select, union_all, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import ids_between
from koyjabo.base.models import SITE, AccessVersion, AuditLine, Counter

MAX_DETAIL = 200
"""Maximum length of a text in an entry's details, characters."""


class AuditRecord(NamedTuple):
    """An action, with the names that the actor and the target had at that time. Ids increase over time."""

    id: int  # 0 until it is stored
    at_ms: int
    actor_id: str | None  # None for the operator, on the command line
    actor: str
    action: str
    target_kind: str  # "community", "user", "total", "ledger", "visits", "audit", "share", "server"
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


COLUMNS = [getattr(AuditLine, name) for name in AuditRecord._fields]


class Selection(NamedTuple):
    """The records to read."""

    actions: tuple[str, ...] = ()  # empty means all
    began_ms: int | None = None
    ended_ms: int | None = None  # before this time
    after: int = 0  # ids greater than this
    upto: int = 2**63 - 1


def within_days(session: Session, which: Selection) -> Selection:
    """Limit the selection to the ids that cover its days, up to the newest record, so that the search reads few other
    rows.
    """
    newest_id = min(which.upto, session.scalar(select(func.max(AuditLine.id))) or 0)
    after, upto = ids_between(session, AuditLine, which.began_ms, which.ended_ms, which.after, newest_id)
    return which._replace(after=after, upto=upto)


def newest(session: Session, which: Selection, count: int) -> tuple[AuditRecord, ...]:
    """The latest `count` records, newest first."""
    query = select(*COLUMNS).order_by(AuditLine.id.desc()).limit(count)
    if which.actions:
        query = query.where(AuditLine.id.in_(_of_each_action(which, count)))
    else:
        query = query.where(*_conditions(which))
    return tuple(AuditRecord._make(row)._replace(details=json.loads(row.details)) for row in session.execute(query))


def _of_each_action(which: Selection, count: int) -> CompoundSelect[int]:
    """Select ids, `count` per action. The index on actions finds them quickly, however many records other
    actions have.
    """
    selects = (select(AuditLine.id).where(*_conditions(which._replace(actions=(action,)))) for action in which.actions)
    limited = (ids.order_by(AuditLine.id.desc()).limit(count).subquery() for ids in selects)
    return union_all(*(select(ids.c.id) for ids in limited))


def _conditions(which: Selection) -> Iterator[ColumnElement[bool]]:
    yield AuditLine.id > which.after
    yield AuditLine.id <= which.upto
    if which.began_ms is not None:
        yield AuditLine.at_ms >= which.began_ms
    if which.ended_ms is not None:
        yield AuditLine.at_ms < which.ended_ms
    if which.actions:
        yield AuditLine.action.in_(which.actions)


VERSION_RECORDS = Selection(actions=("server.version",))


def newest_version(session: Session) -> str:
    """The program version most recently recorded in the log; "" if there is none."""
    return next((str(record.details["version"]) for record in newest(session, VERSION_RECORDS, 1)), "")


def lock_newest_version(session: Session) -> str:
    """The most recently recorded version, locked until the end of the transaction."""
    session.execute(select(Counter.scope).where(Counter.scope == SITE).with_for_update())
    return newest_version(session)


def record_revocation(session: Session) -> None:
    """Record that access was revoked. Call it in every transaction that ends a session or a membership, lowers a role,
    or disables an account.
    """
    session.execute(update(AccessVersion).values(version=AccessVersion.version + 1))
