"""Queries for users and their sessions, as operations for the database executor. Each takes a SQLAlchemy session and
returns plain values.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.credential_rules import email_key, written_key
from koyjabo.base.core.errors import EmailTaken, WrongCredentials
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import site_role
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.database.text_search import usable
from koyjabo.base.models import (
    AccessVersion,
    EmailLink,
    LoginSession,
    Passkey,
    PendingStep,
    RecoveryCode,
    TotpSecret,
    User,
)
from koyjabo.base.settings.schema import Policy
from koyjabo.people.mail.link_tokens import RESET

OVERTAKEN = N_("Your account was changed in another window. Nothing was saved; please try again.")

ACCESS_VERSION = select(AccessVersion.version)

MOST_SWEPT = 100
"""How many expired sessions are deleted whenever a session begins."""


TOGETHER_MS = 10_000
"""How long after a renewal the previous refresh token is not considered stolen, ms. Another tab may still use it."""


class UserRecord(NamedTuple):
    """A user, with fields that only this package may see, such as the password hash and whether the user is
    disabled.
    """

    id: str
    email: str
    name: str
    is_admin: bool
    password: str
    is_disabled: bool
    browser_mark: str | None = None
    """The mark of the user's familiar browsers, if it differs from the mark derived from `password`."""

    second_factor_ms: int | None = None
    """When two-step login was turned on, ms; None if it is off."""

    language: str | None = None
    """Language of emails; None if unknown."""

    is_viewer: bool = False  # may see the panel
    is_verified: bool = False
    """Whether a link that was sent to `email` has been used."""

    @property
    def site_role(self) -> str:
        """One of SITE_ROLES."""
        return site_role(self.is_admin, self.is_viewer)


class NewHash(NamedTuple):
    """A password hash to store. Browsers with a different `browser_mark` then become unfamiliar; None means the
    hash's own mark.
    """

    password: str
    browser_mark: str | None = None


class NewSession(NamedTuple):
    id: str
    refresh_id: str
    now_ms: int
    expires_ms: int
    user_agent: str = ""
    place: str = ""


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


HAS_ACCOUNT = User.external_ref.is_(None)
"""Condition on users: users of other systems have no account (decision 93)."""

PERSONAL = ("id", "email", "name", "is_admin", "password", "language")
"""The fields of a new user."""

FAMILY = (LoginSession.id, LoginSession.refresh_id, LoginSession.renewed_ms)


def successor(session_id: str, refresh_id: str) -> str:
    """The id of the refresh token that replaces this one. It is derived from this id, so that the previous token can be
    distinguished from older ones. It need not be secret, because tokens are signed.
    """
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{session_id} {refresh_id}"))


class Renewal(NamedTuple):
    """The result of a renewal: the user whose session was renewed, or whose session was ended because the token was
    stolen. Both are None if the token was only refused.
    """

    renewed: UserRecord | None = None
    ended: UserRecord | None = None


def add_user(session: Session, person: UserRecord, now_ms: int) -> None:
    """Add a user. Raises EmailTaken for all but one of several concurrent callers."""
    if by_email(session, person.email) is not None:
        raise EmailTaken
    values = {name: value for name, value in person._asdict().items() if name in PERSONAL}
    session.add(User(**values, email_key=email_key(person.email), created_ms=now_ms))
    try:
        session.flush()
    except IntegrityError:
        raise EmailTaken from None


def sign_up(session: Session, person: UserRecord, new: NewSession) -> None:
    """Create a user, and a session for them. Raises EmailTaken."""
    add_user(session, person, new.now_ms)
    _begin(session, person.id, new)


def has_users(session: Session) -> bool:
    return bool(session.execute(select(exists().where(HAS_ACCOUNT))).scalar())


def names(session: Session, user_ids: list[str]) -> dict[str, str]:
    rows = session.execute(select(User.id, User.name).where(User.id.in_(user_ids)))
    return {row.id: row.name for row in rows}


def by_email(session: Session, email: str) -> UserRecord | None:
    """The user with this address. If two accounts have it in different spellings, the one that is written so is found,
    and of two such accounts the older one: during an upgrade, the earlier version may have created another.
    """
    keys = written_key(usable(email)), email_key(usable(email))
    users = session.scalars(select(User).where(User.email_key.in_(keys), HAS_ACCOUNT))
    return _person(min(users, key=lambda user: (written_key(user.email) != keys[0], user.created_ms), default=None))


def by_id(session: Session, user_id: str) -> UserRecord | None:
    return _person(session.get(User, user_id))


def permitted(policy: Policy) -> tuple[ColumnElement[bool], ...]:
    """Conditions on users: they have two-step login if `policy` requires it. Turning the setting on ends other
    sessions, but a server or command that runs without the setting may still begin such a session or give a role.
    """
    if policy == "none":
        return ()
    return (or_(User.second_factor_ms.is_not(None), *([~User.is_admin] if policy == "admins" else [])),)


def of_session(
    session: Session, session_id: str, now_ms: int, refresh_id: str | None = None, policy: Policy = "none"
) -> UserRecord | None:
    """The user of a live session.

    None if the session is revoked or expired, the user is disabled or not `permitted`, or a given `refresh_id` is
    refused by `Family.admits`.
    """
    query = select(User, *FAMILY).join(LoginSession, LoginSession.user_id == User.id)
    mine = (LoginSession.id == session_id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    row = session.execute(query.where(*mine, User.disabled_ms.is_(None), *permitted(policy))).one_or_none()
    if row is None or (refresh_id is not None and not Family._make(row[1:]).admits(refresh_id, now_ms)):
        return None
    return known(row[0])


def open_session(
    session: Session, person: UserRecord, new: NewSession, settle: Callable[[Session], bool] = lambda session: True
) -> bool:
    """Begin a session for a user whose credentials were verified against `person`.

    `settle` uses up the code or passkey proof. Returns False if the proof was already used, or if the password,
    two-step login, the admin role or the disabled state has changed since.
    """
    user = session.execute(select(User).where(User.id == person.id).with_for_update()).scalar_one_or_none()
    if user is None or user.disabled_ms is not None or _needs(known(user)) != _needs(person):
        return False
    if not settle(session):
        return False
    _begin(session, person.id, new)
    return True


def _needs(person: UserRecord) -> tuple[str, int | None, bool]:
    """The fields that determine which steps a login needs."""
    return person.password, person.second_factor_ms, person.is_admin


def renew_session(session: Session, user_id: str, old_refresh_id: str, new: NewSession, policy: Policy) -> Renewal:
    """Replace the refresh token. A token that was replaced earlier ends the session, because it or its successor was
    stolen. Within TOGETHER_MS of a renewal, such a token is merely refused, because another tab may have sent it, or
    the response may have been lost.
    """
    person = of_session(session, new.id, new.now_ms, policy=policy)
    if person is None or person.id != user_id:
        return Renewal()
    good = (LoginSession.id == new.id, LoginSession.refresh_id == old_refresh_id, LoginSession.revoked_ms.is_(None))
    values = {"refresh_id": new.refresh_id, "expires_ms": new.expires_ms, "renewed_ms": new.now_ms}
    renewal = update(LoginSession).where(*good).values(values)
    if changed_rows(session, renewal) == 1:
        return Renewal(renewed=person)
    expires_ms = session.scalar(select(LoginSession.expires_ms).where(LoginSession.id == new.id)) or 0
    renewed_ms = new.now_ms - (new.expires_ms - expires_ms)
    is_stolen = new.now_ms - renewed_ms >= TOGETHER_MS and revoke_session(session, new.id, new.now_ms)
    return Renewal(ended=person if is_stolen else None)


def revoke_session(session: Session, session_id: str, now_ms: int) -> bool:
    return revoke(session, now_ms, LoginSession.id == session_id)


def end_session(session: Session, session_id: str, now_ms: int) -> UserRecord | None:
    """End a session. Returns its user; None if it was not live."""
    person = of_session(session, session_id, now_ms)
    return person if person is not None and revoke_session(session, session_id, now_ms) else None


def revoke(session: Session, now_ms: int, *which: ColumnElement[bool]) -> bool:
    """End sessions, and record the revocation. Returns whether any were ended."""
    live = update(LoginSession).where(LoginSession.revoked_ms.is_(None), *which)
    ended = changed_rows(session, live.values(revoked_ms=now_ms)) > 0
    if ended:
        record_revocation(session)
    return ended


def record_revocation(session: Session) -> None:
    """Record that access was revoked. Call it in every transaction that ends a session or a membership, lowers a role,
    or disables an account.
    """
    session.execute(update(AccessVersion).values(version=AccessVersion.version + 1))


def access_version(session: Session) -> int:
    """A counter of revocations. All servers poll it to see when they have to check permissions again."""
    return session.execute(ACCESS_VERSION).scalar_one()


def change_password(
    session: Session, user_id: str, old: str | None, new: NewHash, now_ms: int, kept_session_id: str = ""
) -> bool:
    """Replace the hash `old` (None: any hash) with `new`. Ends all sessions except `kept_session_id`, and revokes
    password reset links. Returns False if the stored hash is not `old`.
    """
    mine = [User.id == user_id] + ([User.password == old] if old is not None else [])
    if changed_rows(session, update(User).where(*mine).values(new._asdict())) != 1:
        return False
    links = delete(EmailLink).where(EmailLink.user_id == user_id, EmailLink.purpose == RESET)
    session.execute(links.execution_options(synchronize_session=False))
    revoke(session, now_ms, LoginSession.user_id == user_id, LoginSession.id != kept_session_id)
    return True


def unchanged(person: UserRecord) -> tuple[ColumnElement[bool], ...]:
    """Conditions on users: the same user, with the email and password that were read."""
    return User.id == person.id, User.email == person.email, User.password == person.password


def replace_hash(session: Session, user_id: str, old: str, new: NewHash) -> None:
    """Replace the hash `old` with another hash of the same password. Does nothing if the stored hash is not `old`."""
    session.execute(update(User).where(User.id == user_id, User.password == old).values(new._asdict()))


def change_profile(session: Session, person: UserRecord, name: str, email: str) -> None:
    """Change the profile. Raises EmailTaken for all but one of several concurrent callers.

    Raises WrongCredentials if the email or password has changed since it was verified: another request may have
    confirmed another email, or the account may have been taken over.
    """
    changed = update(User).where(*unchanged(person)).values(name=name, email=email)
    if email_key(email) != email_key(person.email):
        changed = changed.values(email_key=email_key(email))
    try:
        count = changed_rows(session, changed.execution_options(synchronize_session=False))
    except IntegrityError:
        raise EmailTaken from None
    if count != 1:
        raise WrongCredentials(OVERTAKEN)


def remove_second_factors(session: Session, user_id: str) -> None:
    tables: tuple[Any, ...] = (TotpSecret, RecoveryCode, Passkey, PendingStep)
    for table in tables:
        session.execute(delete(table).where(table.user_id == user_id).execution_options(synchronize_session=False))
    session.execute(update(User).where(User.id == user_id).values(second_factor_ms=None))


def _begin(session: Session, user_id: str, new: NewSession) -> None:
    begun = {"refresh_id": new.refresh_id, "created_ms": new.now_ms, "expires_ms": new.expires_ms}
    origin = {"user_agent": usable(new.user_agent), "place": new.place}
    session.add(LoginSession(id=new.id, user_id=user_id, **begun, **origin))
    session.flush()
    expired = select(LoginSession.id).where(LoginSession.expires_ms <= new.now_ms).limit(MOST_SWEPT)
    expired = expired.with_for_update(skip_locked=True)  # concurrent sweeps do not wait for each other
    session.execute(
        delete(LoginSession).where(LoginSession.id.in_(expired)).execution_options(synchronize_session=False)
    )


def _person(user: User | None) -> UserRecord | None:
    return None if user is None else known(user)


def known(user: User) -> UserRecord:
    is_disabled = user.disabled_ms is not None
    more = user.browser_mark, user.second_factor_ms, user.language, user.is_viewer, user.verified_ms is not None
    return UserRecord(user.id, user.email, user.name, user.is_admin, user.password, is_disabled, *more)
