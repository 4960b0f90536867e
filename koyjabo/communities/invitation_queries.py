"""Queries for invitations, within one transaction. The caller checks the rules."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session, aliased

from koyjabo.accounts.panel_invitation_queries import PendingInvitation
from koyjabo.communities.roles import ADMIN
from koyjabo.database.rows import Page, changed_rows, length
from koyjabo.mail.outbox_queries import Letter
from koyjabo.models import Community, Invitation, Membership, User


class Offer(NamedTuple):
    """A valid invitation, as the invited person sees it."""

    id: str
    community_id: str
    community: str  # its name
    invited_by: str  # the name of the user
    role: str


INVITER = aliased(User)
OFFER = (Invitation.id, Community.id, Community.name, INVITER.name, Invitation.role)
PENDING = (Invitation.id, Invitation.email, Invitation.role, INVITER.name, Invitation.expires_ms)


def add(session: Session, invitation: Invitation) -> None:
    """Replaces an earlier invitation of the same email to the community: its link is not valid any more."""
    same = (Invitation.community_id == invitation.community_id, Invitation.email_key == invitation.email_key)
    _delete(session, *same)
    session.add(invitation)
    session.flush()


def prepare(session: Session, letter: Letter, now_ms: int) -> Letter | None:
    """Send no mail about an invitation that was answered, replaced or withdrawn. In the language of the account that
    has this email, if there is one.
    """
    invitation = session.get(Invitation, letter.data["link"])
    if invitation is None or find(session, invitation.id, now_ms) is None:
        return None
    language = session.scalar(select(User.language).where(User.email_key == invitation.email_key))
    return letter._replace(language=language or letter.language)


def find(session: Session, invitation_id: str, now_ms: int) -> Offer | None:
    row = session.execute(_offers(now_ms).where(Invitation.id == invitation_id)).one_or_none()
    return Offer._make(row) if row else None


def of_user(session: Session, user_id: str, now_ms: int, start: int, count: int) -> Page[Offer]:
    """Those for the email of a user who has proved that it is theirs, newest first."""
    mine = select(User.email_key).where(User.id == user_id, User.verified_ms.is_not(None))
    wanted = _offers(now_ms).where(Invitation.email_key.in_(mine))
    rows = session.execute(wanted.order_by(Invitation.created_ms.desc(), Invitation.id).offset(start).limit(count))
    return Page(tuple(Offer._make(row) for row in rows), length(session, _ids(wanted)))


def of_community(session: Session, community_id: str, now_ms: int) -> list[PendingInvitation]:
    """Valid ones, newest first, at most 100."""
    wanted = _valid(select(*PENDING), now_ms).where(Invitation.community_id == community_id)
    rows = session.execute(wanted.order_by(Invitation.created_ms.desc(), Invitation.id).limit(100))
    return [PendingInvitation._make(row) for row in rows]


def take(session: Session, invitation_id: str) -> bool:
    """Use up an invitation. Returns True to one of all concurrent callers."""
    return _delete(session, Invitation.id == invitation_id) == 1


def withdraw(session: Session, community_id: str, invitation_id: str) -> bool:
    return _delete(session, Invitation.id == invitation_id, Invitation.community_id == community_id) == 1


def _offers(now_ms: int) -> Any:
    return _valid(select(*OFFER), now_ms)


def _valid(wanted: Any, now_ms: int) -> Any:
    """Not expired, to a community that is not archived, by a member who may still invite."""
    joined = wanted.join(Community, Community.id == Invitation.community_id)
    joined = joined.join(INVITER, INVITER.id == Invitation.invited_by)
    is_theirs = (Membership.community_id == Community.id) & (Membership.user_id == INVITER.id)
    joined = joined.outerjoin(Membership, is_theirs)
    may_invite = or_(INVITER.is_admin, Membership.role == ADMIN)
    conditions = (Invitation.expires_ms > now_ms, Community.archived_ms.is_(None), INVITER.disabled_ms.is_(None))
    return joined.where(*conditions, may_invite)


def _ids(wanted: Any) -> Any:
    return wanted.with_only_columns(Invitation.id)


def _delete(session: Session, *which: Any) -> int:
    return changed_rows(session, delete(Invitation).where(*which).execution_options(synchronize_session=False))
