"""What a report is about: days, a scope, and filters on dimensions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import ATTENDED_FILTER, Value, has_many
from koyjabo.counting.evidence.facts import NOBODY

FIRST_YEAR, LAST_YEAR = 1970, 2999
FIRST_DAY, LAST_DAY = f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31"

CONFLICT = N_("Already filtered, by other values")

Filters: TypeAlias = "Mapping[str, Filter]"
"""Filters by dimension."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter on one dimension: the value must be in `any_of`, unless `any_of` is empty, and must not be in
    `none_of`.
    """

    any_of: frozenset[Value] = frozenset()
    none_of: frozenset[Value] = frozenset()

    def both(self, other: "Filter") -> "Filter":
        """Return a filter that passes only what both filters pass."""
        if not self.any_of or not other.any_of:
            return Filter(self.any_of | other.any_of, self.none_of | other.none_of)
        return Filter(self.any_of, self.none_of | other.none_of | (self.any_of - other.any_of))

    def passes(self, values: Collection[Value], is_none: bool) -> bool:
        """Return whether a visit with these values passes. `is_none` is set if no value was recorded."""
        if self.any_of and self.any_of.isdisjoint(values) and not (is_none and None in self.any_of):
            return False
        return None not in self.none_of if is_none else self.none_of.isdisjoint(values)

    def __bool__(self) -> bool:
        return bool(self.any_of or self.none_of)


def passes_none(dimension: str, filter_: Filter) -> bool:
    """Return whether a visit without a recorded value passes. Visits that were not measured are not attended."""
    return filter_.passes((), is_none=True) and not (dimension == ATTENDED_FILTER and NOBODY in filter_.none_of)


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """A query about the days `first` to `last` (inclusive), YYYY-MM-DD in TIMEZONE. `last` is not later than today.

    If `since_ms` is set, only visits counted from this time on are included. If `until_ms` is set, only visits counted
    before this time are included, for comparison with a day that has not ended.
    """

    first: str
    last: str
    scope: Scope = SITE
    filters: Filters = field(default_factory=dict)
    until_ms: int | None = None
    since_ms: int | None = None

    def __hash__(self) -> int:
        return hash((self.first, self.last, self.scope, self.since_ms, self.until_ms, frozenset(self.filters.items())))

    def has(self, day: str, scope: str) -> bool:
        """Return whether the query covers visits on this day in this scope."""
        return self.first <= day <= self.last and self.scope in (SITE, scope)

    def within(self, filters: Filters) -> "ReportQuery":
        """Return the same query about the visits that also pass these filters. Raises InvalidInput if both filter
        the same dimension by different values and a visit may have several values for it, because no single filter
        can express that.
        """
        both, conflicts = dict(self.filters), {}
        for name, filter_ in filters.items():
            own = self.filters.get(name, Filter())
            if has_many(name) and own.any_of and filter_.any_of and own.any_of != filter_.any_of:
                conflicts[name] = CONFLICT
            both[name] = filter_.both(own)
        if conflicts:
            raise InvalidInput(details=conflicts)
        return replace(self, filters=both)
