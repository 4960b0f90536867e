"""Logs in users of an OpenID provider, and connects their accounts to it.

A user is identified by issuer and subject, never by email. Otherwise the owner of a provider, or of a reused address,
could take over another person's account.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from koyjabo.base.core import credential_rules
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import AccountDisabled, EmailTaken
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, Account, site_role
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts import email_links, passwords
from koyjabo.people.accounts.audit_entries import own_entry
from koyjabo.people.accounts.errors import ProviderLoginRefused
from koyjabo.people.accounts.login_sessions import Grant, Proof
from koyjabo.people.accounts.oidc import queries
from koyjabo.people.accounts.oidc.provider import ProviderUser
from koyjabo.people.accounts.oidc.queries import WaysToLogIn
from koyjabo.people.accounts.pending_steps import PendingSteps, SecondFactorDue
from koyjabo.people.accounts.queries import UserRecord
from koyjabo.people.accounts.second_factor.second_step import LoginBrowser
from koyjabo.people.accounts.users import user_admin_queries
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.audit import log
from koyjabo.people.mail.outbox import MailOutbox

UNCONNECTED = N_(
    "No account here is connected to this login. Log in another way first, and connect it on your account page."
)
NO_EMAIL = N_(
    "This login did not include an email, and an account here needs one. Sign up with your email and a password."
)
TAKEN = N_(
    "An account with your email already exists. Log in to it another way, and connect this login on your account page."
)


class ProviderRules(NamedTuple):
    """The settings OIDC_SIGNUP, OIDC_ADMIN_CLAIM and OIDC_TRUST_MFA."""

    may_sign_up: bool
    admin_claim: str
    trusts_mfa: bool


class NewLogin(NamedTuple):
    """A login at a provider, and the browser it was made in."""

    provider: str  # its name
    user: ProviderUser
    browser: LoginBrowser
    cookie: str  # from a browser that may skip the two-step login
    language: str | None


class ProviderLogins:
    """All methods raise LedgerUnavailable."""

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        accounts: Accounts,
        pending: PendingSteps,
        outbox: MailOutbox,
        rules: ProviderRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._pending = pending
        self._outbox = outbox
        self.rules = rules

    def is_known(self, user: ProviderUser) -> bool:
        """Whether an account is connected to this provider's user."""
        return self._database.read(queries.find, user) is not None

    def log_in(self, new: NewLogin) -> Grant | SecondFactorDue:
        """Begin a session, unless the user has to complete a two-step login. Signs up first if there is no account and
        OIDC_SIGNUP allows it.

        Raises ProviderLoginRefused, AccountDisabled.
        """
        for _ in range(2):  # retry once if the user was changed concurrently
            person = self._database.read(queries.find, new.user)
            outcome = self._sign_up(new) if person is None else self._admit(new, person)
            if outcome is not None:
                return outcome
        raise ProviderLoginRefused

    def connect(self, account: Account, provider: str, user: ProviderUser) -> None:
        """Allow this user of the provider to log in to this account. Idempotent. Raises ProviderConnected."""
        by = log.actor(account, self._clock)
        entry = by.entry("user.connect", log.Subject("user", account.id, account.email), provider=provider)
        self._database.write(
            queries.connect,
            *(account.id, user, by.at_ms),
            audit=lambda is_new: entry if is_new else None,
        )

    def disconnect(self, account: Account, provider: str, issuer: str, issuers: Collection[str]) -> None:
        """Disconnect a provider. Idempotent. `issuers` are the providers that users can log in with. Raises
        LastWayToLogIn.
        """
        by = log.actor(account, self._clock)
        entry = by.entry("user.disconnect", log.Subject("user", account.id, account.email), provider=provider)
        self._database.write(
            queries.disconnect,
            *(account.id, issuer, issuers),
            audit=lambda was_connected: entry if was_connected else None,
        )

    def ways(self, account: Account) -> WaysToLogIn:
        return self._database.read(queries.ways, account.id)

    def _sign_up(self, new: NewLogin) -> Grant | SecondFactorDue | None:
        """Sign up a new user. Raises ProviderLoginRefused."""
        email, now_ms = new.user.email, self._clock.now_ms()
        if not self.rules.may_sign_up:
            raise ProviderLoginRefused(UNCONNECTED)
        if email is None:
            raise ProviderLoginRefused(NO_EMAIL)
        person = self._new_person(new, email)
        client = log.anonymous(now_ms)
        queued_email = email_links.verification(self._outbox, person.id, email, new.language)
        try:
            self._database.write(
                queries.sign_up,
                *(person, new.user, now_ms),
                audit=own_entry(client, "user.sign_up", person, provider=new.provider),
                mail=None if person.is_verified else queued_email,
            )
        except EmailTaken:
            raise ProviderLoginRefused(TAKEN) from None
        person = self._promoted(new, person)
        if self._pending.is_required(person):
            return self._pending.begin_enrolment(person, is_new_account=True)
        return self._open(new._replace(browser=new.browser._replace(is_familiar=lambda _: True)), person)

    def _admit(self, new: NewLogin, person: UserRecord) -> Grant | SecondFactorDue | None:
        """Log in an existing user. Raises AccountDisabled."""
        if person.is_disabled:
            raise AccountDisabled
        person = self._promoted(new, person)
        if not (self.rules.trusts_mfa and person.second_factor_ms is not None):
            due = self._pending.begin_if_due(person, new.cookie)
            if due is not None:
                return due
        return self._open(new, person)

    def _open(self, new: NewLogin, person: UserRecord) -> Grant | None:
        settle = partial(queries.use, identity=new.user, user_id=person.id, now_ms=self._clock.now_ms())
        proof = Proof(new.provider, settle, "provider")
        return self._accounts.open_session(person, new.browser.user_agent, new.browser.is_familiar(person), proof)

    def _promoted(self, new: NewLogin, person: UserRecord) -> UserRecord:
        """The user after applying OIDC_ADMIN_CLAIM. The claim can give the admin role but never takes it away.
        Otherwise the admin created by the operator would lose the role at the first login with a provider that does
        not send the claim.
        """
        if person.is_admin or not new.user.has(self.rules.admin_claim):
            return person
        now_ms, before = self._clock.now_ms(), site_role(person.is_admin, person.is_viewer)
        given = {"role": SITE_ADMIN, "before": before, "provider": new.provider}
        changed = self._database.write(
            user_admin_queries.set_role,
            *(person.id, SITE_ADMIN, False, self._pending.is_required(person._replace(is_admin=True)), now_ms),
            audit=own_entry(log.anonymous(now_ms), "user.promote", person, **given),
        )
        return changed.person

    def _new_person(self, new: NewLogin, email: str) -> UserRecord:
        name = credential_rules.name(new.user.name, of=email)
        password = passwords.unusable()
        person = UserRecord(str(uuid.uuid4()), email, name, False, password, False)
        return person._replace(language=new.language, is_verified=new.user.is_verified)
