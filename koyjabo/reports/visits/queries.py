"""Queries for searching visits, newest or oldest first, in id ranges of limited size. A day is a range of ids
(`counting.queries.id_range`). All rows in a range are read, except for communities, which have an index. More indexes
would make every registration too expensive: one on location added 7 to 15 µs to 18.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from koyjabo.base.core.identity import DELETED_ID
from koyjabo.base.core.urls import normal
from koyjabo.base.models import SITE
from koyjabo.base.network import user_agents
from koyjabo.base.network.location_names import COUNTRIES_BY_CODE
from koyjabo.columns.dimensions.sources import Sources
from koyjabo.counting.models import COLUMN_LABEL, HourlyVisits, Visit
from koyjabo.counting.queries import id_range, ids_of
from koyjabo.counting.records import is_late
from koyjabo.people.models import Community, User
from .condition_queries import SearchFilter, conditions
from .source_queries import DIRECT_SOURCE, OfSource

YEAR_9999_MS = 253_370_764_800_000
"""Upper limit for a time, ms. Clients may send any number."""

HOUR_S = 3_600

FIRST_STRETCH, LONGEST_STRETCH = 2_000, 50_000
"""Number of rows read per statement: few at first, because a page may soon be full, then twice as many each time."""

STORED_COLUMNS = {column.name: column for column in Visit.__table__.columns}

MAX_EXAMINED_VISITS = 10_000
"""Number of latest visits, by id, that are examined for frequent values."""

MAX_FREQUENT_VALUES = 100
"""Maximum number of values of each kind."""

Counts = tuple[tuple[str, int], ...]


class Search(NamedTuple):
    """The ids to read, and the conditions on them."""

    after: int  # ids greater than this
    upto: int
    conditions: tuple[ColumnElement[bool], ...]
    is_indexed: bool  # an index finds the few matching rows, so the range is not split
    of_source: OfSource | None = None

    def past(self, cursor: int, newest_first: bool) -> "Search":
        """The rest of the search after `cursor`, in the given order."""
        if newest_first:
            return self._replace(upto=min(self.upto, cursor - 1))
        return self._replace(after=max(self.after, cursor))

    def between(self, session: Session, after: int, upto: int) -> tuple[ColumnElement[bool], ...]:
        """The conditions on rows with ids from `after`, exclusive, to `upto`."""
        conditions = Visit.id > after, Visit.id <= upto, *self.conditions
        return self.of_source(session, conditions) if self.of_source else conditions

    def ends_at(self, reached: int, newest_first: bool) -> bool:
        """Whether nothing is left once this id has been read."""
        return reached <= self.after + 1 if newest_first else reached >= self.upto


class LoggedVisit(NamedTuple):
    id: int
    ordinal: int
    at_ms: int
    visitor_id: str
    visit_id: str
    place: str
    referrer: str | None
    user_agent: str | None
    page: str | None
    is_bot: bool
    community_id: str | None
    community: str | None  # None if it was deleted
    user_id: str | None
    user: str | None
    client_ms: int | None = None  # the time claimed by the client
    waited_ms: int | None = None  # how long it waited to be sent
    community_bn: str = ""  # its name in Bangla
    columns: Mapping[str, Any] = MappingProxyType({})  # all columns by name, as they are stored

    @property
    def opened_ms(self) -> int | None:
        """When the visit was opened, if it was offline (specification: Register a visit)."""
        return self.at_ms - (self.waited_ms or 0) if is_late(self.waited_ms) else None

    @property
    def device_ms(self) -> int | None:
        """The device's clock, if that is a time that can be shown."""
        return self.client_ms if 0 < (self.client_ms or 0) < YEAR_9999_MS else None


class SearchPage(NamedTuple):
    """The matching visits, and the last id that was read. All matches up to this id are included."""

    visits: tuple[LoggedVisit, ...]
    reached: int


class Count(NamedTuple):
    """The number of matching visits. If counting took too long or reached the maximum, it is incomplete and a lower
    bound.
    """

    visits: int
    is_complete: bool


NAMED_COLUMNS = tuple(name for name in LoggedVisit._fields if name in STORED_COLUMNS)
LABELS_OF_COLUMNS = {
    name: column.info[COLUMN_LABEL] for name, column in STORED_COLUMNS.items() if COLUMN_LABEL in column.info
}
"""Labels for the other columns that a visit's page shows."""


def search(session: Session, which: SearchFilter) -> Search:
    """The search, limited to the visits that exist now."""
    return Search(*id_range(session, which.began_ms, which.ended_ms), *conditions(session, which), which.source)


def count(session: Session, query: Search, most: int, patience_s: float) -> Count:
    """Count up to `most`, for about `patience_s`."""
    until, visits = time.monotonic() + patience_s, 0
    for after, upto in _stretches(query, newest_first=True):
        rows = select(Visit.id).where(*query.between(session, after, upto)).limit(most - visits)
        visits += session.scalar(select(func.count()).select_from(rows.subquery())) or 0
        is_complete = after == query.after
        if visits == most or is_complete or time.monotonic() > until:
            return Count(visits, is_complete and visits < most)
    return Count(0, True)


def count_all(session: Session, which: SearchFilter) -> Count | None:
    """The count from hourly sums, if only time and community are filtered. None with other filters, or if the stored
    hours belong to another TIMEZONE and do not begin at the filtered time.
    """
    if which._replace(began_ms=None, ended_ms=None, community_id="", sees_ids=True) != SearchFilter():
        return None
    began_s, ended_s = (which.began_ms or 0) // 1000, (which.ended_ms or YEAR_9999_MS) // 1000
    hours, scope = HourlyVisits, which.community_id or SITE
    here = (hours.scope == scope, hours.hour_s > began_s - HOUR_S, hours.hour_s < ended_s)
    whole = case((hours.hour_s.between(began_s, ended_s - HOUR_S), hours.visits), else_=0)
    visits, of_whole_hours = session.execute(select(func.sum(hours.visits), func.sum(whole)).where(*here)).one()
    return Count(int(visits or 0), True) if visits == of_whole_hours else None


def of_ordinal(session: Session, ordinal: int) -> tuple[LoggedVisit, ...]:
    """The visits with this number, newest first."""
    of_these = select(Visit.__table__).where(Visit.id.in_(ids_of(session, ordinal)))
    return _with_names(session, [*session.execute(of_these.order_by(Visit.id.desc()))])


def at_ms(session: Session, visit_id: int) -> int | None:
    """The time (ms) of the visit with this id, or of the next one if it no longer exists."""
    return session.scalar(select(Visit.at_ms).where(Visit.id >= visit_id).order_by(Visit.id).limit(1))


def id_of(session: Session, visitor_id: str, visit_id: str) -> int | None:
    return session.scalar(select(Visit.id).where(Visit.visitor_id == visitor_id, Visit.visit_id == visit_id))


def visits(session: Session, query: Search, count: int, patience_s: float, newest_first: bool = False) -> SearchPage:
    """The first `count` matching visits in this order, or fewer if finding them takes longer than `patience_s`."""
    until = time.monotonic() + patience_s
    reached = query.upto + 1 if newest_first else query.after
    order = Visit.id.desc() if newest_first else Visit.id
    rows: list[Any] = []
    for after, upto in _stretches(query, newest_first):
        stretch = query.between(session, after, upto)
        rows += session.execute(select(Visit.__table__).where(*stretch).order_by(order).limit(count - len(rows))).all()
        reached = after + 1 if newest_first else upto
        if len(rows) == count:
            return SearchPage(_with_names(session, rows), rows[-1].id)
        if time.monotonic() > until:
            break
    return SearchPage(_with_names(session, rows), reached)


def _stretches(query: Search, newest_first: bool) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids in this order. A range excludes its first id and includes its second."""
    after, upto, size = query.after, query.upto, FIRST_STRETCH
    while upto > after:
        size = upto - after if query.is_indexed else min(size, upto - after)
        low = upto - size if newest_first else after
        yield low, low + size
        after, upto = (after, low) if newest_first else (low + size, upto)
        size = min(size * 2, LONGEST_STRETCH)


def _with_names(session: Session, rows: list[Any]) -> tuple[LoggedVisit, ...]:
    scopes, user_ids = {row.scope for row in rows} - {SITE}, {row.user_id for row in rows} - {None}
    communities = _by_id(session, scopes, Community.id, Community.name, Community.name_bn)
    users = _by_id(session, user_ids, User.id, User.name)
    visits = []
    for row in rows:
        columns, scope, user_id = row._mapping, row.scope, row.user_id
        visit = LoggedVisit(
            community_id=None if scope == SITE else scope,
            community=communities[scope].name if scope in communities else None,
            community_bn=communities[scope].name_bn if scope in communities else "",
            user_id=None if user_id == DELETED_ID else user_id,
            user=users[user_id].name if user_id in users else None,
            columns=columns,
            **{name: columns[name] for name in NAMED_COLUMNS if name != "user_id"},
        )
        visits.append(visit)
    return tuple(visits)


def _by_id(session: Session, ids: set[str], key: Any, *columns: Any) -> dict[str, Any]:
    rows = session.execute(select(key, *columns).where(key.in_(ids))).all() if ids else []
    return {row.id: row for row in rows}


class Frequent(NamedTuple):
    """Values and their numbers of visits, most frequent first. A country includes its cities."""

    places: Counts
    pages: Counts
    sources: Counts  # as in reports, and DIRECT_SOURCE
    browsers: Counts  # names of browsers and systems


def frequent(session: Session, sources: Sources, began_ms: int | None, ended_ms: int | None) -> Frequent:
    after, upto = id_range(session, began_ms, ended_ms)
    newest = Visit.id > max(after, upto - MAX_EXAMINED_VISITS), Visit.id <= upto
    columns: Any = ((Visit.place,), (Visit.page,), (Visit.referrer, Visit.campaign), (Visit.user_agent,))
    places, pages, origins, agents = (
        [*session.execute(select(*names, func.count()).where(*newest).group_by(*names))] for names in columns
    )
    by_source = ((sources.of_visit(*origin).domain or DIRECT_SOURCE, count) for *origin, count in origins)
    pages = [(page and normal(page), count) for page, count in pages]
    names = ((name, count) for agent, count in agents for name in user_agents.of(agent or ""))
    cities = ((place.rpartition(", "), count) for place, count in places)
    places += [
        (COUNTRIES_BY_CODE[code], count) for (city, _, code), count in cities if city and code in COUNTRIES_BY_CODE
    ]
    return Frequent(*map(_largest, (places, pages, by_source, names)))


def _largest(counts: Iterable[tuple[str | None, int]]) -> Counts:
    summed: Counter[str] = Counter()
    for value, count in counts:
        if value:
            summed[value] += count
    return tuple(sorted(summed.items(), key=lambda item: (-item[1], item[0]))[:MAX_FREQUENT_VALUES])
