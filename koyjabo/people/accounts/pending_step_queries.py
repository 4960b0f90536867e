"""Queries for pending login steps, as operations for the database executor."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, ScalarResult, delete, exists, select, update
from sqlalchemy.orm import Session

from koyjabo.base.database.rows import change_in_database, changed_rows
from koyjabo.people.models import User
from .errors import SecondFactorExpired
from .models import PendingStep, RecoveryCode, TotpSecret

TOTP, RECOVERY = "totp", "recovery"


def begin(session: Session, pending: PendingStep) -> tuple[str, ...]:
    """Add a step, replacing any step with the same token. Returns the methods that its user can choose. Steps of one
    user are added one after the other, so that no two have the same token.
    """
    session.execute(select(User.id).where(User.id == pending.user_id).with_for_update())
    change_in_database(session, delete(PendingStep).where(PendingStep.token == pending.token))
    session.add(pending)
    return methods(session, pending.user_id)


def find(session: Session, token: str, purposes: Collection[str], now_ms: int) -> PendingStep:
    """A pending step. Raises SecondFactorExpired."""
    return _one(session.scalars(select(PendingStep).where(*_live(token, purposes, now_ms))))


def count_try(session: Session, token: str, purposes: Collection[str], now_ms: int, most: int) -> PendingStep:
    """Count a try before it is verified, which also limits concurrent ones. Raises SecondFactorExpired after `most`
    tries.
    """
    counted = update(PendingStep).where(*_live(token, purposes, now_ms), PendingStep.tries < most)
    return _one(session.scalars(counted.values(tries=PendingStep.tries + 1).returning(PendingStep)))


def _one(steps: ScalarResult[PendingStep]) -> PendingStep:
    step = steps.one_or_none()
    if step is None:
        raise SecondFactorExpired
    return step


def _live(token: str, purposes: Collection[str], now_ms: int) -> tuple[ColumnElement[bool], ...]:
    return PendingStep.token == token, PendingStep.purpose.in_(purposes), PendingStep.expires_ms > now_ms


def end(session: Session, pending: PendingStep) -> bool:
    """Remove a step. Returns False if another request has already removed it."""
    return changed_rows(session, delete(PendingStep).where(PendingStep.token == pending.token)) == 1


def methods(session: Session, user_id: str) -> tuple[str, ...]:
    """The methods that the user can choose. Without any, they need a recovery code, until an admin resets them."""
    has_app = exists().where(TotpSecret.user_id == user_id, TotpSecret.confirmed_ms.is_not(None))
    available = session.execute(select(has_app, exists().where(RecoveryCode.user_id == user_id))).one()
    return tuple(name for name, has in zip((TOTP, RECOVERY), available, strict=True) if has) or (RECOVERY,)
