"""Limits the requests of one address, one visitor and one account (docs/limits.md). Counted in this worker's memory, so
that no request waits. Failed logins by account are counted in the database (`koyjabo.accounts.login_throttle`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import NamedTuple

from flask import Flask, Request, Response, after_this_request, current_app, g, request

from koyjabo.accounts.login_throttle import SENTENCE, account_key
from koyjabo.errors import TooManyRequests
from koyjabo.network import client_address
from koyjabo.network.rate_limiter import Allowance, Rate, share
from koyjabo.settings.schema import Settings

EXTENSION = "koyjabo.rate_limits"

LOGINS_OF_A_PAIR = 10
"""Logins a minute to one account from one address."""

FEWEST_LOGINS_OF_A_PAIR = 5
"""The least share of one worker, so that typing errors are tolerated with any number of workers."""

FEWEST_OF_A_VISITOR = 10
"""The least share of one worker, because a visitor's requests reach one worker as long as the connection lasts."""

FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400
SIGNUPS_SHARE = 2

ERASURES = 30
"""Erasures a minute from one address: each may take some seconds, and a visitor with very many visits needs several.
"""

NOT_COUNTED = "Too many visits at once. This one was not counted; wait as long as Retry-After says, then send it again."
TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."


class Limits(NamedTuple):
    """Requests a minute; 0 for no limit."""

    registrations: int  # of one address
    heartbeats: int
    logins: int
    visitor: int  # registrations of one visitor, and as many heartbeats
    actions: int  # of one account


def init_app(app: Flask, settings: Settings) -> None:
    limits = Limits(**{name: getattr(settings, f"rate_limit_{name}") for name in Limits._fields})
    app.extensions[EXTENSION] = RateLimits(limits, settings.web_concurrency, settings.secret_key.encode())
    app.after_request(_add_headers)


def count_registration() -> None:
    """Count a registration by its address. Raises TooManyRequests, like all `count_` functions."""
    _limits().count_address("registrations", request, NOT_COUNTED)


def count_visit(visitor_id: str) -> None:
    """Count a registration by its visitor."""
    _limits().count_visitor("visits", request, visitor_id, NOT_COUNTED)


def count_heartbeat() -> None:
    _limits().count_address("heartbeats", request)


def count_visitor_heartbeat(visitor_id: str) -> None:
    """Count a heartbeat by its visitor."""
    _limits().count_visitor("heartbeats", request, visitor_id)


def count_erasure() -> None:
    _limits().count_address("erasures", request)


def count_signup() -> None:
    _limits().count_address("signups", request)


def count_login(email_key: str) -> None:
    """Count an attempt to log in or to change the password, by address and by address and account, before the password
    is verified. Unknown accounts are counted in the same way.
    """
    _limits().count_login(request, email_key)


def count_action(user_id: str) -> None:
    """Count a community created or a person invited, by account."""
    _limits().count_action(user_id)


def is_familiar(email_key: str, password_mark: Callable[[], str]) -> bool:
    """Whether this browser's cookie proves an earlier login to this account with the current password. Calls
    `password_mark` only if there is a cookie.
    """
    cookie = request.cookies.get(FAMILIAR_COOKIE)
    if not cookie:
        return False
    return hmac.compare_digest(cookie.encode(), _limits().familiar(email_key, password_mark()).encode())


def remember_login(email_key: str, password_mark: str) -> None:
    """Set the cookie of a familiar browser after a successful login: failed logins elsewhere do not lock it out. Valid
    on all workers and after restarts, until the password changes.
    """
    value = _limits().familiar(email_key, password_mark)

    @after_this_request
    def remember(response: Response) -> Response:
        secure = current_app.config["JWT_COOKIE_SECURE"]
        response.set_cookie(FAMILIAR_COOKIE, value, FAMILIAR_S, secure=secure, httponly=True, samesite="Lax")
        return response


def _limits() -> RateLimits:
    limits: RateLimits = current_app.extensions[EXTENSION]
    return limits


class RateLimits:
    def __init__(self, limits: Limits, workers: int, secret: bytes) -> None:
        def rate(limit: int, fewest: int = 1) -> Rate | None:
            return Rate(share(limit, workers, fewest)) if limit else None

        self._of_address = {
            "registrations": rate(limits.registrations),
            "heartbeats": rate(limits.heartbeats),
            "logins": rate(limits.logins),
            "erasures": rate(ERASURES),
            "signups": rate(-(-limits.logins // SIGNUPS_SHARE)),
        }
        self._of_visitor = {kind: rate(limits.visitor, FEWEST_OF_A_VISITOR) for kind in ("visits", "heartbeats")}
        self._of_pair = rate(LOGINS_OF_A_PAIR, FEWEST_LOGINS_OF_A_PAIR)
        self._of_account = rate(limits.actions)
        self._secret = secret

    def count_address(self, kind: str, request: Request, sentence: str | None = None) -> None:
        address = client_address.limit_key(request.environ)
        if address:
            _use(self._of_address[kind], address, sentence=sentence)

    def count_visitor(self, kind: str, request: Request, visitor_id: str, sentence: str | None = None) -> None:
        if client_address.limit_key(request.environ):
            _use(self._of_visitor[kind], visitor_id, sentence=sentence)

    def count_login(self, request: Request, email_key: str) -> None:
        self.count_address("logins", request)
        _use(self._of_pair, email_key, client_address.limit_key(request.environ), sentence=SENTENCE)

    def count_action(self, user_id: str) -> None:
        _use(self._of_account, user_id, sentence=TOO_MANY_ACTIONS)

    def familiar(self, email_key: str, password_mark: str) -> str:
        """The value of the cookie of a familiar browser."""
        return account_key(self._secret, f"familiar {password_mark}", email_key)


def _use(rate: Rate | None, *key: str, sentence: str | None = None) -> None:
    if rate is None:
        return
    allowance = rate.use(*key)
    tightest: Allowance | None = g.get("allowance")
    if tightest is None or allowance.left <= tightest.left:
        g.allowance = allowance
    if allowance.is_exceeded:
        raise TooManyRequests(allowance.retry_after_s, sentence)


def _add_headers(response: Response) -> Response:
    """The headers describe the limit of this request that has the fewest requests left."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        response.headers["X-RateLimit-Limit"] = str(allowance.limit)
        response.headers["X-RateLimit-Remaining"] = str(allowance.left)
        response.headers["X-RateLimit-Reset"] = str(allowance.resets_at_s)
    return response
