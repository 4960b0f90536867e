"""Locks and deletes the user of an account."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from koyjabo.base.core.errors import InvalidToken
from koyjabo.base.database.rows import change_in_database
from koyjabo.people.accounts.models import Invitation, PanelInvitation
from koyjabo.people.mail.upkeep_queries import cancel_mails
from koyjabo.people.models import User
from .user_admin_queries import require_another_admin


def lock(session: Session, user_id: str) -> User:
    """Lock a user, and for an admin all admins. Raises LastAdmin, or InvalidToken if there is no such account."""
    if session.scalar(select(User.is_admin).where(User.id == user_id)):
        require_another_admin(session, user_id)
    person = session.scalars(select(User).where(User.id == user_id).with_for_update()).one_or_none()
    if person is None:
        raise InvalidToken
    return person


def remove(session: Session, person: User, now_ms: int) -> None:
    """Delete the user. The database cascades to sessions, memberships, two-step login, links and sent invitations."""
    for table in (Invitation, PanelInvitation):
        change_in_database(session, delete(table).where(table.taken_by == person.id))
        if person.verified_ms is not None:
            change_in_database(session, delete(table).where(table.email_key == person.email_key))
    cancel_mails(session, person.email, now_ms)
    change_in_database(session, delete(User).where(User.id == person.id))
