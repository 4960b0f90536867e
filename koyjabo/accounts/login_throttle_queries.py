"""Attempts to log in, by account, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from koyjabo.models import LoginFailures

MOST_SWEPT = 100
"""Accounts whose time is over, which are forgotten when an attempt is counted: more than it can add."""

COUNT = text(
    "INSERT INTO login_failures AS f (account, failures, began_ms) VALUES (:account, 1, :now_ms) "
    "ON CONFLICT (account) DO UPDATE SET "
    "failures = CASE WHEN f.began_ms <= :over_ms THEN 1 ELSE f.failures + 1 END, "
    "began_ms = CASE WHEN f.began_ms <= :over_ms THEN excluded.began_ms ELSE f.began_ms END "
    "WHERE f.failures < :most OR f.began_ms <= :over_ms RETURNING failures"
)


def count(session: Session, account: str, most: int, now_ms: int, over_ms: int) -> int | None:
    """Count one more, of `most` since it began; what began at `over_ms` or before counts no more. How many there have
    been with this one, and None when it was one too many.
    """
    _sweep(session, over_ms)
    values = {"account": account, "most": most, "now_ms": now_ms, "over_ms": over_ms}
    return session.execute(COUNT, values).scalar()


def began_ms(session: Session, account: str) -> int | None:
    """When the first of those that count was."""
    return session.scalar(select(LoginFailures.began_ms).where(LoginFailures.account == account))


def take_back(session: Session, account: str, kept: Collection[int]) -> None:
    """One of them was none; it stays where there had been so many failures as are `kept` before it."""
    before = LoginFailures.failures - 1
    row = update(LoginFailures).where(LoginFailures.account == account, before.not_in(kept))
    session.execute(row.values(failures=before))


def forgive(session: Session, account: str) -> None:
    session.execute(delete(LoginFailures).where(LoginFailures.account == account))


def _sweep(session: Session, over_ms: int) -> None:
    """Rows that others are at work on are left to them: two that sweep must not wait for each other."""
    over = select(LoginFailures.account).where(LoginFailures.began_ms <= over_ms).limit(MOST_SWEPT)
    session.execute(delete(LoginFailures).where(LoginFailures.account.in_(over.with_for_update(skip_locked=True))))
