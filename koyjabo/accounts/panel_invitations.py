"""Invitations to the panel: offers of a role on the site. They give no right before they are accepted."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.accounts import letters, panel_invitation_queries
from koyjabo.accounts.letters import Invited, Mailed
from koyjabo.accounts.panel_invitation_queries import WEEK_MS, PanelOffer, PendingInvitation
from koyjabo.audit import log
from koyjabo.audit.log import Subject
from koyjabo.core.clock import Clock
from koyjabo.core.credential_rules import email_key
from koyjabo.core.errors import UnknownInvitation
from koyjabo.core.identity import SITE_ADMIN, Account
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.mail.link_tokens import PANEL_INVITATION, LinkTokens
from koyjabo.mail.outbox import MailOutbox
from koyjabo.mail.outbox_queries import Letter
from koyjabo.models import PanelInvitation
from koyjabo.settings.schema import Policy, requires

PANEL = Subject("panel", "", "")


class Accepted(NamedTuple):
    """An invitation that was accepted."""

    offer: PanelOffer
    user_id: str
    role: str  # of the user from now on
    is_logged_out: bool  # and has to log in with a second factor


class PanelInvitations:
    """Admins of the site make, see and withdraw them; these calls raise Forbidden for other accounts. A token admits
    every account. An invitation is valid once, for a week, while its inviter is an admin of the site who can log in;
    otherwise UnknownInvitation. All methods raise LedgerUnavailable.

    `on_revoked` is called after a commit with the id of the user whose role has changed.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        outbox: MailOutbox,
        tokens: LinkTokens,
        on_revoked: Callable[[str], object],
        policy: Policy,
    ) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._tokens = tokens
        self._on_revoked = on_revoked
        self._policy = policy
        outbox.prepare({PANEL_INVITATION: panel_invitation_queries.prepare})

    def invite(self, account: Account, email: str, role: str, language: str) -> Invited:
        """Invite the person with this email to be a viewer or an admin, whether there is an account with it or not. The
        mail is sent as those of communities are. An earlier invitation of this email ends.
        """
        account.require_site_admin()
        by, invitation_id = log.actor(account, self._clock), str(uuid.uuid4())
        data = {"link": invitation_id, "role": role, "by": account.name}
        letter = self._outbox.letter(PANEL_INVITATION, email, language, sender=account.id, **data)
        invitation = {
            "id": invitation_id,
            "email": email,
            "email_key": email_key(email),
            "role": role,
            "invited_by": account.id,
            "created_ms": by.at_ms,
            "expires_ms": by.at_ms + WEEK_MS,
        }
        entry = by.entry("panel.invite", PANEL, role=role)
        mail = self._database.write(_invite, account, invitation, letter, audit=entry)
        return Invited(self._tokens.token(PANEL_INVITATION, invitation_id), mail)

    def pending(self, account: Account) -> list[tuple[PendingInvitation, str]]:
        """Those that wait for an answer, each with its token."""
        account.require_site_admin()
        invitations = self._database.read(panel_invitation_queries.pending, self._clock.now_ms())
        return [(each, self._tokens.token(PANEL_INVITATION, each.id)) for each in invitations]

    def withdraw(self, account: Account, invitation_id: str) -> None:
        account.require_site_admin()
        self._database.write(_take, invitation_id, audit=log.actor(account, self._clock).entry("panel.withdraw", PANEL))

    def owns(self, token: str) -> bool:
        """Whether the token is of an invitation to the panel, which need not be valid."""
        return bool(self._id(token))

    def get(self, token: str) -> PanelOffer:
        return self._database.read(_valid, self._id(token), self._clock.now_ms())

    def of(self, account: Account) -> tuple[PanelOffer, str] | None:
        """The invitation of an account, with its token. None if the email is not verified."""
        offer = self._database.read(panel_invitation_queries.of_user, account.id, self._clock.now_ms())
        return (offer, self._tokens.token(PANEL_INVITATION, offer.id)) if offer else None

    def needs_second_factor(self, role: str) -> bool:
        return requires(self._policy, role == SITE_ADMIN)

    def accept(self, account: Account, token: str) -> Accepted:
        """Take the offered role, unless one's own is higher. A new admin who needs a second factor and has none is
        logged out.
        """
        by = log.actor(account, self._clock)
        offer, changed = self._database.write(
            panel_invitation_queries.accept,
            *(self._id(token), account.id, self._policy, by.at_ms),
            audit=lambda result: by.entry(
                "panel.accept", PANEL, role=result[1].person.site_role, invited_by=result[0].invited_by
            ),
        )
        person = changed.person
        self._on_revoked(person.id)
        is_logged_out = person.second_factor_ms is None and self.needs_second_factor(person.site_role)
        return Accepted(offer, person.id, person.site_role, is_logged_out)

    def decline(self, account: Account, token: str) -> None:
        entry = log.actor(account, self._clock).entry("panel.decline", PANEL)
        self._database.write(_decline, self._id(token), entry.at_ms, audit=entry)

    def _id(self, token: str) -> str:
        return self._tokens.row_id(PANEL_INVITATION, token) or ""


def _invite(session: Any, account: Account, invitation: dict[str, Any], letter: Letter | None) -> Mailed:
    panel_invitation_queries.add(session, PanelInvitation(**invitation))
    return letters.send_invitation(session, account, letter)


def _take(session: Any, invitation_id: str) -> None:
    if not panel_invitation_queries.take(session, invitation_id):
        raise UnknownInvitation


def _valid(session: Any, invitation_id: str, now_ms: int) -> PanelOffer:
    offer = panel_invitation_queries.find(session, invitation_id, now_ms)
    if offer is None:
        raise UnknownInvitation
    return offer


def _decline(session: Any, invitation_id: str, now_ms: int) -> None:
    _take(session, _valid(session, invitation_id, now_ms).id)
