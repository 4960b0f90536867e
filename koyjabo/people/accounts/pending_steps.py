"""Logins that are not complete yet although the password was right; they give no access.

A browser that has completed a two-step login can skip it for 30 days. Its cookie contains no secret and is not stored
on the server. It becomes invalid when the user's password or two-step login changes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Account
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.settings.schema import Policy, requires
from koyjabo.people.accounts import pending_step_queries, queries
from koyjabo.people.accounts.audit_entries import own_entry
from koyjabo.people.accounts.errors import SecondFactorExpired
from koyjabo.people.accounts.pending_step_queries import Pending
from koyjabo.people.accounts.queries import UserRecord
from koyjabo.people.audit import log

VERIFY, ENROL, SIGN_UP, PASSKEY_LOGIN = "verify", "enrol", "sign up", "passkey"
"""Purposes of login steps: complete a two-step login; set up two-step login to log in, or to sign up; log in with only
a passkey.
"""

PASSKEY_REGISTRATION, TOTP_SETUP = "register", "totp"
"""Purposes of steps within a session: create a passkey, set up an authenticator app."""

PENDING_S = 600
MOST_TRIES = 5
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

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str, policy: Policy) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()
        self.policy = policy

    def is_required(self, person: UserRecord | Account) -> bool:
        """Whether REQUIRE_TWO_FACTOR makes two-step login mandatory for this person."""
        return requires(self.policy, person.is_admin)

    def begin_if_due(
        self, person: UserRecord, cookie: str = "", visitor_id: str | None = None
    ) -> SecondFactorDue | None:
        """Begin a two-step login after the password was verified. Returns None if the password is enough.

        `cookie` may prove that the person completed a two-step login in this browser within the last 30 days.
        """
        if person.second_factor_ms is None:
            return self.begin_enrolment(person, visitor_id) if self.is_required(person) else None
        if _is_remembered(self._secret, person, cookie, self._clock.now_ms()):
            return None
        return self.begin(VERIFY, person, visitor_id)

    def begin_enrolment(
        self, person: UserRecord, visitor_id: str | None = None, is_new_account: bool = False
    ) -> SecondFactorDue:
        return self.begin(SIGN_UP if is_new_account else ENROL, person, visitor_id)._replace(methods=())

    def begin_passkey(self, challenge: str, person: UserRecord | None = None, session_id: str = "") -> str:
        """Begin a login with only a passkey, or a passkey registration in a session. Returns the token."""
        purpose = PASSKEY_REGISTRATION if session_id else PASSKEY_LOGIN
        token = _of_session(purpose, session_id) if session_id else None
        return self.begin(purpose, person, challenge=challenge, token=token).token

    def registration(self, session_id: str) -> Pending:
        """The session's passkey registration. Raises SecondFactorExpired."""
        return self.count_try(_of_session(PASSKEY_REGISTRATION, session_id), PASSKEY_REGISTRATION)

    def begin_setup(self, person: UserRecord | None, session_id: str) -> None:
        """Begin setting up an authenticator app in a session, after the user has entered the password."""
        self.begin(TOTP_SETUP, person, token=_of_session(TOTP_SETUP, session_id))

    def require_setup(self, session_id: str) -> None:
        """Check that the setup was begun in this session. Raises SecondFactorExpired if it was not, or if it was too
        long ago.
        """
        self.person_of(self.find(_of_session(TOTP_SETUP, session_id), TOTP_SETUP))

    def begin(
        self,
        purpose: str,
        person: UserRecord | None,
        visitor_id: str | None = None,
        challenge: str | None = None,
        token: str | None = None,
    ) -> SecondFactorDue:
        token, now_ms = token or secrets.token_urlsafe(32), self._clock.now_ms()
        user_id, mark = (person.id, _password_mark(person)) if person else (None, "")
        pending = Pending(_hash(token), purpose, user_id, mark, visitor_id, challenge, 0)
        methods = self._database.write(pending_step_queries.begin, pending, now_ms, now_ms + PENDING_S * 1000)
        return SecondFactorDue(token, methods)

    def begin_for(self, user_id: str, purpose: str, token: str) -> None:
        """Begin a user's step in a session."""
        self.begin(purpose, self._database.read(queries.by_id, user_id), token=token)

    def find(self, token: str, *purposes: str) -> Pending:
        """The pending step. Raises SecondFactorExpired."""
        return _live(self._database.read(pending_step_queries.find, _hash(token), purposes, self._clock.now_ms()))

    def count_try(self, token: str, *purposes: str, most: int = MOST_TRIES) -> Pending:
        """Count a try before it is verified. Raises SecondFactorExpired after `most` tries."""
        count = pending_step_queries.count_try
        return _live(self._database.write(count, _hash(token), purposes, self._clock.now_ms(), most))

    def set_challenge(self, token: str, challenge: str, *purposes: str) -> Pending:
        """Set the step's WebAuthn challenge. Raises SecondFactorExpired."""
        change = pending_step_queries.set_challenge
        return _live(self._database.write(change, _hash(token), purposes, challenge, self._clock.now_ms()))

    def fail(self, pending: Pending) -> None:
        """Handle a wrong try: after the last one, end the step and raise SecondFactorExpired."""
        if pending.tries < MOST_TRIES:
            return
        person = self._database.read(queries.by_id, pending.user_id or "")
        entry = own_entry(log.anonymous(self._clock.now_ms()), "second_factor.fail", person)
        self._database.write(pending_step_queries.end, pending, audit=lambda ended: entry if ended else None)
        raise SecondFactorExpired

    def person_of(self, pending: Pending) -> UserRecord:
        """The step's user, if their password and account have not changed since. Raises SecondFactorExpired."""
        person = self._database.read(queries.by_id, pending.user_id or "")
        if person is None or person.is_disabled or _password_mark(person) != pending.password_mark:
            raise SecondFactorExpired
        return person

    def cookie(self, person: UserRecord) -> str:
        """The cookie of a browser that can skip two-step login for 30 days."""
        return _remembered(self._secret, person, self._clock.now_ms() + REMEMBERED_S * 1000)


def _live(pending: Pending | None) -> Pending:
    if pending is None:
        raise SecondFactorExpired
    return pending


def _of_session(purpose: str, session_id: str) -> str:
    """The token for a session's step. A session can create only one passkey at a time. The token is not secret, but its
    purpose prevents using it for a login.
    """
    return f"{purpose} in session {session_id}"


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _is_remembered(secret: bytes, person: UserRecord, cookie: str, now_ms: int) -> bool:
    expires = cookie.partition(".")[0]
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 15) or int(expires) <= now_ms:
        return False
    expected = _remembered(secret, person, int(expires))
    return hmac.compare_digest(cookie.encode("utf-8", "surrogatepass"), expected.encode())


def _password_mark(person: UserRecord) -> str:
    """A value that changes with the password and does not reveal it."""
    return hashlib.sha256(person.password.encode()).hexdigest()


def _remembered(secret: bytes, person: UserRecord, expires_ms: int) -> str:
    parts = f"remembered {person.id} {expires_ms} {person.second_factor_ms} {_password_mark(person)}"
    return f"{expires_ms}.{hmac.digest(secret, parts.encode(), 'sha256').hex()}"
