"""Invitations to communities, and what an invited person can do with a link of either kind."""

from __future__ import annotations

from typing import Any, NamedTuple

from koyjabo.base.core.errors import UnknownInvitation
from koyjabo.base.core.identity import Account
from koyjabo.base.database.rows import Page
from koyjabo.communities import memberships, roles
from koyjabo.communities.queries import CommunityQueries, Member, invitations_by
from koyjabo.communities.roles import ADMIN
from koyjabo.people.accounts.users import invitation_queries
from koyjabo.people.accounts.users.invitation_queries import AnyInvitation
from koyjabo.people.accounts.users.invitations import Invitations, InvitationScope, PanelRole
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.mail.link_tokens import INVITATION


class Joined(NamedTuple):
    """The membership that a user has after accepting an invitation."""

    community: Subject
    member: Member
    is_new: bool


class CommunityScope(InvitationScope[Joined]):
    """Invitations to a community. Its admins send them while it is not archived."""

    rows, purpose, action = invitations_by(ADMIN), INVITATION, "member"

    def managed(self, session: Any, account: Account, community_id: str | None, lock: bool) -> Subject:
        records = CommunityQueries(session)
        if lock:
            return memberships.subject(memberships.managed(records, account, community_id or "").community)
        return memberships.subject(memberships.allowed(records, account, community_id or "", ADMIN).community)

    def accept(self, session: Any, by: Actor, account: Account, invitation_id: str) -> Joined:
        """Accept an invitation. Locks the community before reading the invitation again, because a concurrent change
        may have revoked it.
        """
        records = CommunityQueries(session)
        offer = invitation_queries.valid(session, self.rows, invitation_id, by.at_ms)
        records.lock(invitation_queries.place_of(offer).id)
        offer = invitation_queries.use_up(session, self.rows, invitation_id, by.at_ms)
        place = invitation_queries.place_of(offer)
        key = (place.id, account.id)
        access = records.access(*key)
        before = access.role if access else None
        if before is None:
            records.enrol(*key, offer.role, by.at_ms)
        elif roles.is_lower(before, offer.role):
            records.set_role(*key, offer.role)
        member = records.member(*key)
        records.store(by.entry("member.accept", place, role=member.role, invited_by=offer.inviter.name))
        return Joined(place, member, before is None)


class ReceivedInvitations:
    """A user's invitations to the panel and to communities, in one list. Tokens of one kind are not valid for the
    other.
    """

    def __init__(self, panel: Invitations[PanelRole], communities: Invitations[Joined]) -> None:
        self._panel = panel
        self._communities = communities

    def page(self, account: Account, start: int = 0, count: int = 20) -> Page[tuple[AnyInvitation, str]]:
        """A page of the account's invitations with their tokens: first the invitation to the panel, then the others,
        newest first. Empty if the account's email is not confirmed. Raises LedgerUnavailable.
        """
        first = self._panel.page(account, start, count)
        rest = self._communities.page(account, max(start - first.total, 0), count - len(first.items))
        return Page(first.items + rest.items, first.total + rest.total)

    def of(self, token: str) -> Invitations[PanelRole] | Invitations[Joined]:
        """The service for the kind of invitation that a token belongs to, valid or not. Raises UnknownInvitation."""
        for invitations in (self._panel, self._communities):
            if invitations.owns(token):
                return invitations
        raise UnknownInvitation
