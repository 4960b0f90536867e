"""Queries for users and their sessions, within one transaction."""

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import EmailTaken, WrongCredentials
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.link_tokens import PASSWORD_RESET
from koyjabo.base.database.rows import change_in_database, changed_rows
from koyjabo.base.database.search import usable
from koyjabo.base.settings.schema import Policy
from koyjabo.people.audit.models import AccessVersion
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.models import User
from .models import EmailLink, LoginSession, PendingStep, RecoveryCode, TotpSecret

CHANGED_ELSEWHERE = N_("Your account was changed in another window. Nothing was saved; please try again.")

ACCESS_VERSION = select(AccessVersion.version)

TOGETHER_MS = 10_000
"""How long after a renewal the previous refresh token is not considered stolen, ms. Another tab may still use it."""


HAS_ACCOUNT = User.external_ref.is_(None)
"""Condition on users: users of other systems have no account."""


FAMILY_COLUMNS = (LoginSession.id, LoginSession.refresh_id, LoginSession.renewed_ms)


class Family(NamedTuple):
    """The refresh tokens of one session: the id of the valid one, and when it replaced the previous one."""

    session_id: str
    refresh_id: str
    renewed_ms: int | None

    def admits(self, refresh_id: str, now_ms: int) -> bool:
        """Whether this is the valid token, or the previous one within TOGETHER_MS of its replacement."""
        if refresh_id == self.refresh_id:
            return True
        is_recent = self.renewed_ms is not None and now_ms - self.renewed_ms < TOGETHER_MS
        return is_recent and self.refresh_id == successor(self.session_id, refresh_id)


def successor(session_id: str, refresh_id: str) -> str:
    """The id of the refresh token that replaces this one. It is derived from this id, so that the previous token can be
    distinguished from older ones. It need not be secret, because tokens are signed.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id} {refresh_id}"))


def recipients(session: Session) -> Sequence[Any]:
    """The `email` and `language` of the site's admins with a confirmed email."""
    query = select(User.email, User.language).where(User.is_admin)
    query = query.where(User.verified_ms.is_not(None), User.disabled_ms.is_(None))
    return session.execute(query.order_by(User.id)).all()


def add_user(session: Session, user: User) -> None:
    """Add a user. Raises EmailTaken for all but one of several concurrent callers."""
    if by_email(session, user.email) is not None:
        raise EmailTaken
    session.add(user)
    try:
        session.flush()
    except IntegrityError:
        raise EmailTaken from None


def by_email(session: Session, email: str) -> User | None:
    """The user with this address, in any spelling."""
    return session.scalar(select(User).where(User.email_key == email_key(usable(email)), HAS_ACCOUNT))


def by_id(session: Session, user_id: str) -> User | None:
    return session.get(User, user_id)


def locked(session: Session, user_id: str) -> User | None:
    """The user, locked until the commit."""
    return session.get(User, user_id, with_for_update=True, populate_existing=True)


def permitted(policy: Policy) -> tuple[ColumnElement[bool], ...]:
    """Conditions on users: they have two-step login if `policy` requires it. Turning the setting on ends other
    sessions, but a server or command that runs without the setting may still begin such a session or give a role.
    """
    if policy == "none":
        return ()
    return (or_(User.second_factor_ms.is_not(None), *([~User.is_admin] if policy == "admins" else [])),)


def of_session(
    session: Session, session_id: str, now_ms: int, refresh_id: str | None = None, policy: Policy = "none"
) -> User | None:
    """The user of a live session.

    None if the session is revoked or expired, the user is disabled or not `permitted`, or a given `refresh_id` is
    refused by `Family.admits`.
    """
    query = select(User, *FAMILY_COLUMNS).join(LoginSession, LoginSession.user_id == User.id)
    mine = (LoginSession.id == session_id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    row = session.execute(query.where(*mine, User.disabled_ms.is_(None), *permitted(policy))).one_or_none()
    if row is None or (refresh_id is not None and not Family._make(row[1:]).admits(refresh_id, now_ms)):
        return None
    user: User = row[0]
    return user


def revoke(session: Session, now_ms: int, *which: ColumnElement[bool]) -> bool:
    """End sessions, and record the revocation. Returns whether any were ended."""
    live = update(LoginSession).where(LoginSession.revoked_ms.is_(None), *which)
    ended = changed_rows(session, live.values(revoked_ms=now_ms)) > 0
    if ended:
        record_revocation(session)
    return ended


def revoke_session(session: Session, session_id: str, now_ms: int) -> bool:
    return revoke(session, now_ms, LoginSession.id == session_id)


def revoke_all(session: Session, user_id: str, now_ms: int, kept_session_id: str = "") -> bool:
    """End all sessions of a user, except one."""
    return revoke(session, now_ms, LoginSession.user_id == user_id, LoginSession.id != kept_session_id)


def access_version(session: Session) -> int:
    """A counter of revocations. All servers poll it to see when they have to check permissions again."""
    return session.execute(ACCESS_VERSION).scalar_one()


def change_password(
    session: Session, user: User, hashed: str, now_ms: int, browser_mark: str | None = None, kept_session_id: str = ""
) -> None:
    """Change the hash of a locked user. Ends all sessions except `kept_session_id`, ends all proofs, and revokes
    password reset links. Browsers with a different `browser_mark` become unfamiliar; None means the hash's own mark.
    """
    user.password, user.browser_mark = hashed, browser_mark
    links = delete(EmailLink).where(EmailLink.user_id == user.id, EmailLink.purpose == PASSWORD_RESET)
    change_in_database(session, links)
    revoke_all(session, user.id, now_ms, kept_session_id)
    proved = update(LoginSession).where(LoginSession.user_id == user.id, LoginSession.proved_ms.is_not(None))
    change_in_database(session, proved.values(proved_ms=None))


def require_unchanged(session: Session, user: User) -> User:
    """The user, locked until the commit. Raises WrongCredentials if the email or password is not as in `user` any more:
    another request may have confirmed another email, or the account may have been taken over.
    """
    now = locked(session, user.id)
    if now is None or (now.email, now.password) != (user.email, user.password):
        raise WrongCredentials(CHANGED_ELSEWHERE)
    return now


def change_profile(session: Session, user: User, name: str, email: str) -> None:
    """Change the name and email of a locked user. Raises EmailTaken for all but one of several concurrent callers.

    A new email is not verified, and links to the old one must not change the account.
    """
    is_new = email_key(email) != email_key(user.email)
    user.name, user.email = name, email
    if is_new:
        user.email_key, user.verified_ms = email_key(email), None
    try:
        session.flush()
    except IntegrityError:
        raise EmailTaken from None
    if is_new:
        change_in_database(session, delete(EmailLink).where(EmailLink.user_id == user.id))


def appear_offline(session: Session, user_id: str, is_on: bool) -> bool:
    """Make a user appear offline, or no longer. Returns whether it changed; then call `Transaction.show_others`."""
    changed = update(User).where(User.id == user_id, User.appear_offline.is_not(is_on)).values(appear_offline=is_on)
    return bool(changed_rows(session, changed))


def remove_two_step_login(session: Session, user_id: str) -> None:
    tables: tuple[Any, ...] = (TotpSecret, RecoveryCode, PendingStep)
    for table in tables:
        change_in_database(session, delete(table).where(table.user_id == user_id))
    session.execute(update(User).where(User.id == user_id).values(second_factor_ms=None))
