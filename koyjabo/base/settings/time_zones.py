"""TIMEZONE: finds a time zone by its IANA name or its city."""

import unicodedata
from functools import cache
from importlib.resources import files

from koyjabo.base.core.i18n import N_, Filled

NOT_CITIES = {"north", "south", "west", "victoria", "samoa", "virgin"}
"""Last parts of IANA names that people use for other places: Pacific/Samoa is not the time of the country Samoa."""

MAX_SHOWN = 60


def zone_of(text: str) -> str:
    """The IANA name of the time zone that `text` names, in any case: by its whole name (`europe/paris`), or by the city
    in a name of two parts (`new york`). Raises ValueError with a sentence that has `text`.
    """
    name = text.strip().casefold().replace(" ", "_")
    zone = _zones().get(name) or _zones().get(_letters(name))
    if zone is None:
        template = N_(
            "There is no time zone '%(typed)s'. Enter a large city of the zone, or a name such as Europe/Paris."
        )
        raise ValueError(Filled(template, typed=" ".join(text.split())[:MAX_SHOWN]))
    return zone


@cache
def _zones() -> dict[str, str]:
    """IANA names by their casefolded names and by the letters of their cities.

    A city in a name of three parts is found only if it also had a name of two parts, as Louisville had. The others are
    small, or less known than a place elsewhere (America/Argentina/San_Juan). For a city with several names, the one in
    `zone.tab` is current.
    """
    data = files("tzdata")
    names = data.joinpath("zones").read_text(encoding="utf-8").split()
    table = data.joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8").splitlines()
    current = [line.split("\t")[2] for line in table if not line.startswith("#")]
    regions = {name.partition("/")[0] for name in current}
    cities = {_city(name): name for name in names if name.count("/") == 1 and name.partition("/")[0] in regions}
    cities |= {_city(name): name for name in current if _city(name) in cities}
    return {name.casefold(): name for name in names} | {
        city: name for city, name in cities.items() if city not in NOT_CITIES
    }


def _city(name: str) -> str:
    return _letters(name.rpartition("/")[2])


def _letters(text: str) -> str:
    """A name without case, accents, spaces and punctuation."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text))).casefold()
