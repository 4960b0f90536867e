"""Queries for invitations to the panel, within one transaction. The caller checks the rules."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from koyjabo.accounts import user_admin_queries
from koyjabo.accounts.user_admin_queries import Changed
from koyjabo.core.errors import UnknownInvitation
from koyjabo.core.identity import SITE_ADMIN, SITE_ROLES
from koyjabo.database.rows import changed_rows
from koyjabo.mail.outbox_queries import Letter
from koyjabo.models import PanelInvitation, User
from koyjabo.settings.schema import Policy, requires

WEEK_MS = 7 * 86_400_000
MOST_LISTED = 100


class PanelOffer(NamedTuple):
    """A valid invitation, as the invited person sees it."""

    id: str
    invited_by: str  # the name of the user
    role: str


class PendingInvitation(NamedTuple):
    """An invitation, as those see it who may make one."""

    id: str
    email: str
    role: str
    invited_by: str
    expires_ms: int


OFFER = (PanelInvitation.id, User.name, PanelInvitation.role)
PENDING = (*(getattr(PanelInvitation, name) for name in ("id", "email", "role")), User.name, PanelInvitation.expires_ms)
NEWEST_FIRST = (PanelInvitation.created_ms.desc(), PanelInvitation.id)


def add(session: Session, invitation: PanelInvitation) -> None:
    """Replaces an earlier invitation of the same email: its link is not valid any more."""
    _delete(session, PanelInvitation.email_key == invitation.email_key)
    session.add(invitation)
    session.flush()


def prepare(session: Session, letter: Letter, now_ms: int) -> Letter | None:
    """As for invitations to communities: no mail about one that is over, and in the language of the account."""
    invitation = session.get(PanelInvitation, letter.data["link"])
    if invitation is None or find(session, invitation.id, now_ms) is None:
        return None
    language = session.scalar(select(User.language).where(User.email_key == invitation.email_key))
    return letter._replace(language=language or letter.language)


def find(session: Session, invitation_id: str, now_ms: int) -> PanelOffer | None:
    row = session.execute(_valid(OFFER, now_ms).where(PanelInvitation.id == invitation_id)).one_or_none()
    return PanelOffer._make(row) if row else None


def of_user(session: Session, user_id: str, now_ms: int) -> PanelOffer | None:
    """That for the email of a user who has proved that it is theirs."""
    mine = select(User.email_key).where(User.id == user_id, User.verified_ms.is_not(None))
    row = session.execute(_valid(OFFER, now_ms).where(PanelInvitation.email_key.in_(mine))).one_or_none()
    return PanelOffer._make(row) if row else None


def pending(session: Session, now_ms: int) -> list[PendingInvitation]:
    """Valid ones, newest first, at most MOST_LISTED."""
    rows = session.execute(_valid(PENDING, now_ms).order_by(*NEWEST_FIRST).limit(MOST_LISTED))
    return [PendingInvitation._make(row) for row in rows]


def take(session: Session, invitation_id: str) -> bool:
    """Use up an invitation. Returns True to one of all concurrent callers."""
    return _delete(session, PanelInvitation.id == invitation_id) == 1


def accept(
    session: Session, invitation_id: str, user_id: str, policy: Policy, now_ms: int
) -> tuple[PanelOffer, Changed]:
    """Give the user the offered role, unless theirs is higher. Locks the user before the invitation, as changes of
    roles do. Raises UnknownInvitation.
    """
    person = user_admin_queries.existing(session, user_id).person
    offer = find(session, invitation_id, now_ms)
    if offer is None or not take(session, offer.id):
        raise UnknownInvitation
    role = max(offer.role, person.site_role, key=SITE_ROLES.index)
    needs_second_factor = requires(policy, role == SITE_ADMIN)
    return offer, user_admin_queries.set_role(session, person.id, role, False, needs_second_factor, now_ms)


def _valid(columns: tuple[Any, ...], now_ms: int) -> Any:
    """Not expired, by a user who may still invite."""
    joined = select(*columns).join(User, User.id == PanelInvitation.invited_by)
    return joined.where(PanelInvitation.expires_ms > now_ms, User.is_admin, User.disabled_ms.is_(None))


def _delete(session: Session, *which: Any) -> int:
    return changed_rows(session, delete(PanelInvitation).where(*which).execution_options(synchronize_session=False))
