"""Completes two-step logins, by code, or by setting up an authenticator app."""

from collections.abc import Callable
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts import pending_step_queries
from koyjabo.people.accounts.audit_entries import own_entry
from koyjabo.people.accounts.errors import SecondFactorExpired
from koyjabo.people.accounts.grants import Grant, LoginProof
from koyjabo.people.accounts.models import PendingStep
from koyjabo.people.accounts.pending_steps import ENROL_STEP, SIGN_UP_STEP, VERIFY_STEP, PendingSteps
from koyjabo.people.accounts.users.accounts import Accounts
from koyjabo.people.audit import log
from koyjabo.people.models import User
from .codes import Codes


class LoginBrowser(NamedTuple):
    """The browser of a login. `is_familiar` is set if the user has logged in with it before."""

    user_agent: str
    is_familiar: Callable[[User], bool]


class CompletedLogin(NamedTuple):
    """A completed login."""

    grant: Grant
    visitor_id: str | None  # from the first step
    cookie: str
    """Cookie that lets this browser skip two-step login for 30 days. Not valid after `enrol`, which changes the
    two-step login.
    """


class LoginCompletion:
    """Completes two-step logins. All methods raise LedgerUnavailable, and SecondFactorExpired for a step that has
    ended: after MAX_STEP_TRIES codes, after STEP_VALID_S, after its use, or after a password change. `on_revoked`
    is called with the id of a user whose sessions have ended.
    """

    def __init__(
        self,
        database: DatabaseExecutor,
        clock: Clock,
        accounts: Accounts,
        pending: PendingSteps,
        codes: Codes,
        on_revoked: Callable[[str], object],
    ) -> None:
        self._database = database
        self._clock = clock
        self._accounts = accounts
        self._pending = pending
        self._codes = codes
        self._on_revoked = on_revoked

    def by_code(self, token: str, code: str, browser: LoginBrowser) -> CompletedLogin:
        """Complete the step with a code. Raises WrongCode, TooManyRequests."""
        pending = self._pending.count_try(token, VERIFY_STEP)
        user = self._pending.user_of(pending)
        try:
            return self._complete(pending, user, self._codes.prove(user.id, code), browser)
        except WrongCode:
            self._pending.fail(pending)
            raise

    def methods(self, token: str) -> tuple[str, ...]:
        """The methods for completing the step."""
        pending = self._pending.find(token, VERIFY_STEP)
        return self._database.read(pending_step_queries.methods, pending.user_id)

    def enrol(self, token: str, code: str, browser: LoginBrowser) -> tuple[CompletedLogin, list[str]]:
        """Turn an authenticator app on with its first code, and log in. Also returns the recovery codes. Raises
        WrongCode, NoSecondFactor, TooManyRequests.
        """
        pending = self._pending.count_try(token, ENROL_STEP, SIGN_UP_STEP)
        user = self._without_factor(pending)
        if pending.purpose == SIGN_UP_STEP:
            browser = browser._replace(is_familiar=lambda _: True)
        entry = own_entry(log.anonymous(self._clock.now_ms()), "second_factor.add", user, method="totp")
        try:
            proof, codes = self._codes.confirmation(user.id, code, entry)
            completed = self._complete(pending, user, proof, browser)
        except WrongCode:
            self._pending.fail(pending)
            raise
        self._on_revoked(user.id)
        return completed, codes

    def enrolling(self, token: str) -> User:
        """The user who may set up two-step login with this token. Raises SecondFactorExpired."""
        return self._without_factor(self._pending.find(token, ENROL_STEP, SIGN_UP_STEP))

    def _without_factor(self, pending: PendingStep) -> User:
        """The user of a setup step, who needs only the password. Raises SecondFactorExpired if two-step login is
        already set up, for instance in another session.
        """
        user = self._pending.user_of(pending)
        if user.second_factor_ms is not None:
            raise SecondFactorExpired
        return user

    def _complete(self, pending: PendingStep, user: User, proof: LoginProof, browser: LoginBrowser) -> CompletedLogin:
        """Begin the session. Raises WrongCode if the proof was used before, or if the user or the step has changed."""

        def settle(session: Any) -> bool:
            if not proof.settle(session):
                return False
            if not pending_step_queries.end(session, pending):
                raise WrongCode  # undoes the use of the proof
            return True

        both = proof._replace(settle=settle)
        grant = self._accounts.open_session(user, browser.user_agent, browser.is_familiar(user), both)
        if grant is None:
            raise WrongCode
        return CompletedLogin(grant, pending.visitor_id, self._pending.cookie(user))
