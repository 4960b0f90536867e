"""The limits of a worker, and what one request counts against them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from koyjabo.accounts.login_throttle import SENTENCE, account_key
from koyjabo.core.errors import TooManyRequests
from koyjabo.counting.records import NewVisit
from koyjabo.counting.visit_texts import SeenTexts, without_texts
from koyjabo.network import client_address
from koyjabo.network.local_proxy import LocalProxy
from koyjabo.network.rate_limiter import Allowance, DailyRate, Rate, share
from koyjabo.reports.events.stored_bytes import MOST_USES, Size

LOGINS_OF_A_PAIR = 10
"""Failed logins a minute to one account from one address."""

FEWEST_LOGINS_OF_A_PAIR = 5
"""The least share of one worker, so that typing errors are tolerated with any number of workers."""

FEWEST_OF_A_VISITOR = 10
"""The least share of one worker, because a visitor's requests reach one worker as long as the connection lasts."""

MARK_LENGTH = 16
SIGNUPS_SHARE = 2

EVENTS_OF_A_REQUEST = 10
"""The limit of events a minute is this number of times the limit of their requests."""

STORED_OF_A_REQUEST, FEWEST_STORED = 100_000, 1_000_000
"""What the events of one address and new texts of its visits may take in the database: bytes a day for each request
with events that it has a minute, 300 MB. The least share of one worker is more than any request takes.
"""

ERASURES = 30
"""Erasures a minute from one address: each may take some seconds, and a visitor with very many visits needs several.
"""

SHARED_NUMBERS = 300
"""Pages and pictures of visits' numbers a minute from one address: a picture has to be drawn."""

NOT_COUNTED = "Too many visits at once. This one was not counted; wait as long as Retry-After says, then send it again."
NOT_RECORDED = (
    "Too many events at once. These were not recorded; wait as long as Retry-After says, then send them again."
)
NOT_STORED = "Events of this address have filled what it may store in a day. Send these again tomorrow (UTC)."
TOO_MANY_ACTIONS = "Too many communities or invitations at once. Wait as long as Retry-After says, then try again."
TOO_MANY_CHANGES = "Too many changes at once. Wait as long as Retry-After says, then try again."
TOO_MANY_REPORTS = "Too many reports at once. Wait as long as Retry-After says, then try again."


Environment = Mapping[str, Any]
UnlockedMs = Callable[[str], int]
"""When an account was unlocked, by its email key; 0 for not lately."""


class Limits(NamedTuple):
    """Requests a minute; 0 for no limit."""

    registrations: int  # of one address
    heartbeats: int  # and as many requests with events, for which there are limits of events and of their bytes
    logins: int
    visitor: int  # registrations of one visitor, and as many heartbeats and requests with events
    actions: int  # of one account
    changes: int
    reports: int


class Tally:
    """Counts one request against several limits, and remembers the limit with the fewest requests left."""

    __slots__ = ("_tightest", "address")

    def __init__(self) -> None:
        self._tightest: Allowance | None = None
        self.address: str | None = None  # the key of the request, once it is known

    def use(self, rate: Rate | None, *key: str, sentence: str | None = None, uses: int = 1) -> None:
        """Raises TooManyRequests."""
        if rate is not None:
            self._add(rate.use(*key, uses=uses), sentence)

    def use_address(
        self, rate: Rate | None, address: str, *key: str, sentence: str | None = None, uses: int = 1
    ) -> None:
        """Raises TooManyRequests."""
        if rate is not None:
            self._add(rate.use_address(address, *key, uses=uses), sentence)

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
            "event_requests": rate(limits.heartbeats),
            "events": rate(limits.heartbeats * EVENTS_OF_A_REQUEST, MOST_USES),
            "logins": rate(limits.logins),
            "second_steps": rate(limits.logins),
            "erasures": rate(ERASURES),
            "signups": rate(-(-limits.logins // SIGNUPS_SHARE)),
            "resets": rate(-(-limits.logins // SIGNUPS_SHARE)),
            "shared_reports": rate(limits.reports),
            "shared_numbers": rate(SHARED_NUMBERS),
        }
        of_a_visitor = ("visits", "heartbeats", "event_requests")
        self._of_visitor = {kind: rate(limits.visitor, FEWEST_OF_A_VISITOR) for kind in of_a_visitor}
        self._of_visitor["events"] = rate(limits.visitor * EVENTS_OF_A_REQUEST, MOST_USES)
        stored = share(limits.heartbeats * STORED_OF_A_REQUEST, workers, FEWEST_STORED)
        self._stored = DailyRate(stored) if limits.heartbeats else None
        self._texts = SeenTexts()
        self._of_familiar = rate(limits.logins, FEWEST_LOGINS_OF_A_PAIR)
        self._of_pair = Rate(share(LOGINS_OF_A_PAIR, workers, FEWEST_LOGINS_OF_A_PAIR))
        self._actions = rate(limits.actions)
        self._changes = rate(limits.changes)
        self._reports = rate(limits.reports)
        self._secret = secret
        self.local_proxy = LocalProxy()

    def count_address(self, kind: str, environ: Environment, tally: Tally, sentence: str | None = None) -> None:
        address = tally.address = client_address.limit_key(environ)
        if address in client_address.LOCAL_KEYS:
            self.local_proxy.seen()
        elif address:
            self.local_proxy.is_alone = False
        if address:
            tally.use_address(self._of_address[kind], address, sentence=sentence)

    def count_visitor(
        self, kind: str, environ: Environment, tally: Tally, visitor_id: str, sentence: str | None = None
    ) -> None:
        """Count a visitor at its address: others who know the `visitorId` use up nothing of the visitor's allowance."""
        address = client_address.limit_key(environ) if tally.address is None else tally.address
        if address:
            tally.use(self._of_visitor[kind], visitor_id, address, sentence=sentence)

    def uncount_visitor(self, kind: str, environ: Environment, visitor_id: str, uses: int = 1) -> None:
        rate = self._of_visitor[kind]
        if rate is not None:
            rate.undo(visitor_id, client_address.limit_key(environ), uses=uses)

    def count_events(self, environ: Environment, tally: Tally, visitor_id: str, size: Size) -> None:
        """Count the events of a request, for its visitor and its address: for both, or for none."""
        address = client_address.limit_key(environ) if tally.address is None else tally.address
        if not address:
            return
        self._count_stored(address, size.most_bytes)
        try:
            tally.use(self._of_visitor["events"], visitor_id, address, sentence=NOT_RECORDED, uses=size.uses)
            try:
                tally.use_address(self._of_address["events"], address, sentence=NOT_RECORDED, uses=size.uses)
            except TooManyRequests:
                self.uncount_visitor("events", environ, visitor_id, size.uses)
                raise
        except TooManyRequests:
            self.uncount_stored(environ, size.most_bytes)
            raise

    def _count_stored(self, address: str, stored: int) -> None:
        """In no tally: its headers are about requests."""
        if self._stored is not None:
            allowance = self._stored.use_address(address, uses=stored)
            if allowance.is_exceeded:
                raise TooManyRequests(allowance.retry_after_s, NOT_STORED)

    def uncount_stored(self, environ: Environment, stored: int) -> None:
        address = client_address.limit_key(environ)
        if self._stored is not None and address:
            self._stored.take_back(address, uses=stored)

    def within_budget(self, tally: Tally, visit: NewVisit) -> NewVisit:
        """The visit as it may be stored: without its texts if these are new and the day's bytes of its address are used
        up.
        """
        if self._stored is None or not tally.address:
            return visit
        new_bytes = self._texts.new_bytes(visit)
        if new_bytes and self._stored.use_address(tally.address, uses=new_bytes).is_exceeded:
            return without_texts(visit)
        if new_bytes:
            self._texts.add(visit)
        return visit

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
