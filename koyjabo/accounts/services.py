"""The services that accounts offer to other packages."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.accounts.email_links import EmailLinks
from koyjabo.accounts.invitations.invitations import Invitations, PanelRole, PanelScope
from koyjabo.accounts.login_sessions import Sessions
from koyjabo.accounts.passwords.passwords import Passwords
from koyjabo.accounts.pending_steps import PendingSteps
from koyjabo.accounts.throttle.login_throttle import LoginThrottle
from koyjabo.accounts.users.accounts import Accounts
from koyjabo.accounts.users.external_people import ExternalPeople
from koyjabo.accounts.users.user_admin import Users
from koyjabo.cluster.base import Base
from koyjabo.core.identity import Logins
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import MailOutbox


@dataclass(frozen=True, slots=True)
class AccountServices:
    credentials: Accounts
    sessions: Sessions
    users: Users
    panel_invitations: Invitations[PanelRole]
    login_throttle: LoginThrottle
    pending: PendingSteps
    email_links: EmailLinks
    passwords: Passwords
    external: ExternalPeople


def build(base: Base) -> AccountServices:
    database, clock, on_revoked = base.database, base.clock, base.signals.access_revoked.send
    secret, policy, outbox = base.settings.secret_key, base.settings.require_two_factor, base.services[MailOutbox]
    failures, pending = LoginThrottle(database, clock, secret), PendingSteps(database, clock, secret, policy)
    passwords, links = Passwords(base.runtime), LinkTokens(secret)
    credentials = Accounts(database, clock, passwords, on_revoked, failures.unlock, pending, outbox)
    email_links = EmailLinks(database, clock, passwords, outbox, links, on_revoked, failures.unlock)
    base.services.add(Logins(credentials.login_of))
    return AccountServices(
        credentials=credentials,
        sessions=Sessions(database, clock, on_revoked),
        users=Users(database, clock, on_revoked, failures.unlock, policy),
        panel_invitations=Invitations(PanelScope(on_revoked, policy), database, clock, outbox, links),
        login_throttle=failures,
        pending=pending,
        email_links=email_links,
        passwords=passwords,
        external=ExternalPeople(database, clock, base.settings.auth_issuer),
    )
