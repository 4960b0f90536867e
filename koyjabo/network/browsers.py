"""Names of browsers and systems, for a user's list of sessions: "Chrome" on "Android"."""

from __future__ import annotations

import re
from typing import NamedTuple

NAMES = (
    ("Edge", r"\bEdg(e|A|iOS)?/"),
    ("Opera", r"\b(OPR|OPiOS|Opera|Opera Mini)/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("UC Browser", r"\bUC ?Browser/"),
    ("Facebook", r"\bFB(AN|AV|_IAB)/"),
    ("Firefox", r"\b(Firefox|FxiOS)/"),
    ("Chrome", r"\b(Chrome|CriOS|Chromium)/"),
    ("Safari", r"\bVersion/.*\bSafari/"),
)
"""In this order: the User-Agent of each browser also contains names of browsers below it."""

SYSTEMS = (
    ("Android", r"\bAndroid\b"),
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\b(Macintosh|Mac OS X)\b"),
    ("Linux", r"\bLinux\b"),
)
PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,30}(?=/)")
LONGEST = 300
"""The most characters of a User-Agent that are stored and searched."""


class Browser(NamedTuple):
    """Each field is "" if unknown."""

    name: str
    system: str


def of(user_agent: str) -> Browser:
    """Name the browser and system of a User-Agent; for another program, its own name: `curl`."""
    searched = user_agent[:LONGEST]
    name, system = _first(NAMES, searched), _first(SYSTEMS, searched)
    product = PRODUCT.match(searched)
    return Browser(name or (product[0] if product and product[0] != "Mozilla" else ""), system)


def _first(names: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, text)), "")
