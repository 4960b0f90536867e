"""Lists and ends a user's own login sessions. Also defines the values of a login: its proof and its grant.

Logins that are not complete yet although the password was right; they give no access.

A browser that has completed a two-step login can skip it for 30 days. Its cookie contains no secret and is not stored
on the server. It becomes invalid when the user's password or two-step login changes.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account, Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.settings.schema import Policy, Settings, requires
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Changes, Transaction, transaction
from koyjabo.people.models import User
from . import login_session_queries, pending_step_queries, queries
from .audit_entries import own_entry, subject
from .errors import SecondFactorExpired, UnknownSession
from .models import LoginSession, PendingStep
from .queries import revoke_session

VERIFY, ENROL, SIGN_UP = "verify", "enrol", "sign up"
"""Purposes of login steps: complete a two-step login; set up two-step login to log in, or to sign up."""

TOTP_SETUP = "totp"
"""Purpose of a step within a session: set up an authenticator app."""

PENDING_S = 600
MAX_TRIES = 5
REMEMBERED_S = 30 * 86400


class SecondFactorDue(NamedTuple):
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

    def begin_if_due(self, user: User, cookie: str = "", visitor_id: str | None = None) -> SecondFactorDue | None:
        """Begin a two-step login after the password was verified. Returns None if the password is enough.

        `cookie` may prove that the user completed a two-step login in this browser within the last 30 days.
        """
        if user.second_factor_ms is None:
            return self.begin_enrolment(user, visitor_id) if self.is_required(user) else None
        if _is_remembered(self._secret, user, cookie, self._clock.now_ms()):
            return None
        return self.begin(VERIFY, user, visitor_id)

    def user(self, login: Login) -> User | None:
        return self._database.read(queries.by_id, login.account.id)

    def begin_enrolment(
        self, user: User, visitor_id: str | None = None, is_new_account: bool = False
    ) -> SecondFactorDue:
        return self.begin(SIGN_UP if is_new_account else ENROL, user, visitor_id)._replace(methods=())

    def begin(
        self,
        purpose: str,
        user: User,
        visitor_id: str | None = None,
        token: str | None = None,
    ) -> SecondFactorDue:
        token, now_ms = token or secrets.token_urlsafe(32), self._clock.now_ms()
        pending = PendingStep(
            token=_hash(token),
            purpose=purpose,
            user_id=user.id,
            password_mark=_password_mark(user),
            visitor_id=visitor_id,
            tries=0,
            expires_ms=now_ms + PENDING_S * 1000,
        )
        methods = self._database.write(pending_step_queries.begin, pending, now_ms)
        return SecondFactorDue(token, methods)

    def find(self, token: str, *purposes: str) -> PendingStep:
        """The pending step. Raises SecondFactorExpired."""
        return self._database.read(pending_step_queries.find, _hash(token), purposes, self._clock.now_ms())

    def count_try(self, token: str, *purposes: str) -> PendingStep:
        """Count a try before it is verified. Raises SecondFactorExpired after MAX_TRIES."""
        count = pending_step_queries.count_try
        return self._database.write(count, _hash(token), purposes, self._clock.now_ms(), MAX_TRIES)

    def fail(self, pending: PendingStep) -> None:
        """Handle a wrong try: after the last one, end the step and raise SecondFactorExpired."""
        if pending.tries < MAX_TRIES:
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
        if user is None or user.disabled_ms is not None or _password_mark(user) != pending.password_mark:
            raise SecondFactorExpired
        return user

    def cookie(self, user: User) -> str:
        """The cookie of a browser that can skip two-step login for 30 days."""
        return _remembered(self._secret, user, self._clock.now_ms() + REMEMBERED_S * 1000)


def of_session(purpose: str, session_id: str) -> str:
    """The token for a session's step. A session can set up only one app at a time. The token is not secret, but its
    purpose prevents using it for a login.
    """
    return f"{purpose} in session {session_id}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _is_remembered(secret: bytes, user: User, cookie: str, now_ms: int) -> bool:
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    expected = _remembered(secret, user, int(expires))
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), expected.encode())


def _password_mark(user: User) -> str:
    """A value that changes with the password and does not reveal it."""
    return hashlib.sha256(user.password.encode()).hexdigest()


def _remembered(secret: bytes, user: User, expires_ms: int) -> str:
    parts = f"remembered {user.id} {expires_ms} {user.second_factor_ms} {_password_mark(user)}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"


class Sessions(Changes):
    """The logged-in user's own sessions, and locations of users. All methods raise LedgerUnavailable. After a commit,
    `on_revoked` is called with the id of the ended session, or with the user's id if several have ended.
    """

    def page(self, login: Login, start: int = 0, count: int = 20) -> Page[LoginSession]:
        """`count` live sessions from the offset `start`, the most recently used first."""
        now_ms = self._clock.now_ms()
        return self._database.read(login_session_queries.page, login.account.id, now_ms, start, count)

    def get(self, login: Login, session_id: str) -> LoginSession:
        """One session. Raises UnknownSession."""
        session = self._database.read(login_session_queries.find, login.account.id, session_id, self._clock.now_ms())
        if session is None:
            raise UnknownSession
        return session

    def places(self, user_ids: Collection[str]) -> dict[str, str]:
        """The location of each user's most recently used session; users without a known location are missing."""
        return self._database.read(login_session_queries.places, user_ids, self._clock.now_ms())

    @transaction
    def end(self, tx: Transaction, login: Login, session_id: str) -> None:
        """End a session, with its tokens and sockets. Raises UnknownSession."""
        ended = login_session_queries.find(tx.session, login.account.id, session_id, tx.at_ms)
        if ended is None or not revoke_session(tx.session, ended.id, tx.at_ms):
            raise UnknownSession
        details = {"browser": " ".join(filter(None, ended.browser)), "from": ended.place or ""}
        tx.log("session.revoke", subject(login.account), **details)
        tx.revoked.append(ended.id)

    @transaction
    def end_others(self, tx: Transaction, login: Login) -> int:
        """End all sessions except the login's own. Returns how many ended."""
        count = login_session_queries.end_others(tx.session, login.account.id, login.session_id, tx.at_ms)
        if count:
            tx.log("session.revoke", subject(login.account), sessions=count)
            tx.revoked.append(login.account.id)
        return count


class Proof(NamedTuple):
    """Proof of a completed two-step login, or a printed link. `settle` uses it up in the transaction
    of the change it permits, and returns False if it was used or removed in the meantime.
    """

    method: str
    settle: Callable[[Any], bool]
    kind: str = "second_factor"  # or "link": the key for the method in the audit entry's details


class Grant(NamedTuple):
    """A login that tokens may be issued for. `refresh_id` is the id of the session's only valid refresh token."""

    login: Login
    refresh_id: str
    browser_mark: str
    """Changes when the owner changes the password, without revealing the password."""


def grant_of(user: User, session: LoginSession) -> Grant:
    return Grant(Login(user.account, session.id), session.refresh_id, browser_mark_of(user))


def browser_mark_of(user: User) -> str:
    """The mark of the user's familiar browsers."""
    return user.browser_mark or hashlib.sha256(user.password.encode()).hexdigest()
