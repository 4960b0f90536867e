"""Queries for authenticator apps, recovery codes and all factors of a user, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import case, delete, func, insert, not_, or_, select, text, update
from sqlalchemy.orm import Session

from koyjabo.accounts.queries import permitted, remove_second_factors, revoke
from koyjabo.audit.log import AuditEntry
from koyjabo.database.row_count import changed_rows
from koyjabo.models import LoginSession, Passkey, RecoveryCode, SpentCode, TotpSecret, User
from koyjabo.settings.schema import Policy

KEPT_STEPS = 120
"""Used codes are kept for an hour, so that they stay used if the clock is set back."""

SPEND = text("INSERT INTO spent_codes (user_id, step) VALUES (:user_id, :step) ON CONFLICT DO NOTHING")


class Secret(NamedTuple):
    sealed: str
    began_ms: int
    confirmed_ms: int | None


class SecondFactorState(NamedTuple):
    """The second factors of a user. Times are ms; None for none."""

    second_factor_ms: int | None
    totp_ms: int | None
    recovery_codes: int  # unused ones


SECRET = (TotpSecret.sealed, TotpSecret.began_ms, TotpSecret.confirmed_ms)


def state(session: Session, user_id: str) -> SecondFactorState:
    since = session.scalar(select(User.second_factor_ms).where(User.id == user_id))
    totp_ms = session.scalar(select(TotpSecret.confirmed_ms).where(TotpSecret.user_id == user_id))
    codes = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return SecondFactorState(since, totp_ms, session.execute(codes).scalar_one())


def secret(session: Session, user_id: str) -> Secret | None:
    row = session.execute(select(*SECRET).where(TotpSecret.user_id == user_id)).one_or_none()
    return Secret._make(row) if row else None


def begin_totp(session: Session, user_id: str, sealed: str, now_ms: int) -> bool:
    """Store a secret that is not confirmed yet, in place of another such. Returns False if one is confirmed. The used
    codes of earlier secrets go: they say nothing about those of this one.
    """
    _lock(session, user_id)
    session.execute(delete(TotpSecret).where(TotpSecret.user_id == user_id, TotpSecret.confirmed_ms.is_(None)))
    if secret(session, user_id) is not None:
        return False
    session.execute(delete(SpentCode).where(SpentCode.user_id == user_id))
    values = {"sealed": sealed, "began_ms": now_ms, "guesses": 0, "guessing_ms": now_ms}
    session.execute(insert(TotpSecret).values(user_id=user_id, **values))
    return True


def count_guess(session: Session, user_id: str, now_ms: int, over_ms: int, most: int) -> Secret | None:
    """Count a code before it is verified, which also limits concurrent ones. A count that began at or before `over_ms`
    has expired and starts again. None if there is no secret, or there were `most` guesses already.
    """
    expired = or_(TotpSecret.guessing_ms <= over_ms, TotpSecret.guesses == 0)
    values = {
        "guesses": case((expired, 1), else_=TotpSecret.guesses + 1),
        "guessing_ms": case((expired, now_ms), else_=TotpSecret.guessing_ms),
    }
    counted = update(TotpSecret).where(TotpSecret.user_id == user_id, or_(TotpSecret.guesses < most, expired))
    counted = counted.values(values).returning(*SECRET).execution_options(synchronize_session=False)
    row = session.execute(counted).one_or_none()
    return Secret._make(row) if row else None


def guessing_ms(session: Session, user_id: str) -> int | None:
    """When the first counted guess was; None without a secret."""
    return session.scalar(select(TotpSecret.guessing_ms).where(TotpSecret.user_id == user_id))


def spend_step(session: Session, user_id: str, step: int) -> bool:
    """Use the code of a step. Returns False if it was used before. The primary key decides between two servers."""
    if changed_rows(session, SPEND, {"user_id": user_id, "step": step}) != 1:
        return False
    session.execute(delete(SpentCode).where(SpentCode.user_id == user_id, SpentCode.step < step - KEPT_STEPS))
    session.execute(update(TotpSecret).where(TotpSecret.user_id == user_id).values(guesses=0))
    return True


def spend_recovery_code(session: Session, user_id: str, digest: str) -> bool:
    mine = (RecoveryCode.user_id == user_id, RecoveryCode.digest == digest)
    return changed_rows(session, delete(RecoveryCode).where(*mine)) == 1


def confirm_totp(
    session: Session,
    user_id: str,
    sealed: str,
    step: int,
    digests: Collection[str],
    entry: AuditEntry | None,
    now_ms: int,
    kept_session_id: str = "",
) -> bool:
    """Confirm this secret with the code of a step, replace the recovery codes, and end all other sessions. Returns
    False if there is another secret by now, or the code was used before; else the audit entry is stored.
    """
    _lock(session, user_id)
    mine = (TotpSecret.user_id == user_id, TotpSecret.sealed == sealed, TotpSecret.confirmed_ms.is_(None))
    is_mine = session.scalar(select(TotpSecret.user_id).where(*mine)) is not None
    if not is_mine or not spend_step(session, user_id, step):
        return False
    session.execute(update(TotpSecret).where(*mine).values(confirmed_ms=now_ms))
    replace_recovery_codes(session, user_id, digests)
    if entry is not None:
        entry.store(session)
    begin_second_factor(session, user_id, now_ms, kept_session_id)
    return True


def begin_second_factor(session: Session, user_id: str, now_ms: int, kept_session_id: str = "") -> None:
    """From now on logins need one. Ends all other sessions, which had none."""
    session.execute(update(User).where(User.id == user_id).values(second_factor_ms=now_ms))
    revoke(session, now_ms, LoginSession.user_id == user_id, LoginSession.id != kept_session_id)


def replace_recovery_codes(session: Session, user_id: str, digests: Collection[str]) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.execute(insert(RecoveryCode), [{"user_id": user_id, "digest": digest} for digest in digests])


def remove_totp(session: Session, user_id: str, now_ms: int, ends_sessions: bool) -> None:
    """See `end_if_none_left`."""
    _lock(session, user_id)
    session.execute(delete(TotpSecret).where(TotpSecret.user_id == user_id))
    end_if_none_left(session, user_id, now_ms, ends_sessions)


def end_if_none_left(session: Session, user_id: str, now_ms: int, ends_sessions: bool) -> None:
    """After one was removed. Logins need no second factor if the user has none left; with `ends_sessions`, all sessions
    end then. Otherwise browsers are not remembered any more: one of them may be on a device that was lost.
    """
    confirmed = select(TotpSecret.user_id).where(TotpSecret.user_id == user_id, TotpSecret.confirmed_ms.is_not(None))
    passkeys = select(Passkey.user_id).where(Passkey.user_id == user_id)
    if session.execute(confirmed.union_all(passkeys).limit(1)).first() is not None:
        session.execute(update(User).where(User.id == user_id).values(second_factor_ms=now_ms))
        return
    remove_second_factors(session, user_id)
    if ends_sessions:
        revoke(session, now_ms, LoginSession.user_id == user_id)


def end_sessions_without(session: Session, now_ms: int, policy: Policy) -> None:
    """End the sessions of users that lack the second factor that `policy` wants of them."""
    users = select(User.id).where(*map(not_, permitted(policy)))
    revoke(session, now_ms, LoginSession.user_id.in_(users), LoginSession.expires_ms > now_ms)


def _lock(session: Session, user_id: str) -> None:
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
