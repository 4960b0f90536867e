"""Invitations offer a role in the panel or in a community. They give no rights until they are accepted."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.identity import SITE_ADMIN, SITE_ROLES, Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.settings.schema import Settings, requires
from koyjabo.people.accounts.users import invitation_queries, user_admin_queries
from koyjabo.people.accounts.users.invitation_queries import (
    PANEL,
    PANEL_ROWS,
    WEEK_MS,
    AnyInvitation,
    InvitationRows,
    place_of,
)
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Actor, Subject
from koyjabo.people.mail.link_tokens import INVITATION, PANEL_INVITATION, LinkTokens
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import is_confirmed

Accepted = TypeVar("Accepted")

Mailed = Literal["queued", "unavailable", "unconfirmed", "limited"]
"""An email's outcome: `queued` for sending; `unavailable`, because the server cannot send emails, or cannot send them
to this address; `unconfirmed`, because the inviter has not confirmed their own email; or `limited`, because today's
limit on emails to strangers is used up.
"""


class Invited(NamedTuple):
    """A new invitation."""

    token: str  # of the link
    mail: Mailed  # does not reveal whether an account has this email


class InvitationScope(ABC, Generic[Accepted]):
    """One kind of invitation: to the panel, or to communities. `purpose` is used for the tokens, `kind` for the emails,
    and `action` is the prefix of the actions in the audit log.
    """

    rows: InvitationRows
    purpose: str
    action: str

    @abstractmethod
    def managed(self, session: Any, account: Account, community_id: str | None, lock: bool) -> Subject:
        """The community or panel that `account` may invite to, locked until the commit if `lock` is set. Raises
        Forbidden, UnknownCommunity.
        """

    @abstractmethod
    def accept(self, session: Any, by: Actor, account: Account, invitation_id: str) -> Accepted:
        """Use up the invitation and give the role, unless the account has a higher one. Raises UnknownInvitation."""

    def accepted(self, account: Account) -> None:
        """Called after the commit."""
        return


class Invitations(Generic[Accepted]):
    """Invitations of one kind (`scope`). All methods raise LedgerUnavailable.

    People who may invite can create, list and revoke invitations. These methods raise what `InvitationScope.managed`
    raises, and take a `community_id` except for the panel.

    Any account may use the token. An invitation can be used once, within a week, while its inviter may still invite.
    Otherwise UnknownInvitation is raised.
    """

    def __init__(
        self,
        scope: InvitationScope[Accepted],
        database: DatabaseExecutor,
        clock: Clock,
        outbox: MailOutbox,
        tokens: LinkTokens,
    ) -> None:
        self._scope = scope
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._tokens = tokens
        outbox.prepare({scope.purpose: partial(invitation_queries.prepare, scope.rows)})

    def invite(
        self, account: Account, email: str, role: str, language: str, community_id: str | None = None
    ) -> Invited:
        """Invite the person with this email, with or without an account.

        They get an email if the inviter has confirmed their own address and the limits allow it. The email is in the
        account's language if there is an account, otherwise in `language`. Revokes an earlier invitation for this email
        to the same community or panel.
        """
        by, invitation_id = log.actor(account, self._clock), str(uuid.uuid4())
        data = {"link": invitation_id, "role": role, "by": account.name}
        queued_email = self._outbox.email(self._scope.purpose, email, language, sender=account.id, **data)
        invitation = self._scope.rows.table(
            id=invitation_id,
            email=email,
            email_key=email_key(email),
            role=role,
            invited_by=account.id,
            created_ms=by.at_ms,
            expires_ms=by.at_ms + WEEK_MS,
        )

        def operation(session: Any) -> Mailed:
            place = self._scope.managed(session, account, community_id, lock=True)
            invitation_queries.add(session, self._scope.rows, place, invitation)
            by.entry(f"{self._scope.action}.invite", place, role=role).store(session)
            if queued_email is None:
                return "unavailable"
            if not is_confirmed(session, account.id):
                return "unconfirmed"
            data = {**queued_email.data, "community": place.name} if place.name else queued_email.data
            return "queued" if queued_email._replace(data=data).store(session) else "limited"

        mail = self._database.write(operation)
        return Invited(self._token(invitation_id), mail)

    def pending(self, account: Account, community_id: str | None = None) -> list[tuple[AnyInvitation, str]]:
        """Pending invitations, newest first, each with its token."""
        now_ms = self._clock.now_ms()

        def operation(session: Any) -> list[AnyInvitation]:
            place = self._scope.managed(session, account, community_id, lock=False)
            return invitation_queries.pending(session, self._scope.rows, place, now_ms)

        return [(invitation, self._token(invitation.id)) for invitation in self._database.read(operation)]

    def revoke(self, account: Account, invitation_id: str, community_id: str | None = None) -> None:
        by = log.actor(account, self._clock)

        def operation(session: Any) -> None:
            place = self._scope.managed(session, account, community_id, lock=True)
            invitation_queries.take(session, self._scope.rows, invitation_id, place)
            by.entry(f"{self._scope.action}.withdraw", place).store(session)

        self._database.write(operation)

    def page(self, account: Account, start: int = 0, count: int = 20) -> Page[tuple[AnyInvitation, str]]:
        """An account's invitations, newest first, each with its token. Empty if the account's email is not verified."""
        parameters = (account.id, self._clock.now_ms(), start, count)
        offers = self._database.read(invitation_queries.of_user, self._scope.rows, *parameters)
        return Page(tuple((offer, self._token(offer.id)) for offer in offers.items), offers.total)

    def owns(self, token: str) -> bool:
        """Whether the token belongs to an invitation of this scope, valid or not."""
        return bool(self._id(token))

    def is_any(self, token: str) -> bool:
        """Whether the token belongs to an unused invitation of any kind."""
        ids = filter(None, (self._tokens.row_id(purpose, token) for purpose in (INVITATION, PANEL_INVITATION)))
        now_ms = self._clock.now_ms()
        return any(self._database.read(invitation_queries.is_stored, row_id, now_ms) for row_id in ids)

    def get(self, token: str) -> AnyInvitation:
        return self._database.read(invitation_queries.valid, self._scope.rows, self._id(token), self._clock.now_ms())

    def accept(self, account: Account, token: str) -> Accepted:
        """Accept the offered role, unless the account has a higher one."""
        accepted = self._database.write(self._scope.accept, log.actor(account, self._clock), account, self._id(token))
        self._scope.accepted(account)
        return accepted

    def decline(self, account: Account, token: str) -> None:
        """Decline the invitation. Its link stops working."""
        by = log.actor(account, self._clock)

        def operation(session: Any) -> None:
            invitation = invitation_queries.use_up(session, self._scope.rows, self._id(token), by.at_ms)
            by.entry(f"{self._scope.action}.decline", place_of(invitation)).store(session)

        self._database.write(operation)

    def _id(self, token: str) -> str:
        return self._tokens.row_id(self._scope.purpose, token) or ""

    def _token(self, invitation_id: str) -> str:
        return self._tokens.token(self._scope.purpose, invitation_id)


class PanelRole(NamedTuple):
    """The role that a user has after accepting an invitation to the panel."""

    user_id: str
    role: str
    is_logged_out: bool  # has to log in again, with two-step login


class PanelScope(InvitationScope[PanelRole]):
    """Invitations to the panel by site admins. `on_revoked` is called with the id of a user whose role has changed."""

    rows, purpose, action = PANEL_ROWS, PANEL_INVITATION, "panel"

    def __init__(self, on_revoked: Callable[[str], object], settings: Settings) -> None:
        self._on_revoked = on_revoked
        self._settings = settings

    def managed(self, session: Any, account: Account, community_id: str | None, lock: bool) -> Subject:
        account.require_site_admin()
        return PANEL

    def accept(self, session: Any, by: Actor, account: Account, invitation_id: str) -> PanelRole:
        """Accept, locking the user before the invitation, as role changes do. A new admin who needs two-step login and
        has not set it up is logged out.
        """
        user = user_admin_queries.locked(session, account.id)
        invitation = invitation_queries.use_up(session, PANEL_ROWS, invitation_id, by.at_ms)
        role = max(invitation.role, user.site_role, key=SITE_ROLES.index)
        user_admin_queries.set_role(session, user, role, self._settings.require_two_factor, by.at_ms)
        by.entry("panel.accept", PANEL, role=role, invited_by=invitation.inviter.name).store(session)
        needs_second_factor = requires(self._settings.require_two_factor, role == SITE_ADMIN)
        return PanelRole(user.id, role, needs_second_factor and user.second_factor_ms is None)

    def accepted(self, account: Account) -> None:
        self._on_revoked(account.id)
