"""How much one address, one visitor and one account may ask for (docs/limits.md). Counted in this worker's memory, so
that no request waits for anything; what an account's failed logins add up to is in the database (`login_failures`).
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
"""A minute, for one account from one address."""

FEWEST_LOGINS_OF_A_PAIR = 5
"""In one worker, however many there are: typing errors are forgiven."""

FEWEST_OF_A_VISITOR = 10
"""The same: a visitor stays with one worker for as long as the connection lasts."""

FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400
SIGNUPS_SHARE = 2

FORGETTINGS = 30
"""A minute from one address: each may take some seconds, and a visitor of a million visits has to ask again."""

NOT_COUNTED = "Too many visits at once. This one was not counted; wait as long as Retry-After says, then send it again."
TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."


class Limits(NamedTuple):
    """A minute, 0 for none."""

    registrations: int  # of one address
    heartbeats: int
    logins: int
    visitor: int  # registrations of one visitor, and as many heartbeats
    actions: int  # of one account


def init_app(app: Flask, settings: Settings) -> None:
    limits = Limits(**{name: getattr(settings, f"rate_limit_{name}") for name in Limits._fields})
    app.extensions[EXTENSION] = RateLimits(limits, settings.web_concurrency, settings.secret_key.encode())
    app.after_request(_tell)


def count_registration() -> None:
    """Count the present request. Raises TooManyRequests when its address has used up what it has for this minute."""
    _limits().count_address("registrations", request, NOT_COUNTED)


def count_visit(visitor_id: str) -> None:
    """The same for the visitor that it turns out to be of."""
    _limits().count_visitor("visits", request, visitor_id, NOT_COUNTED)


def count_heartbeat() -> None:
    _limits().count_address("heartbeats", request)


def count_life(visitor_id: str) -> None:
    """The same for the visitor whose heartbeat it turns out to be."""
    _limits().count_visitor("lives", request, visitor_id)


def count_forgetting() -> None:
    _limits().count_address("forgettings", request)


def count_signup() -> None:
    """The same for a new account."""
    _limits().count_address("signups", request)


def count_login(email_key: str) -> None:
    """Count an attempt to log in, or to say the present password, before it is known whether it succeeds. Raises
    TooManyRequests when the address, or the address and the account together, have used up what they have; whether
    there is such an account makes no difference.
    """
    _limits().count_login(request, email_key)


def count_action(user_id: str) -> None:
    """Count what writes for others, or tells of them. Raises TooManyRequests."""
    _limits().count_action(user_id)


def is_familiar(email_key: str, password_mark: Callable[[], str]) -> bool:
    """Whether the owner of this account has been logged in from this browser by the present password, whose mark is
    asked for where a browser says so.
    """
    shown = request.cookies.get(FAMILIAR_COOKIE)
    if not shown:
        return False
    return hmac.compare_digest(shown.encode(), _limits().familiar(email_key, password_mark()).encode())


def remember_login(email_key: str, password_mark: str) -> None:
    """It succeeded: from this browser the owner gets in, however many others are guessing elsewhere; on every worker,
    and after a restart. Another password ends that.
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
            "forgettings": rate(FORGETTINGS),
            "signups": rate(-(-limits.logins // SIGNUPS_SHARE)),
        }
        self._of_visitor = {what: rate(limits.visitor, FEWEST_OF_A_VISITOR) for what in ("visits", "lives")}
        self._of_pair = rate(LOGINS_OF_A_PAIR, FEWEST_LOGINS_OF_A_PAIR)
        self._of_account = rate(limits.actions)
        self._secret = secret

    def count_address(self, what: str, request: Request, sentence: str | None = None) -> None:
        address = client_address.limit_key(request.environ)
        if address:
            _use(self._of_address[what], address, sentence=sentence)

    def count_visitor(self, what: str, request: Request, visitor_id: str, sentence: str | None = None) -> None:
        if client_address.limit_key(request.environ):
            _use(self._of_visitor[what], visitor_id, sentence=sentence)

    def count_login(self, request: Request, email_key: str) -> None:
        self.count_address("logins", request)
        _use(self._of_pair, email_key, client_address.limit_key(request.environ), sentence=SENTENCE)

    def count_action(self, user_id: str) -> None:
        _use(self._of_account, user_id, sentence=TOO_MANY_ACTIONS)

    def familiar(self, email_key: str, password_mark: str) -> str:
        """What a browser shows from which the owner of this account has been logged in."""
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


def _tell(response: Response) -> Response:
    """Of the limits that were counted for this request, the one that is reached first."""
    allowance: Allowance | None = g.get("allowance")
    if allowance is not None:
        response.headers["X-RateLimit-Limit"] = str(allowance.limit)
        response.headers["X-RateLimit-Remaining"] = str(allowance.left)
        response.headers["X-RateLimit-Reset"] = str(allowance.resets_at_s)
    return response
