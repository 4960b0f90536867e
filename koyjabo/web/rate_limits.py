"""How much one address may ask for. Counted in this worker's memory, so that no request waits for anything.

A limit is shared out among the workers, as connections are.
"""

from __future__ import annotations

import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from flask import Flask, Request, current_app, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from koyjabo.errors import TooManyRequests

FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")


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
        if limit is None or _is_our_own(request):
            return
        key = _neighbourhood(request.remote_addr or "")
        if not self._limiter.hit(limit, key):
            resets_at = self._limiter.get_window_stats(limit, key).reset_time
            raise TooManyRequests(retry_after_s=max(1, int(resets_at - time.time()) + 1))


def _is_our_own(request: Request) -> bool:
    """A peer on this machine that speaks for itself: health checks, benchmarks, the command line."""
    return is_loopback(request.remote_addr or "") and not any(name in request.environ for name in FORWARDED)


@lru_cache(maxsize=1024)
def is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return ip.is_loopback or (isinstance(ip, IPv6Address) and bool(ip.ipv4_mapped and ip.ipv4_mapped.is_loopback))


def _neighbourhood(address: str) -> str:
    """An IPv6 customer has a whole /64 to choose addresses from; count it as one."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or int(ip) >> 64)
    return address
