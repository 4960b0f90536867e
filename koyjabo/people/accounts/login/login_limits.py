"""Limits on logins by address and account. Guesses at one account are also counted in the database
(`koyjabo.people.accounts.throttle.login_throttle`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Response, after_this_request, current_app, request

from koyjabo.base.core.errors import KoyJaboError, TooManyRequests, WrongCredentials
from koyjabo.base.network import client_address
from koyjabo.people.accounts.passwords import PasswordClient
from koyjabo.people.accounts.throttle.login_throttle import account_key
from koyjabo.web.http import cookies
from koyjabo.web.limits import limits

FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400
MARK_LENGTH = 16

UnlockedMs = Callable[[str], int]
"""Returns when an account was unlocked, given its email key; 0 if it was not unlocked recently."""


@contextmanager
def counted_login(email_key: str, unlocked_ms: UnlockedMs) -> Iterator[None]:
    """Count an attempt to log in or change the password before the password is verified, once for the address and once
    for the address and account. Unknown accounts are counted in the same way. Only attempts that end in
    WrongCredentials stay counted for both.

    `unlocked_ms` is only called for an attempt that would be refused. Failures before the time it returns do not count.
    Raises TooManyRequests.
    """
    limits.count_address("logins")
    _count_attempt(email_key, unlocked_ms)
    try:
        yield
    except WrongCredentials:
        raise
    except KoyJaboError:  # no password was verified
        limits.limits().uncount_login_attempt(request.environ, email_key)
        raise
    limits.limits().uncount_login_attempt(request.environ, email_key)


def _count_attempt(email_key: str, unlocked_ms: UnlockedMs) -> None:
    own, usage = limits.limits(), limits.usage()
    try:
        own.count_login_attempt(request.environ, usage, email_key)
    except TooManyRequests:
        unlocked = unlocked_ms(email_key)
        if not unlocked:
            raise
        own.count_login_attempt(request.environ, usage, email_key, str(unlocked))


def count_familiar(email_key: str) -> bool:
    """Count an attempt from a familiar browser. Returns whether the attempt is exempt from other limits by address."""
    try:
        limits.limits().count_account("familiar_logins", limits.usage(), email_key)
    except TooManyRequests:
        return False
    return True


def client(is_familiar: bool = False) -> PasswordClient:
    """The current request's client, for the hash queue."""
    return PasswordClient(client_address.limit_key(request.environ), is_familiar)


def guess_key() -> str:
    """The key for the request's address, used to limit guesses at one account."""
    return client_address.guess_key(request.environ)


def is_familiar(email_key: str, browser_mark: Callable[[], str]) -> bool:
    """Whether this browser's cookie proves a login to this account since its password was last changed. `browser_mark`
    is only called if the cookie is ours.
    """
    cookie = cookies.get(FAMILIAR_COOKIE)
    expected = _cookie_of(email_key, cookie.partition(".")[0])
    return hmac.compare_digest(cookie.encode(), expected.encode()) and cookie == _cookie_of(email_key, browser_mark())


def remember_login(email_key: str, browser_mark: str) -> None:
    """Set the cookie of a familiar browser after a login, so that failed logins elsewhere do not lock it out.

    It is valid on all workers and after restarts, until the owner changes the password.
    """
    value = _cookie_of(email_key, browser_mark)

    @after_this_request
    def remember(response: Response) -> Response:
        cookies.put(response, FAMILIAR_COOKIE, value, FAMILIAR_S)
        return response


def _cookie_of(email_key: str, browser_mark: str) -> str:
    """The value of a familiar browser's cookie: the beginning of the mark, and a signature."""
    mark, secret = browser_mark[:MARK_LENGTH], current_app.config["SECRET_KEY"].encode()
    return f"{mark}.{account_key(secret, f'familiar {mark}', email_key)}"
