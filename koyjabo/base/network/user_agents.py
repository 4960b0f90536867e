"""Recognises browsers, systems and devices using ua-parser's rules: "Chrome" on "Android", a phone.

Also parses the texts that are stored in place of user agents: "Chrome on Android" for an anonymous visit, and "Chrome
on Android (phone)" after 30 days.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

BROWSERS, OPERATING_SYSTEMS, _ = load_lazy_builtins()
"""The rules of ua-parser, compiled on first use. Its rules for devices would take another 14 MB, so they
are not used.
"""

PHONE, TABLET, DESKTOP = "phone", "tablet", "desktop"

SYSTEMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
"""Common names of systems, by their names in ua-parser."""

DESKTOP_SYSTEMS = frozenset({"Windows", "macOS", "ChromeOS", "Linux", "Ubuntu", "Fedora"})
PHONE_SYSTEMS = frozenset({"iOS", "Windows Phone", "Windows Mobile", "Maemo", "MeeGo", "Brew MP"})
"""Systems that run on no desktop, and whose user agents may name no phone."""

APP_OF_MAC = re.compile(r" \((?:Power(?:%20| )Macintosh|x86_64)")
"""An app's own request from a Mac, whose system ua-parser takes for iOS."""

CHROMEBOOKS = re.compile(r"Chromebook|Pixelbook")
TABLETS = re.compile(
    r"iPad|Tablet(?! PC)|PlayBook|Kindle|\b[Tt](?:ab|AB)(?![A-Za-z])|SM-[TX]\d|GT-P\d|/apad\b|Pad(?![A-Za-z])"
)
NOTEBOOKS = re.compile(
    r"(?:Bilim|Elite|NET|LIFE)BOOK|Aspire|Inspiron|Latitude|Satellite|TravelMate|Vostro|Swift SF|\bPC\)", re.IGNORECASE
)
"""Models of tablets, which may say "Mobile", and of notebooks that run Android."""

PHONES = re.compile(
    r"Mobi|iPh|iPod|Phone|Opera Mini|BlackBerry|Nokia|MIDP|WPDesktop|Lumia|Palm|webOS/|UP\.Browser|MAUI|WAP|BREW|DoCoMo"
)
WHOLE_BROWSER = re.compile(r"(?:Safari|Gecko|Opera)/")
"""User agents of phones contain "Mobi", but user agents of Android tablets do not (MDN, Browser detection). Parts of
them and an app's own requests never contain it: `Dalvik/2.1.0 (Linux; U; Android 13; …)`.
"""

QUALIFIERS = re.compile(r"\b(Mobile|iOS)\b")
NAME_SEPARATORS = re.compile(r"(?:[/;()\s]|\bon\b)+")
PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,30}(?=/)")
STORED_USER_AGENT = re.compile(
    r"(?P<name>[^/;()]{0,60}?)(?:(?:^| )on (?P<system>[^/;()]{1,60}?))?(?: \((?P<device>phone|tablet|desktop)\))?"
)
MAX_USER_AGENT_LENGTH = 300
"""Maximum length of a user agent stored with a session, characters."""

MAX_BROWSER_NAME_LENGTH = 60
MAX_CACHED_USER_AGENTS = 4096
RULES_AT_ONCE = 50
"""Number of rules compiled at once. This takes 9 ms, and no other thread runs in that time."""


class Browser(NamedTuple):
    """A browser and its system; "" if unknown."""

    name: str
    system: str


class UserAgent(NamedTuple):
    """A client's properties according to its user agent; "" if unknown."""

    name: str
    system: str
    device: str


class Rules(NamedTuple):
    """The rules, in ua-parser's order. The first match counts."""

    browsers: list[Any]
    systems: list[Any]


def of(user_agent: str) -> Browser:
    """The browser and system of a user agent. Other programs have their own name, such as `curl`."""
    return Browser(*parsed(user_agent)[:2])


@lru_cache(maxsize=MAX_CACHED_USER_AGENTS)
def parsed(user_agent: str) -> UserAgent:
    stored = STORED_USER_AGENT.fullmatch(user_agent)
    return _of_stored(stored) if stored else _of_user_agent(user_agent)


def described(user_agent: str) -> str:
    """The text to store for an anonymous visit: "Chrome on Android", or the part of it that is known."""
    return _named(*of(user_agent))


def reduced(user_agent: str) -> str:
    """The text that replaces a user agent after 30 days: "Chrome on Android (phone)". `parsed` returns the same values
    for both.
    """
    return written(parsed(user_agent))


def written(user_agent: UserAgent) -> str:
    """The text that `parsed` turns into these values. Values that no user agent contains are left out."""
    name, system = _tidy(user_agent.name), _tidy(user_agent.system)
    named = _named(name, system)
    has_device = user_agent.device in (PHONE, TABLET, DESKTOP) and user_agent.device != _usual_device(system)
    return f"{named} ({user_agent.device})" if has_device else named


def _named(name: str, system: str) -> str:
    return f"{name} on {system}".strip() if system else name


def _of_stored(stored: re.Match[str]) -> UserAgent:
    name, system, device = (_tidy(stored[part] or "") for part in ("name", "system", "device"))
    return UserAgent(name, system, device or _usual_device(system))


def _usual_device(system: str) -> str:
    return DESKTOP if system in DESKTOP_SYSTEMS else ""


def _of_user_agent(user_agent: str) -> UserAgent:
    rules = compiled_rules()
    browser, system = first_family(rules.browsers, user_agent), first_family(rules.systems, user_agent)
    name = QUALIFIERS.sub("", browser)
    if not browser and (product := PRODUCT.match(user_agent)) and product[0] != "Mozilla":
        name = product[0]
    if system == "iOS" and "Darwin/" in user_agent and APP_OF_MAC.search(user_agent):
        system = "Mac OS X"
    return UserAgent(_tidy(name), SYSTEMS.get(system) or _tidy(system), device_of(user_agent, system))


def first_family(extractors: list[Any], user_agent: str) -> str:
    matches = (extractor.extract(user_agent) for extractor in extractors)
    return next((match.family for match in matches if match), "")


def device_of(user_agent: str, system: str = "") -> str:
    if CHROMEBOOKS.search(user_agent):
        return DESKTOP
    if TABLETS.search(user_agent):
        return TABLET
    if PHONES.search(user_agent) or system in PHONE_SYSTEMS:
        return PHONE
    if "Android" not in user_agent or "TV" in user_agent or NOTEBOOKS.search(user_agent):
        return DESKTOP
    return TABLET if WHOLE_BROWSER.search(user_agent) else PHONE


def _tidy(name: str) -> str:
    return NAME_SEPARATORS.sub(" ", name)[:MAX_BROWSER_NAME_LENGTH].strip()


def load() -> None:
    """Compile the rules now, instead of at the first visit. With `crawlers`, this takes 0.1 s and 20 MB."""
    compiled_rules()


@cache
def compiled_rules() -> Rules:
    return Rules(
        [Resolver((some, [], [])).ua for some in rules_in_pieces(BROWSERS)],
        [Resolver(([], some, [])).os for some in rules_in_pieces(OPERATING_SYSTEMS)],
    )


def rules_in_pieces(rules: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rules), RULES_AT_ONCE):
        yield list(rules[start : start + RULES_AT_ONCE])
