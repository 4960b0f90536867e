"""The grammar of queries, shared by the API, the panel's URLs, share links and saved views. A query is a list of
(name, value) pairs, like a query string (specification: Reports).

Labels for dimension values, in the page's language.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from operator import itemgetter

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import ASCII_DIGITS, N_
from koyjabo.base.core.identity import IN_ADDRESS, community_in
from koyjabo.base.core.sanitize import LONGEST_TEXT, whole
from koyjabo.base.core.urls import ascii_host, normal, shown, shown_host
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import geolocation
from koyjabo.base.network.geolocation import NAMES
from koyjabo.columns.dimensions.dimensions import ADDRESSES, ATTENDED, COMMUNITY, DIMENSIONS, SOURCE, Value
from koyjabo.columns.query.report_query import FIRST_YEAR, LAST_DAY, LAST_YEAR, Filter, ReportQuery
from koyjabo.people.mail.contents import catalogue
from koyjabo.people.models import Community
from .report_query import COMPARISONS, DAYS_OF, DEFAULT, NO_COMPARISON, NOT_A_COMPARISON, NOT_A_RANGE, RANGES, preset

Pairs = Iterable[tuple[str, str]]

MAX_VALUES = 200
"""Maximum number of values in all filters combined."""

OF_EVENT = re.compile(r"event:[a-z][a-z0-9_]{0,63}:[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
ESCAPED = re.compile(r"\\+!")
NEEDS_ESCAPE = re.compile(r"\\*!")

NOT_A_DAY = N_("must be a date such as 2025-10-31, in the years 1970 to 2999")
NOT_A_DIMENSION = N_("is not a dimension of reports")
ONCE = N_("must be given once")
UNKNOWN_PARAMETER = N_("is not a parameter of this report")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A query's parameters. `others` has the caller's additional parameters, such as `granularity`."""

    query: ReportQuery
    range: str | None = None  # one of RANGES, or `default`; None if two days are given
    compare: str | None = None  # one of COMPARISONS
    others: Mapping[str, str] = field(default_factory=dict)
    default: str = DEFAULT  # the range if none is given; `is_interval` describes how two days are written

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        today: str,
        first_day: Callable[[], str | None],
        scope: Scope = SITE,
        others: Collection[str] = (),
        default: str = DEFAULT,
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
        elif range_ is not None and range_ not in RANGES:
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
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
    return day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None


def is_dimension(name: str) -> bool:
    return name in DIMENSIONS or OF_EVENT.fullmatch(name) is not None


def is_filter(name: str) -> bool:
    """Return whether visits can be filtered by this name."""
    return name == ATTENDED or is_dimension(name)


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
    text = whole(text[1:] if ESCAPED.match(text) else text)
    if name in ADDRESSES:
        text = normal(text)
    elif name == SOURCE:
        text = shown_host(ascii_host(text))
    return text or None


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
            if len(text) > LONGEST_TEXT + 2:
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
                problems[name] = NOT_A_DAY
    end = min(given.get("end") or today, today)
    start = given.get("start") or shifted(end, 1 - DAYS_OF[DEFAULT])
    if "start" in given and "end" in single and start > single["end"].translate(ASCII_DIGITS):
        problems.setdefault("start", N_("must not be after the last day"))
    return min(start, today), end


WORDS = {
    "device": {"bot": N_("Bot"), "tablet": N_("Tablet"), "phone": N_("Phone"), "desktop": N_("Desktop")},
    "channel": {
        "campaign": N_("Campaign"),
        "direct": N_("Direct"),
        "search": N_("Search engines"),
        "social": N_("Social networks"),
        "ai": N_("AI assistants"),
        "referral": N_("Other sites"),
    },
    "attended": {"none": N_("Under 1 second"), "attended": N_("1 second or more")},
    "evidence": {
        "automated": N_("Automated"),
        "acted": N_("Acted"),
        "stayed": N_("Stayed"),
        "none": N_("Nobody was there"),
    },
    "own": {"own": N_("Own visits"), "others": N_("Visits by others")},
}
DIRECT, NONE, UNKNOWN, NOT_MEASURED = N_("Direct"), N_("None"), N_("Unknown"), N_("Not measured")
WITHOUT_VALUE = {
    "source": DIRECT,
    **dict.fromkeys(("browser", "system", "device", "country", "city"), UNKNOWN),
    **dict.fromkeys(("attended", "evidence"), NOT_MEASURED),
}
"""Labels for visits without a value: direct visits have no source, other values are unknown (glossary)."""

COMMUNITY_PAGE = N_("Community %(name)s")

UNLISTED = N_("A community that is not listed")
"""Shown to readers of share links, because the name and the id of an unlisted community are not public."""


def label(dimension: str, value: Value, language: str, names: Mapping[str, Community]) -> str:
    """Return the label. `names` maps the keys that `community_of` returns to communities."""
    if value is None:
        return catalogue(language).gettext(WITHOUT_VALUE.get(dimension, NONE))
    if dimension in WORDS:
        return catalogue(language).gettext(WORDS[dimension].get(value, value))
    if dimension in ("country", "city"):
        return geolocation.in_language(NAMES.get(value, value), language)
    key = community_of(dimension, value)
    value = shown(value) if dimension in ADDRESSES else value
    if not key or key not in names:
        return value
    name = names[key].name_in(language)
    return name if dimension == COMMUNITY else page_name(value, name, language)


def page_name(address: str, name: str, language: str) -> str:
    """Return an address with a community's name: `Community NAME`, followed by the rest of the path. An address on
    another host keeps the beginning of its path.
    """
    match = IN_ADDRESS.search(address)
    if match is None:
        return address
    if match.start():
        return address[: match.start(1)] + name + address[match.end() :]
    return catalogue(language).gettext(COMMUNITY_PAGE) % {"name": name} + address[match.end() :]


def unlisted(language: str) -> str:
    return catalogue(language).gettext(UNLISTED)


def has_addresses(dimension: str) -> bool:
    """Return whether a value may be a community's page."""
    return dimension in ADDRESSES or dimension.startswith("event:")


def community_of(dimension: str, value: str) -> str | None:
    """Return the id or external id of the community that a value refers to. The value is an id, an external id or a
    community's page.
    """
    if dimension == COMMUNITY:
        return value
    return community_in(value) if has_addresses(dimension) else None
