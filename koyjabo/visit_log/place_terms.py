"""Finds places by the names that people type: of countries, and of cities in Bangla."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import NamedTuple

from koyjabo.core.i18n import LANGUAGES
from koyjabo.network.geolocation import NAMES
from koyjabo.network.place_names import CITIES, in_language

SHORTEST_PART = 3
"""Characters of a part of a name that finds countries: two are in most names."""


class Meaning(NamedTuple):
    """The places that a text may mean."""

    whole: frozenset[str]  # names of one place with its city, as they are stored, in lower case: `dhaka, bd`
    countries: frozenset[str]  # codes
    cities: frozenset[str]  # names as in databases, in English
    is_country: bool  # it is the name of the country, and not a part of it


NOTHING = Meaning(frozenset(), frozenset(), frozenset(), False)


def meaning(text: str) -> Meaning:
    """Compares in any case, with the names of countries in all languages of the pages. "oman" means Oman alone, and
    neither Romania nor a city.
    """
    wanted = _key(text)
    city, _, country = wanted.rpartition(", ")
    code = _countries().get(country, country.upper())
    if city and code in NAMES:
        names = {city, *(known.lower() for known, name in _cities() if name == city)}
        return NOTHING._replace(whole=frozenset(f"{name}, {code.lower()}" for name in names))
    if wanted in _countries():
        return NOTHING._replace(countries=frozenset({_countries()[wanted]}), is_country=True)
    if len(wanted) < SHORTEST_PART:
        return NOTHING
    countries = frozenset(code for name, code in _countries().items() if wanted in name)
    cities = frozenset(city for city, name in _cities() if wanted in name)
    return NOTHING._replace(countries=countries, cities=cities)


@cache
def _countries() -> dict[str, str]:
    """Codes by name in lower case; of stored names and of those in each language."""
    return {_key(in_language(name, language)): code for language in LANGUAGES for code, name in NAMES.items()}


@cache
def _cities() -> tuple[tuple[str, str], ...]:
    """Names in databases, and those in other languages in lower case."""
    return tuple((city, _key(name)) for cities in CITIES.values() for city, name in cities.items())


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
