"""How often logging in to an account may fail, wherever it is tried from, and how often whoever is logged in may say
another password than the present one: in the database, so on all workers together and after a restart.
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
"""Failures of one account within an hour. Somebody who guesses has 1,200 tries a day, and the owner, on a browser that
is familiar, is not counted (docs/limits.md).
"""

TOLD = {1, MOST - 1}
"""After so many failures there is a line in the audit log: whoever guesses cannot fill that."""

LOGIN, PASSWORD = "login", "password"
"""What is counted, each by itself: those who guess from outside keep nobody from changing their password."""

SENTENCE = N_("Too many login attempts. Wait as long as Retry-After says, then try again.")


class LoginFailures:
    """Accounts go by a keyed hash of their email, whether there are such accounts or not."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()

    @contextmanager
    def attempt(self, email_key: str, what: str = LOGIN) -> Iterator[None]:
        """An attempt, counted before it is made: many at once shall not all be made. If it succeeds all are forgiven.

        Raises TooManyRequests when there have been MOST since the first, within WINDOW_MS, and LedgerUnavailable.
        """
        account = account_key(self._secret, what, email_key)
        self._count(account, email_key)
        try:
            yield
        except (TooBusy, LedgerUnavailable):  # it was none, but for one that the audit log has a line of by now
            with suppress(LedgerUnavailable):
                self._database.write(login_throttle_queries.take_back, account, TOLD)
            raise
        with suppress(LedgerUnavailable):  # what was done is done, and failures run out by themselves
            self._database.write(login_throttle_queries.forgive, account)

    def _count(self, account: str, email_key: str) -> None:
        now_ms = self._clock.now_ms()
        began_ms = self._database.write(_count, account, email_key, log.anonymous(now_ms))
        if began_ms is not None:
            raise TooManyRequests(max(1, (began_ms + WINDOW_MS - now_ms) // 1000 + 1), SENTENCE)


def _count(session: Any, account: str, email_key: str, by: Actor) -> int | None:
    """Count an attempt, with an audit entry about the failures before it, if the user exists. Returns None, or since
    when there have been too many, ms. One transaction, before the password is verified: the time that it takes must not
    reveal whether the user exists.
    """
    attempts = login_throttle_queries.count(session, account, MOST, by.at_ms, by.at_ms - WINDOW_MS)
    if attempts is None:
        return login_throttle_queries.began_ms(session, account) or by.at_ms
    failures = attempts - 1
    person = queries.by_email(session, usable(email_key)) if failures in TOLD else None
    if person is not None:
        by.entry("login.fail", subject(person), failures=failures).store(session)
    return None


def account_key(secret: bytes, purpose: str, email_key: str) -> str:
    """A name for an account, of one length whatever was sent, that says nothing without the secret."""
    return hmac.new(secret, f"{purpose} {email_key}".encode("utf-8", "surrogatepass"), "sha256").hexdigest()
