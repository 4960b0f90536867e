"""The question that a report answers: a scope, a range of days, filters, and the end time of a compared day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.evidence.facts import ATTENDED_LENGTHS, NOBODY
from koyjabo.reports.query.dimensions import ATTENDED, has_many

CONFLICT = N_("Already filtered, by other values")

Value = str | None
"""A dimension value; None if it was not recorded."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter on one dimension: the value must be in `any_of`, unless `any_of` is empty, and must not be in
    `none_of`.
    """

    any_of: frozenset[Value] = frozenset()
    none_of: frozenset[Value] = frozenset()

    def both(self, other: Filter) -> Filter:
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


IS_ATTENDED = Filter(none_of=frozenset({NOBODY}))
"""The filter `attended=!none`."""


def passes_none(dimension: str, filter_: Filter) -> bool:
    """Return whether a visit without a recorded value passes. Visits that were not measured are not attended."""
    return filter_.passes((), is_none=True) and not (dimension == ATTENDED and NOBODY in filter_.none_of)


Filters = Mapping[str, Filter]
"""Filters by dimension."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the days `first` to `last` (inclusive), YYYY-MM-DD in TIMEZONE. `last` is not later than today.

    If `until_ms` is set, only visits counted before this time are included, for comparison with a day that has not
    ended.
    """

    first: str
    last: str
    scope: Scope = SITE
    filters: Filters = field(default_factory=dict)
    until_ms: int | None = None

    def __hash__(self) -> int:
        return hash((self.first, self.last, self.scope, self.until_ms, frozenset(self.filters.items())))

    def has(self, day: str, scope: str) -> bool:
        """Return whether the question covers visits on this day in this scope."""
        return self.first <= day <= self.last and self.scope in (SITE, scope)

    def within(self, filters: Filters) -> Question:
        """Return the same question about the visits that also pass these filters. Raises InvalidInput if both filter
        the same dimension by different values and a visit may have several values for it, because no single filter
        can express that.
        """
        if conflicts := [name for name in filters.keys() & self.filters.keys() if self._conflicts(name, filters[name])]:
            raise InvalidInput(details=dict.fromkeys(conflicts, CONFLICT))
        both = {name: filter_.both(self.filters.get(name, Filter())) for name, filter_ in filters.items()}
        return replace(self, filters={**self.filters, **both})

    def _conflicts(self, dimension: str, other: Filter) -> bool:
        any_of = self.filters[dimension].any_of
        return has_many(dimension) and bool(any_of and other.any_of) and any_of != other.any_of


def one_value(question: Question) -> tuple[str, Collection[Value]] | None:
    """Return the dimension and value if there is only one filter, it has a single value, and days have sums for its
    dimension. Being attended counts as a single value, although it is the sum of several.
    """
    if len(question.filters) != 1:
        return None
    ((dimension, filter_),) = question.filters.items()
    if dimension == ATTENDED and filter_ == IS_ATTENDED:
        return dimension, ATTENDED_LENGTHS
    is_one = len(filter_.any_of) == 1 and not filter_.none_of and not has_many(dimension)
    return (dimension, filter_.any_of) if is_one else None
