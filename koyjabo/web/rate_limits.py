"""How much one address may ask for. Counted in this worker's memory, so that no request waits for anything.

A limit is shared out among the workers, as connections are.
"""

from __future__ import annotations

import time

from flask import Flask, Request, current_app, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from koyjabo import addresses
from koyjabo.errors import TooManyRequests

EXTENSION = "koyjabo.rate_limits"


def init_app(app: Flask, registrations_a_minute: int, workers: int) -> None:
    app.extensions[EXTENSION] = RateLimits(registrations_a_minute, workers)


def count_registration() -> None:
    """Count the present request. Raises TooManyRequests when its address has used up what it has for this minute."""
    current_app.extensions[EXTENSION].count_registration(request)


class RateLimits:
    def __init__(self, registrations_a_minute: int, workers: int) -> None:
        share = max(1, registrations_a_minute // workers)
        self._registrations = RateLimitItemPerMinute(share) if registrations_a_minute else None
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def count_registration(self, request: Request) -> None:
        limit = self._registrations
        key = addresses.counted(request.environ)
        if limit is None or not key:
            return
        if not self._limiter.hit(limit, key):
            resets_at = self._limiter.get_window_stats(limit, key).reset_time
            raise TooManyRequests(retry_after_s=max(1, int(resets_at - time.time()) + 1))
