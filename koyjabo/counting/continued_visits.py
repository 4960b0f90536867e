"""Page views of visitors without an id, who continue a visit (specification: Visitors without an id).

Whether a page is a visit or a page view is decided in the transaction that numbers visits. A look-up before it would
count two pages that arrive together as two visits, or as none.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import Scope
from .models import PAGEVIEW
from .records import Keyed, NewVisit, VisitKey

EVENTS_LOCK = 0x6B6F7965  # "koye", one of PostgreSQL's advisory locks

MAX_VISITS_READ, NEWEST_VISITS_READ = 1_000, 5_000
"""Limits on the search for a visitor's latest visit: MAX_VISITS_READ of the visitor's visits, then the latest
NEWEST_VISITS_READ visits by anyone.
"""

NEWEST_VISIT = """
(SELECT {greatest}(
    (SELECT max(id) FROM (SELECT id FROM visits WHERE visitor_id = {visitor} ORDER BY visit_id LIMIT {most}) AS theirs),
    CASE WHEN EXISTS (
        SELECT 1 FROM visits WHERE visitor_id = {visitor} ORDER BY visit_id LIMIT 1 OFFSET {most}
    ) THEN coalesce((
        SELECT max(id) FROM visits WHERE visitor_id || '' = {visitor}
        AND id > (SELECT visits FROM counters WHERE scope = 'site') - {newest}
    ), 0) ELSE 0 END
))
"""

MAX_PAGE_PAUSE_MS = 30 * 60_000
"""The longest time between two pages of a visit, ms."""

VIEW_COLUMNS = ("id", "visit_id", "scope", "day", "hour_s", "visitor_id", "event_id", "name", "at_ms", "page")
"""Columns of `events` in the rows of page views."""


class LatestPage(NamedTuple):
    """The latest page of a visitor's newest visit."""

    visit: int  # the visit's id
    scope: Scope
    at_ms: int


@dataclass(slots=True)
class ContinuedVisits:
    """What the database already has for a batch, read while holding the event writers' lock."""

    newest: int  # the highest id that any event has ever had
    views: set[VisitKey]  # page views that are retries
    latest: dict[str, LatestPage]  # by visitor_id

    def opened(self, visit: NewVisit, number: int) -> None:
        """Note a visit of the batch, which later pages continue."""
        self.latest[visit.visitor_id] = LatestPage(number, visit.scope, visit.at_ms)

    def view(self, visit: NewVisit, visit_id: str, rows: list[tuple[Any, ...]], clock: Clock) -> bool:
        """Whether a page continues a visit. If it does, and is no retry, its page view is added to `rows`, with
        VIEW_COLUMNS.
        """
        keys = keys_of(visit, visit_id)
        if not self.views.isdisjoint(keys):
            return True
        known = [key for key in keys if key[0] in self.latest]
        if not known:
            return False
        key = max(known, key=lambda key: self.latest[key[0]].visit)
        page = self.latest[key[0]]
        if visit.at_ms - page.at_ms > MAX_PAGE_PAUSE_MS:
            return False
        self.newest += 1
        rows.append((self.newest, *page[:2], *clock.bucket(visit.at_ms), *key, PAGEVIEW, visit.at_ms, visit.page))
        self.views.add(key)
        self.latest[key[0]] = page._replace(at_ms=visit.at_ms)
        return True


def keys_of(visit: NewVisit, visit_id: str) -> list[VisitKey]:
    """The keys that a page may have been stored under, today's first."""
    return [(visit.visitor_id, visit_id), *([visit.other_key] if visit.other_key else ())]


def continuing(batch: list[Keyed]) -> list[VisitKey]:
    """The keys of the batch's pages that may continue a visit."""
    return [key for visit, visit_id in batch if visit.continues for key in keys_of(visit, visit_id)]


def newest_visit(visitor: str, greatest: str) -> str:
    """Return an SQL expression for the id of a visitor's latest visit. `greatest` is the name of an SQL function.

    No index sorts a visitor's visits, so only a bounded number of rows is read. For a visitor with more than
    MAX_VISITS_READ visits and none among the latest NEWEST_VISITS_READ, the result may not be the visitor's latest
    visit.
    """
    return NEWEST_VISIT.format(visitor=visitor, greatest=greatest, most=MAX_VISITS_READ, newest=NEWEST_VISITS_READ)
