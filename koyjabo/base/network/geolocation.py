"""Finds the location of an address, and the locations with the most visitors. No address is stored, written or logged
(specification: Storage). A lookup takes about 10 µs, so there is no cache, which would have to store addresses.

Names of locations in the reader's language, and the divisions of Bangladesh by city. Stored visits and all messages
use the English names.
"""

import heapq
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from ipaddress import IPv6Address
from pathlib import Path
from socket import AF_INET, inet_pton
from typing import Any, NamedTuple

import maxminddb
from babel import Locale

DATA = Path(__file__).parent / "data"
COUNTRIES = DATA / "countries.mmdb"
"""Country codes by network, from DB-IP (CC BY 4.0). `make assets` downloads the file."""

NAMES: dict[str, str] = json.loads((DATA / "country_names.json").read_text("utf-8"))
"""English names by country code. They must never change: visits store the name of their location, and reports group by
it."""

UNKNOWN = "Unknown"
OTHER = "Other"
LONGEST = 60
"""Maximum length of a location's name, in characters. An event with 20 locations stays under 2 KB (specification: Real
time)."""

CODE = re.compile(r"[A-Z]{2}")


class Attribution(NamedTuple):
    """The notice that the data's licences require wherever locations are shown."""

    text: str
    url: str


DB_IP = Attribution("IP Geolocation by DB-IP", "https://db-ip.com")
MAXMIND = Attribution("This product includes GeoLite2 data created by MaxMind", "https://www.maxmind.com")


class LocationFinder:
    """Finds the location of an address. Searches `files` in order, then the countries.

    `files` are MaxMind databases of cities or countries (config: GEOIP_DATABASE), in the format of GeoIP2 or
    ip-location-db. They are memory-mapped, so all workers share the memory. Raises OSError, ValueError or
    maxminddb.InvalidDatabaseError if a file cannot be read.
    """

    def __init__(self, files: Iterable[Path] = ()) -> None:
        self._files = [MaxMindFile(file) for file in files]
        self.has_countries = COUNTRIES.is_file()

    @property
    def attributions(self) -> list[Attribution]:
        sources = []
        if self.has_countries or any(file.is_of_db_ip for file in self._files):
            sources.append(DB_IP)
        if any(file.is_of_maxmind for file in self._files):
            sources.append(MAXMIND)
        return sources

    def locate(self, address: str | None, has_city: bool = True) -> str:
        """The location: "Dhaka, BD"; "Bangladesh" if the city is unknown or `has_city` is false; or "Unknown". Never
        raises."""
        key = lookup_key(address)
        if key is None:
            return UNKNOWN
        places = (_place(file.record(key), has_city) for file in self._databases)
        return next(filter(None, places), UNKNOWN)

    @cached_property
    def _databases(self) -> "list[MaxMindFile]":
        """The databases in search order. The first lookup opens the countries."""
        databases = list(self._files)
        with suppress(OSError, ValueError, maxminddb.InvalidDatabaseError):
            databases.append(MaxMindFile(COUNTRIES))
        return databases


class MaxMindFile:
    """A database in MaxMind's format. Raises the same errors as `LocationFinder`."""

    def __init__(self, file: Path) -> None:
        self._reader = maxminddb.open_database(file)  # maps the file without loading it
        metadata = self._reader.metadata()
        # Files from ip-location-db name their source only in the file name.
        description = f"{file.name} {metadata.database_type} {metadata.description}"
        source = description.lower().replace("-", "")
        self.is_of_db_ip, self.is_of_maxmind = "dbip" in source, "geolite" in source

    def record(self, key: str | IPv6Address) -> Any:
        """The record for a `lookup_key`; None if there is none, or if that part of the file is damaged."""
        try:
            return self._reader.get(key)
        except (maxminddb.InvalidDatabaseError, ValueError):  # also raised for IPv6 if the file has none
            return None


def lookup_key(address: str | None) -> str | IPv6Address | None:
    """An address in the form that databases look up; None if it is not an address. An IPv4 address stays a string,
    because parsing it takes longer than the lookup.
    """
    try:
        if address and ":" not in address:
            inet_pton(AF_INET, address)
            return address
        ip = IPv6Address(address or "")
    except (OSError, ValueError):
        return None
    return str(ip.ipv4_mapped) if ip.ipv4_mapped else ip


def _place(record: Any, has_city: bool) -> str:
    code = _text(record, "country_code") or _text(record, "country", "iso_code")
    city = _without_district(_text(record, "city", "names", "en") or _text(record, "city"))
    return (named(code, city if has_city else "") or _text(record, "country", "names", "en"))[:LONGEST]


def _without_district(city: str) -> str:
    """Remove the district: DB-IP writes "Dhaka (Gulshan)", which is more precise than needed."""
    name, _, district = city.partition("(")
    return name.rstrip(" ") if district.rstrip(" ").endswith(")") else city


def named(code: str, city: str) -> str:
    """The name: "Dhaka, BD", or "Bangladesh" without a city; "" for an unknown code."""
    if city and CODE.fullmatch(code):
        return f"{city[: LONGEST - len(', BD')]}, {code}"
    return NAMES.get(code, "")


def _text(record: Any, *path: str) -> str:
    """The text at `path` as one line of printable characters; "" if there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    text = record if isinstance(record, str) else ""
    if not text or text.isalnum():  # true for codes and most names
        return text
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def largest(places: Mapping[str, int], most: int = 20) -> dict[str, int]:
    """The `most` largest locations, then all others as "Other", then "Unknown" (specification: Read the stats).
    Locations of equal size are sorted by name. The counts add up to the sum of `places`. "Other" and "Unknown" are
    left out if they are 0.
    """
    named = {place: count for place, count in places.items() if place not in (OTHER, UNKNOWN)}
    shown = dict(heapq.nsmallest(most, named.items(), key=lambda item: (-item[1], item[0])))
    other = places.get(OTHER, 0) + sum(named.values()) - sum(shown.values())
    last = {OTHER: other, UNKNOWN: places.get(UNKNOWN, 0)}
    return shown | {place: count for place, count in last.items() if count}


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

COUNTRY_NAMES = {"bn": {"HK": "হংকং", "MM": "মিয়ানমার", "MO": "ম্যাকাও", "PS": "ফিলিস্তিন"}}
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
    return CITIES.get(language, {}) | {NAMES[code]: name for code, name in COUNTRY_NAMES.get(language, {}).items()}


def _country(code: str, language: str) -> str:
    if language == "en":
        return NAMES[code]  # shorter than in the CLDR
    return COUNTRY_NAMES[language].get(code) or str(Locale.parse(language).territories[code])


def division_of(place: str) -> str | None:
    """The division of a city in Bangladesh: `Dhaka` for `Savar, BD`; None for other locations."""
    city = city_of_bangladesh(place)
    return _by_city().get(city) if city else None


@lru_cache
def _by_city() -> dict[str, str]:
    cities_of = json.loads(FILE.read_text("utf-8"))
    return {city_key(city): division for division, cities in cities_of.items() for city in cities}
