"""Parses the query of a badge. Its colours are names from shields.io, or hexadecimal digits."""

import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import LANGUAGES
from koyjabo.base.settings.checks import colour
from koyjabo.site.shown_values import PAGE_VALUES, TOTAL_VALUE, label_of, page_of, problems
from .drawing import STYLES

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

BADGE_PARAMETERS = ("value", "community", "page", "label", "color", "lang", "style")
MAX_LABEL_LENGTH = 40

JOINING_CHARACTERS = "\u200c\u200d"
"""Joiners, which Bangla and emoji need inside words."""

MAX_FIELDS = 20
MAX_CACHED_QUERIES = 256


class Badge(NamedTuple):
    value: str
    community: str  # "" for the site
    page: str  # "" unless the value is one of PAGE_VALUES
    label: str
    color: str  # #rrggbb, or "" for the colour of the site
    language: str
    style: str


def query_of(environ: dict[str, Any]) -> str:
    """A request's query as text, even if it is not percent-encoded."""
    raw: str = environ.get("QUERY_STRING", "")
    return raw.encode("latin-1").decode("utf-8", "replace")


@lru_cache(maxsize=MAX_CACHED_QUERIES)
def badge_of(query: str) -> Badge:
    """The badge that a query describes. Raises InvalidInput with the reason by parameter."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidInput(details={"query": "too many parameters"}) from None
    given, names = dict(pairs), [name for name, _ in pairs]
    if len(given) < len(pairs):
        raise InvalidInput(details={name: "say it once" for name in given if names.count(name) > 1})
    reasons = problems(given, BADGE_PARAMETERS, {"lang": LANGUAGES, "style": STYLES})
    fill = color(given["color"]) if "color" in given else ""
    if reasons or fill is None:
        wrong = {"color": "use green, or hex such as 97ca00"} if fill is None else {}
        raise InvalidInput(details=reasons | wrong)
    value, language = given.get("value", TOTAL_VALUE), given.get("lang", "en")
    label = cleaned(given["label"]) if "label" in given else label_of(value, language)
    return Badge(
        value=value,
        community=given.get("community", ""),
        page=page_of(value, given["page"]) if value in PAGE_VALUES else "",
        label=label,
        color=fill,
        language=language,
        style=given.get("style", "flat"),
    )


def cleaned(label: str) -> str:
    """A label on one line, without characters that XML forbids or that change the direction of neighbouring words."""
    seen = "".join(
        char for char in " ".join(label.split()) if char in JOINING_CHARACTERS or unicodedata.category(char)[0] != "C"
    )
    return seen[:MAX_LABEL_LENGTH].strip()


def color(text: str) -> str | None:
    """`#rrggbb`, or None for an invalid colour."""
    if text in COLORS:
        return f"#{COLORS[text]}"
    try:
        return colour(text)
    except ValueError:
        return None
