"""Invitations: offers of a role in a community. They make no one a member before accepting."""

from __future__ import annotations

import uuid
from typing import Any

from koyjabo.accounts import letters
from koyjabo.accounts.letters import Invited, Mailed
from koyjabo.accounts.panel_invitation_queries import WEEK_MS, PendingInvitation
from koyjabo.audit import log
from koyjabo.audit.log import Actor
from koyjabo.communities import invitation_queries, memberships, roles
from koyjabo.communities.communities import Enrolment
from koyjabo.communities.invitation_queries import Offer
from koyjabo.communities.queries import CommunityQueries, Member
from koyjabo.communities.roles import ADMIN
from koyjabo.core.clock import Clock
from koyjabo.core.credential_rules import email_key
from koyjabo.core.errors import UnknownInvitation
from koyjabo.core.identity import Account
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.rows import Page
from koyjabo.mail.link_tokens import INVITATION, LinkTokens
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Letter
from koyjabo.models import Invitation


class Invitations:
    """Calls of admins check the permissions of `account`; they raise UnknownCommunity and Forbidden. A token admits
    every account. An invitation is valid once, for a week, while its inviter may invite and the community is not
    archived; otherwise UnknownInvitation. All methods raise LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, outbox: MailOutbox, tokens: LinkTokens) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._tokens = tokens
        outbox.prepare({INVITATION: invitation_queries.prepare})

    def invite(self, account: Account, community_id: str, email: str, role: str, language: str) -> Invited:
        """Invite the person with this email, whether there is an account with it or not. They get a mail if the inviter
        has confirmed their own email, within the budgets. `language` is that of the mail, unless an account has chosen
        another one.
        """
        by, invitation_id = log.actor(account, self._clock), str(uuid.uuid4())
        data = {"link": invitation_id, "role": role, "by": account.name}
        letter = self._outbox.letter(INVITATION, email, language, sender=account.id, **data)
        mail = self._database.write(_invite, by, account, community_id, invitation_id, email, role, letter)
        return Invited(self._tokens.token(INVITATION, invitation_id), mail)

    def pending(self, account: Account, community_id: str) -> list[tuple[PendingInvitation, str]]:
        """The invitations to a community, for its admins, each with its token."""
        invitations = self._database.read(_pending, account, community_id, self._clock.now_ms())
        return [(each, self._tokens.token(INVITATION, each.id)) for each in invitations]

    def withdraw(self, account: Account, community_id: str, invitation_id: str) -> None:
        self._database.write(_withdraw, log.actor(account, self._clock), account, community_id, invitation_id)

    def page(self, account: Account, start: int = 0, count: int = 20) -> Page[tuple[Offer, str]]:
        """The invitations of an account, newest first, each with its token. None if the email is not verified."""
        invitations = self._database.read(invitation_queries.of_user, account.id, self._clock.now_ms(), start, count)
        return Page(
            tuple((each, self._tokens.token(INVITATION, each.id)) for each in invitations.items), invitations.total
        )

    def owns(self, token: str) -> bool:
        """Whether the token is of an invitation to a community, which need not be valid."""
        return bool(self._id(token))

    def get(self, token: str) -> Offer:
        invitation = self._database.read(invitation_queries.find, self._id(token), self._clock.now_ms())
        if invitation is None:
            raise UnknownInvitation
        return invitation

    def accept(self, account: Account, token: str) -> tuple[Offer, Enrolment]:
        """Become a member with the offered role. A member gets it if it is higher than theirs."""
        offer, member, is_new = self._database.write(_accept, log.actor(account, self._clock), account, self._id(token))
        return offer, Enrolment(member, is_new)

    def decline(self, account: Account, token: str) -> None:
        self._database.write(_decline, log.actor(account, self._clock), self._id(token))

    def _id(self, token: str) -> str:
        return self._tokens.row_id(INVITATION, token) or ""


def _invite(
    session: Any,
    by: Actor,
    account: Account,
    community_id: str,
    invitation_id: str,
    email: str,
    role: str,
    letter: Letter | None,
) -> Mailed:
    """Returns what became of the letter."""
    records = CommunityQueries(session)
    community = memberships.managed(records, account, community_id).community
    times = {"created_ms": by.at_ms, "expires_ms": by.at_ms + WEEK_MS}
    invitation = Invitation(
        id=invitation_id,
        community_id=community.id,
        email=email,
        email_key=email_key(email),
        role=role,
        invited_by=account.id,
        **times,
    )
    invitation_queries.add(session, invitation)
    records.store(by.entry("member.invite", memberships.subject(community), role=role))
    named = letter and letter._replace(data={**letter.data, "community": community.name})
    return letters.send_invitation(session, account, named)


def _pending(session: Any, account: Account, community_id: str, now_ms: int) -> list[PendingInvitation]:
    access = memberships.allowed(CommunityQueries(session), account, community_id, ADMIN)
    return invitation_queries.of_community(session, access.community.id, now_ms)


def _withdraw(session: Any, by: Actor, account: Account, community_id: str, invitation_id: str) -> None:
    records = CommunityQueries(session)
    community = memberships.managed(records, account, community_id).community
    if not invitation_queries.withdraw(session, community.id, invitation_id):
        raise UnknownInvitation
    records.store(by.entry("member.withdraw", memberships.subject(community)))


def _accept(session: Any, by: Actor, account: Account, invitation_id: str) -> tuple[Offer, Member, bool]:
    """Locks the community before it reads the invitation again: a concurrent change may have ended it."""
    records = CommunityQueries(session)
    records.lock(_valid(session, invitation_id, by.at_ms).community_id)
    offer = _valid(session, invitation_id, by.at_ms)
    access = records.access(offer.community_id, account.id)
    if access is None or not invitation_queries.take(session, offer.id):
        raise UnknownInvitation
    key, before = (offer.community_id, account.id), access.role
    if before is None:
        records.enrol(*key, offer.role, by.at_ms)
    elif roles.is_lower(before, offer.role):
        records.set_role(*key, offer.role)
    member = records.member(*key)
    subject = memberships.subject(access.community)
    records.store(by.entry("member.accept", subject, role=member.role, invited_by=offer.invited_by))
    return offer, member, before is None


def _decline(session: Any, by: Actor, invitation_id: str) -> None:
    offer, records = _valid(session, invitation_id, by.at_ms), CommunityQueries(session)
    access = records.access(offer.community_id, by.id or "")
    if access is None or not invitation_queries.take(session, offer.id):
        raise UnknownInvitation
    records.store(by.entry("member.decline", memberships.subject(access.community)))


def _valid(session: Any, invitation_id: str, now_ms: int) -> Offer:
    invitation = invitation_queries.find(session, invitation_id, now_ms)
    if invitation is None:
        raise UnknownInvitation
    return invitation
