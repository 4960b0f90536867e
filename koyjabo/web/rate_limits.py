"""How much one address may ask for. Counted in this worker's memory, so that no request waits for anything.

A limit is shared out among the workers, as connections are.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict

from flask import Flask, Request, current_app, request
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
"""An hour, for one account from addresses it has not been logged in from."""

MOST_FAMILIAR = 10_000
SIGNUPS_SHARE = 2

TOO_MANY_LOGINS = "Too many attempts to log in. Wait as long as Retry-After says, then try again."


def init_app(app: Flask, registrations_a_minute: int, logins_a_minute: int, workers: int) -> None:
    app.extensions[EXTENSION] = RateLimits(registrations_a_minute, logins_a_minute, workers)


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


def remember_login(email_key: str) -> None:
    """It succeeded: from this address the owner gets in, however many others are guessing elsewhere."""
    _limits().remember_login(request, email_key)


def _limits() -> RateLimits:
    return current_app.extensions[EXTENSION]


class RateLimits:
    def __init__(self, registrations_a_minute: int, logins_a_minute: int, workers: int) -> None:
        def share(limit: int) -> int:
            return max(1, limit // workers) if limit else 0

        self._registrations = _per_minute(share(registrations_a_minute), "registrations")
        self._logins = _per_minute(share(logins_a_minute), "logins")
        self._signups = _per_minute(share(logins_a_minute // SIGNUPS_SHARE), "signups")
        pair = max(FEWEST_LOGINS_OF_A_PAIR, share(LOGINS_OF_A_PAIR))
        self._pair = RateLimitItemPerMinute(pair, namespace="pair")
        self._account = RateLimitItemPerHour(share(LOGINS_OF_AN_ACCOUNT), namespace="account")
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()

    def count_registration(self, request: Request) -> None:
        self._count_address(self._registrations, request)

    def count_signup(self, request: Request) -> None:
        self._count_address(self._signups, request)

    def count_login(self, request: Request, email_key: str) -> None:
        self._count_address(self._logins, request)
        pair = _pair(request, email_key)
        self._count(self._pair, *pair, sentence=TOO_MANY_LOGINS)
        if pair not in self._familiar:
            self._count(self._account, pair[0], sentence=TOO_MANY_LOGINS)

    def remember_login(self, request: Request, email_key: str) -> None:
        pair = _pair(request, email_key)
        self._familiar[pair] = None
        self._familiar.move_to_end(pair)
        while len(self._familiar) > MOST_FAMILIAR:
            self._familiar.popitem(last=False)

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


def _pair(request: Request, email_key: str) -> tuple[str, str]:
    """The account, in a form of one length whatever was sent, and the address."""
    account = hashlib.blake2b(email_key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return account, addresses.counted(request.environ)
