"""Queries for users' identities at OpenID providers, as operations of the database executor."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import EmailTaken, UnknownUser
from koyjabo.base.database.rows import changed_rows
from koyjabo.base.models import OidcIdentity, User
from koyjabo.people.accounts import passwords, queries
from koyjabo.people.accounts.errors import LastWayToLogIn, ProviderConnected
from .provider import ProviderUser


class WaysToLogIn(NamedTuple):
    has_password: bool
    identities: list[OidcIdentity]


def find(session: Session, identity: ProviderUser) -> User | None:
    query = select(User).join(OidcIdentity, OidcIdentity.user_id == User.id).where(*_is(identity))
    return session.scalars(query).one_or_none()


def use(session: Session, identity: ProviderUser, user_id: str, now_ms: int) -> bool:
    """Record a login. Returns False if the identity was disconnected in the meantime."""
    theirs = update(OidcIdentity).where(*_is(identity), OidcIdentity.user_id == user_id)
    return changed_rows(session, theirs.values(used_ms=now_ms)) == 1


def sign_up(session: Session, user: User, identity: ProviderUser) -> None:
    """Create a user who logs in with this identity. Raises EmailTaken, also if another request has just connected the
    identity.
    """
    queries.add_user(session, user)
    try:
        connect(session, user.id, identity, user.created_ms)
    except ProviderConnected:
        raise EmailTaken from None


def connect(session: Session, user_id: str, identity: ProviderUser, now_ms: int) -> bool:
    """Connect an identity. Returns False if it was connected before. Raises ProviderConnected if it belongs to another
    user, and UnknownUser.
    """
    if queries.locked(session, user_id) is None:
        raise UnknownUser
    owner = find(session, identity)
    if owner is not None and owner.id != user_id:
        raise ProviderConnected
    if owner is None:
        session.add(OidcIdentity(issuer=identity.issuer, subject=identity.subject, user_id=user_id, created_ms=now_ms))
        try:
            session.flush()
        except IntegrityError:  # for all but one of several concurrent callers
            raise ProviderConnected from None
    return owner is None


def disconnect(session: Session, user_id: str, issuer: str, issuers: Collection[str]) -> bool:
    """Remove a user's identities at this provider.

    Returns False if there were none. Raises LastWayToLogIn if the user has no password and no identity at any other of
    the `issuers`.
    """
    user = queries.locked(session, user_id)
    others = set(issuers) - {issuer}
    rest = select(func.count()).where(OidcIdentity.user_id == user_id, OidcIdentity.issuer.in_(others))
    if user is not None and not passwords.is_usable(user.password) and not session.scalar(rest):
        raise LastWayToLogIn
    theirs = delete(OidcIdentity).where(OidcIdentity.user_id == user_id, OidcIdentity.issuer == issuer)
    return changed_rows(session, theirs.execution_options(synchronize_session=False)) > 0


def ways(session: Session, user_id: str) -> WaysToLogIn:
    password = session.scalar(select(User.password).where(User.id == user_id)) or ""
    mine = select(OidcIdentity).where(OidcIdentity.user_id == user_id)
    rows = session.scalars(mine.order_by(OidcIdentity.issuer, OidcIdentity.created_ms, OidcIdentity.used_ms))
    return WaysToLogIn(passwords.is_usable(password), list(rows))


def _is(identity: ProviderUser) -> tuple[Any, ...]:
    return OidcIdentity.issuer == identity.issuer, OidcIdentity.subject == identity.subject
