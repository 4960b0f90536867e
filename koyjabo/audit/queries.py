"""Queries of the audit log: store an entry, read the newest."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.database.text_search import usable
from koyjabo.models import AuditLine

LONGEST_DETAIL = 200
"""The longest text in the details of an entry, in characters."""


class Entry(NamedTuple):
    """An action, with the names that the actor and the target had at that moment."""

    at_ms: int
    actor_id: str | None  # None for the operator, at the command line
    actor: str
    action: str
    target_kind: str  # "community", "user", "total", "ledger" or "visits"
    target_id: str
    target: str
    details: dict[str, Any]
    place: str  # of the client; "" if unknown

    def store(self, session: Session | Connection) -> None:
        """Insert the entry, in the transaction that makes the change. Long texts are cut."""
        values = {**self._asdict(), "details": json.dumps(_shortened(self.details), ensure_ascii=False)}
        session.execute(insert(AuditLine).values(**values))


def _shortened(value: Any) -> Any:
    """With the beginning of each long text, and its length."""
    if isinstance(value, dict):
        return {name: _shortened(each) for name, each in value.items()}
    if isinstance(value, str) and len(value) > LONGEST_DETAIL:
        return f"{value[:LONGEST_DETAIL]}… ({len(value):,} characters)"
    return value


class AuditRecord(NamedTuple):
    """A stored entry. Ids grow with time."""

    id: int
    at_ms: int
    actor_id: str | None
    actor: str
    action: str
    target_kind: str
    target_id: str
    target: str
    details: dict[str, Any]
    place: str


COLUMNS = [getattr(AuditLine, name) for name in AuditRecord._fields]


def newest(
    session: Session, before: int | None, count: int, actor: str | None = "", action: str = ""
) -> tuple[AuditRecord, ...]:
    """The newest records with an id below `before`. `actor` is a user's id, None for the operator, "" for all."""
    wanted = select(*COLUMNS).order_by(AuditLine.id.desc()).limit(count)
    if before is not None:
        wanted = wanted.where(AuditLine.id < before)
    if actor != "":
        wanted = wanted.where(AuditLine.actor_id == (actor and usable(actor)))  # IS NULL, for None
    if action:
        wanted = wanted.where(AuditLine.action == usable(action))
    return tuple(AuditRecord._make(row)._replace(details=json.loads(row.details)) for row in session.execute(wanted))
