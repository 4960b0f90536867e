"""The services that accounts offer to other packages."""

from dataclasses import dataclass
from functools import partial

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.people.accounts.throttle.login_throttle import LoginThrottle
from koyjabo.people.accounts.two_step.codes import Codes
from koyjabo.people.accounts.two_step.enrolment import Enrolment
from koyjabo.people.accounts.two_step.login_completion import LoginCompletion
from koyjabo.people.accounts.two_step.proofs import Proofs
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.accounts.users.invitations import Invitations, PanelRole, PanelScope, ReceivedInvitations
from koyjabo.people.accounts.users.user_admin import Users
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.current import current
from .email_links import EmailLinks
from .login_sessions import LoginSessions
from .passwords import Passwords
from .pending_steps import PendingSteps


@dataclass(frozen=True, slots=True)
class AccountServices:
    credentials: Accounts
    sessions: LoginSessions
    users: Users
    panel_invitations: Invitations[PanelRole]
    received: ReceivedInvitations
    login_throttle: LoginThrottle
    pending: PendingSteps
    email_links: EmailLinks
    passwords: Passwords
    external: ExternalPeople
    login_completion: LoginCompletion
    enrolment: Enrolment
    proofs: Proofs


def account_services() -> AccountServices:
    """The services of the application that handles the current request."""
    return current()[AccountServices]


def build(base: Base) -> AccountServices:
    settings, database, clock, on_revoked = base.settings, base.database, base.clock, base.signals.access_revoked.send
    secret, outbox = settings.secret_key, base.services[MailOutbox]
    failures, pending = LoginThrottle(database, clock, secret), PendingSteps(database, clock, secret, settings)
    passwords, links = Passwords(base.runtime), LinkTokens(secret)
    credentials = Accounts(database, clock, passwords, on_revoked, failures.unlock, pending, outbox)
    email_links = EmailLinks(database, clock, passwords, outbox, links, on_revoked, failures.unlock)
    base.services.identities.provide(login_of=credentials.login_of)
    codes = Codes(database, clock, secret)
    panel_invitations = Invitations(PanelScope(settings), database, clock, on_revoked, outbox, links)
    return AccountServices(
        credentials=credentials,
        sessions=LoginSessions(database, clock, on_revoked),
        users=Users(database, clock, on_revoked, failures.unlock, settings),
        panel_invitations=panel_invitations,
        received=ReceivedInvitations(panel_invitations),
        login_throttle=failures,
        pending=pending,
        email_links=email_links,
        passwords=passwords,
        external=ExternalPeople(database, clock, settings.auth_issuer),
        login_completion=LoginCompletion(database, clock, credentials, pending, codes, on_revoked),
        enrolment=Enrolment(
            database,
            clock,
            pending,
            codes,
            on_revoked,
            site_name=partial(settings.name_in, "en"),
        ),
        proofs=Proofs(database, clock, codes),
    )
