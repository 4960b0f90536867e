"""Limits failed logins to one account from all addresses together, and wrong current passwords when a logged-in user
changes the password. The counts are in the database, so they hold across workers and restarts.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from koyjabo.accounts import login_throttle_queries, queries
from koyjabo.accounts.accounts import subject
from koyjabo.audit import log
from koyjabo.audit.log import Actor
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.text_search import usable
from koyjabo.errors import LedgerUnavailable, TooBusy, TooManyRequests
from koyjabo.text import N_

MOST, WINDOW_MS = 50, 3600 * 1000
"""Failed attempts for one account within an hour: 1,200 guesses a day. The owner's familiar browser is not counted
(docs/limits.md).
"""

AUDITED = {1, MOST - 1}
"""The numbers of failures at which the audit log gets a line; not at each, so that guessing cannot fill the log."""

LOGIN, PASSWORD = "login", "password"
"""The purposes of a password, counted separately, so that guessed logins do not block the owner from changing it."""

SENTENCE = N_("Too many login attempts. Wait as long as Retry-After says, then try again.")


class LoginFailures:
    """Stores a keyed hash of the email, also for emails without an account."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()

    @contextmanager
    def attempt(self, email_key: str, purpose: str = LOGIN) -> Iterator[None]:
        """Context of one attempt. It is counted at the beginning, which also limits concurrent attempts. If the body
        succeeds, the count is deleted.

        Raises TooManyRequests after MOST attempts within WINDOW_MS since the first, and LedgerUnavailable.
        """
        account = account_key(self._secret, purpose, email_key)
        self._count(account, email_key)
        try:
            yield
        except (TooBusy, LedgerUnavailable):  # no password was checked, so this is not an attempt
            with suppress(LedgerUnavailable):
                self._database.write(login_throttle_queries.take_back, account, AUDITED)
            raise
        with suppress(LedgerUnavailable):  # the attempt has succeeded, and the count expires anyway
            self._database.write(login_throttle_queries.forgive, account)

    def _count(self, account: str, email_key: str) -> None:
        now_ms = self._clock.now_ms()
        began_ms = self._database.write(_count, account, email_key, log.anonymous(now_ms))
        if began_ms is not None:
            raise TooManyRequests(max(1, (began_ms + WINDOW_MS - now_ms) // 1000 + 1), SENTENCE)


def _count(session: Any, account: str, email_key: str, by: Actor) -> int | None:
    """Count an attempt, with an audit entry about the failures before it, if the user exists. Returns None if the
    attempt is permitted, else the time of the first attempt counted, ms. One transaction, before the password is
    verified: its duration must not reveal whether the user exists.
    """
    attempts = login_throttle_queries.count(session, account, MOST, by.at_ms, by.at_ms - WINDOW_MS)
    if attempts is None:
        return login_throttle_queries.began_ms(session, account) or by.at_ms
    failures = attempts - 1
    person = queries.by_email(session, usable(email_key)) if failures in AUDITED else None
    if person is not None:
        by.entry("login.fail", subject(person), failures=failures).store(session)
    return None


def account_key(secret: bytes, purpose: str, email_key: str) -> str:
    """A keyed hash of an account, of constant length, that reveals nothing without the secret."""
    return hmac.new(secret, f"{purpose} {email_key}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
