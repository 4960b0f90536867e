"""Parses the query of a badge. Colours are names from shields.io, or hexadecimal digits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from koyjabo.badges import values
from koyjabo.badges.drawing import STYLES
from koyjabo.core.errors import InvalidInput
from koyjabo.core.i18n import LANGUAGES

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

PARAMETERS = ("value", "community", "label", "color", "lang", "style")
LONGEST_LABEL = 40
JOINERS = "\u200c\u200d"
"""Joiners, which Bangla and emoji need inside words."""

MOST_FIELDS = 20
CACHE_SIZE = 256


class Badge(NamedTuple):
    value: str
    community: str  # "" for the site
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
    given = _once(query)
    problems = values.problems(given, PARAMETERS, {"lang": LANGUAGES, "style": STYLES})
    fill = color(given["color"]) if "color" in given else ACCENT
    if problems or fill is None:
        raise InvalidInput(details=problems if fill else problems | {"color": "use green, or hex such as 97ca00"})
    value, language = given.get("value", values.TOTAL), given.get("lang", "en")
    label = cleaned(given["label"]) if "label" in given else values.LABELS[language][value]
    return Badge(value, given.get("community", ""), label, fill, language, given.get("style", "flat"))


def _once(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidInput(details={"query": "too many parameters"}) from None
    parameters = dict(pairs)
    if len(parameters) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput(details={name: "say it once" for name in parameters if names.count(name) > 1})
    return parameters


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
