"""The services that accounts offer to other packages."""

from dataclasses import dataclass
from functools import partial

from koyjabo.base.cluster.base import Base
from koyjabo.base.core.link_tokens import LinkTokens
from koyjabo.people.accounts.second_factor.codes import Codes
from koyjabo.people.accounts.second_factor.enrolment import SecondFactors
from koyjabo.people.accounts.second_factor.proofs import Proofs
from koyjabo.people.accounts.second_factor.second_step import SecondStep
from koyjabo.people.accounts.throttle.login_throttle import LoginThrottle
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.accounts.users.external_people import ExternalPeople
from koyjabo.people.accounts.users.invitations import Invitations, PanelRole, PanelScope, ReceivedInvitations
from koyjabo.people.accounts.users.user_admin import Users
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.web.current import current
from .email_links import EmailLinks
from .login_sessions import PendingSteps, Sessions
from .passwords import Passwords


@dataclass(frozen=True, slots=True)
class AccountServices:
    credentials: Accounts
    sessions: Sessions
    users: Users
    panel_invitations: Invitations[PanelRole]
    received: ReceivedInvitations
    login_throttle: LoginThrottle
    pending: PendingSteps
    email_links: EmailLinks
    passwords: Passwords
    external: ExternalPeople
    second_step: SecondStep
    second_factors: SecondFactors
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
        sessions=Sessions(database, clock, on_revoked),
        users=Users(database, clock, on_revoked, failures.unlock, settings),
        panel_invitations=panel_invitations,
        received=ReceivedInvitations(panel_invitations),
        login_throttle=failures,
        pending=pending,
        email_links=email_links,
        passwords=passwords,
        external=ExternalPeople(database, clock, settings.auth_issuer),
        second_step=SecondStep(database, clock, credentials, pending, codes, on_revoked),
        second_factors=SecondFactors(
            database,
            clock,
            pending,
            codes,
            on_revoked,
            site_name=partial(settings.name_in, "en"),
        ),
        proofs=Proofs(database, clock, codes),
    )
