"""Limits the requests of one address, one visitor and one account (docs/limits.md). Counted in this worker's memory, so
that no request waits. Guesses at an account are counted in the database (`koyjabo.accounts.login_throttle`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response, after_this_request, current_app, g, request

from koyjabo.accounts.hash_queue import Client
from koyjabo.core.errors import KoyJaboError, WrongCredentials
from koyjabo.network import client_address
from koyjabo.settings.schema import Settings
from koyjabo.webkit.http import cookies
from koyjabo.webkit.limits.limits import TOO_MANY_REPORTS, Limits, RateLimits, Tally, UnlockedMs

EXTENSION = "koyjabo.rate_limits"
FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400


def init_app(app: Flask, settings: Settings) -> None:
    limits = Limits(**{name: getattr(settings, f"rate_limit_{name}") for name in Limits._fields})
    app.extensions[EXTENSION] = RateLimits(limits, settings.web_concurrency, settings.secret_key.encode())
    app.after_request(_add_headers)


def count_erasure() -> None:
    """Count a request by its address. Raises TooManyRequests, like all `count_` functions."""
    limits().count_address("erasures", request.environ, tally())


def count_signup() -> None:
    limits().count_address("signups", request.environ, tally())


def count_second_step() -> None:
    limits().count_address("second_steps", request.environ, tally())


def count_reset() -> None:
    """Count a request for a mail with a link, by its address."""
    limits().count_address("resets", request.environ, tally())


@contextmanager
def counted_login(email_key: str, unlocked_ms: UnlockedMs) -> Iterator[None]:
    """Count an attempt to log in or to change the password, by address and by address and account, before the password
    is verified. Unknown accounts are counted in the same way. Only WrongCredentials stay counted for both.

    `unlocked_ms` is called only if the attempt would be refused: failures from before it do not count.
    """
    limits().count_login(request.environ, tally(), email_key, unlocked_ms)
    try:
        yield
    except WrongCredentials:
        raise
    except KoyJaboError:  # no password was verified
        limits().uncount_login(request.environ, email_key)
        raise
    limits().uncount_login(request.environ, email_key)


def count_familiar(email_key: str) -> bool:
    """Count an attempt from a familiar browser. Returns whether it needs no other limit by address."""
    return limits().count_familiar(tally(), email_key)


def client(is_familiar: bool = False) -> Client:
    """The client of the current request, to wait for a hash."""
    return Client(client_address.limit_key(request.environ), is_familiar)


def guess_key() -> str:
    """The address of the current request, for guesses at one account."""
    return client_address.guess_key(request.environ)


def count_action(user_id: str) -> None:
    """Count a community created or a person invited, by account."""
    limits().count_action(tally(), user_id)


def count_change(user_id: str) -> None:
    """Count a request that changes something, by account."""
    limits().count_change(tally(), user_id)


def count_report(user_id: str) -> None:
    limits().count_report(tally(), user_id)


def count_shared_report() -> None:
    """Count a report of a share link, by its address."""
    limits().count_address("shared_reports", request.environ, tally(), TOO_MANY_REPORTS)


def count_shared_number() -> None:
    """Count a page or a picture of a visit's number, by its address."""
    limits().count_address("shared_numbers", request.environ, tally())


def is_familiar(email_key: str, browser_mark: Callable[[], str]) -> bool:
    """Whether this browser's cookie proves an earlier login to this account, since its owner last changed the password.
    Calls `browser_mark` only if the cookie is ours.
    """
    cookie = cookies.get(FAMILIAR_COOKIE)
    expected = limits().familiar(email_key, cookie.partition(".")[0])
    return hmac.compare_digest(cookie.encode(), expected.encode()) and cookie == limits().familiar(
        email_key, browser_mark()
    )


def remember_login(email_key: str, browser_mark: str) -> None:
    """Set the cookie of a familiar browser after a successful login: failed logins elsewhere do not lock it out. Valid
    on all workers and after restarts, until the owner changes the password.
    """
    value = limits().familiar(email_key, browser_mark)

    @after_this_request
    def remember(response: Response) -> Response:
        cookies.put(response, FAMILIAR_COOKIE, value, FAMILIAR_S)
        return response


def limits(app: Flask | None = None) -> RateLimits:
    """The limits of `app`, or of the application that serves the current request."""
    found: RateLimits = (app or current_app).extensions[EXTENSION]
    return found


def tally() -> Tally:
    """The tally of the current request."""
    if "tally" not in g:
        g.tally = Tally()
    found: Tally = g.tally
    return found


def _add_headers(response: Response) -> Response:
    if "tally" in g:
        response.headers.extend(g.tally.headers())
    return response
