"""Queries for passkeys, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.accounts.pending_step_queries import Pending, end
from koyjabo.accounts.second_factor.queries import begin_second_factor, end_if_none_left, replace_recovery_codes
from koyjabo.core.errors import EmailUnconfirmed, TooManyPasskeys, WrongPasskey
from koyjabo.database.row_count import changed_rows
from koyjabo.database.text_search import usable
from koyjabo.models import Passkey, User


class PasskeyLine(NamedTuple):
    id: str
    name: str
    created_ms: int
    used_ms: int | None


class Key(NamedTuple):
    """What verifies a credential. Binary values are base64url."""

    user_id: str
    credential_id: str
    public_key: str
    sign_count: int


COLUMNS = [getattr(Passkey, name) for name in PasskeyLine._fields]
KEY = [getattr(Passkey, name) for name in Key._fields]


def lines(session: Session, user_id: str) -> tuple[PasskeyLine, ...]:
    """The oldest first. There are at most as many as `add` allows."""
    rows = session.execute(select(*COLUMNS).where(Passkey.user_id == user_id).order_by(Passkey.created_ms, Passkey.id))
    return tuple(PasskeyLine._make(row) for row in rows)


def credential_ids(session: Session, user_id: str) -> list[str]:
    return list(session.scalars(select(Passkey.credential_id).where(Passkey.user_id == user_id)))


def key(session: Session, credential_id: str) -> Key | None:
    row = session.execute(select(*KEY).where(Passkey.credential_id == usable(credential_id))).one_or_none()
    return Key._make(row) if row else None


def add(
    session: Session,
    pending: Pending,
    line: PasskeyLine,
    key: Key,
    digests: Collection[str],
    most: int,
    kept_session_id: str,
    needs_email: bool,
) -> bool:
    """Store a passkey. If it is the first second factor, store the recovery codes and end all other sessions. Returns
    whether it is. Raises EmailUnconfirmed, with `needs_email`; TooManyPasskeys; WrongPasskey if the step was used
    already or the passkey is known.
    """
    user = session.execute(select(User).where(User.id == key.user_id).with_for_update()).scalar_one()
    if needs_email and user.verified_ms is None:
        raise EmailUnconfirmed
    count = select(func.count()).select_from(Passkey).where(Passkey.user_id == key.user_id)
    if session.execute(count).scalar_one() >= most:
        raise TooManyPasskeys
    if not end(session, pending):
        raise WrongPasskey
    session.add(Passkey(**line._asdict(), **key._asdict()))
    try:
        session.flush()
    except IntegrityError:
        raise WrongPasskey from None
    is_first = user.second_factor_ms is None
    if is_first:
        replace_recovery_codes(session, user.id, digests)
        begin_second_factor(session, user.id, line.created_ms, kept_session_id)
    return is_first


def use(session: Session, key: Key, sign_count: int, now_ms: int) -> bool:
    """Record a login with a passkey. Returns False if it was removed."""
    mine = (Passkey.credential_id == key.credential_id, Passkey.user_id == key.user_id)
    return changed_rows(session, update(Passkey).where(*mine).values(sign_count=sign_count, used_ms=now_ms)) == 1


def remove(session: Session, user_id: str, passkey_id: str, now_ms: int, ends_sessions: bool) -> PasskeyLine | None:
    """Returns the removed passkey; None if the user has no such passkey. See `end_if_none_left` for the last one."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    mine = (Passkey.user_id == user_id, Passkey.id == usable(passkey_id))
    row = session.execute(select(*COLUMNS).where(*mine)).one_or_none()
    if row is None:
        return None
    session.execute(delete(Passkey).where(*mine).execution_options(synchronize_session=False))
    end_if_none_left(session, user_id, now_ms, ends_sessions)
    return PasskeyLine._make(row)
