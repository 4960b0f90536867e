"""The grammar of questions, shared by the API, the panel's URLs, share links and saved views. A question is a list of
(name, value) pairs, like a query string (specification: Reports).

Labels for dimension values, in the page's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from babel import Locale, UnknownLocaleError

from koyjabo.base.core.clock import shifted
from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import ASCII_DIGITS, N_
from koyjabo.base.core.sanitize import LONGEST_TEXT, whole
from koyjabo.base.core.urls import ascii_host, normal, shown, shown_host
from koyjabo.base.models import SITE, Scope
from koyjabo.base.network import geolocation
from koyjabo.base.network.geolocation import NAMES
from koyjabo.people.mail.contents import catalogue
from koyjabo.reports.query.report_query import (
    ADDRESSES,
    COMPARISONS,
    DAYS_OF,
    DEFAULT,
    DIMENSIONS,
    NO_COMPARISON,
    NOT_A_COMPARISON,
    NOT_A_RANGE,
    RANGES,
    SOURCE,
    Filter,
    Question,
    Value,
    preset,
)

Pairs = Iterable[tuple[str, str]]

COMMUNITY = "community"
MAX_VALUES = 200
"""Maximum number of values in all filters combined."""

OF_EVENT = re.compile(r"event:[a-z][a-z0-9_]{0,63}:[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 2999
LAST_DAY = f"{LAST_YEAR}-12-31"
ESCAPED = re.compile(r"\\+!")
NEEDS_ESCAPE = re.compile(r"\\*!")

NOT_A_DAY = N_("must be a date such as 2025-10-31, in the years 1970 to 2999")
NOT_A_DIMENSION = N_("is not a dimension of reports")
ONCE = N_("must be given once")
UNKNOWN_PARAMETER = N_("is not a parameter of this report")


@dataclass(frozen=True, slots=True)
class Parameters:
    """A question's parameters. `others` has the caller's additional parameters, such as `granularity`."""

    question: Question
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
        others: Iterable[str] = (),
        default: str = DEFAULT,
    ) -> Parameters:
        """Parse parameters. Raises InvalidInput with a reason per parameter.

        `first_day` returns the first day with visits, for the range `all`. `others` names additional parameters that
        may each be given once.
        """
        return _Reader(pairs, scope, frozenset(others), default).read(today, first_day)

    def pairs(self) -> list[tuple[str, str]]:
        """Return this question's parameters in a fixed order."""
        question, pairs = self.question, []
        if self.range is None:
            pairs = [("start", question.first), ("end", question.last)]
        elif self.range != self.default:
            pairs = [("range", self.range)]
        if self.compare:
            pairs.append(("compare", self.compare))
        filters = [(name, text) for name in sorted(question.filters) for text in _written(question.filters[name])]
        return [*pairs, *filters, *sorted(self.others.items())]


def read_day(text: str) -> date | None:
    """Parse a day (YYYY-MM-DD, years 1970 to 2999). Returns None for any other text."""
    try:
        day = date.fromisoformat(text) if DAY.fullmatch(text) else None
    except ValueError:
        return None
    return day if day and FIRST_YEAR <= day.year <= LAST_YEAR else None


def is_dimension(name: str) -> bool:
    return name in DIMENSIONS or OF_EVENT.fullmatch(name) is not None


def is_interval(text: str) -> bool:
    """Return whether a text is an ISO 8601 interval between two days: `2026-11-01/2026-11-15`."""
    first, _, last = text.partition("/")
    try:
        Parameters.of([("start", first), ("end", last)], LAST_DAY, lambda: None)
    except InvalidInput:
        return False
    return text.isascii()


def _written(filter_: Filter) -> list[str]:
    return [
        *sorted(escaped(value) for value in filter_.any_of),
        *sorted(f"!{escaped(value)}" for value in filter_.none_of),
    ]


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


class _Reader:
    """Reads a list of parameters and collects their errors."""

    def __init__(self, pairs: Pairs, scope: Scope, others: frozenset[str], default: str) -> None:
        self._scope = scope
        self._default = default
        self._others = others
        self._single: dict[str, str] = {}
        self._filters: dict[str, Filter] = {}
        self._problems: dict[str, str] = {}
        for name, value in pairs:
            self._take(name, value)

    def read(self, today: str, first_day: Callable[[], str | None]) -> Parameters:
        range_, compare = self._range(), self._compare()
        first, last = self._days(today) if range_ is None else (today, today)
        if self._problems:
            raise InvalidInput(details=self._problems)
        if range_ is not None:
            first, last = preset(range_, today, first_day)
        question = Question(first, last, self._scope, self._filters)
        others = {name: value for name, value in self._single.items() if name in self._others}
        return Parameters(question, range_, compare, others, self._default)

    def _take(self, name: str, value: str) -> None:
        if is_dimension(name):
            self._filter(name, value)
        elif name not in {"range", "start", "end", "compare", *self._others}:
            self._problems[name] = UNKNOWN_PARAMETER
        elif name in self._single:
            self._problems[name] = ONCE
        else:
            self._single[name] = value

    def _filter(self, name: str, text: str) -> None:
        before = self._filters.get(name, Filter())
        if name == COMMUNITY and self._scope != SITE:
            self._problems[name] = N_("must not be given for one community")
        elif sum(len(filter_.any_of) + len(filter_.none_of) for filter_ in self._filters.values()) >= MAX_VALUES:
            self._problems[name] = N_("There are more than 200 values to filter by; leave some out")
        elif text.startswith("!"):
            self._filters[name] = replace(before, none_of=before.none_of | {_value(name, text[1:])})
        else:
            self._filters[name] = replace(before, any_of=before.any_of | {_value(name, text)})
        if len(text) > LONGEST_TEXT + 2:
            self._problems[name] = N_("must not be longer than 512 characters")

    def _range(self) -> str | None:
        """Return the range, or None if days are given."""
        given = self._single.get("range")
        if {"start", "end"} & self._single.keys():
            if given is not None:
                self._problems["range"] = N_("must not be given together with start or end")
            return None
        if given is not None and given not in RANGES:
            self._problems["range"] = NOT_A_RANGE
        return given or self._default

    def _compare(self) -> str | None:
        given = self._single.get("compare")
        if given is not None and given not in (*COMPARISONS, NO_COMPARISON):
            self._problems["compare"] = NOT_A_COMPARISON
        return None if given == NO_COMPARISON else given

    def _days(self, today: str) -> tuple[str, str]:
        """Return `start` and `end`, not later than today."""
        end = min(self._day("end") or today, today)
        start = self._day("start")
        if start is None:
            start = shifted(end, 1 - DAYS_OF[DEFAULT])
        elif "end" in self._single and start > self._single["end"].translate(ASCII_DIGITS):
            self._problems.setdefault("start", N_("must not be after the last day"))
        return min(start, today), end

    def _day(self, name: str) -> str | None:
        text = self._single.get(name)
        if text is None:
            return None
        day = read_day(text.translate(ASCII_DIGITS))
        if day is None:
            self._problems[name] = NOT_A_DAY
        return None if day is None else day.isoformat()


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
    "visitor_kind": {"new": N_("New visit"), "returning": N_("Returning visit")},
    "attended": {
        "none": N_("Under 1 second"),
        "<10s": N_("1 to 10 seconds"),
        "<1m": N_("10 seconds to 1 minute"),
        "<5m": N_("1 to 5 minutes"),
        "5m+": N_("5 minutes or more"),
    },
    "evidence": {
        "automated": N_("Automated"),
        "acted": N_("Acted"),
        "stayed": N_("Stayed"),
        "none": N_("Nobody was there"),
    },
    "network": {"datacentre": N_("Data centre"), "other": N_("Other networks")},
    "own": {"own": N_("Own visits"), "others": N_("Visits by others")},
}
DIRECT, NONE, UNKNOWN, NOT_MEASURED = N_("Direct"), N_("None"), N_("Unknown"), N_("Not measured")
WITHOUT_VALUE = {
    **dict.fromkeys(("source", "referrer"), DIRECT),
    **dict.fromkeys(("browser", "system", "device", "language", "country", "city", "network", "own"), UNKNOWN),
    **dict.fromkeys(("attended", "evidence"), NOT_MEASURED),
}
"""Labels for visits without a value: direct visits have no source, other values are unknown (glossary)."""

PATH = "/communities/"
IN_ADDRESS = re.compile(f"{PATH}([^/?#]+)")
UNLISTED = N_("A community that is not listed")
"""Shown to readers of share links, because the name and the id of an unlisted community are not public."""


def label(dimension: str, value: Value, language: str, names: Mapping[str, str]) -> str:
    """Return the label. `names` maps the keys that `community_of` returns to community names."""
    if value is None:
        return catalogue(language).gettext(WITHOUT_VALUE.get(dimension, NONE))
    if dimension in WORDS:
        return catalogue(language).gettext(WORDS[dimension].get(value, value))
    if dimension in ("country", "city"):
        return geolocation.in_language(NAMES.get(value, value), language)
    if dimension == "language":
        return _language(value, language)
    key = community_of(dimension, value)
    value = shown(value) if dimension in ADDRESSES else value
    return _named(value, key, names[key]) if key and key in names else value


def unlisted(language: str) -> str:
    return catalogue(language).gettext(UNLISTED)


def has_addresses(dimension: str) -> bool:
    """Return whether a value may be a community's page."""
    return dimension in ADDRESSES or dimension.startswith("event:")


def names_communities(dimension: str) -> bool:
    """Return whether labels may contain community names, which can change without a visit."""
    return dimension == COMMUNITY or has_addresses(dimension)


def community_of(dimension: str, value: str) -> str | None:
    """Return the id or external id of the community that a value refers to. The value is an id, an external id or a
    community's page.
    """
    if dimension == COMMUNITY:
        return value
    match = IN_ADDRESS.search(value) if has_addresses(dimension) and PATH in value else None
    return match[1] if match and match[1] != "new" else None


def _named(value: str, key: str, name: str) -> str:
    """Replace the key with the name: a community's page becomes its name, followed by the rest of the path."""
    page = PATH + key
    return name + value.removeprefix(page) if value.startswith(page) else value.replace(key, name, 1)


def _language(code: str, language: str) -> str:
    try:
        return Locale.parse(code).get_display_name(language) or code
    except (UnknownLocaleError, ValueError):
        return code
