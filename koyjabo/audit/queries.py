"""The audit log as rows: lines go in with what they tell of, and come out newest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from koyjabo.database.text_search import usable
from koyjabo.models import AuditLine

Result = TypeVar("Result")


class Entry(NamedTuple):
    """Something that somebody did. Names are those of the moment."""

    at_ms: int
    actor_id: str | None  # None for the operator, at the command line
    actor: str
    action: str
    target_kind: str  # "community", "user", "total", "ledger" or "visits"
    target_id: str
    target: str
    details: dict[str, Any]
    place: str  # where from; "" when nobody knows


class Line(NamedTuple):
    """An entry under its number: later ones have greater numbers."""

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


COLUMNS = [getattr(AuditLine, name) for name in Line._fields]


def write(session: Session | Connection, entry: Entry) -> None:
    """Part of the transaction that does what it says."""
    values = {**entry._asdict(), "details": json.dumps(entry.details, ensure_ascii=False)}
    session.execute(insert(AuditLine).values(**values))


def noting(do: Callable[[Session], Result], entry: Callable[[Result], Entry | None]) -> Callable[[Session], Result]:
    """An errand that does something, and writes the line that `entry` makes of what came of it; None is no line."""

    def noted(session: Session) -> Result:
        result = do(session)
        made = entry(result)
        if made is not None:
            write(session, made)
        return result

    return noted


def newest(
    session: Session, before: int | None, count: int, actor: str | None = "", action: str = ""
) -> tuple[Line, ...]:
    """The newest lines with a number under `before`. `actor` is a user's id, None for the operator, "" for anybody."""
    wanted = select(*COLUMNS).order_by(AuditLine.id.desc()).limit(count)
    if before is not None:
        wanted = wanted.where(AuditLine.id < before)
    if actor != "":
        wanted = wanted.where(AuditLine.actor_id == (actor and usable(actor)))  # IS NULL, for None
    if action:
        wanted = wanted.where(AuditLine.action == usable(action))
    return tuple(Line._make(row)._replace(details=json.loads(row.details)) for row in session.execute(wanted))
