"""A report's query: dimensions, ranges of days and their steps, and what a report is limited to."""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from koyjabo.base.core.clock import MINUTE_MS, Clock, shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.models import SITE, Scope
from koyjabo.counting.evidence.facts import NOBODY

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
TRAITS = ("browser", "system", "device", "source", "channel", *UTM, "country", "city")
"""Parsed values of a visit."""

EVIDENCE, OWN = "evidence", "own"
"""Facts that the server observed about a visit (`counting.evidence.facts`)."""

ATTENDED = "attended"
"""A fact to filter by, which is not a dimension."""

DIMENSIONS = ("page", "viewed_page", *TRAITS, "community", EVIDENCE, OWN, "event")
"""All dimensions except `event:{name}:{property}`."""

EVENT, VIEWED_PAGE = COUNTED = ("event", "viewed_page")
"""Events by name, and page views by page: dimensions whose rows have a `count`. Rows of properties have one as well."""

ADDRESSES = ("page", VIEWED_PAGE)
"""Dimensions whose values are `urls.normal`, and shown as `urls.shown`."""

SOURCE = "source"

PROPERTIES = f"{EVENT}:"
"""Prefix of the dimensions of properties, `event:{name}:{property}`."""

DIRECT, SEARCH, SOCIAL, AI, REFERRAL, CAMPAIGN = "direct", "search", "social", "ai", "referral", "campaign"
"""The values of `channel`."""

BOT = "bot"
"""The `device` of declared crawlers. Other devices are in `base.network.user_agents`."""


def has_many(dimension: str) -> bool:
    """Return whether a visit can have several values for a dimension."""
    return dimension in COUNTED or dimension.startswith(PROPERTIES)


def property_of(dimension: str) -> tuple[str, str]:
    """Return the event name and the property name from `event:{name}:{property}`."""
    _, name, property_ = dimension.split(":", 2)
    return name, property_


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
    return filter_.passes((), is_none=True) and not (dimension == ATTENDED and NOBODY in filter_.none_of)


Filters = Mapping[str, Filter]
"""Filters by dimension."""


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


DEFAULT = "30d"
LAST_HOUR, HOUR_MS = "hour", 3_600_000
DAYS_OF = {"7d": 7, "30d": 30, "90d": 90, "365d": 365}
RANGES = (LAST_HOUR, "today", "yesterday", *DAYS_OF, "month", "all")
NOT_A_RANGE = N_("must be one of hour, today, yesterday, 7d, 30d, 90d, 365d, month, all")
WEEKDAY, PREVIOUS, YEAR, NO_COMPARISON = "weekday", "previous", "year", "none"
COMPARISONS = (WEEKDAY, PREVIOUS, YEAR)
NOT_A_COMPARISON = N_("must be one of weekday, previous, year, none")
WEEK_LENGTH, YEARS, YEAR_OF_WEEKS = 7, (365, 366), 364
"""Lengths in days."""

EPOCH = date(1970, 1, 1)


def preset(name: str, today: str, first_day: Callable[[], str | None]) -> tuple[str, str]:
    """Return the first and last day of one of RANGES, or of two days (`2026-11-01/2026-11-15`), not after today."""
    if "/" in name:
        first, _, last = name.partition("/")
        return min(first, today), min(last, today)
    if name in DAYS_OF:
        return shifted(today, 1 - DAYS_OF[name]), today
    if name == "yesterday":
        return shifted(today, -1), shifted(today, -1)
    if name == "month":
        return f"{today[:8]}01", today
    if name == "all":
        return min(first_day() or today, today), today
    return today, today


def last_hour(query: ReportQuery, clock: Clock) -> ReportQuery:
    """Restrict a query about today to the current minute and the 59 before it."""
    since_ms = (clock.now_ms() // MINUTE_MS + 1) * MINUTE_MS - HOUR_MS
    return replace(query, first=clock.bucket(since_ms).day, since_ms=since_ms)


def compared(query: ReportQuery, how: str, clock: Clock) -> ReportQuery:
    """Return the same query about the same number of earlier days: the same weekdays (WEEKDAY), the days just before
    (PREVIOUS), or a year earlier (YEAR). The last hour is compared with an hour.

    If the range ends today, the earlier range ends at the same time of day.
    """
    first, last = query.first, query.last
    if query.since_ms is not None:
        return _compared_hour(query, query.since_ms, how, clock)
    if how == YEAR:
        days = _year_before(first), _year_before(last)
    else:
        ago = length(query)
        if how == WEEKDAY:  # the smallest number of whole weeks that covers the range; 52 weeks for a year
            ago = YEAR_OF_WEEKS if ago in YEARS else -(-ago // WEEK_LENGTH) * WEEK_LENGTH
        days = shifted(first, -ago), shifted(last, -ago)
    until_ms = clock.same_time_ms(days[1]) if last == clock.today() else None
    return replace(query, first=days[0], last=days[1], until_ms=until_ms)


def _compared_hour(query: ReportQuery, since_ms: int, how: str, clock: Clock) -> ReportQuery:
    now_ms, today = clock.now_ms(), clock.today()
    if how == PREVIOUS:
        until_ms = now_ms - HOUR_MS
    else:
        until_ms = clock.same_time_ms(_year_before(today) if how == YEAR else shifted(today, -WEEK_LENGTH))
    since_ms += until_ms - now_ms
    first, last = clock.bucket(since_ms).day, clock.bucket(until_ms).day
    return replace(query, first=first, last=last, since_ms=since_ms, until_ms=until_ms)


def since(began: str | None, other: ReportQuery) -> ReportQuery | None:
    """Restrict the query to the days from `began` on. Returns None if nothing would be left, or only part of the
    last of several days.
    """
    first = max(other.first, began or "9999")
    if first > other.last or (other.first < first == other.last and other.until_ms is not None):
        return None
    return replace(other, first=first)


def whole_days(query: ReportQuery) -> int:
    """Return the number of whole days, not counting a day that is cut short."""
    return length(query) - (query.until_ms is not None)


def length(query: ReportQuery) -> int:
    """Return the number of days."""
    return day_number(query.last) - day_number(query.first) + 1


def day_number(day: str) -> int:
    """Return the number of days since 1970-01-01."""
    return (date.fromisoformat(day) - EPOCH).days


def _year_before(day: str) -> str:
    year, rest = int(day[:4]) - 1, day[4:]
    try:
        return date.fromisoformat(f"{year:04d}{rest}").isoformat()
    except ValueError:  # 29 February
        return f"{year:04d}-02-28"


MINUTE, HOUR, DAY, WEEK, MONTH = "minute", "hour", "day", "week", "month"
GRANULARITIES = (MINUTE, HOUR, DAY, WEEK, MONTH)
MAX_PERIODS = 2_400
NOT_A_GRANULARITY = N_("must be one of minute, hour, day, week, month")
MAX_DAYS_IN = {HOUR: 1 / 24, DAY: 1, WEEK: WEEK_LENGTH, MONTH: 31}
"""The maximum number of days in one period."""


def check(query: ReportQuery, granularity: str) -> None:
    """Validate a granularity. Raises InvalidInput if it is unknown, or would give more than MAX_PERIODS periods."""
    if granularity not in GRANULARITIES:
        raise InvalidInput(details={"granularity": NOT_A_GRANULARITY})
    if (granularity == MINUTE) != (query.since_ms is not None):
        raise InvalidInput(details={"granularity": N_("must be minute for range=hour, and only for it")})
    least = possible(query, granularity)
    if least != granularity:
        sentence = f"must be {least} or longer for this many days: a timeline has at most {MAX_PERIODS:,} periods"
        raise InvalidInput(details={"granularity": sentence})


def possible(query: ReportQuery, granularity: str) -> str:
    """Return the granularity, or the next coarser one that divides the range into at most MAX_PERIODS. Only the last
    hour has minutes.
    """
    if query.since_ms is not None:
        return MINUTE
    longer = GRANULARITIES[max(GRANULARITIES.index(granularity), GRANULARITIES.index(HOUR)) :]
    return next(step for step in longer if length(query) / MAX_DAYS_IN[step] <= MAX_PERIODS or step == MONTH)


def periods(query: ReportQuery, granularity: str, clock: Clock) -> list[str]:
    """Return the names of all periods in a range, up to the current one."""
    upto_s = (query.until_ms or clock.now_ms()) / 1000
    if granularity == MINUTE and query.since_ms is not None:
        return [clock.local(minute_s) for minute_s in range(query.since_ms // 1000, math.ceil(upto_s), 60)]
    if granularity == HOUR:
        return [clock.local(hour_s) for hour_s in clock.hours(query.first, query.last) if hour_s <= upto_s]
    return list(dict.fromkeys(period_of(day, granularity) for day in days(query.first, query.last)))


def period_of(day: str, granularity: str) -> str:
    """Return the name of the period that contains a day: the day itself, the Monday of its week, or the first day of
    its month.
    """
    if granularity == WEEK:
        return shifted(day, -date.fromisoformat(day).weekday())
    return f"{day[:8]}01" if granularity == MONTH else day


def spans(first: str, last: str, granularity: str) -> dict[str, tuple[str, str]]:
    """Return the first and last day of each period between `first` and `last`, by the period's name. Does not support
    hours.
    """
    by_name: dict[str, tuple[str, str]] = {}
    for day in days(first, last):
        name = period_of(day, granularity)
        by_name[name] = (by_name.get(name, (day,))[0], day)
    return by_name


def running(granularity: str, clock: Clock) -> str:
    """Return the name of the current period."""
    if granularity == HOUR:
        return clock.local(clock.bucket(clock.now_ms()).hour_s)
    if granularity == MINUTE:
        return clock.local(clock.now_ms() // MINUTE_MS * 60)
    return period_of(clock.today(), granularity)


def days(first: str, last: str) -> Iterator[str]:
    """Yield all days from `first` to `last`, inclusive."""
    day = date.fromisoformat(first)
    while day.isoformat() <= last:
        yield day.isoformat()
        day += timedelta(1)
