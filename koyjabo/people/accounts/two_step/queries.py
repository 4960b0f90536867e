"""Queries for a user's authenticator app and recovery codes, as operations of the database executor."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import DAY_MS
from koyjabo.base.core.errors import TooManyRequests, WrongCode
from koyjabo.base.core.i18n import N_
from koyjabo.base.database.rows import changed_rows
from koyjabo.people.accounts.errors import (
    SecondFactorOn,
)
from koyjabo.people.accounts.models import LoginSession, RecoveryCode, SpentCode, TotpSecret
from koyjabo.people.accounts.queries import locked, revoke_all
from koyjabo.people.audit.queries import AuditRecord
from koyjabo.people.models import User

SPENT_STEPS = 120
"""Number of 30 s steps that a used code is remembered for: an hour, in case the clock is set back."""

MAX_CODE_GUESSES, GUESSES_WINDOW_MS = 30, 3600 * 1000
"""Maximum number of wrong app codes for one account, and the period, ms. Three codes in a million are valid at a time,
so 720 guesses a day succeed once in 460 days. Recovery codes cannot be guessed, so they still work when the limit is
used up.
"""

TOO_MANY_CODES = N_("Too many wrong codes. Use a recovery code, or wait as long as Retry-After says.")

SPEND_CODE = text("INSERT INTO spent_codes (user_id, step) VALUES (:user_id, :step) ON CONFLICT DO NOTHING")


class TwoStepState(NamedTuple):
    """A user's two-step login. Times are ms, or None."""

    second_factor_ms: int | None
    totp_ms: int | None
    recovery_codes: int  # unused ones


def state(session: Session, user_id: str) -> TwoStepState:
    since = session.scalar(select(User.second_factor_ms).where(User.id == user_id))
    totp_ms = session.scalar(select(TotpSecret.confirmed_ms).where(TotpSecret.user_id == user_id))
    codes = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == user_id)
    return TwoStepState(since, totp_ms, session.execute(codes).scalar_one())


def secret(session: Session, user_id: str) -> TotpSecret | None:
    return session.get(TotpSecret, user_id)


def proved_ms(session: Session, session_id: str) -> int | None:
    """When the user of a session last proved who they are in it."""
    query = select(LoginSession.proved_ms).where(LoginSession.id == session_id, LoginSession.revoked_ms.is_(None))
    return session.scalar(query)


def prove(session: Session, session_id: str, now_ms: int) -> None:
    session.execute(update(LoginSession).where(LoginSession.id == session_id).values(proved_ms=now_ms))


def begin_totp(session: Session, user_id: str, sealed: str, now_ms: int) -> None:
    """Store an unconfirmed secret, replacing an earlier one. Raises SecondFactorOn if there is a confirmed secret.

    Deletes used codes of earlier secrets, which do not apply to this one.
    """
    locked(session, user_id)
    before = secret(session, user_id)
    if before is not None and before.confirmed_ms is not None:
        raise SecondFactorOn
    session.execute(delete(TotpSecret).where(TotpSecret.user_id == user_id))
    session.execute(delete(SpentCode).where(SpentCode.user_id == user_id))
    session.add(TotpSecret(user_id=user_id, sealed=sealed, began_ms=now_ms, guesses=0, guessing_ms=now_ms))


def count_guess(session: Session, user_id: str, now_ms: int) -> TotpSecret:
    """Count a code before it is verified, which also limits concurrent ones. Raises WrongCode if there is no secret,
    TooManyRequests after MAX_CODE_GUESSES within GUESSES_WINDOW_MS.
    """
    counted = session.get(TotpSecret, user_id, with_for_update=True)
    if counted is None:
        raise WrongCode
    opens_ms = counted.guessing_ms + GUESSES_WINDOW_MS
    # A window that begins days ahead is from a wrong clock. Two servers differ by less, and must not add guesses.
    is_over = opens_ms <= now_ms or counted.guessing_ms > now_ms + DAY_MS
    if counted.guesses == 0 or is_over:
        counted.guesses, counted.guessing_ms = 1, now_ms
    elif counted.guesses < MAX_CODE_GUESSES:
        counted.guesses += 1
    else:
        raise TooManyRequests((opens_ms - now_ms) // 1000 + 1, TOO_MANY_CODES)
    return counted


def spend_step(session: Session, user_id: str, step: int) -> bool:
    """Use up a step's code. Returns False if it was used before. If two servers try at once, the primary key
    decides.
    """
    if changed_rows(session, SPEND_CODE, {"user_id": user_id, "step": step}) != 1:
        return False
    session.execute(update(TotpSecret).where(TotpSecret.user_id == user_id).values(guesses=0))
    return True


def spend_recovery_code(session: Session, user_id: str, digests: Collection[str]) -> bool:
    mine = (RecoveryCode.user_id == user_id, RecoveryCode.digest.in_(digests))
    return changed_rows(session, delete(RecoveryCode).where(*mine)) == 1


def confirm_totp(
    session: Session,
    user_id: str,
    sealed: str,
    step: int,
    digests: Collection[str],
    entry: AuditRecord,
    now_ms: int,
    kept_session_id: str = "",
) -> bool:
    """Confirm this secret with the code of a step, which turns two-step login on. Replaces the recovery codes, and ends
    all other sessions, which were started without it.

    Returns False if the secret has changed or the code was used before; otherwise stores the audit entry.
    """
    user, begun = locked(session, user_id), secret(session, user_id)
    if user is None or begun is None or begun.sealed != sealed or begun.confirmed_ms is not None:
        return False
    if not spend_step(session, user_id, step):
        return False
    begun.confirmed_ms = now_ms
    replace_recovery_codes(session, user_id, digests)
    entry.store(session)
    user.second_factor_ms = now_ms
    revoke_all(session, user_id, now_ms, kept_session_id)
    return True


def replace_recovery_codes(session: Session, user_id: str, digests: Collection[str]) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.execute(insert(RecoveryCode), [{"user_id": user_id, "digest": digest} for digest in digests])
