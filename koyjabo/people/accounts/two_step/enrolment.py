"""Lets users set up and remove their authenticator app, and renew their recovery codes."""

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import not_, select

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.errors import NoSecondFactor, SecondFactorExpired
from koyjabo.people.accounts.models import LoginSession
from koyjabo.people.accounts.pending_steps import TOTP_SETUP, PendingSteps, of_session
from koyjabo.people.accounts.queries import locked, permitted, remove_two_step_login, revoke, revoke_all
from koyjabo.people.audit import log
from koyjabo.people.audit.transaction import Changes, Transaction, transaction
from koyjabo.people.models import User
from . import one_time_codes, queries
from .codes import Codes
from .queries import TwoStepState


class TotpSetup(NamedTuple):
    """Data for setting up an authenticator app: `secret` to type, and `svg`, a QR code of `uri`."""

    secret: str
    uri: str
    svg: str


class Enrolment(Changes):
    """Two-step login of a user. All methods raise LedgerUnavailable.

    After a commit that ends sessions, `on_revoked` is called with the user's id. Apps show `site_name`.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        pending: PendingSteps,
        codes: Codes,
        on_revoked: Callable[[str], object],
        site_name: Callable[[], str],
    ) -> None:
        super().__init__(database, clock, on_revoked)
        self._pending = pending
        self._codes = codes
        self._site_name = site_name

    def state(self, account: Account) -> TwoStepState:
        return self._database.read(queries.state, account.id)

    def begin_totp(self, user_id: str, email: str) -> TotpSetup:
        """Begin setting up an authenticator app. Raises SecondFactorOn."""
        return self._setup(self._codes.begin(user_id), email)

    def begin_totp_in(self, login: Login) -> None:
        """Begin a setup for `setup_in`, after the password was verified. Raises SecondFactorOn, NoSecondFactor."""
        user = self._pending.user(login)
        if user is None:  # deleted by another request
            raise NoSecondFactor
        self._codes.begin(user.id)
        self._pending.begin(TOTP_SETUP, user, token=of_session(TOTP_SETUP, login.session_id))

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
        """Remove the authenticator app and turn two-step login off. If REQUIRE_TWO_FACTOR requires it of this user, end
        all their sessions. Raises NoSecondFactor.
        """
        account = login.account
        locked(tx.session, account.id)
        if queries.state(tx.session, account.id).totp_ms is None:
            raise NoSecondFactor
        remove_two_step_login(tx.session, account.id)
        if self._pending.is_required(account):
            revoke_all(tx.session, account.id, tx.at_ms)
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

    def end_sessions_without(self) -> None:
        """End the sessions of users who lack the two-step login that REQUIRE_TWO_FACTOR requires."""
        policy, now_ms = self._pending.policy, self._clock.now_ms()
        if policy != "none":
            users = select(User.id).where(*map(not_, permitted(policy)))
            self._database.write(revoke, now_ms, LoginSession.user_id.in_(users), LoginSession.expires_ms > now_ms)

    def _setup(self, secret: str, email: str) -> TotpSetup:
        uri = one_time_codes.uri(secret, email, self._site_name())
        return TotpSetup(secret, uri, one_time_codes.svg(uri))
