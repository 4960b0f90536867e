"""Logins that are not complete yet although the password was right. They give no access."""

import hashlib
import secrets
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.schema import Policy, Settings, requires
from koyjabo.people.audit import log
from koyjabo.people.models import User
from . import pending_step_queries, queries
from .audit_entries import own_entry
from .errors import SecondFactorExpired
from .models import PendingStep
from .remembered_browsers import BROWSER_REMEMBERED_S, cookie_of, is_remembered, password_mark

VERIFY_STEP, ENROL_STEP, SIGN_UP_STEP = "verify", "enrol", "sign up"
"""Purposes of login steps: complete a two-step login; set up two-step login to log in, or to sign up."""

TOTP_SETUP = "totp"
"""Purpose of a step within a session: set up an authenticator app."""

STEP_VALID_S = 600
MAX_STEP_TRIES = 5


class TwoStepDue(NamedTuple):
    """A login that is not complete yet. Without `methods`, the user has to set up two-step login first."""

    token: str
    methods: tuple[str, ...]

    @property
    def must_enrol(self) -> bool:
        return not self.methods


class PendingSteps:
    """Stores pending steps. Clients get a random token; the database has its hash. All methods raise
    LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str, settings: Settings) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()
        self._settings = settings

    @property
    def policy(self) -> Policy:
        """REQUIRE_TWO_FACTOR."""
        return self._settings.require_two_factor

    def is_required(self, user: User | Account) -> bool:
        """Whether REQUIRE_TWO_FACTOR makes two-step login mandatory for this user."""
        return requires(self.policy, user.is_admin)

    def begin_if_due(self, user: User, cookie: str = "", visitor_id: str | None = None) -> TwoStepDue | None:
        """Begin a two-step login after the password was verified. Returns None if the password is enough.

        `cookie` may prove that the user completed a two-step login in this browser within the last 30 days.
        """
        if user.second_factor_ms is None:
            return self.begin_enrolment(user, visitor_id) if self.is_required(user) else None
        if is_remembered(self._secret, user, cookie, self._clock.now_ms()):
            return None
        return self.begin(VERIFY_STEP, user, visitor_id)

    def user(self, login: Login) -> User | None:
        return self._database.read(queries.by_id, login.account.id)

    def begin_enrolment(self, user: User, visitor_id: str | None = None, is_new_account: bool = False) -> TwoStepDue:
        return self.begin(SIGN_UP_STEP if is_new_account else ENROL_STEP, user, visitor_id)._replace(methods=())

    def begin(
        self,
        purpose: str,
        user: User,
        visitor_id: str | None = None,
        token: str | None = None,
    ) -> TwoStepDue:
        token = token or secrets.token_urlsafe(32)
        pending = PendingStep(
            token=_hash(token),
            purpose=purpose,
            user_id=user.id,
            password_mark=password_mark(user),
            visitor_id=visitor_id,
            tries=0,
            expires_ms=self._clock.now_ms() + STEP_VALID_S * 1000,
        )
        methods = self._database.write(pending_step_queries.begin, pending)
        return TwoStepDue(token, methods)

    def find(self, token: str, *purposes: str) -> PendingStep:
        """The pending step. Raises SecondFactorExpired."""
        return self._database.read(pending_step_queries.find, _hash(token), purposes, self._clock.now_ms())

    def count_try(self, token: str, *purposes: str) -> PendingStep:
        """Count a try before it is verified. Raises SecondFactorExpired after MAX_STEP_TRIES."""
        count = pending_step_queries.count_try
        return self._database.write(count, _hash(token), purposes, self._clock.now_ms(), MAX_STEP_TRIES)

    def fail(self, pending: PendingStep) -> None:
        """Handle a wrong try: after the last one, end the step and raise SecondFactorExpired."""
        if pending.tries < MAX_STEP_TRIES:
            return
        client = log.anonymous(self._clock.now_ms())

        def operation(session: Any) -> None:
            user = queries.by_id(session, pending.user_id)
            if pending_step_queries.end(session, pending) and user is not None:
                own_entry(client, "second_factor.fail", user).store(session)

        self._database.write(operation)
        raise SecondFactorExpired

    def user_of(self, pending: PendingStep) -> User:
        """The step's user, if their password and account have not changed since. Raises SecondFactorExpired."""
        user = self._database.read(queries.by_id, pending.user_id)
        if user is None or user.disabled_ms is not None or password_mark(user) != pending.password_mark:
            raise SecondFactorExpired
        return user

    def cookie(self, user: User) -> str:
        """The cookie of a browser that can skip two-step login for 30 days."""
        return cookie_of(self._secret, user, self._clock.now_ms() + BROWSER_REMEMBERED_S * 1000)


def of_session(purpose: str, session_id: str) -> str:
    """The token for a session's step. A session can set up only one app at a time. The token is not secret, but its
    purpose prevents using it for a login.
    """
    return f"{purpose} in session {session_id}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
