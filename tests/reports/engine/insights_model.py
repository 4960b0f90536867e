"""Computes reports from a list of visits as the specification defines them, to compare with the real ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from koyjabo.base.core.clock import Clock
from koyjabo.base.models import SITE
from koyjabo.columns.dimensions.dimensions import Value
from koyjabo.columns.dimensions.readers import TRAITS
from koyjabo.columns.dimensions.trait_parser import TraitParser
from koyjabo.columns.query.report_query import Filter, ReportQuery
from koyjabo.counting.models import IN_COMMUNITY, ON_SITE, Visit as StoredVisit
from koyjabo.counting.records import NewVisit

STORED_COLUMNS = StoredVisit.__table__.columns.keys()

Figures = tuple[int, int, int, int, int, int]
"""(visits, visitors, new visitors, page views, attended visits, their total length in s)"""


@dataclass
class Visit:
    """A counted visit, with the scopes where it was its visitor's first."""

    new: NewVisit
    person: str
    day: str
    hour_s: int
    is_new_in: set[str]
    columns: dict[str, Any]  # as they are stored, but for what is random
    values: dict[str, Value]
    attended_ms: int | None = None
    acted: bool = False
    automated: bool = False
    is_reduced: bool = False

    def value(self, dimension: str) -> Value:
        if dimension == "attended":
            return self.attended
        if dimension == "evidence":
            seen = "stayed" if self.is_attended else self.attended
            return "automated" if self.automated or self.new.is_bot else "acted" if self.acted else seen
        return self.values[dimension]

    @property
    def attended(self) -> Value:
        if self.attended_ms is None:
            return None
        return "attended" if self.attended_ms >= 1_000 else "none"

    @property
    def is_attended(self) -> bool:
        return self.attended == "attended"


@dataclass
class InsightsModel:
    clock: Clock
    parser: TraitParser = field(default_factory=TraitParser)
    visits: list[Visit] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)  # (scope, person)

    def count(self, visit: NewVisit) -> None:
        """Count a visit that is not a retry."""
        scopes = {SITE, visit.scope}
        is_new_in = {scope for scope in scopes if (scope, visit.visitor_id) not in self.known}
        self.known |= {(scope, visit.visitor_id) for scope in scopes}
        bucket = self.clock.bucket(visit.at_ms)
        columns = {**dict.fromkeys(STORED_COLUMNS), **visit._asdict(), **bucket._asdict(), "id": len(self.visits) + 1}
        values = {"page": visit.page, "own": "others", "community": None if visit.scope == SITE else visit.scope}
        values |= {
            "weekday": format(date.fromisoformat(bucket.day), "%u"),
            "hour": str(int(self.clock.local(bucket.hour_s)[11:13])),
        }
        self.visits.append(Visit(visit, visit.visitor_id, *bucket, is_new_in, columns, values))
        self._parse(self.visits[-1])

    def _parse(self, visit: Visit) -> None:
        visit.values |= zip(TRAITS, self.parser.of(visit.columns), strict=True)

    def forget(self, visitor_id: str) -> bool:
        """Give a visitor a random name. Returns False if the visitor is unknown."""
        is_known = (SITE, visitor_id) in self.known
        self.known = {pair for pair in self.known if pair[1] != visitor_id}
        for visit in self.visits:
            if visit.person == visitor_id:
                visit.person = f"~{len(self.visits)} {visitor_id}"
        return is_known

    def reduce(self, ids: Iterable[int]) -> None:
        """Give the visitors of reduced visits an id of the month. A visitor without other visits is new again."""
        for id in ids:
            visit = self.visits[id - 1]
            if not visit.is_reduced:
                visit.is_reduced, visit.person = True, f"{visit.person} {visit.day[:7]}"
                theirs = (other.columns["visitor_number"] for other in self.visits if other.person == visit.person)
                visit.columns["visitor_number"] = next(filter(None, theirs), id)
                bits = {SITE: ON_SITE, visit.new.scope: IN_COMMUNITY} if visit.new.scope != SITE else {SITE: ON_SITE}
                visit.columns["new_in"] = sum(bits[scope] for scope in visit.is_new_in)
                self._parse(visit)
        kept = {(scope, visit.person) for visit in self.visits for scope in (SITE, visit.new.scope)}
        self.known &= kept

    def has_several_ids(self, query: ReportQuery) -> bool:
        """Whether a visitor may have several ids on the days of the query."""
        days = [visit for visit in self.visits if query.first <= visit.day <= query.last]
        return len({visit.is_reduced and visit.day[:7] for visit in days}) > 1

    def visits_of(self, query: ReportQuery) -> list[Visit]:
        return [visit for visit in self.visits if self._is_included(visit, query)]

    def figures(self, query: ReportQuery) -> Figures:
        return figures(self.visits_of(query), query.scope)

    def measured(self, query: ReportQuery) -> int:
        return len(self._lengths_s(query))

    def median_s(self, query: ReportQuery) -> int | None:
        lengths_s = sorted(self._lengths_s(query))
        return lengths_s[(len(lengths_s) - 1) // 2] if lengths_s else None

    def _lengths_s(self, query: ReportQuery) -> list[int]:
        """The attended times of measured visits."""
        measured = [visit for visit in self.visits_of(query) if visit.attended_ms is not None]
        return [visit.attended_ms // 1000 if visit.is_attended else 0 for visit in measured]

    def breakdown(self, query: ReportQuery, dimension: str) -> dict[Value, Figures]:
        return self._by(query, lambda visit: visit.value(dimension))

    def timeline(self, query: ReportQuery, granularity: str) -> dict[str, Figures]:
        return self._by(query, lambda visit: self._period(visit, granularity))

    def _by(self, query: ReportQuery, key: Callable[[Visit], Any]) -> dict[Any, Figures]:
        groups: defaultdict[Any, list[Visit]] = defaultdict(list)
        for visit in self.visits_of(query):
            groups[key(visit)].append(visit)
        return {group: figures(visits, query.scope) for group, visits in groups.items()}

    def _period(self, visit: Visit, granularity: str) -> str:
        day = date.fromisoformat(visit.day)
        if granularity == "hour":
            return self.clock.local(visit.hour_s)
        if granularity == "week":
            return str(day - timedelta(day.weekday()))
        return str(day.replace(day=1)) if granularity == "month" else visit.day

    def _is_included(self, visit: Visit, query: ReportQuery) -> bool:
        return (
            query.first <= visit.day <= query.last
            and query.scope in (SITE, visit.new.scope)
            and (query.until_ms is None or visit.new.at_ms < query.until_ms)
            and (query.since_ms is None or visit.new.at_ms >= query.since_ms)
            and all(_passes(dimension, visit.value(dimension), filter_) for dimension, filter_ in query.filters.items())
        )


def figures(visits: Iterable[Visit], scope: str) -> Figures:
    remaining = list(visits)
    people = {visit.person for visit in remaining}
    new = sum(scope in visit.is_new_in for visit in remaining)
    attended = [visit.attended_ms for visit in remaining if visit.is_attended]
    pages = sum(visit.new.page is not None for visit in remaining)
    return len(remaining), len(people), new, pages, len(attended), sum(attended) // 1000


def _passes(dimension: str, value: Value, filter_: Filter) -> bool:
    if dimension == "attended" and value is None and "none" in filter_.none_of:
        return False
    return (not filter_.any_of or value in filter_.any_of) and value not in filter_.none_of
