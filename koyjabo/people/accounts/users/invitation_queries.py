"""The rows of invitations of one kind, within one transaction. The caller checks the rules."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import delete, or_, select, true
from sqlalchemy.orm import Session, aliased, contains_eager

from koyjabo.base.core.errors import UnknownInvitation
from koyjabo.base.database.rows import change_in_database
from koyjabo.people.accounts.models import Invitation, PanelInvitation
from koyjabo.people.audit.log import Subject, community_subject
from koyjabo.people.models import User

PANEL_SUBJECT = Subject("panel", "", "")
INVITER = aliased(User)

AnyInvitation: TypeAlias = Invitation | PanelInvitation
"""A row with its `inviter` and `community`; an invitation to the panel has no community."""


class InvitationRows(NamedTuple):
    """The table for one kind of invitation, with the rules for this kind."""

    table: Any
    may_invite: Callable[[Any], Any]  # joins `community`, and filters to rows whose INVITER may still invite

    def valid(self, now_ms: int) -> Any:
        """A query for invitations that have not expired and whose inviter may still invite, newest first."""
        table, inviter = self.table, self.table.inviter.of_type(INVITER)
        query = self.may_invite(select(table).join(inviter).options(contains_eager(inviter)))
        live = query.where(table.expires_ms > now_ms, INVITER.disabled_ms.is_(None))
        return live.order_by(table.created_ms.desc(), table.id)

    def find(self, session: Session, invitation_id: str, now_ms: int, locked: bool = False) -> AnyInvitation:
        """The valid invitation with this id; with `locked`, it stays as it is until the commit. Raises
        UnknownInvitation.
        """
        query = self.valid(now_ms).where(self.table.id == invitation_id)
        invitation: AnyInvitation | None = session.scalar(query.with_for_update(of=self.table) if locked else query)
        if invitation is None:
            raise UnknownInvitation
        return invitation

    def use_up(self, session: Session, invitation_id: str, user_id: str, now_ms: int) -> AnyInvitation:
        """Delete a valid invitation that is not kept for another user. Raises UnknownInvitation as `take` does."""
        invitation = self.find(session, invitation_id, now_ms)
        self.take(session, invitation.id, place_of(invitation), self.is_free_for(user_id))
        return invitation

    def take(self, session: Session, invitation_id: str, place: Subject, *which: Any) -> None:
        """Delete an invitation. If several callers do so at once, all but one get UnknownInvitation."""
        if self.delete(session, self.table.id == invitation_id, self.is_to(place), *which) != 1:
            raise UnknownInvitation

    def delete(self, session: Session, *which: Any) -> int:
        return change_in_database(session, delete(self.table).where(*which))

    def is_free_for(self, user_id: str) -> Any:
        """A condition: the invitation is not kept for another user."""
        return or_(self.table.taken_by.is_(None), self.table.taken_by == user_id)

    def is_to(self, place: Subject) -> Any:
        """A condition: the invitation is to this community. True for all invitations to the panel."""
        return true() if place == PANEL_SUBJECT else self.table.community_id == place.id


PANEL_ROWS = InvitationRows(PanelInvitation, lambda query: query.where(INVITER.is_admin))


def place_of(invitation: AnyInvitation) -> Subject:
    """What the invitation leads to: a community, or PANEL_SUBJECT."""
    return community_subject(invitation.community) if invitation.community else PANEL_SUBJECT
