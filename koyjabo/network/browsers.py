"""What a browser is called, for whoever looks through their sessions: "Chrome" on "Android"."""

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
"""In this order: each says that it is several of those below it, too."""

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
"""Characters of a User-Agent that are kept, and looked at."""


class Browser(NamedTuple):
    """Each "" where it does not say."""

    name: str
    system: str


def of(user_agent: str) -> Browser:
    """What a User-Agent says of itself; for a program that is no browser, its own name: `curl`."""
    said = user_agent[:LONGEST]
    name, system = _first(NAMES, said), _first(SYSTEMS, said)
    product = PRODUCT.match(said)
    return Browser(name or (product[0] if product and product[0] != "Mozilla" else ""), system)


def _first(names: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, said)), "")
