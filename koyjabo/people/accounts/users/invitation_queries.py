"""Queries for invitations of all kinds, within one transaction. The caller checks the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import UnknownInvitation
from koyjabo.base.database.rows import Page, changed_rows, length
from koyjabo.base.models import PanelInvitation, User
from koyjabo.people.audit.log import Subject
from koyjabo.people.mail.outbox_queries import QueuedEmail

WEEK_MS = 7 * 86_400_000
MOST_LISTED = 100

PANEL = Subject("panel", "", "")
INVITER = aliased(User)


class InvitationRows(NamedTuple):
    """The table for one kind of invitation, with the rules for this kind."""

    table: Any
    place: tuple[Any, ...]  # id and name of the community; empty for the panel
    may_invite: Callable[[Any], Any]  # filters a query to rows whose INVITER may still invite


PANEL_ROWS = InvitationRows(PanelInvitation, (), lambda query: query.where(INVITER.is_admin))


class Offer(NamedTuple):
    """A valid invitation, as the invited person sees it."""

    id: str
    invited_by: str  # the user's name
    role: str
    email: str
    place: Subject  # the community, or PANEL


class PendingInvitation(NamedTuple):
    """A valid invitation, as shown to people who may invite."""

    id: str
    email: str
    role: str
    invited_by: str
    expires_ms: int


def add(session: Session, rows: InvitationRows, place: Subject, invitation: dict[str, Any]) -> None:
    """Add an invitation. It replaces an earlier one for the same email and the same community or panel, whose link
    stops working.
    """
    _delete(session, rows, rows.table.email_key == invitation["email_key"], *_at(rows, place))
    of_community = {} if place == PANEL else {"community_id": place.id}
    session.add(rows.table(**invitation, **of_community))
    session.flush()


def prepare(rows: InvitationRows, session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
    """Prepare the email just before it is sent.

    Returns None if the invitation was accepted, declined, replaced or revoked. If there is an account with this email,
    the account's language is used.
    """
    if find(session, rows, queued_email.data["link"], now_ms) is None:
        return None
    language = session.scalar(select(User.language).where(User.email_key == email_key(queued_email.email)))
    return queued_email._replace(language=language or queued_email.language)


def find(session: Session, rows: InvitationRows, invitation_id: str, now_ms: int) -> Offer | None:
    row = session.execute(_offers(rows, now_ms).where(rows.table.id == invitation_id)).one_or_none()
    return _offer(row) if row else None


def valid(session: Session, rows: InvitationRows, invitation_id: str, now_ms: int) -> Offer:
    """The valid invitation with this id. Raises UnknownInvitation."""
    offer = find(session, rows, invitation_id, now_ms)
    if offer is None:
        raise UnknownInvitation
    return offer


def of_user(session: Session, rows: InvitationRows, user_id: str, now_ms: int, start: int, count: int) -> Page[Offer]:
    """Invitations to a user's email, newest first. Empty if the email is not confirmed."""
    mine = select(User.email_key).where(User.id == user_id, User.verified_ms.is_not(None))
    query = _offers(rows, now_ms).where(rows.table.email_key.in_(mine))
    result = session.execute(_newest_first(rows, query).offset(start).limit(count))
    return Page(tuple(map(_offer, result)), length(session, query.with_only_columns(rows.table.id)))


def pending(session: Session, rows: InvitationRows, place: Subject, now_ms: int) -> list[PendingInvitation]:
    """Valid invitations to a community or the panel, newest first, at most MOST_LISTED."""
    table = rows.table
    columns = (table.id, table.email, table.role, INVITER.name, table.expires_ms)
    query = _valid(rows, columns, now_ms).where(*_at(rows, place))
    result = session.execute(_newest_first(rows, query).limit(MOST_LISTED))
    return [PendingInvitation._make(row) for row in result]


def use_up(session: Session, rows: InvitationRows, invitation_id: str, now_ms: int) -> Offer:
    """Delete a valid invitation. Raises UnknownInvitation as `take` does."""
    offer = valid(session, rows, invitation_id, now_ms)
    take(session, rows, offer.id, offer.place)
    return offer


def take(session: Session, rows: InvitationRows, invitation_id: str, place: Subject) -> None:
    """Delete an invitation. If several callers do so at once, all but one get UnknownInvitation."""
    if _delete(session, rows, rows.table.id == invitation_id, *_at(rows, place)) != 1:
        raise UnknownInvitation


def _at(rows: InvitationRows, place: Subject) -> tuple[Any, ...]:
    """Conditions on the columns that name the community or the panel."""
    return () if place == PANEL else (rows.table.community_id == place.id,)


def _offers(rows: InvitationRows, now_ms: int) -> Any:
    return _valid(rows, (rows.table.id, INVITER.name, rows.table.role, rows.table.email, *rows.place), now_ms)


def _offer(row: Any) -> Offer:
    invitation_id, invited_by, role, email, *community = row
    return Offer(invitation_id, invited_by, role, email, Subject("community", *community) if community else PANEL)


def _valid(rows: InvitationRows, columns: tuple[Any, ...], now_ms: int) -> Any:
    """A query for invitations that have not expired and whose inviter may still invite."""
    joined = select(*columns).join(INVITER, INVITER.id == rows.table.invited_by)
    return rows.may_invite(joined).where(rows.table.expires_ms > now_ms, INVITER.disabled_ms.is_(None))


def _newest_first(rows: InvitationRows, query: Any) -> Any:
    return query.order_by(rows.table.created_ms.desc(), rows.table.id)


def _delete(session: Session, rows: InvitationRows, *which: Any) -> int:
    return changed_rows(session, delete(rows.table).where(*which).execution_options(synchronize_session=False))
