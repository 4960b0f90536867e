"""Changes of users that several services make, within their transactions."""

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import LastAdmin, UnknownUser
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, SITE_ROLES, SITE_VIEWER
from koyjabo.base.database.rows import change_in_database
from koyjabo.base.settings.schema import Policy, requires
from koyjabo.people.accounts import queries
from koyjabo.people.accounts.models import PanelInvitation
from koyjabo.people.accounts.queries import revoke_all
from koyjabo.people.audit.queries import record_revocation
from koyjabo.people.models import User


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
        end_panel_invitations(session, user)
        record_revocation(session)
    if requires(policy, role == SITE_ADMIN) and user.second_factor_ms is None:
        revoke_all(session, user.id, now_ms)
    user.is_admin, user.is_viewer = role == SITE_ADMIN, role == SITE_VIEWER
    return before


def require_another_admin(session: Session, user_id: str) -> None:
    """Lock all admins who can log in, until the commit. Raises LastAdmin if there is no other such admin."""
    admins = select(User.id).where(User.is_admin, User.disabled_ms.is_(None)).order_by(User.id)
    if set(session.scalars(admins.with_for_update())) == {user_id}:
        raise LastAdmin(N_("The site needs an admin who can log in. Make another user a site admin first."))


def end_panel_invitations(session: Session, user: User) -> None:
    """Revoke the panel invitations that this user has sent or could accept, because they would give lost
    rights back.
    """
    theirs = or_(PanelInvitation.invited_by == user.id, PanelInvitation.email_key == user.email_key)
    change_in_database(session, delete(PanelInvitation).where(theirs))
