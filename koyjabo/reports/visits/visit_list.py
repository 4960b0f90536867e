"""Lists and exports all visits for admins of the site. Viewers see the list without visitorIds."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from koyjabo.base.cluster.base import Base
from koyjabo.base.core import spreadsheet
from koyjabo.base.core.clock import Clock
from koyjabo.base.core.days import Days, typed_days
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import MASKED_TEXT, OPERATOR, Account, uuid_of
from koyjabo.base.core.runtime import ReportProgress, unreported
from koyjabo.base.core.sanitize import MAX_TEXT_LENGTH
from koyjabo.base.database.search import MAX_SEARCH_LENGTH
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.counting.queries import Visited, visits_by_day
from koyjabo.people.audit import log
from koyjabo.people.audit.log import Subject
from . import queries, search_terms
from .condition_queries import SearchFilter
from .export_lines import EXPORT_COLUMNS, export_lines
from .queries import Count, Frequent, LoggedVisit, Search
from .source_queries import of_source

SEARCH_LIMIT_S = 1.0
"""Time limit for the search of one slice, s, enough for millions of visits. The next one continues the search."""

MAX_COUNTED_RESULTS, COUNT_S = 10_000, 0.3
"""Limits for counting results: maximum number, and time in s."""

PIECE_SIZE, PIECE_S = 500, 0.2
"""Number of visits in a piece of an export, and its time limit, s. Both are small, because reports wait for
each piece.
"""

LARGE_PIECE_SIZE = 5_000
"""The same for command-line exports, which do not keep reports waiting."""

IS_BOT_BY_NAME = {"people": False, "bots": True}
"""Values of `VisitFilter.who`, with the value of `is_bot` (declared crawler) for each."""

IS_OWN_BY_NAME = {"own": True, "others": False}
"""Values of `VisitFilter.own`, with the value of the column."""

LONGEST_TEXTS = dict.fromkeys(("place", "page", "source", "browser"), MAX_TEXT_LENGTH) | {"text": MAX_SEARCH_LENGTH}
"""The text fields of `VisitFilter`, and their maximum lengths in characters."""

LAST_EXPORT_DAY = "9999-12-31"

VISIT_ACTIONS = {
    "visits.export": N_("Visits exported"),
}


Extract = tuple[int, Iterator[tuple[str, int]]]
"""An export: the number of its ids, and its pieces, which are read as needed. A piece has a text, and the number of ids
read for it.
"""


class VisitFilter(NamedTuple):
    """The conditions of a search as typed by a user; "" matches all visits. Days are in TIMEZONE, both included. Case
    and the script of digits do not matter (`condition_queries.SearchFilter`).

    `text` is one of: a visit number or a range of numbers; a visitorId; or the beginning of a visitorId, a visitId, or
    part of a location, page, source, browser, or name of a user or community.
    """

    first_day: str = ""  # YYYY-MM-DD
    last_day: str = ""
    place: str = ""
    community_id: str = ""
    text: str = ""
    who: str = ""  # a key of IS_BOT_BY_NAME
    page: str = ""
    source: str = ""
    browser: str = ""
    evidence: str = ""  # a key of `condition_queries.EVIDENCE_CONDITIONS`
    network: str = ""  # one of `address_owners.NETWORKS`
    own: str = ""  # a key of IS_OWN_BY_NAME


class VisitSlice(NamedTuple):
    """A slice of visits, and the cursors for the slices with older and newer ones; None at the ends. If the search took
    too long, the slice is not full but has a cursor, and `reached_ms` is the time that the search has reached.
    """

    visits: tuple[LoggedVisit, ...] = ()
    before: int | None = None
    after: int | None = None
    reached_ms: int | None = None


class VisitList:
    """All visits, for admins of the site. Viewers may use everything except exports, with masked visitorIds.

    Raises Forbidden for other accounts, InvalidInput by filter field, and LedgerUnavailable.
    """

    def __init__(self, base: Base) -> None:
        self._database, self._clock, self._parser = base.database, base.clock, base.services[TraitParser]

    def slice(
        self,
        account: Account,
        which: VisitFilter,
        before: int | None = None,
        count: int = 50,
        after: int | None = None,
        newest_first: bool = True,
    ) -> VisitSlice:
        """`count` visits older than the cursor `before`, or as many as are found within SEARCH_LIMIT_S. With `after`,
        the visits just newer than that cursor, or the newest if there are too few. Without `newest_first`, the order is
        reversed. No search reveals a visitorId or email to viewers.
        """
        onward, back = (before, after) if newest_first else (after, before)
        listed = self._database.report(_slice, self._searched_by(account, which), onward, back, count, newest_first)
        return listed._replace(visits=tuple(_as_shown_to(account, visit) for visit in listed.visits))

    def count(self, account: Account, which: VisitFilter) -> Count:
        """The number of matching visits. It is exact if only days or a community are filtered; otherwise it is at most
        MAX_COUNTED_RESULTS + 1, counted within COUNT_S.
        """
        return self._database.report(_count, self._searched_by(account, which))

    def visits_of(self, account: Account, ordinal: int) -> tuple[LoggedVisit, ...]:
        """The visits with this number, newest first. There can only be several if the total was lowered."""
        account.require_site_viewer()
        visits = self._database.report(queries.of_ordinal, ordinal)
        return tuple(_as_shown_to(account, visit) for visit in visits)

    def frequent(self, account: Account, which: VisitFilter) -> Frequent:
        """Choices for the filters: the most frequent locations, pages and sources among the latest visits on these
        days.
        """
        search = self._searched_by(account, which)
        return self._database.report(queries.frequent, self._parser.sources, search.began_ms, search.ended_ms)

    def export(self, account: Account, which: VisitFilter, progress: ReportProgress = unreported) -> Iterator[str]:
        """Yield all matching visits that exist now, oldest first, as pieces of a CSV file that are read as needed. The
        audit entry is written before this returns. `progress` receives the number of ids read.
        """
        account.require_site_admin()
        search = self._database.report(queries.search, self._search_filter(which))
        self._record_export(account, which)

        def read() -> Iterator[str]:
            yield spreadsheet.head(EXPORT_COLUMNS)
            with progress(search.upto - search.after, "Exporting") as advance:
                for text, ids in self._pieces(search, PIECE_SIZE):
                    advance(ids)
                    yield text

        return read()

    def extract(self, which: VisitFilter, last: tuple[str, str] | None = None) -> Extract:
        """Like `export`, for the operator. With `last`, a (visitorId, visitId), only later visits are exported. Raises
        InvalidInput if that visit does not exist.
        """
        search = self._database.report(_search_after, self._search_filter(which), last)
        self._record_export(OPERATOR, which)
        return search.upto - search.after, self._pieces(search, LARGE_PIECE_SIZE)

    def export_days(self, account: Account, which: VisitFilter) -> Iterator[str]:
        """Yield the number of visits per day, on the site or in the filter's community. Days without visits are left
        out.
        """
        account.require_site_admin()
        (first, last), community_id = _validated(which)
        scope, days = Scope(community_id or SITE), (str(first or ""), str(last or LAST_EXPORT_DAY))
        by_day = self._database.report(visits_by_day, scope, *days)
        self._record_export(account, which, days=True)
        rows = ({"day": day, **numbers._asdict()} for day, numbers in by_day.items())
        return iter((spreadsheet.head(("day", *Visited._fields)), spreadsheet.lines(rows)))

    def _record_export(self, account: Account, which: VisitFilter, **details: Any) -> None:
        conditions: dict[str, Any] = {name: value for name, value in which._asdict().items() if value}
        if "text" in conditions:
            conditions["text"] = True  # not its value: a visitorId must not outlive the visitor's erasure in the log
        subject = Subject("visits", "", "")
        entry = log.actor(account, self._clock).entry("visits.export", subject, **details, **conditions)
        self._database.write(entry.store)

    def _pieces(self, search: Search, size: int) -> Iterator[tuple[str, int]]:
        """Yield texts, each with the number of ids read for it."""
        while search.after < search.upto:
            text, reached = self._database.report(_piece, search, size, self._parser, self._clock)
            ids, search = reached - search.after, search._replace(after=reached)
            yield text, ids

    def _searched_by(self, account: Account, which: VisitFilter) -> SearchFilter:
        account.require_site_viewer()
        return self._search_filter(which)._replace(sees_ids=account.is_admin)

    def _search_filter(self, which: VisitFilter) -> SearchFilter:
        days, community_id = _validated(which)
        texts: dict[str, Any] = {
            name: search_terms.plain(getattr(which, name), most) for name, most in LONGEST_TEXTS.items()
        }
        if source := texts.pop("source"):
            texts["source"] = of_source(self._parser.sources, source)
        return SearchFilter(
            *self._clock.range_ms(days),
            community_id=community_id,
            is_bot=IS_BOT_BY_NAME.get(which.who.strip()),
            evidence=which.evidence,
            network=which.network,
            is_own=IS_OWN_BY_NAME.get(which.own),
            **texts,
        )


def _as_shown_to(account: Account, visit: LoggedVisit) -> LoggedVisit:
    if account.is_admin:
        return visit
    columns = {**visit.columns, "visitor_id": MASKED_TEXT, "visit_id": MASKED_TEXT}
    return visit._replace(visitor_id=MASKED_TEXT, visit_id=MASKED_TEXT, columns=columns)


def _validated(which: VisitFilter) -> tuple[Days, str]:
    """The days, and the community's id. Raises InvalidInput."""
    problems: dict[str, Any] = {}
    days = Days(None, None)
    try:
        days = typed_days(which.first_day, which.last_day)
    except InvalidInput as error:
        problems = error.details
    community_id = uuid_of(which.community_id.strip()) or ""
    if which.community_id.strip() and not community_id:
        problems["community_id"] = N_("must be the id of a community")
    if problems:
        raise InvalidInput(details=problems)
    return days, community_id


def _slice(
    session: Any, which: SearchFilter, onward: int | None, back: int | None, count: int, newest_first: bool
) -> VisitSlice:
    """The visits after the cursor `onward`, or the visits before the cursor `back` if they fill the slice."""
    search = queries.search(session, which)
    if back is not None:
        is_reversed = not newest_first
        visits, _ = queries.visits(session, search.past(back, is_reversed), count + 1, SEARCH_LIMIT_S, is_reversed)
        if len(visits) > count:
            return _in_order(visits[count - 1 :: -1], visits[0].id, visits[count - 1].id, newest_first)
        onward = None
    if onward is not None:
        search = search.past(onward, newest_first)
    visits, reached = queries.visits(session, search, count + 1, SEARCH_LIMIT_S, newest_first)
    first = visits[0].id if visits and onward is not None else None
    if onward is not None and not visits:
        first = onward - 1 if newest_first else onward + 1
    if len(visits) > count:
        return _in_order(visits[:count], visits[count - 1].id, first, newest_first)
    if search.ends_at(reached, newest_first):
        return _in_order(visits, None, first, newest_first)
    return _in_order(visits, reached, first, newest_first)._replace(reached_ms=queries.at_ms(session, reached))


def _in_order(visits: tuple[LoggedVisit, ...], onward: int | None, back: int | None, newest_first: bool) -> VisitSlice:
    return VisitSlice(visits, onward, back) if newest_first else VisitSlice(visits, back, onward)


def _count(session: Any, which: SearchFilter) -> Count:
    total = queries.count_all(session, which)
    return total or queries.count(session, queries.search(session, which), MAX_COUNTED_RESULTS + 1, COUNT_S)


def _piece(session: Any, search: Search, size: int, parser: TraitParser, clock: Clock) -> tuple[str, int]:
    visits, reached = queries.visits(session, search, size, PIECE_S)
    return export_lines(visits, parser, clock), reached


def _search_after(session: Any, which: SearchFilter, last: tuple[str, str] | None) -> Search:
    search = queries.search(session, which)
    if last is None:
        return search
    reached = queries.id_of(session, *last)
    if reached is None:
        raise InvalidInput("The last visit in this file is not in this database. Start a new file.")
    return search._replace(after=max(search.after, reached))
