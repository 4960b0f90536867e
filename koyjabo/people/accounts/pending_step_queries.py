"""Queries for pending login steps, as operations for the database executor."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import Passkey, PendingStep, RecoveryCode, TotpSecret, User

TOTP, RECOVERY, PASSKEY = "totp", "recovery", "passkey"
MOST_SWEPT = 100
"""How many expired steps are deleted whenever a step is added. More than one, so that the table shrinks again after a
burst.
"""


class Pending(NamedTuple):
    """A pending step. `token` is the hash of the client's token. `user_id` is None until the client has presented a
    passkey.
    """

    token: str
    purpose: str
    user_id: str | None
    password_mark: str
    visitor_id: str | None
    challenge: str | None
    tries: int


COLUMNS = [getattr(PendingStep, name) for name in Pending._fields]


def begin(session: Session, pending: Pending, now_ms: int, expires_ms: int) -> tuple[str, ...]:
    """Add a step, replacing any step with the same token. Returns the methods that its user can choose. Steps of one
    user are added one after the other, so that no two have the same token.
    """
    if pending.user_id is not None:
        session.execute(select(User.id).where(User.id == pending.user_id).with_for_update())
    expired = select(PendingStep.token).where(PendingStep.expires_ms <= now_ms).limit(MOST_SWEPT)
    expired = expired.with_for_update(skip_locked=True)  # concurrent sweeps do not wait for each other
    sweep = delete(PendingStep).where(PendingStep.token.in_(expired) | (PendingStep.token == pending.token))
    session.execute(sweep.execution_options(synchronize_session=False))
    session.add(PendingStep(**pending._asdict(), expires_ms=expires_ms))
    return methods(session, pending.user_id) if pending.user_id else ()


def find(session: Session, token: str, purposes: Collection[str], now_ms: int) -> Pending | None:
    live = (PendingStep.token == token, PendingStep.purpose.in_(purposes), PendingStep.expires_ms > now_ms)
    row = session.execute(select(*COLUMNS).where(*live)).one_or_none()
    return Pending._make(row) if row else None


def count_try(session: Session, token: str, purposes: Collection[str], now_ms: int, most: int) -> Pending | None:
    """Count a try before it is verified, which also limits concurrent ones. None if no try is left."""
    live = (PendingStep.token == token, PendingStep.purpose.in_(purposes), PendingStep.expires_ms > now_ms)
    counted = update(PendingStep).where(*live, PendingStep.tries < most).values(tries=PendingStep.tries + 1)
    row = session.execute(counted.returning(*COLUMNS).execution_options(synchronize_session=False)).one_or_none()
    return Pending._make(row) if row else None


def set_challenge(
    session: Session, token: str, purposes: Collection[str], challenge: str, now_ms: int
) -> Pending | None:
    live = (PendingStep.token == token, PendingStep.purpose.in_(purposes), PendingStep.expires_ms > now_ms)
    changed = update(PendingStep).where(*live).values(challenge=challenge).returning(*COLUMNS)
    row = session.execute(changed.execution_options(synchronize_session=False)).one_or_none()
    return Pending._make(row) if row else None


def end(session: Session, pending: Pending) -> bool:
    """Remove a step. Returns False if another request has already removed it, or has requested another challenge."""
    mine = (PendingStep.token == pending.token, PendingStep.challenge.is_not_distinct_from(pending.challenge))
    return changed_rows(session, delete(PendingStep).where(*mine)) == 1


def methods(session: Session, user_id: str) -> tuple[str, ...]:
    confirmed = (TotpSecret.user_id == user_id, TotpSecret.confirmed_ms.is_not(None))
    available = session.execute(
        select(
            exists().where(*confirmed),
            exists().where(RecoveryCode.user_id == user_id),
            exists().where(Passkey.user_id == user_id),
        )
    ).one()
    return tuple(name for name, has in zip((TOTP, RECOVERY, PASSKEY), available, strict=True) if has)
