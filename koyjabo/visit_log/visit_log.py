"""Lists and exports all visits, for admins of the site; its viewers see the list without visitorIds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain
from typing import Any, NamedTuple

from koyjabo.analytics import timeline_queries
from koyjabo.analytics.timeline_queries import Visited
from koyjabo.audit import log
from koyjabo.audit.log import Subject
from koyjabo.clock import Clock
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.errors import InvalidInput
from koyjabo.identity import MASKED, OPERATOR, Account, uuid_of
from koyjabo.models import SITE, Scope
from koyjabo.text import N_
from koyjabo.visit_log import file_format, queries
from koyjabo.visit_log.queries import LoggedVisit, Search, SearchFilter

__all__ = ["Extract", "Filter", "Found", "LoggedVisit", "VisitLog"]

PATIENCE_S = 1.0
"""The longest search for a page, enough for about 5 million visits. The next page continues the search."""

PIECE, PIECE_S = 500, 0.2
"""Visits in a piece of an export, and its longest duration. Short, because reports wait for it."""

LARGE_PIECE = 5_000
"""The same for an export at the command line, where no reports wait."""

WHO = {"people": False, "bots": True}
"""The values of `Filter.who`, and the `is_bot` of such visits: those of declared crawlers or not."""

YEARS = range(1971, 9999)
FOREVER = "9999-12-31"


class Filter(NamedTuple):
    """The conditions of a search, as typed by a user; "" matches all visits. Days are those of TIMEZONE, both included.

    `text` is an ordinal or a visitorId; if no visit has it, the beginning of a visitorId, or a visitId.
    """

    first_day: str = ""  # YYYY-MM-DD
    last_day: str = ""
    place: str = ""
    community_id: str = ""
    text: str = ""
    who: str = ""  # a key of WHO


class Found(NamedTuple):
    """Visits, newest first, and the cursor of the next page: None at the end.

    If the search timed out, the page is not full but has a cursor, and `looked_back_to_ms` is the time it has reached.
    """

    visits: tuple[LoggedVisit, ...]
    before: int | None
    looked_back_to_ms: int | None


class Extract(NamedTuple):
    """An export. `pieces` are generated lazily: a text, and how many of the `ids` to read were read for it."""

    ids: int
    pieces: Iterator[tuple[str, int]]


class _ValidFilter(NamedTuple):
    """The parsed values of a Filter."""

    first: date | None
    last: date | None
    place: str
    community_id: str
    text: str
    is_bot: bool | None


class VisitLog:
    """For admins of the site, and `page` also for its viewers; raises Forbidden for other accounts. Raises InvalidInput
    by field of the filter, and LedgerUnavailable.
    """

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def page(self, account: Account, which: Filter, before: int | None = None, count: int = 50) -> Found:
        """`count` visits from before the cursor, or those found within PATIENCE_S. For viewers of the site, visitorIds
        are masked, and `text` is an ordinal: no search may tell them a visitorId.
        """
        account.require_site_viewer()
        wanted = self._wanted(which)
        if account.is_admin:
            return self._database.report(_page, wanted, before, count)
        if wanted.text and not (wanted.text.isascii() and wanted.text.isdigit()):
            raise InvalidInput(details={"text": N_("must be the number of a visit")})
        found = self._database.report(_page, wanted._replace(is_ordinal=True), before, count)
        return found._replace(visits=tuple(each._replace(visitor_id=MASKED) for each in found.visits))

    def export(self, account: Account, which: Filter, kind: str) -> Iterator[str]:
        """All matching visits that exist now, the oldest first, as text in lazy pieces; `kind` is a key of
        `file_format.MIMETYPES`. Writes the audit entry before it returns.
        """
        account.require_site_admin()
        search = self._database.report(queries.search, self._wanted(which))
        self._record_export(account, which, kind=kind)
        return chain((file_format.head(kind),), (text for text, _ in self._pieces(kind, search, PIECE)))

    def extract(self, which: Filter, kind: str, last: tuple[str, str] | None = None) -> Extract:
        """Like `export`, for the operator. With `last`, (visitorId, visitId), only visits after that one; raises
        InvalidInput if it does not exist.
        """
        search = self._database.report(_search_after, self._wanted(which), last)
        self._record_export(OPERATOR, which, kind=kind)
        return Extract(search.upto - search.after, self._pieces(kind, search, LARGE_PIECE))

    def export_days(self, account: Account, which: Filter, kind: str) -> Iterator[str]:
        """The number of visits by day, of the site or of the filter's community. Days without visits are left out."""
        account.require_site_admin()
        valid = _validated(which)
        scope, first, last = Scope(valid.community_id or SITE), str(valid.first or ""), str(valid.last or FOREVER)
        found = self._database.report(timeline_queries.by_day, scope, first, last)
        self._record_export(account, which, kind=kind, days=True)
        rows = ({"day": day, **numbers._asdict()} for day, numbers in found.items())
        return iter((file_format.head(kind, ("day", *Visited._fields)), file_format.lines(kind, rows)))

    def _record_export(self, account: Account, which: Filter, **details: Any) -> None:
        conditions: dict[str, Any] = {name: value for name, value in which._asdict().items() if value}
        if "text" in conditions:
            conditions["text"] = True  # not its value: a visitorId must not stay in the log after the visitor is erased
        subject = Subject("visits", "", "")
        entry = log.actor(account, self._clock).entry("visits.export", subject, **details, **conditions)
        self._database.write(entry.store)

    def _pieces(self, kind: str, search: Search, size: int) -> Iterator[tuple[str, int]]:
        """Yields texts, and how many ids were read for each."""
        while search.after < search.upto:
            text, reached = self._database.report(_piece, kind, search, size)
            ids, search = reached - search.after, search._replace(after=reached)
            yield text, ids

    def _wanted(self, which: Filter) -> SearchFilter:
        valid = _validated(which)
        began, ended = self._begins(valid.first), self._begins(valid.last, days=1)
        return SearchFilter(began, ended, valid.place, valid.community_id, valid.text, valid.is_bot)

    def _begins(self, day: date | None, days: int = 0) -> int | None:
        """The beginning of a day, or of the day `days` later, ms."""
        return None if day is None else self._clock.began_s((day + timedelta(days)).isoformat()) * 1000


def _validated(which: Filter) -> _ValidFilter:
    """Raises InvalidInput."""
    problems: dict[str, Any] = {}
    first, last = (_day(which, name, problems) for name in ("first_day", "last_day"))
    if first and last and first > last:
        problems["last_day"] = N_("must not be before the first day")
    community_id = uuid_of(which.community_id.strip()) or ""
    if which.community_id.strip() and not community_id:
        problems["community_id"] = N_("must be the id of a community")
    if problems:
        raise InvalidInput(details=problems)
    place, text = (value.replace("\0", "").strip() for value in (which.place, which.text))
    return _ValidFilter(first, last, place, community_id, text, WHO.get(which.who.strip()))


def _day(which: Filter, name: str, problems: dict[str, Any]) -> date | None:
    typed = getattr(which, name).strip()
    try:
        found = date.fromisoformat(typed) if typed else None
    except ValueError:
        found = date.min
    if found is not None and found.year not in YEARS:
        problems[name] = N_("must be a day, such as 2025-12-16")
        return None
    return found


def _page(session: Any, wanted: SearchFilter, before: int | None, count: int) -> Found:
    search = queries.search(session, wanted)
    if before is not None:
        search = search._replace(upto=min(search.upto, before - 1))
    found, reached = queries.newest_first(session, search, count + 1, PATIENCE_S)
    if len(found) > count:
        return Found(found[:count], found[count - 1].id, None)
    if reached <= search.after + 1:
        return Found(found, None, None)
    return Found(found, reached, queries.at_ms(session, reached))


def _piece(session: Any, kind: str, search: Search, size: int) -> tuple[str, int]:
    found, reached = queries.oldest_first(session, search, size, PIECE_S)
    return file_format.text(kind, found), reached


def _search_after(session: Any, wanted: SearchFilter, last: tuple[str, str] | None) -> Search:
    search = queries.search(session, wanted)
    if last is None:
        return search
    reached = queries.id_of(session, *last)
    if reached is None:
        raise InvalidInput("The last visit in this file is not in this database. Start a new file.")
    return search._replace(after=max(search.after, reached))
