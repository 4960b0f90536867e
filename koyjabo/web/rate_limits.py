"""How much one address may ask for. Counted in this worker's memory, so that no request waits for anything.

A limit is shared out among the workers, as connections are.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import NamedTuple

from flask import Flask, Request, Response, after_this_request, current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from koyjabo import addresses
from koyjabo.errors import TooManyRequests

EXTENSION = "koyjabo.rate_limits"

LOGINS_OF_A_PAIR = 10
"""A minute, for one account from one address."""

FEWEST_LOGINS_OF_A_PAIR = 5
"""In one worker, however many there are: typing errors are forgiven."""

LOGINS_OF_AN_ACCOUNT = 200
"""An hour, for one account from browsers it has not been logged in from."""

FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400
SIGNUPS_SHARE = 2

TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."
TOO_MANY_LOGINS = "Too many attempts to log in. Wait as long as Retry-After says, then try again."


class Limits(NamedTuple):
    """A minute, 0 for none: of one address, and of one account."""

    registrations: int
    logins: int
    actions: int


def init_app(app: Flask, limits: Limits, workers: int) -> None:
    secret = str(app.config["SECRET_KEY"]).encode()
    app.extensions[EXTENSION] = RateLimits(limits, workers, secret)


def count_registration() -> None:
    """Count the present request. Raises TooManyRequests when its address has used up what it has for this minute."""
    _limits().count_registration(request)


def count_signup() -> None:
    """The same for a new account."""
    _limits().count_signup(request)


def count_login(email_key: str) -> None:
    """Count an attempt, before it is known whether it succeeds. Raises TooManyRequests when the address, the account,
    or the two together have used up what they have; whether there is such an account makes no difference.
    """
    _limits().count_login(request, email_key)


def count_password(email_key: str) -> None:
    """The same for the present password of one who is logged in: others who are guessing do not count against them."""
    _limits().count_password(request, email_key)


def count_action(user_id: str) -> None:
    """Count what writes for others, or tells of them. Raises TooManyRequests."""
    _limits().count_action(user_id)


def remember_login(email_key: str) -> None:
    """It succeeded: from this browser the owner gets in, however many others are guessing elsewhere; on every worker,
    and after a restart.
    """
    value = _limits().familiar(email_key)

    @after_this_request
    def remember(response: Response) -> Response:
        secure = current_app.config["JWT_COOKIE_SECURE"]
        path = "/api/auth/"
        response.set_cookie(FAMILIAR_COOKIE, value, FAMILIAR_S, path=path, secure=secure, httponly=True, samesite="Lax")
        return response


def _limits() -> RateLimits:
    return current_app.extensions[EXTENSION]


class RateLimits:
    def __init__(self, limits: Limits, workers: int, secret: bytes) -> None:
        def share(limit: int) -> int:
            return max(1, limit // workers) if limit else 0

        self._registrations = _per_minute(share(limits.registrations), "registrations")
        self._logins = _per_minute(share(limits.logins), "logins")
        self._signups = _per_minute(share(-(-limits.logins // SIGNUPS_SHARE)), "signups")
        pair = max(FEWEST_LOGINS_OF_A_PAIR, share(LOGINS_OF_A_PAIR))
        self._pair = RateLimitItemPerMinute(pair, namespace="pair")
        self._account = RateLimitItemPerHour(share(LOGINS_OF_AN_ACCOUNT), namespace="account")
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._actions = _per_minute(share(limits.actions), "actions")
        self._secret = secret

    def count_registration(self, request: Request) -> None:
        self._count_address(self._registrations, request)

    def count_signup(self, request: Request) -> None:
        self._count_address(self._signups, request)

    def count_login(self, request: Request, email_key: str) -> None:
        self.count_password(request, email_key)
        shown = request.cookies.get(FAMILIAR_COOKIE, "")
        if not hmac.compare_digest(shown.encode(), self.familiar(email_key).encode()):
            self._count(self._account, _account(email_key), sentence=TOO_MANY_LOGINS)

    def count_password(self, request: Request, email_key: str) -> None:
        self._count_address(self._logins, request)
        pair = (_account(email_key), addresses.counted(request.environ))
        self._count(self._pair, *pair, sentence=TOO_MANY_LOGINS)

    def count_action(self, user_id: str) -> None:
        if self._actions is not None:
            self._count(self._actions, user_id, sentence=TOO_MANY_ACTIONS)

    def familiar(self, email_key: str) -> str:
        """What a browser shows from which the owner of this account has been logged in."""
        return hmac.new(self._secret, f"familiar {_account(email_key)}".encode(), "sha256").hexdigest()

    def _count_address(self, limit: RateLimitItem | None, request: Request) -> None:
        key = addresses.counted(request.environ)
        if limit is not None and key:
            self._count(limit, key)

    def _count(self, limit: RateLimitItem, *key: str, sentence: str | None = None) -> None:
        if not self._limiter.hit(limit, *key):
            resets_at = self._limiter.get_window_stats(limit, *key).reset_time
            raise TooManyRequests(max(1, int(resets_at - time.time()) + 1), sentence)


def _per_minute(limit: int, what: str) -> RateLimitItem | None:
    return RateLimitItemPerMinute(limit, namespace=what) if limit else None


def _account(email_key: str) -> str:
    """In a form of one length, whatever was sent."""
    return hashlib.blake2b(email_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
