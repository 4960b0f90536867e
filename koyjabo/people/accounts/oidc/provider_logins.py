"""Logs in users of an OpenID provider, and connects their accounts to it.

A user is identified by issuer and subject, never by email. Otherwise the owner of a provider, or of a reused address,
could take over another person's account.
"""

from collections.abc import Collection
from functools import partial
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import AccountDisabled, EmailTaken
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import User
from koyjabo.base.settings.schema import Settings
from koyjabo.people.accounts import email_links, passwords, queries as account_queries
from koyjabo.people.accounts.audit_entries import own_entry, subject
from koyjabo.people.accounts.errors import ProviderLoginRefused
from koyjabo.people.accounts.login_sessions import Grant, PendingSteps, Proof, SecondFactorDue
from koyjabo.people.accounts.second_factor.second_step import LoginBrowser
from koyjabo.people.accounts.users import user_admin_queries
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Changes, Transaction, transaction
from koyjabo.people.mail.outbox import MailOutbox
from . import queries
from .provider import ProviderUser
from .queries import WaysToLogIn

UNCONNECTED = N_(
    "No account here is connected to this login. Log in another way first, and connect it on your account page."
)
NO_EMAIL = N_(
    "This login did not include an email, and an account here needs one. Sign up with your email and a password."
)
TAKEN = N_(
    "An account with your email already exists. Log in to it another way, and connect this login on your account page."
)


class NewLogin(NamedTuple):
    """A login at a provider, and the browser it was made in."""

    provider: str  # its name
    user: ProviderUser
    browser: LoginBrowser
    cookie: str  # from a browser that may skip the two-step login
    language: str | None


class ProviderLogins(Changes):
    """All methods raise LedgerUnavailable."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        accounts: Accounts,
        pending: PendingSteps,
        outbox: MailOutbox,
        settings: Settings,
    ) -> None:
        super().__init__(database, clock)
        self._accounts = accounts
        self._pending = pending
        self._outbox = outbox
        self._settings = settings

    @property
    def may_sign_up(self) -> bool:
        return self._settings.oidc_signup and self._settings.sign_up == "open"

    def is_known(self, user: ProviderUser) -> bool:
        """Whether an account is connected to this provider's user."""
        return self._database.read(queries.find, user) is not None

    def log_in(self, new: NewLogin) -> Grant | SecondFactorDue:
        """Begin a session, unless the user has to complete a two-step login. Signs up first if there is no account and
        OIDC_SIGNUP allows it.

        Raises ProviderLoginRefused, AccountDisabled.
        """
        for _ in range(2):  # retry once if the user was changed concurrently
            user = self._database.read(queries.find, new.user)
            outcome = self._sign_up(new) if user is None else self._admit(new, user)
            if outcome is not None:
                return outcome
        raise ProviderLoginRefused

    @transaction
    def connect(self, tx: Transaction, account: Account, provider: str, user: ProviderUser) -> None:
        """Allow this user of the provider to log in to this account. Idempotent. Raises ProviderConnected."""
        if queries.connect(tx.session, account.id, user, tx.at_ms):
            tx.log("user.connect", subject(account), provider=provider)

    @transaction
    def disconnect(
        self, tx: Transaction, account: Account, provider: str, issuer: str, issuers: Collection[str]
    ) -> None:
        """Disconnect a provider. Idempotent. `issuers` are the providers that users can log in with. Raises
        LastWayToLogIn.
        """
        if queries.disconnect(tx.session, account.id, issuer, issuers):
            tx.log("user.disconnect", subject(account), provider=provider)

    def ways(self, account: Account) -> WaysToLogIn:
        return self._database.read(queries.ways, account.id)

    def _sign_up(self, new: NewLogin) -> Grant | SecondFactorDue | None:
        """Sign up a new user. Raises ProviderLoginRefused."""
        email, now_ms = new.user.email, self._clock.now_ms()
        if not self.may_sign_up:
            raise ProviderLoginRefused(UNCONNECTED)
        if email is None:
            raise ProviderLoginRefused(NO_EMAIL)
        user = account_queries.new_user(email, new.user.name, passwords.unusable(), now_ms, language=new.language)
        user.verified_ms = now_ms if new.user.is_verified else None
        entry = own_entry(log.anonymous(now_ms), "user.sign_up", user, provider=new.provider)
        queued_email = email_links.verification(self._outbox, user.id, email, new.language)
        mail = None if new.user.is_verified else queued_email
        try:
            self._database.write(queries.sign_up, user, new.user, audit=entry, mail=mail)
        except EmailTaken:
            raise ProviderLoginRefused(TAKEN) from None
        user = self._promoted(new, user)
        if self._pending.is_required(user):
            return self._pending.begin_enrolment(user, is_new_account=True)
        return self._open(new._replace(browser=new.browser._replace(is_familiar=lambda _: True)), user)

    def _admit(self, new: NewLogin, user: User) -> Grant | SecondFactorDue | None:
        """Log in an existing user. Raises AccountDisabled."""
        if user.disabled_ms is not None:
            raise AccountDisabled
        user = self._promoted(new, user)
        if not (self._settings.oidc_trust_mfa and user.second_factor_ms is not None):
            due = self._pending.begin_if_due(user, new.cookie)
            if due is not None:
                return due
        return self._open(new, user)

    def _open(self, new: NewLogin, user: User) -> Grant | None:
        settle = partial(queries.use, identity=new.user, user_id=user.id, now_ms=self._clock.now_ms())
        proof = Proof(new.provider, settle, "provider")
        return self._accounts.open_session(user, new.browser.user_agent, new.browser.is_familiar(user), proof)

    def _promoted(self, new: NewLogin, user: User) -> User:
        """The user after applying OIDC_ADMIN_CLAIM. The claim can give the admin role but never takes it away.
        Otherwise the admin created by the operator would lose the role at the first login with a provider that does
        not send the claim.
        """
        if user.is_admin or not new.user.has(self._settings.oidc_admin_claim):
            return user
        client = log.anonymous(self._clock.now_ms())

        def operation(session: Any) -> User:
            changed = user_admin_queries.locked(session, user.id)
            before = user_admin_queries.set_role(session, changed, SITE_ADMIN, self._pending.policy, client.at_ms)
            details = {"role": SITE_ADMIN, "before": before, "provider": new.provider}
            own_entry(client, "user.promote", user, **details).store(session)
            return changed

        return self._database.write(operation)
