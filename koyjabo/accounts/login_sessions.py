"""Where somebody is logged in: their own sessions, listed and ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from koyjabo.accounts import login_session_queries
from koyjabo.accounts.accounts import subject
from koyjabo.accounts.login_session_queries import SessionLine
from koyjabo.audit import log
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.paging import Page
from koyjabo.errors import UnknownSession
from koyjabo.identity import Login
from koyjabo.network import browsers
from koyjabo.network.browsers import Browser


class Session(NamedTuple):
    """A login that goes on. Browser and place are those of its beginning; "" where nobody knows."""

    id: str
    created_ms: int
    renewed_ms: int  # when its tokens were renewed last, or made
    browser: Browser
    place: str
    is_current: bool


class Sessions:
    """Of whoever asks, and of nobody else. Raises LedgerUnavailable.

    `on_revoked` is called with the id of a session that has ended, or of a user of whom several have, when that is
    committed.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock, on_revoked: Callable[[str], object]) -> None:
        self._on_revoked = on_revoked
        self._database = database
        self._clock = clock

    def page(self, login: Login, start: int = 0, count: int = 20) -> Page[Session]:
        """`count` of those that live, the last used first, after the first `start`."""
        now_ms = self._clock.now_ms()
        found, total = self._database.read(login_session_queries.page, login.account.id, now_ms, start, count)
        return Page(tuple(_session(line, login) for line in found), total)

    def end(self, login: Login, session_id: str) -> None:
        """End one, with its tokens and its sockets. Raises UnknownSession."""
        by, whose = log.actor(login.account, self._clock), subject(login.account)
        line = self._database.write(
            login_session_queries.end,
            *(login.account.id, session_id, by.at_ms),
            audit=lambda line: by.entry("session.revoke", whose, **_about(line)) if line else None,
        )
        if line is None:
            raise UnknownSession
        self._on_revoked(line.id)

    def end_others(self, login: Login) -> int:
        """End all but the one that asks. How many those were."""
        by, whose = log.actor(login.account, self._clock), subject(login.account)
        count = self._database.write(
            login_session_queries.end_others,
            *(login.account.id, login.session_id, by.at_ms),
            audit=lambda count: by.entry("session.revoke", whose, sessions=count) if count else None,
        )
        if count:
            self._on_revoked(login.account.id)
        return count


def _session(line: SessionLine, login: Login) -> Session:
    browser, place = browsers.of(line.user_agent or ""), line.place or ""
    renewed_ms = line.renewed_ms or line.created_ms
    return Session(line.id, line.created_ms, renewed_ms, browser, place, line.id == login.session_id)


def _about(line: SessionLine) -> dict[str, str]:
    return {"browser": " ".join(filter(None, browsers.of(line.user_agent or ""))), "from": line.place or ""}
