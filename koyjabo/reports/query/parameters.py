"""The grammar of queries, shared by the API, the panel's URLs, share links and saved views. A query is a list of
(name, value) pairs, like a query string (specification: Reports).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from operator import itemgetter

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import ASCII_DIGITS, N_
from koyjabo.base.core.sanitize import MAX_TEXT_LENGTH, whole
from koyjabo.base.models import SITE, Scope
from koyjabo.columns.dimensions.dimensions import COMMUNITY, DIMENSION_BY_NAME, Value, dimension_of
from koyjabo.columns.query.report_query import FIRST_YEAR, LAST_DAY, LAST_YEAR, Filter, ReportQuery
from .comparisons import COMPARISONS, NO_COMPARISON, NOT_A_COMPARISON
from .ranges import DAYS_OF_RANGE, DEFAULT_RANGE, NOT_A_RANGE, RANGE_NAMES, preset

Pairs = Iterable[tuple[str, str]]

MAX_VALUES = 200
"""Maximum number of values in all filters combined."""

OF_EVENT = re.compile(r"event:[a-z][a-z0-9_]{0,63}:[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
DAY_PATTERN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
ESCAPED_VALUE = re.compile(r"\\+!")
NEEDS_ESCAPE = re.compile(r"\\*!")

NOT_A_PARAMETER_DAY = N_("must be a date such as 2025-10-31, in the years 1970 to 2999")
NOT_A_DIMENSION = N_("is not a dimension of reports")
ONCE = N_("must be given once")
UNKNOWN_PARAMETER = N_("is not a parameter of this report")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A query's parameters. `others` has the caller's additional parameters, such as `granularity`."""

    query: ReportQuery
    range: str | None = None  # one of RANGE_NAMES, or `default`; None if two days are given
    compare: str | None = None  # one of COMPARISONS
    others: Mapping[str, str] = field(default_factory=dict)
    default: str = DEFAULT_RANGE  # the range if none is given; `is_interval` describes how two days are written

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        today: str,
        first_day: Callable[[], str | None],
        scope: Scope = SITE,
        others: Collection[str] = (),
        default: str = DEFAULT_RANGE,
    ) -> "Parameters":
        """Parse parameters. Raises InvalidInput with a reason per parameter.

        `first_day` returns the first day with visits, for the range `all`. `others` names additional parameters that
        may each be given once.
        """
        problems: dict[str, str] = {}
        single, filters = _sorted(pairs, scope, frozenset(others), problems)
        range_, compare = single.get("range"), single.get("compare")
        has_days = "start" in single or "end" in single
        if has_days and range_ is not None:
            problems["range"] = N_("must not be given together with start or end")
        elif range_ is not None and range_ not in RANGE_NAMES:
            problems["range"] = NOT_A_RANGE
        if compare is not None and compare not in (*COMPARISONS, NO_COMPARISON):
            problems["compare"] = NOT_A_COMPARISON
        first, last = _days(single, today, problems) if has_days else ("", "")
        if problems:
            raise InvalidInput(details=problems)
        if not has_days:
            range_ = range_ or default
            first, last = preset(range_, today, first_day)
        return cls(
            query=ReportQuery(first, last, scope, filters),
            range=range_,
            compare=None if compare == NO_COMPARISON else compare,
            others={name: value for name, value in single.items() if name in others},
            default=default,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Return this query's parameters in a fixed order."""
        query, pairs = self.query, []
        if self.range is None:
            pairs = [("start", query.first), ("end", query.last)]
        elif self.range != self.default:
            pairs = [("range", self.range)]
        if self.compare:
            pairs.append(("compare", self.compare))
        for name, filter_ in sorted(query.filters.items(), key=itemgetter(0)):
            pairs += sorted((name, escaped(value)) for value in filter_.any_of)
            pairs += sorted((name, f"!{escaped(value)}") for value in filter_.none_of)
        return pairs + sorted(self.others.items())


def read_day(text: str) -> date | None:
    """Parse a day (YYYY-MM-DD, years 1970 to 2999). Returns None for any other text."""
    try:
        day = date.fromisoformat(text) if DAY_PATTERN.fullmatch(text) else None
    except ValueError:
        return None
    return day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None


def is_dimension(name: str) -> bool:
    return (name in DIMENSION_BY_NAME and not DIMENSION_BY_NAME[name].is_filter_only) or OF_EVENT.fullmatch(
        name
    ) is not None


def is_filter(name: str) -> bool:
    """Return whether visits can be filtered by this name."""
    return name in DIMENSION_BY_NAME or is_dimension(name)


def is_interval(text: str) -> bool:
    """Return whether a text is an ISO 8601 interval between two days: `2026-11-01/2026-11-15`."""
    first, _, last = text.partition("/")
    try:
        Parameters.of([("start", first), ("end", last)], LAST_DAY, lambda: None)
    except InvalidInput:
        return False
    return text.isascii()


def escaped(value: Value) -> str:
    """Return a value as written in a positive filter. Prefix the result with `!` for a negative filter."""
    return f"\\{value}" if value and NEEDS_ESCAPE.match(value) else value or ""


def _value(name: str, text: str) -> Value:
    r"""Parse a value of a dimension. "" is None; `\!x` is `!x`. An address may be given in any spelling."""
    text = whole(text[1:] if ESCAPED_VALUE.match(text) else text)
    return dimension_of(name).stored(text) or None


def _sorted(
    pairs: Pairs, scope: Scope, others: Collection[str], problems: dict[str, str]
) -> tuple[dict[str, str], dict[str, Filter]]:
    """Return the parameters that are given once, and the filters."""
    single: dict[str, str] = {}
    filters: dict[str, Filter] = {}
    for name, text in pairs:
        if is_filter(name):
            before = filters.get(name, Filter())
            if name == COMMUNITY and scope != SITE:
                problems[name] = N_("must not be given for one community")
            elif sum(len(filter_.any_of) + len(filter_.none_of) for filter_ in filters.values()) >= MAX_VALUES:
                problems[name] = N_("There are more than 200 values to filter by; leave some out")
            elif text.startswith("!"):
                filters[name] = replace(before, none_of=before.none_of | {_value(name, text[1:])})
            else:
                filters[name] = replace(before, any_of=before.any_of | {_value(name, text)})
            if len(text) > MAX_TEXT_LENGTH + 2:
                problems[name] = N_("must not be longer than 512 characters")
        elif name not in {"range", "start", "end", "compare", *others}:
            problems[name] = UNKNOWN_PARAMETER
        elif name in single:
            problems[name] = ONCE
        else:
            single[name] = text
    return single, filters


def _days(single: Mapping[str, str], today: str, problems: dict[str, str]) -> tuple[str, str]:
    """Return `start` and `end`, not later than today."""
    given = {}
    for name in ("end", "start"):
        if name in single:
            day = read_day(single[name].translate(ASCII_DIGITS))
            given[name] = day.isoformat() if day else ""
            if day is None:
                problems[name] = NOT_A_PARAMETER_DAY
    end = min(given.get("end") or today, today)
    start = given.get("start") or shifted(end, 1 - DAYS_OF_RANGE[DEFAULT_RANGE])
    if "start" in given and "end" in single and start > single["end"].translate(ASCII_DIGITS):
        problems.setdefault("start", N_("must not be after the last day"))
    return min(start, today), end
