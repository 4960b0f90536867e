"""Every visit there was, for admins of the site: looked through page by page, and exported."""

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
from koyjabo.identity import OPERATOR, Account, uuid_of
from koyjabo.models import SITE, Scope
from koyjabo.text import N_
from koyjabo.visit_log import file_format, queries
from koyjabo.visit_log.queries import LoggedVisit, Search, SearchFilter

__all__ = ["Extract", "Filter", "Found", "LoggedVisit", "VisitLog"]

PATIENCE_S = 1.0
"""How long a page is searched for; who wants to look further back asks again. 5 million visits take about as long."""

PIECE, PIECE_S = 500, 0.2
"""Visits in a piece of an export, and how long it may take: reports wait meanwhile."""

LARGE_PIECE = 5_000
"""The same for the operator, for whom nobody waits."""

WHO = {"people": False, "bots": True}
"""Whose visits are looked for, by whether they were a declared crawler's."""

YEARS = range(1971, 9999)
FOREVER = "9999-12-31"


class Filter(NamedTuple):
    """Which visits; "" is any. Days are those of TIMEZONE, both included.

    `text` is the number of a visit, a visitorId as a whole; where there is none, how one begins, or a visitId.
    """

    first_day: str = ""  # YYYY-MM-DD
    last_day: str = ""
    place: str = ""
    community_id: str = ""
    text: str = ""
    who: str = ""  # one of WHO


class Found(NamedTuple):
    """Visits, newest first, and the cursor to go on with: None at the end.

    A page that is not full and has a cursor ran out of its time; `looked_back_to_ms` says how far back it came.
    """

    visits: tuple[LoggedVisit, ...]
    before: int | None
    looked_back_to_ms: int | None


class Extract(NamedTuple):
    """An export in pieces that are made as they are taken: text, and how many of all `ids` were looked at for it."""

    ids: int
    pieces: Iterator[tuple[str, int]]


class _Asked(NamedTuple):
    """What a filter says, once it is known to make sense."""

    first: date | None
    last: date | None
    place: str
    community_id: str
    text: str
    is_bot: bool | None


class VisitLog:
    """Everybody else is Forbidden. Raises InvalidInput by field of the filter, and LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def page(self, account: Account, which: Filter, before: int | None = None, count: int = 50) -> Found:
        """`count` visits from before the cursor, or as many as are found in time."""
        account.require_site_admin()
        wanted = self._wanted(which)
        return self._database.report(_page, wanted, before, count)

    def export(self, account: Account, which: Filter, kind: str) -> Iterator[str]:
        """All of them as text of one of `exports.MIMETYPES`, the oldest first, in pieces that are made as they are
        taken. Visits that come meanwhile are not in it. The audit log has its line before this returns.
        """
        account.require_site_admin()
        search = self._database.report(queries.search, self._wanted(which))
        self._note_export(account, which, kind=kind)
        return chain((file_format.head(kind),), (text for text, _ in self._pieces(kind, search, PIECE)))

    def extract(self, which: Filter, kind: str, last: tuple[str, str] | None = None) -> Extract:
        """The same for the operator, from after the visit that has this visitorId and visitId on. Raises InvalidInput
        where there is none.
        """
        search = self._database.report(_search_after, self._wanted(which), last)
        self._note_export(OPERATOR, which, kind=kind)
        return Extract(search.upto - search.after, self._pieces(kind, search, LARGE_PIECE))

    def export_days(self, account: Account, which: Filter, kind: str) -> Iterator[str]:
        """How many visits each day had, of the site or of the filter's community; days of no visit are left out."""
        account.require_site_admin()
        asked = _asked(which)
        scope, first, last = Scope(asked.community_id or SITE), str(asked.first or ""), str(asked.last or FOREVER)
        found = self._database.report(timeline_queries.by_day, scope, first, last)
        self._note_export(account, which, kind=kind, days=True)
        rows = ({"day": day, **numbers._asdict()} for day, numbers in found.items())
        return iter((file_format.head(kind, ("day", *Visited._fields)), file_format.lines(kind, rows)))

    def _note_export(self, account: Account, which: Filter, **details: Any) -> None:
        said: dict[str, Any] = {name: value for name, value in which._asdict().items() if value}
        if "text" in said:
            said["text"] = True  # often a visitorId, and the line would outlive that
        entry = log.actor(account, self._clock).entry("visits.export", Subject("visits", "", ""), **details, **said)
        self._database.write(entry.store)

    def _pieces(self, kind: str, search: Search, size: int) -> Iterator[tuple[str, int]]:
        """Text, and how many ids have been looked at for it."""
        while search.after < search.upto:
            text, reached = self._database.report(_piece, kind, search, size)
            looked_at, search = reached - search.after, search._replace(after=reached)
            yield text, looked_at

    def _wanted(self, which: Filter) -> SearchFilter:
        asked = _asked(which)
        began, ended = self._begins(asked.first), self._begins(asked.last, days=1)
        return SearchFilter(began, ended, asked.place, asked.community_id, asked.text, asked.is_bot)

    def _begins(self, day: date | None, days: int = 0) -> int | None:
        """The moment a day begins, ms, or one so many days later."""
        return None if day is None else self._clock.began_s((day + timedelta(days)).isoformat()) * 1000


def _asked(which: Filter) -> _Asked:
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
    return _Asked(first, last, place, community_id, text, WHO.get(which.who.strip()))


def _day(which: Filter, name: str, problems: dict[str, Any]) -> date | None:
    said = getattr(which, name).strip()
    try:
        found = date.fromisoformat(said) if said else None
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
    found, reached = queries.look_back(session, search, count + 1, PATIENCE_S)
    if len(found) > count:
        return Found(found[:count], found[count - 1].id, None)
    if reached <= search.after + 1:
        return Found(found, None, None)
    return Found(found, reached, queries.at_ms(session, reached))


def _piece(session: Any, kind: str, search: Search, size: int) -> tuple[str, int]:
    found, reached = queries.look_on(session, search, size, PIECE_S)
    return file_format.text(kind, found), reached


def _search_after(session: Any, wanted: SearchFilter, last: tuple[str, str] | None) -> Search:
    search = queries.search(session, wanted)
    if last is None:
        return search
    reached = queries.id_of(session, *last)
    if reached is None:
        raise InvalidInput("The last visit in this file is not in this database. Start a new file.")
    return search._replace(after=max(search.after, reached))
