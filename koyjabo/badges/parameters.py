"""Reads the query of a badge: colours are names of shields.io or hexadecimal digits."""

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
"""The names that shields.io has."""

HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
ACCENT = "#006a4e"

PARAMETERS = ("value", "community", "label", "color", "lang", "style")
LONGEST_LABEL = 40
JOINERS = "\u200c\u200d"
"""Bangla and emoji need them inside words."""

MOST_FIELDS = 20
CACHE_SIZE = 256


class Badge(NamedTuple):
    value: str
    community: str  # "" without one
    label: str
    color: str  # #rrggbb
    language: str
    style: str


def query_of(environ: dict[str, Any]) -> str:
    """The query of a request as text, also where it is not percent-encoded."""
    raw: str = environ.get("QUERY_STRING", "")
    return raw.encode("latin-1").decode("utf-8", "replace")


@lru_cache(maxsize=CACHE_SIZE)
def badge_of(query: str) -> Badge:
    """Raises InvalidInput with the reason by parameter."""
    said = _once(query)
    problems = values.problems(said, PARAMETERS, {"lang": LANGUAGES, "style": STYLES})
    fill = color(said["color"]) if "color" in said else ACCENT
    if problems or fill is None:
        raise InvalidInput(details=problems if fill else problems | {"color": "use green, or digits such as 97ca00"})
    value, language = said.get("value", values.TOTAL), said.get("lang", "en")
    label = cleaned(said["label"]) if "label" in said else values.LABELS[language][value]
    return Badge(value, said.get("community", ""), label, fill, language, said.get("style", "flat"))


def _once(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidInput(details={"query": "too many parameters"}) from None
    said = dict(pairs)
    if len(said) < len(pairs):
        names = [name for name, _ in pairs]
        raise InvalidInput(details={name: "say it once" for name in said if names.count(name) > 1})
    return said


def cleaned(label: str) -> str:
    """On one line, and without characters that XML does not allow or that turn the words around them."""
    seen = "".join(each for each in " ".join(label.split()) if each in JOINERS or unicodedata.category(each)[0] != "C")
    return seen[:LONGEST_LABEL].strip()


def color(text: str) -> str | None:
    """`#rrggbb`, or None for a text that is no colour."""
    if text in COLORS:
        return f"#{COLORS[text]}"
    match = HEX.fullmatch(text)
    if match is None:
        return None
    digits = match[1].lower()
    return f"#{digits}" if len(digits) == 6 else "#" + "".join(2 * digit for digit in digits)
