"""Limits the requests of one address, one visitor and one account (docs/limits.md). Counted in this worker's memory, so
that no request waits. Guesses at an account are counted in the database (`koyjabo.accounts.login_throttle`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flask import Flask, Response, after_this_request, current_app, g, request

from koyjabo.accounts.hash_queue import Client
from koyjabo.accounts.login_throttle import SENTENCE, account_key
from koyjabo.errors import KoyJaboError, TooManyRequests, WrongCredentials
from koyjabo.network import client_address
from koyjabo.network.local_proxy import LOCAL_KEYS, LocalProxy
from koyjabo.network.rate_limiter import Allowance, Rate, share
from koyjabo.settings.schema import Settings
from koyjabo.web.security import cookies

EXTENSION = "koyjabo.rate_limits"

LOGINS_OF_A_PAIR = 10
"""Failed logins a minute to one account from one address."""

FEWEST_LOGINS_OF_A_PAIR = 5
"""The least share of one worker, so that typing errors are tolerated with any number of workers."""

FEWEST_OF_A_VISITOR = 10
"""The least share of one worker, because a visitor's requests reach one worker as long as the connection lasts."""

FAMILIAR_COOKIE, FAMILIAR_S = "familiar_browser", 365 * 86400
MARK_LENGTH = 16
SIGNUPS_SHARE = 2

ERASURES = 30
"""Erasures a minute from one address: each may take some seconds, and a visitor with very many visits needs several.
"""

NOT_COUNTED = "Too many visits at once. This one was not counted; wait as long as Retry-After says, then send it again."
TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."
TOO_MANY_CHANGES = "Too many changes at once. Wait as long as Retry-After says, then try again."
TOO_MANY_REPORTS = "Too many reports at once. Wait as long as Retry-After says, then try again."


Environment = Mapping[str, Any]
UnlockedMs = Callable[[str], int]
"""When an account was unlocked, by its email key; 0 for not lately."""


class Limits(NamedTuple):
    """Requests a minute; 0 for no limit."""

    registrations: int  # of one address
    heartbeats: int
    logins: int
    visitor: int  # registrations of one visitor, and as many heartbeats
    actions: int  # of one account
    changes: int
    reports: int


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


class Tally:
    """Counts one request against several limits, and remembers the one that has the fewest requests left."""

    __slots__ = ("_tightest", "address")

    def __init__(self) -> None:
        self._tightest: Allowance | None = None
        self.address: str | None = None  # the key of the request, once it is known

    def use(self, rate: Rate | None, *key: str, sentence: str | None = None) -> None:
        """Raises TooManyRequests."""
        if rate is not None:
            self._add(rate.use(*key), sentence)

    def use_address(self, rate: Rate | None, address: str, *key: str, sentence: str | None = None) -> None:
        """Raises TooManyRequests."""
        if rate is not None:
            self._add(rate.use_address(address, *key), sentence)

    def _add(self, allowance: Allowance, sentence: str | None) -> None:
        if self._tightest is None or allowance.left <= self._tightest.left:
            self._tightest = allowance
        if allowance.is_exceeded:
            raise TooManyRequests(allowance.retry_after_s, sentence)

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
    """`local_proxy` notices when all addresses are the same because of a proxy."""

    def __init__(self, limits: Limits, workers: int, secret: bytes) -> None:
        def rate(limit: int, fewest: int = 1) -> Rate | None:
            return Rate(share(limit, workers, fewest)) if limit else None

        self._of_address = {
            "registrations": rate(limits.registrations),
            "heartbeats": rate(limits.heartbeats),
            "logins": rate(limits.logins),
            "second_steps": rate(limits.logins),
            "erasures": rate(ERASURES),
            "signups": rate(-(-limits.logins // SIGNUPS_SHARE)),
            "resets": rate(-(-limits.logins // SIGNUPS_SHARE)),
        }
        self._of_visitor = {kind: rate(limits.visitor, FEWEST_OF_A_VISITOR) for kind in ("visits", "heartbeats")}
        self._of_familiar = rate(limits.logins, FEWEST_LOGINS_OF_A_PAIR)
        self._of_pair = Rate(share(LOGINS_OF_A_PAIR, workers, FEWEST_LOGINS_OF_A_PAIR))
        self._actions = rate(limits.actions)
        self._changes = rate(limits.changes)
        self._reports = rate(limits.reports)
        self._secret = secret
        self.local_proxy = LocalProxy()

    def count_address(self, kind: str, environ: Environment, tally: Tally, sentence: str | None = None) -> None:
        address = tally.address = client_address.limit_key(environ)
        if address in LOCAL_KEYS:
            self.local_proxy.seen()
        elif address:
            self.local_proxy.is_alone = False
        if address:
            tally.use_address(self._of_address[kind], address, sentence=sentence)

    def count_visitor(
        self, kind: str, environ: Environment, tally: Tally, visitor_id: str, sentence: str | None = None
    ) -> None:
        """Count a visitor at its address: others who know the `visitorId` use up nothing of what the visitor may do."""
        address = client_address.limit_key(environ) if tally.address is None else tally.address
        if address:
            tally.use(self._of_visitor[kind], visitor_id, address, sentence=sentence)

    def uncount_visitor(self, kind: str, environ: Environment, visitor_id: str) -> None:
        rate = self._of_visitor[kind]
        if rate is not None:
            rate.undo(visitor_id, client_address.limit_key(environ))

    def count_login(self, environ: Environment, tally: Tally, email_key: str, unlocked_ms: UnlockedMs) -> None:
        self.count_address("logins", environ, tally)
        address = client_address.guess_key(environ)
        try:
            tally.use_address(self._of_pair, address, email_key, sentence=SENTENCE)
        except TooManyRequests:
            unlocked = unlocked_ms(email_key)
            if not unlocked:
                raise
            tally.use_address(self._of_pair, address, email_key, str(unlocked), sentence=SENTENCE)

    def uncount_login(self, environ: Environment, email_key: str) -> None:
        self._of_pair.take_back(client_address.guess_key(environ), email_key)

    def count_familiar(self, tally: Tally, email_key: str) -> bool:
        try:
            tally.use(self._of_familiar, email_key)
        except TooManyRequests:
            return False
        return True

    def count_action(self, tally: Tally, user_id: str) -> None:
        tally.use(self._actions, user_id, sentence=TOO_MANY_ACTIONS)

    def count_change(self, tally: Tally, user_id: str) -> None:
        tally.use(self._changes, user_id, sentence=TOO_MANY_CHANGES)

    def count_report(self, tally: Tally, user_id: str) -> None:
        tally.use(self._reports, user_id, sentence=TOO_MANY_REPORTS)

    def familiar(self, email_key: str, browser_mark: str) -> str:
        """The value of the cookie of a familiar browser: the beginning of the mark, and a signature."""
        mark = browser_mark[:MARK_LENGTH]
        return f"{mark}.{account_key(self._secret, f'familiar {mark}', email_key)}"


def _add_headers(response: Response) -> Response:
    if "tally" in g:
        response.headers.extend(g.tally.headers())
    return response
