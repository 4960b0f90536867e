"""Invitations offer a role in the panel or in a community. They give no rights until they are accepted."""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.credential_rules import email_key
from koyjabo.base.core.errors import UnknownCommunity, UnknownInvitation
from koyjabo.base.core.identity import SITE_ADMIN, SITE_ROLES, Account
from koyjabo.base.core.link_tokens import PANEL_INVITATION, LinkTokens
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Slice, slice_of
from koyjabo.base.settings.schema import Settings, requires
from koyjabo.people.accounts.models import Invitation
from koyjabo.people.audit.log import Subject
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.mail.outbox_queries import QueuedEmail, is_confirmed
from koyjabo.people.models import User
from .invitation_queries import PANEL_ROWS, PANEL_SUBJECT, AnyInvitation, InvitationRows, place_of
from .user_admin_queries import locked, set_role

INVITATION_VALID_MS = 7 * 86_400_000
MAX_LISTED_INVITATIONS = 100

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
    def accept(self, tx: Transaction, account: Account, invitation_id: str) -> Accepted:
        """Use up the invitation and give the role, unless the account has a higher one. Raises UnknownInvitation."""


class Invitations(Changes, Generic[Accepted]):
    """Invitations of one kind (`scope`). All methods raise LedgerUnavailable.

    People who may invite can create, list and revoke invitations. These methods raise what `InvitationScope.managed`
    raises, and take a `community_id` except for the panel.

    Any account may use the token. An invitation can be used once, within a week, while its inviter may still invite.
    Otherwise UnknownInvitation is raised. While sign-up is closed, an account that is created with an invitation uses
    it up in the same transaction, and gets the role when its login is complete.
    """

    def __init__(
        self,
        scope: InvitationScope[Accepted],
        database: DatabaseExecutor,
        clock: Clock,
        on_revoked: Callable[[str], object],
        outbox: MailOutbox,
        tokens: LinkTokens,
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._scope = scope
        self._outbox = outbox
        self._tokens = tokens
        self._rows = scope.rows
        outbox.prepare({scope.purpose: self._prepare})

    def invite(
        self, account: Account, email: str, role: str, language: str, community_id: str | None = None
    ) -> Invited:
        """Invite the person with this email, with or without an account.

        They get an email if the inviter has confirmed their own address and the limits allow it. The email is in the
        account's language if there is an account, otherwise in `language`. Revokes an earlier invitation for this email
        to the same community or panel.
        """
        invitation_id = str(uuid.uuid4())
        data = {"link": invitation_id, "role": role, "by": account.name}
        queued_email = self._outbox.email(self._scope.purpose, email, language, sender=account.id, **data)
        invitation = self._rows.table(
            id=invitation_id,
            email=email,
            email_key=email_key(email),
            role=role,
            invited_by=account.id,
        )
        mail = self._add(account, invitation, queued_email, community_id)
        return Invited(self._token(invitation_id), mail)

    @transaction
    def _add(
        self,
        tx: Transaction,
        account: Account,
        invitation: AnyInvitation,
        queued_email: QueuedEmail | None,
        community_id: str | None,
    ) -> Mailed:
        place = self._scope.managed(tx.session, account, community_id, lock=True)
        invitation.created_ms, invitation.expires_ms = tx.at_ms, tx.at_ms + INVITATION_VALID_MS
        self._rows.delete(tx.session, self._rows.table.email_key == invitation.email_key, self._rows.is_to(place))
        if isinstance(invitation, Invitation):
            invitation.community_id = place.id
        tx.session.add(invitation)
        tx.session.flush()
        tx.log(f"{self._scope.action}.invite", place, role=invitation.role)
        if queued_email is None:
            return "unavailable"
        if not is_confirmed(tx.session, account.id):
            return "unconfirmed"
        return "queued" if queued_email.store(tx.session) else "limited"

    def pending(self, account: Account, community_id: str | None = None) -> list[tuple[AnyInvitation, str]]:
        """Pending invitations, newest first, at most MAX_LISTED_INVITATIONS, each with its token."""
        now_ms = self._clock.now_ms()

        def read(session: Session) -> list[AnyInvitation]:
            place = self._scope.managed(session, account, community_id, lock=False)
            query = self._rows.valid(now_ms).where(self._rows.is_to(place))
            return list(session.scalars(query.limit(MAX_LISTED_INVITATIONS)))

        return [(invitation, self._token(invitation.id)) for invitation in self._database.read(read)]

    @transaction
    def revoke(self, tx: Transaction, account: Account, invitation_id: str, community_id: str | None = None) -> None:
        place = self._scope.managed(tx.session, account, community_id, lock=True)
        self._rows.take(tx.session, invitation_id, place)
        tx.log(f"{self._scope.action}.withdraw", place)

    def page(self, account: Account, start: int = 0, count: int = 20) -> Slice[tuple[AnyInvitation, str]]:
        """An account's invitations, newest first, each with its token. Empty if the account's email is not verified."""
        mine = select(User.email_key).where(User.id == account.id, User.verified_ms.is_not(None))
        is_for = and_(self._rows.table.email_key.in_(mine), self._rows.is_free_for(account.id))
        query = self._rows.valid(self._clock.now_ms()).where(is_for)
        offers = self._database.read(slice_of, query, start, count)
        return Slice(tuple((offer, self._token(offer.id)) for offer in offers.items), offers.total)

    def owns(self, token: str) -> bool:
        """Whether the token belongs to an invitation of this scope, valid or not."""
        return bool(self._id(token))

    def get(self, token: str) -> AnyInvitation:
        return self._database.read(self._rows.find, self._id(token), self._clock.now_ms())

    def keep(self, session: Any, token: str, user_id: str) -> None:
        """Keep an invitation for a new user, in the transaction that adds them. Of several concurrent callers, all but
        one get UnknownInvitation.
        """
        invitation = self._rows.find(session, self._id(token), self._clock.now_ms(), locked=True)
        if invitation.taken_by is not None:
            raise UnknownInvitation
        invitation.taken_by = user_id

    def kept_for(self, account: Account) -> list[str]:
        """The tokens of the invitations that are kept for this account."""
        query = self._rows.valid(self._clock.now_ms()).where(self._rows.table.taken_by == account.id)
        kept = self._database.read(lambda session: list(session.scalars(query)))
        return [self._token(invitation.id) for invitation in kept]

    @transaction
    def accept(self, tx: Transaction, account: Account, token: str) -> Accepted:
        """Accept the offered role, unless the account has a higher one."""
        return self._scope.accept(tx, account, self._id(token))

    @transaction
    def decline(self, tx: Transaction, account: Account, token: str) -> None:
        """Decline the invitation. Its link stops working."""
        invitation = self._rows.use_up(tx.session, self._id(token), account.id, tx.at_ms)
        tx.log(f"{self._scope.action}.decline", place_of(invitation))

    def _prepare(self, session: Session, queued_email: QueuedEmail, now_ms: int) -> QueuedEmail | None:
        """Prepare the email just before it is sent, in the language of the account with this email, if there is one.
        None if the invitation was accepted, declined, replaced or revoked.
        """
        try:
            invitation = self._rows.find(session, queued_email.data["link"], now_ms)
        except UnknownInvitation:
            return None
        own = session.scalar(select(User.language).where(User.email_key == email_key(queued_email.email)))
        language = own or queued_email.language
        name = {"community": invitation.community.name_in(language)} if invitation.community else {}
        return queued_email._replace(language=language, data={**queued_email.data, **name})

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
    """Invitations to the panel by site admins."""

    rows, purpose, action = PANEL_ROWS, PANEL_INVITATION, "panel"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def managed(self, session: Any, account: Account, community_id: str | None, lock: bool) -> Subject:
        account.require_site_admin()
        return PANEL_SUBJECT

    def accept(self, tx: Transaction, account: Account, invitation_id: str) -> PanelRole:
        """Accept, locking the user before the invitation, as role changes do. A new admin who needs two-step login and
        has not set it up is logged out.
        """
        user = locked(tx.session, account.id)
        invitation = PANEL_ROWS.use_up(tx.session, invitation_id, account.id, tx.at_ms)
        role = max(invitation.role, user.site_role, key=SITE_ROLES.index)
        set_role(tx.session, user, role, self._settings.require_two_factor, tx.at_ms)
        tx.log("panel.accept", PANEL_SUBJECT, role=role, invited_by=invitation.inviter.name)
        tx.revoked.append(user.id)
        needs_two_step_login = requires(self._settings.require_two_factor, role == SITE_ADMIN)
        return PanelRole(user.id, role, needs_two_step_login and user.second_factor_ms is None)


class ReceivedInvitations:
    """A user's invitations of all kinds, in one list. Tokens of one kind are not valid for another."""

    def __init__(self, panel: Invitations[PanelRole]) -> None:
        self._kinds: list[Invitations[Any]] = [panel]

    def add(self, invitations: Invitations[Any]) -> None:
        self._kinds.append(invitations)

    def page(self, account: Account, start: int = 0, count: int = 20) -> Slice[tuple[AnyInvitation, str]]:
        """A page of the account's invitations with their tokens: first the invitation to the panel, then the others,
        newest first. Empty if the account's email is not confirmed. Raises LedgerUnavailable.
        """
        listed: tuple[tuple[AnyInvitation, str], ...] = ()
        total = 0
        for invitations in self._kinds:
            page = invitations.page(account, max(start - total, 0), count - len(listed))
            listed, total = listed + page.items, total + page.total
        return Slice(listed, total)

    def of(self, token: str) -> Invitations[Any]:
        """The service for the kind of invitation that a token belongs to, valid or not. Raises UnknownInvitation."""
        for invitations in self._kinds:
            if invitations.owns(token):
                return invitations
        raise UnknownInvitation

    def is_valid(self, token: str, account: Account | None = None) -> bool:
        """Whether an account, or else a new one, can accept an invitation with this token."""
        try:
            taken_by = self.of(token).get(token).taken_by
        except UnknownInvitation:
            return False
        return taken_by is None or (account is not None and taken_by == account.id)

    def accept_kept(self, account: Account) -> None:
        """Accept the invitations that were kept for an account when it signed up, now that its login is complete. An
        invitation that was revoked in the meantime gives nothing.
        """
        for invitations in self._kinds:
            for token in invitations.kept_for(account):
                with suppress(UnknownInvitation, UnknownCommunity):
                    invitations.accept(account, token)
