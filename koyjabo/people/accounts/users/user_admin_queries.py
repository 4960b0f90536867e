"""Queries for the administration of users, as operations of the database executor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import LastAdmin, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, SITE_ROLES, SITE_VIEWER, site_role
from koyjabo.base.database.rows import Page, length, ordered_by
from koyjabo.base.database.text_search import has_words, sought
from koyjabo.base.models import Community, LoginSession, Membership, PanelInvitation, User
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.queries import (
    HAS_ACCOUNT,
    UserRecord,
    known,
    record_revocation,
    remove_second_factors,
    revoke,
)


class UserLine(NamedTuple):
    id: str
    email: str
    name: str
    is_admin: bool  # of the site
    is_viewer: bool
    created_ms: int
    disabled_ms: int | None
    second_factor_ms: int | None  # when two-step login was turned on; None if it is off
    verified_ms: int | None  # when the email was confirmed; None if it was not
    communities: int
    sessions: int  # live ones
    seen_ms: int | None  # when a session of the last 30 days last began or was renewed

    @property
    def role(self) -> str:
        """One of SITE_ROLES."""
        return site_role(self.is_admin, self.is_viewer)


class UserMembership(NamedTuple):
    """A user's membership of a community."""

    community_id: str
    name: str
    role: str
    joined_ms: int
    archived_ms: int | None


class Changed(NamedTuple):
    """A user after a change, and whether anything changed."""

    person: UserRecord
    is_change: bool
    role_before: str = ""  # one of SITE_ROLES, if the role was changed


USER = tuple(getattr(User, name) for name in UserLine._fields[:9])
BELONGING = (Community.id, Community.name, Membership.role, Membership.joined_ms, Community.archived_ms)


_LAST_SIGN = func.max(func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms))
_SEEN = select(_LAST_SIGN).where(LoginSession.user_id == User.id).scalar_subquery()
ORDERS: dict[str, Any] = {"name": func.lower(User.name), "created": User.created_ms, "seen": _SEEN}
"""Columns to order users by."""


def page(
    session: Session, query: str, start: int, count: int, now_ms: int, by_email: bool, order: str
) -> Page[UserLine]:
    """A page of users. `query` is an id, or words that occur in the name or, with `by_email`, in the email. `order` is
    one of ORDERS, prefixed with "-" for descending.
    """
    users = select(*USER).where(HAS_ACCOUNT)
    if part := sought(query):
        columns = (User.email, User.email_key, User.name) if by_email else (User.name,)
        users = users.where(or_(User.id == part.lower(), and_(*has_words(columns, part))))
    rows = users.order_by(ordered_by(ORDERS, order), User.id).offset(start).limit(count)
    total = length(session, users)
    return Page(tuple(_lines(session, rows, now_ms)), total)


def line(session: Session, user_id: str, now_ms: int) -> UserLine | None:
    return _line(session, User.id == user_id, now_ms)


def line_by_email(session: Session, email: str, now_ms: int) -> UserLine | None:
    person = queries.by_email(session, email)
    return line(session, person.id, now_ms) if person else None


def communities_of(session: Session, user_id: str, start: int, count: int) -> Page[UserMembership]:
    """The user's communities sorted by name, including archived ones."""
    communities = select(*BELONGING).join(Membership, Membership.community_id == Community.id)
    communities = communities.where(Membership.user_id == user_id)
    rows = session.execute(communities.order_by(func.lower(Community.name), Community.id).offset(start).limit(count))
    total = length(session, communities)
    return Page(tuple(UserMembership._make(row) for row in rows), total)


def changed_line(
    session: Session, change: Callable[..., Changed], now_ms: int, user_id: str, *args: Any
) -> tuple[Changed, UserLine]:
    """Apply a change, and return it with the changed user. Both share a transaction: a separate read could fail after
    the commit, as if nothing had changed.
    """
    changed = change(session, user_id, *args)
    (user_line,) = _lines(session, select(*USER).where(User.id == user_id), now_ms)
    return changed, user_line


def set_role(
    session: Session, user_id: str, role: str, keep_last: bool, needs_second_factor: bool, now_ms: int
) -> Changed:
    """Set the role. Raises UnknownUser and, with `keep_last`, LastAdmin if no admin who can log in would be left."""
    if keep_last:
        require_another_admin(session, user_id)
    user = _locked(session, user_id)
    before = known(user).site_role
    if SITE_ROLES.index(role) < SITE_ROLES.index(before):
        _end_panel_invitations(session, user)
        record_revocation(session)
    if needs_second_factor and user.second_factor_ms is None:
        revoke(session, now_ms, LoginSession.user_id == user.id)
    user.is_admin, user.is_viewer = role == SITE_ADMIN, role == SITE_VIEWER
    return Changed(known(user), role != before, before)


def existing(session: Session, user_id: str) -> Changed:
    """The user, unchanged. Raises UnknownUser."""
    return Changed(known(_locked(session, user_id)), True)


def set_disabled(session: Session, user_id: str, disabled: bool, keep_last: bool, now_ms: int) -> Changed:
    """Disable or enable a user. Disabling ends all their sessions. Raises UnknownUser, and LastAdmin like
    `set_role`.
    """
    if keep_last:
        require_another_admin(session, user_id)
    user = _locked(session, user_id)
    is_change = disabled != (user.disabled_ms is not None)
    if disabled and is_change:
        revoke(session, now_ms, LoginSession.user_id == user.id)
        _end_panel_invitations(session, user)
        record_revocation(session)  # last in all transactions: a fixed order of locks avoids deadlocks
    user.disabled_ms = (user.disabled_ms or now_ms) if disabled else None
    return Changed(known(user), is_change)


def log_out(session: Session, user_id: str, now_ms: int) -> Changed:
    """End all sessions of a user. Raises UnknownUser."""
    user = _locked(session, user_id)
    return Changed(known(user), revoke(session, now_ms, LoginSession.user_id == user.id))


def reset_second_factor(session: Session, user_id: str, now_ms: int) -> Changed:
    """Remove a user's two-step login, and end all sessions. Raises UnknownUser."""
    user = _locked(session, user_id)
    had_one = user.second_factor_ms is not None
    remove_second_factors(session, user.id)
    revoke(session, now_ms, LoginSession.user_id == user.id)
    return Changed(known(user), had_one)


def require_another_admin(session: Session, user_id: str) -> None:
    """Lock all admins who can log in, until the commit. Raises LastAdmin if there is no other such admin."""
    admins = select(User.id).where(User.is_admin, User.disabled_ms.is_(None)).order_by(User.id)
    if set(session.scalars(admins.with_for_update())) == {user_id}:
        raise LastAdmin(N_("The site needs an admin who can log in. Make another user a site admin first."))


def _end_panel_invitations(session: Session, user: User) -> None:
    """Revoke the panel invitations that this user has sent or could accept, because they would give lost
    rights back.
    """
    theirs = or_(PanelInvitation.invited_by == user.id, PanelInvitation.email_key == user.email_key)
    session.execute(delete(PanelInvitation).where(theirs).execution_options(synchronize_session=False))


def _locked(session: Session, user_id: str) -> User:
    query = select(User).where(User.id == user_id, HAS_ACCOUNT)
    user = session.execute(query.with_for_update()).scalar_one_or_none()
    if user is None:
        raise UnknownUser
    return user


def _line(session: Session, which: Any, now_ms: int) -> UserLine | None:
    lines = _lines(session, select(*USER).where(which, HAS_ACCOUNT), now_ms)
    return lines[0] if lines else None


def _lines(session: Session, query: Select[*tuple[Any, ...]], now_ms: int) -> list[UserLine]:
    rows = session.execute(query).all()
    ids = [row.id for row in rows]
    live = (LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    communities = _counts(session, Membership.user_id, ids)
    sessions = _counts(session, LoginSession.user_id, ids, *live)
    seen = {row[0]: row[1] for row in session.execute(_grouped(LoginSession.user_id, ids, _LAST_SIGN))}
    counts = [(communities.get(user_id, 0), sessions.get(user_id, 0), seen.get(user_id)) for user_id in ids]
    return [UserLine._make((*row, *counted)) for row, counted in zip(rows, counts, strict=True)]


def _counts(session: Session, user_id: Any, ids: list[str], *which: Any) -> dict[str, int]:
    counted = _grouped(user_id, ids, func.count()).where(*which)
    return {row_id: count for row_id, count in session.execute(counted)}  # noqa: C416  (rows are not pairs to mypy)


def _grouped(user_id: Any, ids: list[str], value: Any) -> Select[*tuple[Any, ...]]:
    return select(user_id, value).where(user_id.in_(ids)).group_by(user_id)
