"""Places have the names of the reader's language; those of the wire and of the ledger stay English."""

from __future__ import annotations

import re
from pathlib import Path

from babel import Locale

from koyjabo.network.geolocation import NAMES
from koyjabo.network.place_names import in_language

SCRIPT = Path(__file__).resolve().parents[2] / "koyjabo" / "static" / "js" / "places.js"


PLACES = [
    ("Bangladesh", "Bangladesh", "বাংলাদেশ"),
    ("Hong Kong", "Hong Kong", "হংকং"),
    ("Yangon, MM", "Yangon, Myanmar", "Yangon, মিয়ানমার"),
    ("Dhaka, BD", "Dhaka, Bangladesh", "ঢাকা, বাংলাদেশ"),
    ("Myanmar", "Myanmar", "মিয়ানমার"),
    ("Cox's Bazar, BD", "Cox's Bazar, Bangladesh", "কক্সবাজার, বাংলাদেশ"),
    ("Nowhere, ZZ", "Nowhere, ZZ", "Nowhere, ZZ"),
    ("Atlantis", "Atlantis", "Atlantis"),
    ("", "", ""),
]


def test_countries_are_named_in_the_language():
    assert [(place, in_language(place, "en"), in_language(place, "bn")) for place, _, _ in PLACES] == PLACES
    assert [name for name in NAMES.values() if re.search("[A-Za-z]", in_language(name, "bn"))] == []


def test_script_knows_the_english_names_that_browsers_do_not():
    cldr = Locale.parse("en").territories
    listed = SCRIPT.read_text().partition("ENGLISH = {")[2].partition("};")[0]
    assert dict(re.findall(r'([A-Z]{2}): "([^"]*)"', listed)) == {
        code: name for code, name in NAMES.items() if cldr[code] != name
    }
