"""Limits on logins by address and account. Guesses at one account are also counted in the database
(`koyjabo.people.accounts.throttle.login_throttle`).
"""

import hmac
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from flask import Response, after_this_request, current_app, request

from koyjabo.base.core.errors import KoyJaboError, TooManyRequests, WrongCredentials
from koyjabo.base.network import client_address
from koyjabo.people.accounts.hash_queue import PasswordClient
from koyjabo.people.accounts.services import account_services
from koyjabo.people.accounts.throttle.login_throttle import FAMILIAR_GUESS, LOGIN_GUESS, PASSWORD_GUESS, account_key
from koyjabo.web.http import cookies
from koyjabo.web.limits import limits

FAMILIAR_COOKIE, FAMILIAR_BROWSER_S = "familiar_browser", 365 * 86400
MARK_LENGTH = 16


@contextmanager
def login_attempt(email_key: str, email: str) -> Iterator[PasswordClient]:
    """Count an attempt to log in, as `password_attempt` does.

    An attempt from a familiar browser is not limited by other people's attempts, even from the same address, until the
    browser has used up its own limit.
    """
    attempt = None
    if is_familiar(email_key, lambda: account_services().credentials.browser_mark(email)):
        with suppress(TooManyRequests):
            limits.limits().count_account("familiar_logins", limits.usage(), email_key)
            attempt = _guess(email_key, FAMILIAR_GUESS)
    if attempt is None:
        with password_attempt(email_key, LOGIN_GUESS):
            yield client()
    else:
        with attempt:
            yield client(is_familiar=True)


@contextmanager
def password_attempt(email_key: str, purpose: str = PASSWORD_GUESS) -> Iterator[None]:
    """Count an attempt before the password is verified: for the address, for the address and account, and for the
    account. Unknown accounts are counted in the same way. Only attempts that end in WrongCredentials stay counted.

    Raises TooManyRequests, TooBusy.
    """
    limits.count_address("logins")
    own, usage = limits.limits(), limits.usage()
    try:
        own.count_login_attempt(request.environ, usage, email_key)
    except TooManyRequests:
        unlocked_ms = account_services().login_throttle.unlocked_ms(email_key)
        if not unlocked_ms:
            raise
        # Failures from before the account was unlocked do not count.
        own.count_login_attempt(request.environ, usage, email_key, str(unlocked_ms))
    try:
        with _guess(email_key, purpose):
            yield
    except WrongCredentials:
        raise
    except KoyJaboError:  # no password was verified
        own.uncount_login_attempt(request.environ, email_key)
        raise
    own.uncount_login_attempt(request.environ, email_key)


def _guess(email_key: str, purpose: str) -> AbstractContextManager[None]:
    accounts = account_services()
    accounts.passwords.require_space(client(is_familiar=purpose != LOGIN_GUESS))  # first, because it costs nothing
    return accounts.login_throttle.begin(email_key, client_address.guess_key(request.environ), purpose)


def client(is_familiar: bool = False) -> PasswordClient:
    """The current request's client, for the hash queue."""
    return PasswordClient(client_address.limit_key(request.environ), is_familiar)


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
        cookies.put(response, FAMILIAR_COOKIE, value, FAMILIAR_BROWSER_S)
        return response


def _cookie_of(email_key: str, browser_mark: str) -> str:
    """The value of a familiar browser's cookie: the beginning of the mark, and a signature."""
    mark, secret = browser_mark[:MARK_LENGTH], current_app.config["SECRET_KEY"].encode()
    return f"{mark}.{account_key(secret, f'familiar {mark}', email_key)}"
