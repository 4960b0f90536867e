"""Queries for the count of login attempts by account, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from koyjabo.models import LoginFailures

MOST_SWEPT = 100
"""Expired counts deleted with each attempt: more than an attempt adds, so the table cannot grow for long."""

COUNT = text(
    "INSERT INTO login_failures AS f (account, failures, began_ms) VALUES (:account, 1, :now_ms) "
    "ON CONFLICT (account) DO UPDATE SET "
    "failures = CASE WHEN f.began_ms <= :over_ms THEN 1 ELSE f.failures + 1 END, "
    "began_ms = CASE WHEN f.began_ms <= :over_ms THEN excluded.began_ms ELSE f.began_ms END "
    "WHERE f.failures < :most OR f.began_ms <= :over_ms RETURNING failures"
)


def count(session: Session, account: str, most: int, now_ms: int, over_ms: int) -> int | None:
    """Count one attempt. A count that began at or before `over_ms` has expired and starts again. Returns the number of
    attempts including this one, or None if it would exceed `most`.
    """
    _sweep(session, over_ms)
    values = {"account": account, "most": most, "now_ms": now_ms, "over_ms": over_ms}
    return session.execute(COUNT, values).scalar()


def began_ms(session: Session, account: str) -> int | None:
    """When the first counted attempt was, ms."""
    return session.scalar(select(LoginFailures.began_ms).where(LoginFailures.account == account))


def take_back(session: Session, account: str, audited: Collection[int]) -> None:
    """Uncount an attempt, unless the number of failures before it is in `audited`: the audit log has a line for it."""
    before = LoginFailures.failures - 1
    row = update(LoginFailures).where(LoginFailures.account == account, before.not_in(audited))
    session.execute(row.values(failures=before))


def forgive(session: Session, account: str) -> None:
    session.execute(delete(LoginFailures).where(LoginFailures.account == account))


def _sweep(session: Session, over_ms: int) -> None:
    """Skips locked rows, so that concurrent sweeps do not wait for each other."""
    over = select(LoginFailures.account).where(LoginFailures.began_ms <= over_ms).limit(MOST_SWEPT)
    session.execute(delete(LoginFailures).where(LoginFailures.account.in_(over.with_for_update(skip_locked=True))))
