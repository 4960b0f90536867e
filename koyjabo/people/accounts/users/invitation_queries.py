"""Queries for invitations of all kinds, within one transaction. The caller checks the rules."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session, aliased, contains_eager

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import UnknownInvitation
from koyjabo.base.database.rows import Slice, changed_rows, length
from koyjabo.people.accounts.models import Invitation, PanelInvitation
from koyjabo.people.audit.log import Subject, community_subject
from koyjabo.people.mail.outbox_queries import QueuedEmail
from koyjabo.people.models import User

INVITATION_VALID_MS = 7 * 86_400_000
MAX_LISTED_INVITATIONS = 100

PANEL_SUBJECT = Subject("panel", "", "")
INVITER = aliased(User)

AnyInvitation: TypeAlias = Invitation | PanelInvitation
"""A row with its `inviter` and `community`; an invitation to the panel has no community."""


class InvitationRows(NamedTuple):
    """The table for one kind of invitation, with the rules for this kind."""

    table: Any
    may_invite: Callable[[Any], Any]  # joins `community`, and filters to rows whose INVITER may still invite


PANEL_ROWS = InvitationRows(PanelInvitation, lambda query: query.where(INVITER.is_admin))


def place_of(invitation: AnyInvitation) -> Subject:
    """What the invitation leads to: a community, or PANEL."""
    return community_subject(invitation.community) if invitation.community else PANEL_SUBJECT


def add(session: Session, rows: InvitationRows, place: Subject, invitation: AnyInvitation) -> None:
    """Add an invitation. It replaces an earlier one for the same email and the same community or panel, whose link
    stops working.
    """
    _delete(session, rows, rows.table.email_key == invitation.email_key, *_at(rows, place))
    if isinstance(invitation, Invitation):
        invitation.community_id = place.id
    session.add(invitation)
    session.flush()


def prepare(rows: InvitationRows, session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Prepare the email just before it is sent.

    Returns None if the invitation was accepted, declined, replaced or revoked. If there is an account with this email,
    the account's language is used.
    """
    invitation = find(session, rows, queued_email.data["link"], now_ms)
    if invitation is None:
        return None
    own = session.scalar(select(User.language).where(User.email_key == email_key(queued_email.email)))
    language = own or queued_email.language
    name = {"community": invitation.community.name_in(language)} if invitation.community else {}
    return queued_email._replace(language=language, data={**queued_email.data, **name})


def find(session: Session, rows: InvitationRows, invitation_id: str, now_ms: int) -> AnyInvitation | None:
    invitation: AnyInvitation | None = session.scalar(_valid(rows, now_ms).where(rows.table.id == invitation_id))
    return invitation


def valid(session: Session, rows: InvitationRows, invitation_id: str, now_ms: int) -> AnyInvitation:
    """The valid invitation with this id. Raises UnknownInvitation."""
    invitation = find(session, rows, invitation_id, now_ms)
    if invitation is None:
        raise UnknownInvitation
    return invitation


def of_user(
    session: Session, rows: InvitationRows, user_id: str, now_ms: int, start: int, count: int
) -> Slice[AnyInvitation]:
    """Invitations to a user's email, newest first. Empty if the email is not confirmed."""
    mine = select(User.email_key).where(User.id == user_id, User.verified_ms.is_not(None))
    is_free = or_(rows.table.taken_by.is_(None), rows.table.taken_by == user_id)
    query = _valid(rows, now_ms).where(rows.table.email_key.in_(mine), is_free)
    total = length(session, query.with_only_columns(rows.table.id))
    return Slice(tuple(session.scalars(query.offset(start).limit(count))), total)


def pending(session: Session, rows: InvitationRows, place: Subject, now_ms: int) -> list[AnyInvitation]:
    """Valid invitations to a community or the panel, newest first, at most MAX_LISTED_INVITATIONS."""
    return list(session.scalars(_valid(rows, now_ms).where(*_at(rows, place)).limit(MAX_LISTED_INVITATIONS)))


def keep(session: Session, rows: InvitationRows, invitation_id: str, user_id: str, now_ms: int) -> None:
    """Keep a valid invitation for a new user, in the transaction that adds them. Of several concurrent callers, all but
    one get UnknownInvitation.
    """
    valid(session, rows, invitation_id, now_ms)
    free = update(rows.table).where(rows.table.id == invitation_id, rows.table.taken_by.is_(None))
    if changed_rows(session, free.values(taken_by=user_id).execution_options(synchronize_session=False)) != 1:
        raise UnknownInvitation


def kept_for(session: Session, rows: InvitationRows, user_id: str, now_ms: int) -> list[AnyInvitation]:
    """The valid invitations that are kept for this user."""
    return list(session.scalars(_valid(rows, now_ms).where(rows.table.taken_by == user_id)))


def use_up(session: Session, rows: InvitationRows, invitation_id: str, user_id: str, now_ms: int) -> AnyInvitation:
    """Delete a valid invitation that is not kept for another user. Raises UnknownInvitation as `take` does."""
    invitation = valid(session, rows, invitation_id, now_ms)
    is_free = or_(rows.table.taken_by.is_(None), rows.table.taken_by == user_id)
    take(session, rows, invitation.id, place_of(invitation), is_free)
    return invitation


def take(session: Session, rows: InvitationRows, invitation_id: str, place: Subject, *which: Any) -> None:
    """Delete an invitation. If several callers do so at once, all but one get UnknownInvitation."""
    if _delete(session, rows, rows.table.id == invitation_id, *_at(rows, place), *which) != 1:
        raise UnknownInvitation


def _at(rows: InvitationRows, place: Subject) -> tuple[Any, ...]:
    """Conditions on the columns that name the community or the panel."""
    return () if place == PANEL_SUBJECT else (rows.table.community_id == place.id,)


def _valid(rows: InvitationRows, now_ms: int) -> Any:
    """A query for invitations that have not expired and whose inviter may still invite, newest first."""
    table, inviter = rows.table, rows.table.inviter.of_type(INVITER)
    query = rows.may_invite(select(table).join(inviter).options(contains_eager(inviter)))
    live = query.where(table.expires_ms > now_ms, INVITER.disabled_ms.is_(None))
    return live.order_by(table.created_ms.desc(), table.id)


def _delete(session: Session, rows: InvitationRows, *which: Any) -> int:
    return changed_rows(session, delete(rows.table).where(*which).execution_options(synchronize_session=False))
