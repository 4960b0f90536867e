"""Lists and ends a user's own login sessions. Also defines the values of a login: its proof and its grant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.identity import Login
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.base.database.rows import Page
from koyjabo.base.models import LoginSession, User
from koyjabo.people.accounts import login_session_queries
from koyjabo.people.accounts.audit_entries import subject
from koyjabo.people.accounts.errors import UnknownSession
from koyjabo.people.accounts.queries import revoke_session
from koyjabo.people.audit import log


class Sessions:
    """The logged-in user's own sessions, and locations of users. All methods raise LedgerUnavailable. After a commit,
    `on_revoked` is called with the id of the ended session, or with the user's id if several have ended.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._on_revoked = on_revoked
        self._database = database
        self._clock = clock

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

    def end(self, login: Login, session_id: str) -> None:
        """End a session, with its tokens and sockets. Raises UnknownSession."""
        by = log.actor(login.account, self._clock)

        def operation(session: Any) -> LoginSession:
            ended = login_session_queries.find(session, login.account.id, session_id, by.at_ms)
            if ended is None or not revoke_session(session, ended.id, by.at_ms):
                raise UnknownSession
            details = {"browser": " ".join(filter(None, ended.browser)), "from": ended.place or ""}
            by.entry("session.revoke", subject(login.account), **details).store(session)
            return ended

        self._on_revoked(self._database.write(operation).id)

    def end_others(self, login: Login) -> int:
        """End all sessions except the login's own. Returns how many ended."""
        by = log.actor(login.account, self._clock)

        def operation(session: Any) -> int:
            count = login_session_queries.end_others(session, login.account.id, login.session_id, by.at_ms)
            if count:
                by.entry("session.revoke", subject(login.account), sessions=count).store(session)
            return count

        count = self._database.write(operation)
        if count:
            self._on_revoked(login.account.id)
        return count


class Proof(NamedTuple):
    """Proof of a completed two-step login or provider login. `settle` uses it up in the transaction of the change it
    permits, and returns False if it was used or removed in the meantime.
    """

    method: str
    settle: Callable[[Any], bool]
    kind: str = "second_factor"  # or "provider": the key for the method in the audit entry's details


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
