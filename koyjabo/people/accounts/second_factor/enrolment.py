"""Lets users set up and remove their authenticator app and passkeys, and renew their recovery codes."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.models import Passkey
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.errors import EmailUnconfirmed, NoSecondFactor, SecondFactorExpired, WrongPasskey
from koyjabo.people.accounts.login_sessions import PASSKEY_REGISTRATION, TOTP_SETUP, PendingSteps, of_session
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Changes, Transaction, transaction
from . import ceremonies, codes, queries
from .ceremonies import RelyingParty
from .codes import Codes
from .queries import SecondFactorState

MAX_PASSKEYS = 20


class TotpSetup(NamedTuple):
    """Data for setting up an authenticator app: `secret` to type, and `svg`, a QR code of `uri`."""

    secret: str
    uri: str
    svg: str


class SecondFactors(Changes):
    """Two-step login of a user. All methods raise LedgerUnavailable.

    After a commit that ends sessions, `on_revoked` is called with the user's id. With `needs_email`, only users with a
    confirmed email can create passkeys. Otherwise a stranger who signed up with another person's email could keep
    access with a passkey, which needs no password (decision 77). Apps and passkeys are shown with `site_name`.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        pending: PendingSteps,
        codes: Codes,
        on_revoked: Callable[[str], object],
        needs_email: Callable[[], bool],
        site_name: Callable[[], str],
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._pending = pending
        self._codes = codes
        self._needs_email = needs_email
        self._site_name = site_name

    def state(self, account: Account) -> SecondFactorState:
        return self._database.read(queries.state, account.id)

    def begin_totp(self, user_id: str, email: str) -> TotpSetup:
        """Begin setting up an authenticator app. Raises SecondFactorOn."""
        return self._setup(self._codes.begin(user_id), email)

    def begin_totp_in(self, login: Login) -> None:
        """Begin a setup for `setup_in`, after the password was verified. Raises SecondFactorOn."""
        self._codes.begin(login.account.id)
        token = of_session(TOTP_SETUP, login.session_id)
        self._pending.begin(TOTP_SETUP, self._pending.user(login), token=token)

    def setup_in(self, login: Login) -> TotpSetup:
        """The setup that was begun in this session, until it is confirmed.

        Raises NoSecondFactor. Other sessions do not get it, because a stolen session must not see the secret without
        the password.
        """
        try:
            self._pending.user_of(self._pending.find(of_session(TOTP_SETUP, login.session_id), TOTP_SETUP))
        except SecondFactorExpired:
            raise NoSecondFactor from None
        return self.setup(login.account.id, login.account.email)

    def setup(self, user_id: str, email: str) -> TotpSetup:
        """The setup that was begun, until it is confirmed. Raises NoSecondFactor."""
        return self._setup(self._codes.begun(user_id), email)

    def confirm_totp(self, login: Login, code: str) -> list[str]:
        """Turn an authenticator app on with its first code, and end all other sessions. Returns the recovery codes.

        Raises WrongCode, NoSecondFactor, TooManyRequests.
        """
        account, by = login.account, log.actor(login.account, self._clock)
        entry = by.entry("second_factor.add", subject(account), method="totp")
        proof, codes = self._codes.confirmation(account.id, code, entry, login.session_id)
        if not self._database.write(proof.settle):
            raise WrongCode
        self._on_revoked(account.id)
        return codes

    def require_code(self, login: Login, code: str | None) -> None:
        """If an authenticator app is on, use up a code before two-step login changes. Raises WrongCode,
        TooManyRequests.
        """
        if self.state(login.account).totp_ms is None:
            return
        if not self._database.write(self._codes.prove(login.account.id, code or "").settle):
            raise WrongCode

    @transaction
    def remove_totp(self, tx: Transaction, login: Login) -> None:
        """Remove the authenticator app. Raises NoSecondFactor.

        If no passkey is left, this turns two-step login off and, if REQUIRE_TWO_FACTOR requires it of this user, ends
        all their sessions.
        """
        account = login.account
        if queries.state(tx.session, account.id).totp_ms is None:
            raise NoSecondFactor
        queries.remove_totp(tx.session, account.id, tx.at_ms, self._pending.is_required(account))
        tx.log("second_factor.remove", subject(account), method="totp")
        tx.revoked.append(account.id)

    @transaction
    def renew_recovery_codes(self, tx: Transaction, login: Login) -> list[str]:
        """Replace the recovery codes with ten new ones. Raises NoSecondFactor."""
        account = login.account
        if queries.state(tx.session, account.id).second_factor_ms is None:
            raise NoSecondFactor
        codes, digests = self._codes.new_recovery_codes(account.id)
        queries.replace_recovery_codes(tx.session, account.id, digests)
        tx.log("second_factor.codes", subject(account))
        return codes

    def passkeys(self, account: Account) -> list[Passkey]:
        """The user's passkeys, oldest first."""
        return self._database.read(queries.passkeys, account.id)

    def passkey_options(self, login: Login, site: RelyingParty) -> dict[str, Any]:
        """WebAuthn options for creating a passkey. Raises EmailUnconfirmed."""
        account, challenge = login.account, ceremonies.new_challenge()
        user = self._pending.user(login)
        if self._needs_email() and not (user and user.verified_ms is not None):
            raise EmailUnconfirmed
        token = of_session(PASSKEY_REGISTRATION, login.session_id)
        self._pending.begin(PASSKEY_REGISTRATION, user, challenge=challenge, token=token)
        credential_ids = self._database.read(queries.credential_ids, account.id)
        return ceremonies.registration_options(site, self._site_name(), account, credential_ids, challenge)

    def add_passkey(
        self, login: Login, site: RelyingParty, credential: dict[str, Any], name: str
    ) -> tuple[Passkey, list[str] | None]:
        """Store a passkey. Returns it and, with the user's first passkey or app, the recovery codes. Raises
        EmailUnconfirmed, WrongPasskey, TooManyPasskeys, and SecondFactorExpired if `passkey_options` was not called
        before.
        """
        token = of_session(PASSKEY_REGISTRATION, login.session_id)
        pending = self._pending.count_try(token, PASSKEY_REGISTRATION)
        user = self._pending.user_of(pending)
        if pending.challenge is None or user.id != login.account.id:
            raise WrongPasskey
        passkey = ceremonies.verify_registration(site, credential, pending.challenge, user.id)
        codes, digests = self._codes.new_recovery_codes(user.id)
        by = log.actor(login.account, self._clock)
        passkey.id, passkey.name, passkey.created_ms = str(uuid.uuid4()), name, by.at_ms
        is_first = self._database.write(
            queries.add_passkey,
            pending,
            passkey,
            digests,
            most=MAX_PASSKEYS,
            kept_session_id=login.session_id,
            needs_email=self._needs_email(),
            audit=by.entry("second_factor.add", subject(user), method="passkey", name=name),
        )
        if is_first:
            self._on_revoked(user.id)
        return passkey, codes if is_first else None

    @transaction
    def remove_passkey(self, tx: Transaction, login: Login, passkey_id: str) -> None:
        """Remove a passkey. If it was the last one and there is no app, this turns two-step login off. Raises
        UnknownPasskey.
        """
        account, ends_sessions = login.account, self._pending.is_required(login.account)
        removed = queries.remove_passkey(tx.session, account.id, passkey_id, tx.at_ms, ends_sessions)
        tx.log("second_factor.remove", subject(account), method="passkey", name=removed.name)
        tx.revoked.append(account.id)

    def end_sessions_without(self) -> None:
        """End the sessions of users who lack the two-step login that REQUIRE_TWO_FACTOR requires."""
        if self._pending.policy != "none":
            self._database.write(queries.end_sessions_without, self._clock.now_ms(), self._pending.policy)

    def _setup(self, secret: str, email: str) -> TotpSetup:
        uri = codes.uri(secret, email, self._site_name())
        return TotpSetup(secret, uri, codes.svg(uri))
