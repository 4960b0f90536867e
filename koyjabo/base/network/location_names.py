"""Names of locations, the locations with the most visitors, and the divisions of Bangladesh by city. Stored visits and
all messages use the English names; pages show them in the reader's language.
"""

import heapq
import json
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from babel import Locale

from .maxmind_file import NETWORK_DATA

COUNTRIES_BY_CODE: dict[str, str] = json.loads((NETWORK_DATA / "country_names.json").read_text("utf-8"))
"""English names by country code. They must never change: visits store the name of their location, and reports group by
it."""

UNKNOWN_LOCATION = "Unknown"

OTHER_LOCATIONS = "Other"

MAX_LOCATION_LENGTH = 60
"""Maximum length of a location's name, in characters. An event with 20 locations stays under 2 KB (specification: Real
time)."""

COUNTRY_CODE = re.compile(r"[A-Z]{2}")

REGIONAL_INDICATORS = 0x1F1E6 - ord("A")
"""The distance from letters to the characters that flags consist of."""

CITY_AND_COUNTRY = re.compile(r"(.+), ([A-Z]{2})", re.DOTALL)

CODES_BY_COUNTRY = {name: code for code, name in COUNTRIES_BY_CODE.items()}

CITY_TRANSLATIONS = {
    "bn": {
        **{"Dhaka": "ঢাকা", "Chattogram": "চট্টগ্রাম", "Chittagong": "চট্টগ্রাম", "Sylhet": "সিলেট", "Rajshahi": "রাজশাহী"},
        **{"Khulna": "খুলনা", "Barishal": "বরিশাল", "Barisal": "বরিশাল", "Rangpur": "রংপুর", "Mymensingh": "ময়মনসিংহ"},
        **{"Cumilla": "কুমিল্লা", "Comilla": "কুমিল্লা", "Gazipur": "গাজীপুর", "Narayanganj": "নারায়ণগঞ্জ"},
        **{"Bogura": "বগুড়া", "Bogra": "বগুড়া", "Jashore": "যশোর", "Jessore": "যশোর", "Cox's Bazar": "কক্সবাজার"},
        **{"Tongi": "টঙ্গী", "Savar": "সাভার", "Feni": "ফেনী", "Noakhali": "নোয়াখালী", "Dinajpur": "দিনাজপুর"},
        **{"Pabna": "পাবনা", "Tangail": "টাঙ্গাইল", "Faridpur": "ফরিদপুর", "Kolkata": "কলকাতা", "Delhi": "দিল্লি"},
        **{"Mumbai": "মুম্বই", "London": "লন্ডন", "Dubai": "দুবাই"},
    }
}
"""Translations of the cities with the most visitors, by language and by name in the databases. Other cities keep their
English name.
"""

EVERYDAY_COUNTRY_NAMES = {"bn": {"HK": "হংকং", "MM": "মিয়ানমার", "MO": "ম্যাকাও", "PS": "ফিলিস্তিন"}}
"""Everyday country names, by language and code, where the Unicode CLDR has longer ones."""

DIVISIONS_FILE = Path(__file__).parent / "data" / "divisions.json"
"""The cities of each division: all district seats, as location databases spell them, and larger towns. Names that occur
in several divisions are left out.
"""


def named(code: str, city: str) -> str:
    """The name: "Dhaka, BD", or "Bangladesh" without a city; "" for an unknown code."""
    if city and COUNTRY_CODE.fullmatch(code):
        return f"{city[: MAX_LOCATION_LENGTH - len(', BD')]}, {code}"
    return COUNTRIES_BY_CODE.get(code, "")


def largest(places: Mapping[str, int], most: int = 20) -> dict[str, int]:
    """The `most` largest locations, then all others as "Other", then "Unknown" (specification: Read the stats).
    Locations of equal size are sorted by name. The counts add up to the sum of `places`. "Other" and "Unknown" are
    left out if they are 0.
    """
    named = {place: count for place, count in places.items() if place not in (OTHER_LOCATIONS, UNKNOWN_LOCATION)}
    shown = dict(heapq.nsmallest(most, named.items(), key=lambda item: (-item[1], item[0])))
    other = places.get(OTHER_LOCATIONS, 0) + sum(named.values()) - sum(shown.values())
    last = {OTHER_LOCATIONS: other, UNKNOWN_LOCATION: places.get(UNKNOWN_LOCATION, 0)}
    return shown | {place: count for place, count in last.items() if count}


def in_language(place: str, language: str) -> str:
    """Translate a location: `Dhaka, BD` becomes `Dhaka, Bangladesh`, or `ঢাকা, বাংলাদেশ` in Bangla. Unknown locations
    stay as they are.
    """
    if place in CODES_BY_COUNTRY:
        return _country(CODES_BY_COUNTRY[place], language)
    match = CITY_AND_COUNTRY.fullmatch(place)
    if not match or match[2] not in COUNTRIES_BY_CODE:
        return place
    return f"{CITY_TRANSLATIONS.get(language, {}).get(match[1], match[1])}, {_country(match[2], language)}"


def country_of(place: str) -> str | None:
    """The country code of a location such as `Dhaka, BD` or `Bangladesh`; None if unknown."""
    match = CITY_AND_COUNTRY.fullmatch(place)
    code = match[2] if match else CODES_BY_COUNTRY.get(place)
    return code if code in COUNTRIES_BY_CODE else None


def flag_of(place: str) -> str:
    """The flag of a location or a country code, as text that some systems draw; "" if unknown."""
    code = place if place in COUNTRIES_BY_CODE else country_of(place) or ""
    return "".join(chr(ord(letter) + REGIONAL_INDICATORS) for letter in code)


def city_key(name: str) -> str:
    """A city's key in tables: in lower case and without diacritics, because only some databases have them.
    tools/assets/maps.mjs makes the same keys.
    """
    plain = "".join(
        character for character in unicodedata.normalize("NFKD", name) if not unicodedata.combining(character)
    )
    return plain.replace("’", "'").lower()


def city_of_bangladesh(place: str) -> str | None:
    """The key of a city in Bangladesh, such as `Savar, BD`; None for other locations."""
    name, _, country = place.rpartition(", ")
    return city_key(name) if country == "BD" else None


def words(language: str) -> dict[str, str]:
    """Translations that browsers do not have, by English name: cities, and our own names for countries."""
    return CITY_TRANSLATIONS.get(language, {}) | {
        COUNTRIES_BY_CODE[code]: name for code, name in EVERYDAY_COUNTRY_NAMES.get(language, {}).items()
    }


def _country(code: str, language: str) -> str:
    if language == "en":
        return COUNTRIES_BY_CODE[code]  # shorter than in the CLDR
    return EVERYDAY_COUNTRY_NAMES[language].get(code) or str(Locale.parse(language).territories[code])


def division_of(place: str) -> str | None:
    """The division of a city in Bangladesh: `Dhaka` for `Savar, BD`; None for other locations."""
    city = city_of_bangladesh(place)
    return _by_city().get(city) if city else None


@lru_cache
def _by_city() -> dict[str, str]:
    cities_of = json.loads(DIVISIONS_FILE.read_text("utf-8"))
    return {city_key(city): division for division, cities in cities_of.items() for city in cities}
