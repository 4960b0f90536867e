"""Queries for the administration of users, within one transaction."""

from typing import Any

from sqlalchemy import Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session, with_expression

from koyjabo.base.core.errors import LastAdmin, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, SITE_ROLES, SITE_VIEWER
from koyjabo.base.database.rows import Slice, length, ordered_by
from koyjabo.base.database.search import has_words, sought
from koyjabo.base.settings.schema import Policy, requires
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.models import LoginSession, PanelInvitation
from koyjabo.people.accounts.queries import HAS_ACCOUNT, revoke_all
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.models import Community, Membership, User

MEMBERSHIP = (
    Membership.community_id,
    Membership.role,
    Membership.joined_ms,
    Community.name,
    Community.name_bn,
    Community.archived_ms,
)
COMMUNITY_COUNT = select(func.count()).where(Membership.user_id == User.id).scalar_subquery()
LAST_SIGN_MS = func.max(func.coalesce(LoginSession.renewed_ms, LoginSession.created_ms))
LAST_SEEN_MS = select(LAST_SIGN_MS).where(LoginSession.user_id == User.id).scalar_subquery()
USER_ORDER_COLUMNS: dict[str, Any] = {"name": func.lower(User.name), "created": User.created_ms, "seen": LAST_SEEN_MS}
"""Columns to order users by."""


def page(session: Session, query: str, start: int, count: int, now_ms: int, by_email: bool, order: str) -> Slice[User]:
    """A page of users. `query` is an id, or words that occur in the name or, with `by_email`, in the email. `order` is
    one of ORDERS, prefixed with "-" for descending.
    """
    users: Select[User] = select(User).where(HAS_ACCOUNT)
    if part := sought(query):
        columns = (User.email, User.email_key, User.name) if by_email else (User.name,)
        users = users.where(or_(User.id == part.lower(), and_(*has_words(columns, part))))
    rows = _counted(users.order_by(ordered_by(USER_ORDER_COLUMNS, order), User.id).offset(start).limit(count), now_ms)
    return Slice(tuple(session.scalars(rows)), length(session, users))


def find(session: Session, user_id: str, now_ms: int) -> User:
    """The user as `page` has them. Raises UnknownUser."""
    query = _counted(select(User).where(User.id == user_id, HAS_ACCOUNT), now_ms)
    user = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if user is None:
        raise UnknownUser
    return user


def find_by_email(session: Session, email: str, now_ms: int) -> User:
    """The user as `page` has them. Raises UnknownUser."""
    user = queries.by_email(session, email)
    return find(session, user.id if user else "", now_ms)


def communities_of(session: Session, user_id: str, start: int, count: int) -> Slice[Any]:
    """The user's memberships sorted by the community's name, including archived ones."""
    communities = select(*MEMBERSHIP).join(Community, Community.id == Membership.community_id)
    communities = communities.where(Membership.user_id == user_id)
    rows = session.execute(communities.order_by(func.lower(Community.name), Community.id).offset(start).limit(count))
    return Slice(tuple(rows), length(session, communities))


def locked(session: Session, user_id: str) -> User:
    """The user, locked until the commit. Raises UnknownUser."""
    user = queries.locked(session, user_id)
    if user is None or user.external_ref is not None:
        raise UnknownUser
    return user


def set_role(session: Session, user: User, role: str, policy: Policy, now_ms: int) -> str:
    """Set the role of a locked user. Returns the previous one. A new admin who needs two-step login but has not set it
    up is logged out.
    """
    before = user.site_role
    if SITE_ROLES.index(role) < SITE_ROLES.index(before):
        _end_panel_invitations(session, user)
        record_revocation(session)
    if requires(policy, role == SITE_ADMIN) and user.second_factor_ms is None:
        revoke_all(session, user.id, now_ms)
    user.is_admin, user.is_viewer = role == SITE_ADMIN, role == SITE_VIEWER
    return before


def disable(session: Session, user: User, now_ms: int) -> None:
    """Disable a locked user, and end all their sessions."""
    user.disabled_ms = now_ms
    revoke_all(session, user.id, now_ms)
    _end_panel_invitations(session, user)
    record_revocation(session)  # last in all transactions: a fixed order of locks avoids deadlocks


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


def _counted(users: Select[User], now_ms: int) -> Select[User]:
    """The users with the values that only the panel shows."""
    live = (LoginSession.user_id == User.id, LoginSession.revoked_ms.is_(None), LoginSession.expires_ms > now_ms)
    sessions = select(func.count()).where(*live).scalar_subquery()
    return users.options(
        with_expression(User.communities, COMMUNITY_COUNT),
        with_expression(User.sessions, sessions),
        with_expression(User.seen_ms, LAST_SEEN_MS),
    )
