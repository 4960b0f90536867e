"""Parses what people type to search for visits: numbers, parts of texts, and names of locations (countries in all
languages, cities in Bangla).
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

from koyjabo.base.core.i18n import ASCII_DIGITS, LANGUAGES
from koyjabo.base.database.search import MAX_SEARCH_LENGTH
from koyjabo.base.network.location_names import CITY_TRANSLATIONS, COUNTRIES_BY_CODE, in_language

NUMBER_LABEL = r"(?:(?:no\.?|number|visit|নং|নম্বর|ভিজিট)\s*)*(?:[#№]\s*)?"
GROUPED_DIGITS = r"[0-9]{1,3}(?:[,. \u00a0\u202f][0-9]{2,3})+|[0-9]+"
NUMBER_PATTERN = re.compile(rf"{NUMBER_LABEL}(?P<number>{GROUPED_DIGITS})", re.IGNORECASE)
RANGE_PATTERN = re.compile(
    rf"{NUMBER_LABEL}(?P<first>{GROUPED_DIGITS}) ?[–-] ?(?P<last>{GROUPED_DIGITS})", re.IGNORECASE
)
LONGEST_NUMBER = 19
SEPARATOR = "·"
MAX_PARTS = 8
"""Maximum number of parts in a search text. The list of visits shows at most two. Each part is searched for in all
texts of a visit.
"""

SHORTEST_PART = 3
"""Minimum length of a text that is matched against parts of country and city names. Shorter texts would match too many
names.
"""


def plain(text: str, longest: int = MAX_SEARCH_LENGTH) -> str:
    """The beginning of a text, without NULs or surrounding spaces, in the same Unicode form as stored texts."""
    return unicodedata.normalize("NFC", text.strip()[:longest].replace("\0", "")).strip()


def ordinal(text: str) -> int | None:
    """Parse a visit number as people write it: `22300`, `22,300`, `২২,৩০০`, `#22300`, `No. 22300`."""
    match = NUMBER_PATTERN.fullmatch(text.translate(ASCII_DIGITS))
    return _number(match["number"]) if match else None


def ordinals(text: str) -> tuple[int, int] | None:
    """Parse a range of numbers as people write it: `4001-4109`, `No. 4,001–4,109`, `৪,০০১–৪,১০৯`."""
    match = RANGE_PATTERN.fullmatch(text.translate(ASCII_DIGITS))
    first, last = (_number(match["first"]), _number(match["last"])) if match else (None, None)
    return None if first is None or last is None or first > last else (first, last)


def _number(grouped: str) -> int | None:
    digits = re.sub("[^0-9]", "", grouped)
    return int(digits) if 0 < len(digits) <= LONGEST_NUMBER else None


def parts(text: str) -> list[str]:
    """Split a text into parts that must all match. `Chrome · Android`, as shown in the list of visits, has two. A text
    with more than MAX_PARTS is one part.
    """
    texts = [part for part in map(str.strip, text.split(SEPARATOR)) if part]
    return texts if 0 < len(texts) <= MAX_PARTS else [text]


class PlaceMeaning(NamedTuple):
    """The locations that a text may refer to."""

    whole: frozenset[str] = frozenset()  # stored names of one city with its country, in lower case: `dhaka, bd`
    countries: frozenset[str] = frozenset()  # codes
    cities: frozenset[str] = frozenset()  # names as in databases, in English
    is_country: bool = False  # whether the text is the whole name of the country


def place_meaning(text: str) -> PlaceMeaning:
    """The locations that a text may refer to, ignoring case. Countries are found by their names in all languages of the
    pages. "oman" is only Oman, not Romania or a city.
    """
    typed = _key(text)
    city, _, country = typed.rpartition(", ")
    code = _countries().get(country, country.upper())
    if city and code in COUNTRIES_BY_CODE:
        names = {city, *(stored.lower() for stored, name in _cities() if name == city)}
        return PlaceMeaning(whole=frozenset(f"{name}, {code.lower()}" for name in names))
    if typed in _countries():
        return PlaceMeaning(countries=frozenset({_countries()[typed]}), is_country=True)
    if len(typed) < SHORTEST_PART:
        return PlaceMeaning()
    countries = frozenset(code for name, code in _countries().items() if typed in name)
    cities = frozenset(city for city, name in _cities() if typed in name)
    return PlaceMeaning(countries=countries, cities=cities)


@cache
def _countries() -> dict[str, str]:
    """Country codes by lower-case name: stored names, and names in each language."""
    return {
        _key(in_language(name, language)): code for language in LANGUAGES for code, name in COUNTRIES_BY_CODE.items()
    }


@cache
def _cities() -> tuple[tuple[str, str], ...]:
    """City names from the databases, each with its lower-case name in another language."""
    return tuple((city, _key(name)) for cities in CITY_TRANSLATIONS.values() for city, name in cities.items())


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
