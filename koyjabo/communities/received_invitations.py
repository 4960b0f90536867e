"""What an invited person does with a link: invitations to communities, and to the panel (`accounts.panel_invitations`),
which come in one list and are answered in one place. A token of one kind is not valid as one of the other.
"""

from __future__ import annotations

from koyjabo.accounts.panel_invitation_queries import PanelOffer
from koyjabo.accounts.panel_invitations import Accepted, PanelInvitations
from koyjabo.communities.communities import Enrolment
from koyjabo.communities.invitation_queries import Offer
from koyjabo.communities.invitations import Invitations
from koyjabo.core.errors import UnknownInvitation
from koyjabo.core.identity import Account
from koyjabo.database.rows import Page


class ReceivedInvitations:
    """All methods raise UnknownInvitation and LedgerUnavailable."""

    def __init__(self, communities: Invitations, panel: PanelInvitations) -> None:
        self._communities = communities
        self._panel = panel

    def page(self, account: Account, start: int = 0, count: int = 20) -> Page[tuple[Offer | PanelOffer, str]]:
        """The invitations of an account, each with its token: first the one to the panel, if there is one, and then the
        others, newest first. None if the email is not verified.
        """
        own = self._panel.of(account)
        first = [own] if own and start == 0 and count else []
        rest = self._communities.page(account, max(start - bool(own), 0), count - len(first))
        return Page((*first, *rest.items), rest.total + bool(own))

    def get(self, token: str) -> Offer | PanelOffer:
        return self._panel.get(token) if self._panel.owns(token) else self._communities.get(token)

    def require_ours(self, token: str) -> None:
        """Whether the invitation is valid is not looked up."""
        if not (self._panel.owns(token) or self._communities.owns(token)):
            raise UnknownInvitation

    def accept(self, account: Account, token: str) -> Accepted | tuple[Offer, Enrolment]:
        if self._panel.owns(token):
            return self._panel.accept(account, token)
        return self._communities.accept(account, token)

    def decline(self, account: Account, token: str) -> None:
        """The link is not valid any more."""
        if self._panel.owns(token):
            self._panel.decline(account, token)
        else:
            self._communities.decline(account, token)
