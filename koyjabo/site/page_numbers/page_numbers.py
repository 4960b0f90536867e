"""Reads the views of pages. A page's number is what the report "Viewed page" shows for all time: the landing pages of
visits, plus page views (specification: Page numbers).

Sums follow the log: a visit costs nothing more, and one worker after another moves views from the rows into
`page_sums`. Each reading adds the rows that the sums lack, so it has every view that was acknowledged (decision 125).
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from functools import lru_cache, partial
from typing import Any, TypeVar

from koyjabo.base.cluster.base import Base
from koyjabo.base.core import page_patterns, urls
from koyjabo.base.core.errors import InvalidInput, LedgerUnavailable, StillCounting, TooManyRequests
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import COMMUNITY_PATH, community_in
from koyjabo.base.core.sanitize import MAX_TEXT_LENGTH
from koyjabo.base.core.urls import WRONG_PAGE
from koyjabo.base.database.batch_worker import Job
from koyjabo.base.database.shared_lookups import SharedLookups
from koyjabo.base.network.rate_limiter import Rate, share
from koyjabo.counting.stats import base36
from koyjabo.counting.visits import Visits
from koyjabo.site.shown_values import NumberNotShown
from koyjabo.web.schemas.validators import LARGEST_INT64
from . import page_queries
from .page_reading import PageCounts, PageReading, PageViews, Position
from .reading_queries import PageQuery
from .tail import Tail

MAX_PATHS = 100
"""Maximum number of paths in one request or list (specification: Page numbers)."""

PAGE_READ_ATTEMPTS = 10
"""How often a reading is repeated that adds nothing and disagrees with what is known, for example after a restore."""

END_OF_ROWS: Position = (LARGEST_INT64, LARGEST_INT64)
"""A position after all rows."""

PATHS_OF_A_REGISTRATION = 200
"""Paths that one address may send a minute in requests and lists, as a multiple of its limit on visits."""

MOVE_AT = 500
"""Move rows into the sums once this many are missing."""

WRONG_PATH_COUNT = N_("must be 1 to 100 paths")
TOO_MANY_PATHS = "Too many paths from this address. Wait as long as Retry-After says, then try again."
LONG_PATH = N_("may have at most 512 characters")

HIDDEN_VIEWS = PageViews(None, None)

Result = TypeVar("Result")

epoch_text = lru_cache(maxsize=1)(base36)


class PageNumbersOff(NumberNotShown):
    """PAGE_NUMBERS is empty."""

    status = 404
    sentence = N_("This server does not show the numbers of pages. Its owner can turn them on with PAGE_NUMBERS.")


class PageNotShown(NumberNotShown):
    """PAGE_NUMBERS does not name the page, or it belongs to a community that is not listed."""

    status = 404
    sentence = N_("This server does not show the number of this page.")


def page_of(path: Any) -> str:
    """The page that a path or an address names, spelled as it is stored. Raises InvalidInput."""
    page = urls.page_of(path) if isinstance(path, str) else None
    if page is None:
        raise InvalidInput(details={"path": WRONG_PAGE})
    if len(page) > MAX_TEXT_LENGTH or len(urls.before_query(path)) > urls.MAX_ESCAPED_LENGTH:
        raise InvalidInput(details={"path": LONG_PATH})
    return page


class PageNumbers:
    """The numbers of pages, as seen by this worker. Call `tick` every second."""

    def __init__(self, base: Base) -> None:
        self._settings, self._clock, self._database = base.settings, base.clock, base.database
        self._visits = base.services[Visits]
        self._lookups: SharedLookups[Collection[str], PageCounts] = SharedLookups(base.runtime, self._read_together)
        of_address = PATHS_OF_A_REGISTRATION * base.settings.rate_limit_registrations
        self._uses = Rate(share(of_address, base.settings.web_concurrency, MAX_PATHS)) if of_address else None
        self._tail = Tail()
        self._lock = threading.Lock()  # guards `_tail`; must not be held while waiting
        self._day = ""

    @property
    def is_on(self) -> bool:
        return bool(self._settings.page_numbers)

    def require_on(self) -> None:
        """Raise PageNumbersOff if no page shows its number."""
        if not self.is_on:
            raise PageNumbersOff

    def count(self, address: str, paths: int) -> None:
        """Count paths that an address (the key of its limits) has sent. Raises TooManyRequests."""
        if address and self._uses is not None:
            allowance = self._uses.use_address(address, uses=paths)
            if allowance.is_exceeded:
                raise TooManyRequests(allowance.retry_after_s, TOO_MANY_PATHS)

    def watch(self, pages: Collection[str]) -> None:
        """Set the pages that `take_changed` reports. The collection may change later."""
        self._tail.watched = pages

    def read(self, pages: Collection[str]) -> PageCounts:
        """The views of these pages, which include every view that any worker had committed before this call. May have
        other pages as well, because calls at the same time are read together. Raises StillCounting while the sums are
        computed, and LedgerUnavailable.
        """
        return self._lookups.ask(pages)

    def _read_together(self, jobs: Sequence[Job[Collection[str], PageCounts]]) -> None:
        counts = self._read({page for job in jobs for page in job.item})
        for job in jobs:
            job.result = counts

    def _read(self, pages: Collection[str]) -> PageCounts:
        if not self.is_on:  # whether or not the sums are ready
            return self._counts(pages, (), self._visits.read(PageQuery(self._tail.upto, ())))
        shown = tuple(self._shown(pages))
        return self._follow(shown, partial(self._counts, pages, shown))

    def _counts(self, pages: Collection[str], shown: Collection[str], reading: PageReading) -> PageCounts:
        sums, today = {row[0]: row for row in reading.sums}, self._clock.today()
        counts: dict[str, PageViews] = dict.fromkeys(pages, HIDDEN_VIEWS)
        for page in shown:
            _, views, day, day_views = sums.get(page, (page, 0, "", 0))
            of_today = self._tail.views_of_day(page, today) + (day_views if day == today else 0)
            counts[page] = PageViews(views + self._tail.views(page), of_today)
        revision = sum(reading.newest) + reading.version + date.fromisoformat(today).toordinal()
        return PageCounts(counts, epoch_text(reading.epoch), revision)

    def take_changed(self) -> set[str]:
        """Read new views, and return the watched pages whose number may have changed since the last call. Raises as
        `read`.
        """
        return self._follow((), self._take_changed)

    def _take_changed(self, reading: PageReading) -> set[str]:
        today = self._clock.today()
        if today != self._day:
            self._day = today
            self._tail.changed.update(self._tail.watched)
        changed, self._tail.changed = self._tail.changed, set()
        return changed

    def put_back(self, pages: Iterable[str]) -> None:
        """Let `take_changed` report these pages again."""
        with self._lock:
            self._tail.changed.update(pages)

    def begin_again(self) -> None:
        """Make all workers read the watched pages again, because PAGE_NUMBERS or the listed communities have changed.
        Raises LedgerUnavailable.
        """
        self._database.write(page_queries.restart)

    def tick(self) -> None:
        """Store the sums when they lack many views. Raises as `read`."""
        reading = self._read_ready(END_OF_ROWS, ())
        if sum(reading.newest) - sum(reading.marks) >= MOVE_AT:
            while self._database.write(page_queries.move_views):
                pass

    def _follow(self, pages: tuple[str, ...], use: Callable[[PageReading], Result]) -> Result:
        """Read these pages' sums and the new rows. Returns the result of `use`, called while the tail has all rows."""
        attempts = 0
        while attempts < PAGE_READ_ATTEMPTS:
            after = self._tail.upto
            reading = self._read_ready(after, pages)
            with self._lock:
                has_moved = self._tail.upto != after  # another task has read more in the meantime
                if not (has_moved and reading.newest < self._tail.upto) and self._tail.follow(reading):
                    return use(reading)
                attempts += self._tail.upto <= after
        raise LedgerUnavailable

    def _read_ready(self, after: Position, pages: tuple[str, ...]) -> PageReading:
        """Read these pages' sums and the rows after a position. Raises StillCounting and LedgerUnavailable."""
        reading: PageReading = self._visits.read(PageQuery(after, pages))
        if not reading.is_ready:
            raise StillCounting
        return reading

    def _shown(self, pages: Collection[str]) -> list[str]:
        """The pages with public numbers: PAGE_NUMBERS names them, and they do not belong to an unlisted community."""
        matcher = page_patterns.matcher(self._settings.page_numbers)
        named = [page for page in pages if matcher and matcher.fullmatch(page)]
        keys = {page: community_in(page) or "" for page in named if page.startswith(COMMUNITY_PATH)}
        of_communities = {*keys.values()} - {""}
        if not of_communities:
            return named
        listed = self._database.read(page_queries.listed_communities, of_communities) | {""}
        return [page for page in named if keys.get(page, "") in listed]
