"""A worker's limits, and the usage counted for one request."""

from collections.abc import Mapping
from typing import Any

from flask import Flask, Response, current_app, g, request

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.registry import Registry
from koyjabo.base.network import client_address
from koyjabo.base.network.client_address import LocalProxy
from koyjabo.base.network.rate_limiter import Allowance, DailyRate, Rate, share
from koyjabo.base.settings.schema import Settings

LOGINS_OF_A_PAIR = 10
"""Maximum number of failed logins to one account from one address, per minute."""

MIN_LOGINS_OF_A_PAIR = 5
"""Minimum share per worker, so that people may mistype their password, however many workers there are."""

MIN_VISITOR_SHARE = 10
"""Minimum share per worker. All of a visitor's requests reach one worker while the connection lasts."""

SIGNUPS_SHARE = 2
ACTIONS_SHARE = 2
"""Created communities and invitations per minute, as a divisor of the limit on changes."""

REQUESTS_FACTOR = 5
"""Heartbeats per minute from one address, and requests with events, as a multiple of the limit on visits."""

EVENTS_FACTOR = 10
"""Events per minute, as a multiple of the limit on requests with events."""

MAX_USES = 55
"""Maximum number of uses that one request takes from the limit on events: 50 events, or 16 KB of texts at 300 bytes per
use.
"""

STORED_BYTES_FACTOR, MIN_STORED_BYTES = 100_000, 1_000_000
"""Bytes that one address's events and new visit texts may take in the database per day, as a multiple of its limit on
requests with events (300 MB in all); and the minimum share of each worker, which is more than any request takes.
"""

NEW_PAGES, MIN_NEW_PAGES = 2_000, 500
"""New pages that one address may name per day (docs/limits.md), and the minimum share of each worker."""

ERASURES = 30
"""Erasures per minute from one address. Each may take some seconds, and a visitor with very many visits
needs several.
"""

SHARED_NUMBERS = 300
"""Views of pages about a visit number, per minute from one address."""

SHARE_PICTURES = 30
"""Share pictures per minute from one address. Each takes up to 50 ms."""

TEST_MAILS = 5
"""Test emails per minute for one account."""

TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."
TOO_MANY_CHANGES = "Too many changes at once. Wait as long as Retry-After says, then try again."
TOO_MANY_WITH_KEY = "Too many requests with this API key. Wait as long as Retry-After says, then try again."
TOO_MANY_REPORTS = "Too many reports at once. Wait as long as Retry-After says, then try again."
TOO_MANY_LOGINS = N_("Too many login attempts. Wait as long as Retry-After says, then try again.")

LIMIT_SENTENCES = Registry(
    {
        "login_attempts": TOO_MANY_LOGINS,
        "actions": TOO_MANY_ACTIONS,
        "changes": TOO_MANY_CHANGES,
        "reports": TOO_MANY_REPORTS,
        "shared_reports": TOO_MANY_REPORTS,
        "keys": TOO_MANY_WITH_KEY,
    }
)
"""The sentence of a refusal, by kind of limit, where it differs from the default in TooManyRequests. Features fill it.
"""

Environment = Mapping[str, Any]
LIMITS_EXTENSION = "koyjabo.rate_limits"


class Usage:
    """Counts the uses of one request, and remembers the limit with the fewest requests left."""

    __slots__ = ("_tightest", "address")

    def __init__(self) -> None:
        self._tightest: Allowance | None = None
        self.address: str | None = None  # the key of the request, once it is known

    def add(self, allowance: Allowance, kind: str) -> None:
        """Record an allowance. Raises TooManyRequests."""
        if self._tightest is None or allowance.left <= self._tightest.left:
            self._tightest = allowance
        _require(allowance, kind)

    def headers(self) -> list[tuple[str, str]]:
        if self._tightest is None:
            return []
        limit, left, resets_at_s, _ = self._tightest
        return [
            ("X-RateLimit-Limit", str(limit)),
            ("X-RateLimit-Remaining", str(left)),
            ("X-RateLimit-Reset", str(resets_at_s)),
        ]


class RateLimits:
    """The limits of one worker. `local_proxy` notices if all clients have the same address because of a proxy. The
    `count_…` methods raise TooManyRequests.
    """

    def __init__(self, settings: Settings) -> None:
        workers = settings.web_concurrency

        def rates(fewest: int, **limits: int) -> dict[str, Rate | None]:
            return {kind: Rate(share(limit, workers, fewest)) if limit else None for kind, limit in limits.items()}

        of_visitor, changes = settings.rate_limit_visitor, settings.rate_limit_changes
        requests = settings.rate_limit_registrations * REQUESTS_FACTOR
        self._of_address = rates(1, **_of_address(settings, requests))
        self._of_address |= rates(MAX_USES, events=requests * EVENTS_FACTOR)
        self._of_visitor = rates(MIN_VISITOR_SHARE, visits=of_visitor, heartbeats=of_visitor, event_requests=of_visitor)
        self._of_visitor |= rates(MAX_USES, events=of_visitor * EVENTS_FACTOR)
        self._of_account = rates(1, changes=changes, actions=-(-changes // ACTIONS_SHARE), test_mails=TEST_MAILS)
        self._of_account |= rates(1, reports=settings.rate_limit_reports, keys=settings.rate_limit_keys)
        self._of_account |= rates(MIN_LOGINS_OF_A_PAIR, familiar_logins=settings.rate_limit_logins)
        self._of_pair = Rate(share(LOGINS_OF_A_PAIR, workers, MIN_LOGINS_OF_A_PAIR))
        stored = share(requests * STORED_BYTES_FACTOR, workers, MIN_STORED_BYTES)
        self._stored = DailyRate(stored) if requests else None
        self._names = DailyRate(share(NEW_PAGES, workers, MIN_NEW_PAGES))
        self.local_proxy = LocalProxy()

    def count_address(self, kind: str, environ: Environment, usage: Usage, uses: int = 1) -> None:
        address = usage.address
        if address is None:
            address = usage.address = client_address.limit_key(environ)
            if address and self.local_proxy.is_alone:
                self.local_proxy.seen(address, environ.get("HTTP_USER_AGENT", ""))
        rate = self._of_address[kind]
        if address and rate is not None:
            usage.add(rate.use_address(address, uses=uses), kind)

    def count_visitor(self, kind: str, environ: Environment, usage: Usage, visitor_id: str, uses: int = 1) -> None:
        """Count uses by a visitor at its address, so that other people who know the `visitorId` cannot use up the
        visitor's limit. A derived visitor may be many people, so only the address's limits apply to it.
        """
        if client_address.is_derived(visitor_id):
            return
        address = client_address.limit_key(environ) if usage.address is None else usage.address
        rate = self._of_visitor[kind]
        if address and rate is not None:
            usage.add(rate.use(visitor_id, address, uses=uses), kind)

    def uncount_visitor(self, kind: str, environ: Environment, visitor_id: str, uses: int = 1) -> None:
        rate = self._of_visitor[kind]
        if rate is not None and not client_address.is_derived(visitor_id):
            rate.undo(visitor_id, client_address.limit_key(environ), uses=uses)

    def count_account(self, kind: str, usage: Usage, account: str) -> None:
        rate = self._of_account[kind]
        if rate is not None:
            usage.add(rate.use(account), kind)

    def count_login_attempt(self, environ: Environment, usage: Usage, *account: str) -> None:
        """Count a password attempt for an account from an address. `account` is a key; each key has its own count."""
        address = client_address.guess_key(environ)
        usage.add(self._of_pair.use_address(address, *account), "login_attempts")

    def uncount_login_attempt(self, environ: Environment, account: str) -> None:
        self._of_pair.take_back(client_address.guess_key(environ), account)

    def limits_storage(self, usage: Usage) -> bool:
        """Whether there is a limit on what the request's address may store."""
        return self._stored is not None and bool(usage.address)

    def count_stored(self, usage: Usage, stored: int) -> None:
        """Count bytes that the request's address stores today. They are not part of `usage`, because the headers about
        usage count requests.
        """
        if self._stored is not None and usage.address:
            _require(self._stored.use_address(usage.address, uses=stored), "stored")

    def uncount_stored(self, usage: Usage, stored: int) -> None:
        if self._stored is not None and usage.address:
            self._stored.take_back(usage.address, uses=stored)

    def count_name(self, usage: Usage) -> None:
        """Count a new page that the request's address names today, like `count_stored`."""
        if usage.address:
            _require(self._names.use_address(usage.address), "names")


def _of_address(settings: Settings, requests: int) -> dict[str, int]:
    """Requests per minute from one address, by kind. `requests` limits heartbeats and requests with events."""
    logins = settings.rate_limit_logins
    signups = -(-logins // SIGNUPS_SHARE)
    return {
        "registrations": settings.rate_limit_registrations,
        "heartbeats": requests,
        "event_requests": requests,
        "logins": logins,
        "second_steps": logins,
        "erasures": ERASURES,
        "signups": signups,
        "resets": signups,
        "shared_reports": settings.rate_limit_reports,
        "shared_numbers": SHARED_NUMBERS,
        "share_pictures": SHARE_PICTURES,
    }


def _require(allowance: Allowance, kind: str) -> None:
    if allowance.is_exceeded:
        raise TooManyRequests(allowance.retry_after_s, LIMIT_SENTENCES.get(kind))


def init_app(app: Flask, settings: Settings) -> None:
    app.extensions[LIMITS_EXTENSION] = RateLimits(settings)
    app.after_request(_add_headers)


def count_address(kind: str) -> None:
    """Count a request by its address. All `count_…` functions raise TooManyRequests."""
    limits().count_address(kind, request.environ, usage())


def count_account(kind: str, account_id: str) -> None:
    """Count a request for an account or an API key: `actions` are created communities and invitations, and `changes`
    are requests that change something.
    """
    limits().count_account(kind, usage(), account_id)


def limits(app: Flask | None = None) -> RateLimits:
    """The limits of `app`, or of the application that handles the current request."""
    rate_limits: RateLimits = (app or current_app).extensions[LIMITS_EXTENSION]
    return rate_limits


def usage() -> Usage:
    """The usage of the current request."""
    if "usage" not in g:
        g.usage = Usage()
    current: Usage = g.usage
    return current


def _add_headers(response: Response) -> Response:
    if "usage" in g:
        response.headers.extend(g.usage.headers())
    return response
