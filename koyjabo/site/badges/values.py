"""The numbers that other sites may show, under the same names in badges, elements and frames. Also parses the query of
a badge, whose colours are names from shields.io, or hexadecimal digits.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.core.services import Services
from koyjabo.base.models import Scope
from koyjabo.communities.services import CommunityServices
from koyjabo.counting.page_numbers.page_numbers import PageNotShown, PageNumbers, page_of
from koyjabo.counting.services import CountingServices
from koyjabo.counting.stats import base36
from .drawing import STYLES

FIELDS = {"total": "total", "today": "today", "active": "active", "visitors": "unique_visitors"}
"""Fields of `Stats`, by the name of the value."""

TOTAL = "total"
"""The default value."""

ONLINE = "online"
"""The only value available for a community."""

PAGE = "page"
"""The views of a page."""

VALUES = (*FIELDS, PAGE, ONLINE)

LABELS = {
    "en": {
        "total": "visits",
        "today": "visits today",
        "active": "active now",
        "visitors": "unique visitors",
        PAGE: "views",
        ONLINE: "online now",
    },
    "bn": {
        "total": "ভিজিট",
        "today": "আজকের ভিজিট",
        "active": "এখন সক্রিয়",
        "visitors": "আলাদা ভিজিটর",
        PAGE: "ভিউ",
        ONLINE: "এখন অনলাইনে",
    },
}
"""Labels by language. They are not in the translation catalogues, because badges are served without a Flask request."""

COLORS = {
    "brightgreen": "44cc11",
    "green": "97ca00",
    "yellowgreen": "a4a61d",
    "yellow": "dfb317",
    "orange": "fe7d37",
    "red": "e05d44",
    "blue": "007ec6",
    "grey": "555555",
    "lightgrey": "9f9f9f",
    "gray": "555555",
    "lightgray": "9f9f9f",
    "success": "44cc11",
    "important": "fe7d37",
    "critical": "e05d44",
    "informational": "007ec6",
    "inactive": "9f9f9f",
}
"""The colour names of shields.io."""

HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
ACCENT = "#006a4e"

PARAMETERS = ("value", "community", "page", "label", "color", "lang", "style")
LONGEST_LABEL = 40
JOINERS = "\u200c\u200d"
"""Joiners, which Bangla and emoji need inside words."""

MAX_FIELDS = 20
CACHE_SIZE = 256


class Number(NamedTuple):
    """A number with its revision, in ms since 1970 UTC, and its epoch, in base 36."""

    number: int
    epoch: str
    revision: int  # 0 for people online and for pages


def problems(
    query: Mapping[str, str], parameters: Collection[str], choices: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Why a query is invalid, by parameter. `choices` are the allowed values of optional parameters."""
    reasons = {name: f"use {', '.join(parameters)}" for name in query if name not in parameters}
    value, community = query.get("value", TOTAL), query.get("community", "")
    if value == PAGE and "page" not in query:
        reasons["page"] = "is required for the value page"
    if "page" in query:
        reasons |= _problem_of_page(query["page"]) if value == PAGE else {"page": "is only for the value page"}
    if value == ONLINE and not community:
        reasons["community"] = "is required for the value online"
    if value != ONLINE and value in VALUES and community:
        reasons["community"] = "the only value for a community is online"
    for name, allowed in {"value": VALUES, **choices}.items():
        if name in query and query[name] not in allowed:
            reasons[name] = f"use {', '.join(allowed)}"
    return reasons


def _problem_of_page(path: str) -> dict[str, str]:
    try:
        page_of(path)
    except InvalidInput as error:
        return {"page": error.details["path"]}
    return {}


def read(services: Services, value: str, community: str, page: str) -> Number:
    """The current number. `page` is a page as `page_of` returns it, or "".

    Raises LedgerUnavailable, UnknownCommunity if the community does not show its number to everyone, and for a page
    PageNumbersOff, PageNotShown, StillCounting.
    """
    if value == PAGE:
        numbers = services[PageNumbers]
        numbers.require_on()
        counts = numbers.read({page})
        views = counts.pages[page].views
        if views is None:
            raise PageNotShown
        return Number(views, counts.epoch, 0)
    visits = services[CountingServices].visits
    if value == ONLINE:
        communities = services[CommunityServices]
        scope = Scope(communities.directory.with_public_count(communities.refs.resolve(community)).id)
        (count,) = communities.people.online(scope)
        return Number(count, base36(visits.site.snapshot.epoch), 0)
    stats = visits.stats()
    return Number(getattr(stats, FIELDS[value]), base36(stats.epoch), stats.revision)


class Badge(NamedTuple):
    value: str
    community: str  # "" for the site
    page: str  # "" unless the value is PAGE
    label: str
    color: str  # #rrggbb
    language: str
    style: str


def query_of(environ: dict[str, Any]) -> str:
    """A request's query as text, even if it is not percent-encoded."""
    raw: str = environ.get("QUERY_STRING", "")
    return raw.encode("latin-1").decode("utf-8", "replace")


@lru_cache(maxsize=CACHE_SIZE)
def badge_of(query: str) -> Badge:
    """The badge that a query describes. Raises InvalidInput with the reason by parameter."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidInput(details={"query": "too many parameters"}) from None
    given, names = dict(pairs), [name for name, _ in pairs]
    if len(given) < len(pairs):
        raise InvalidInput(details={name: "say it once" for name in given if names.count(name) > 1})
    reasons = problems(given, PARAMETERS, {"lang": LANGUAGES, "style": STYLES})
    fill = color(given["color"]) if "color" in given else ACCENT
    if reasons or fill is None:
        raise InvalidInput(details=reasons if fill else reasons | {"color": "use green, or hex such as 97ca00"})
    value, language = given.get("value", TOTAL), given.get("lang", "en")
    label = cleaned(given["label"]) if "label" in given else LABELS[language][value]
    return Badge(
        value=value,
        community=given.get("community", ""),
        page=page_of(given["page"]) if value == PAGE else "",
        label=label,
        color=fill,
        language=language,
        style=given.get("style", "flat"),
    )


def cleaned(label: str) -> str:
    """A label on one line, without characters that XML forbids or that change the direction of neighbouring words."""
    seen = "".join(char for char in " ".join(label.split()) if char in JOINERS or unicodedata.category(char)[0] != "C")
    return seen[:LONGEST_LABEL].strip()


def color(text: str) -> str | None:
    """`#rrggbb`, or None for an invalid colour."""
    if text in COLORS:
        return f"#{COLORS[text]}"
    match = HEX.fullmatch(text)
    if match is None:
        return None
    digits = match[1].lower()
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)
