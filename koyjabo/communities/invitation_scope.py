"""Invitations to a community (specification: Accounts and communities)."""

from typing import Any

from koyjabo.base.core.identity import Account
from koyjabo.base.core.link_tokens import INVITATION
from koyjabo.people.accounts.users.invitation_queries import place_of
from koyjabo.people.accounts.users.invitations import InvitationScope
from koyjabo.people.audit.log import Subject, community_subject
from koyjabo.people.audit.transaction import Transaction
from koyjabo.people.models import Membership
from . import member_queries, queries, roles
from .memberships import allowed, member_of
from .roles import ADMIN

Joined = tuple[Membership, bool]
"""The membership that a user has after accepting an invitation, and whether it is new."""


class CommunityScope(InvitationScope[Joined]):
    """Invitations to a community. Its admins send them while it is not archived."""

    rows, purpose, action = member_queries.invitations_by(ADMIN), INVITATION, "member"

    def managed(self, session: Any, account: Account, community_id: str | None, lock: bool) -> Subject:
        return community_subject(allowed(session, account, community_id or "", ADMIN, lock).community)

    def accept(self, tx: Transaction, account: Account, invitation_id: str) -> Joined:
        """Accept an invitation. Locks the community before reading the invitation again, because a concurrent change
        may have revoked it.
        """
        session = tx.session
        community_id = place_of(self.rows.find(session, invitation_id, tx.at_ms)).id
        queries.lock(session, community_id)
        offer = self.rows.use_up(session, invitation_id, account.id, tx.at_ms)
        membership = member_queries.find(session, community_id, account.id)
        is_new = membership is None
        if membership is None:
            member_queries.enrol(session, community_id, account.id, offer.role, tx.at_ms)
            membership = member_of(session, community_id, account.id)
        elif roles.is_lower(membership.role, offer.role):
            membership.role = offer.role
        tx.log("member.accept", place_of(offer), role=membership.role, invited_by=offer.inviter.name)
        return membership, is_new
