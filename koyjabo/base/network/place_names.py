"""Names of locations in the reader's language, and the divisions of Bangladesh by city. Stored visits and all messages
use the English names.
"""

from __future__ import annotations

import json
import re
import unicodedata
from functools import lru_cache
from pathlib import Path

from babel import Locale

from koyjabo.base.network.geolocation import NAMES

CITY = re.compile(r"(.+), ([A-Z]{2})", re.DOTALL)
CODES = {name: code for code, name in NAMES.items()}

CITIES = {
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

COUNTRIES = {"bn": {"HK": "হংকং", "MM": "মিয়ানমার", "MO": "ম্যাকাও", "PS": "ফিলিস্তিন"}}
"""Everyday country names, by language and code, where the Unicode CLDR has longer ones."""

FILE = Path(__file__).parent / "data" / "divisions.json"
"""The cities of each division: all district seats, as location databases spell them, and larger towns. Names that occur
in several divisions are left out.
"""


def in_language(place: str, language: str) -> str:
    """Translate a location: `Dhaka, BD` becomes `Dhaka, Bangladesh`, or `ঢাকা, বাংলাদেশ` in Bangla. Unknown locations
    stay as they are.
    """
    if place in CODES:
        return _country(CODES[place], language)
    match = CITY.fullmatch(place)
    if not match or match[2] not in NAMES:
        return place
    return f"{CITIES.get(language, {}).get(match[1], match[1])}, {_country(match[2], language)}"


def country_of(place: str) -> str | None:
    """The country code of a location such as `Dhaka, BD` or `Bangladesh`; None if unknown."""
    match = CITY.fullmatch(place)
    code = match[2] if match else CODES.get(place)
    return code if code in NAMES else None


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
    return CITIES.get(language, {}) | {NAMES[code]: name for code, name in COUNTRIES.get(language, {}).items()}


def _country(code: str, language: str) -> str:
    if language == "en":
        return NAMES[code]  # shorter than in the CLDR
    return COUNTRIES[language].get(code) or str(Locale.parse(language).territories[code])


def division_of(place: str) -> str | None:
    """The division of a city in Bangladesh: `Dhaka` for `Savar, BD`; None for other locations."""
    city = city_of_bangladesh(place)
    return _by_city().get(city) if city else None


@lru_cache
def _by_city() -> dict[str, str]:
    cities_of = json.loads(FILE.read_text("utf-8"))
    return {city_key(city): division for division, cities in cities_of.items() for city in cities}
