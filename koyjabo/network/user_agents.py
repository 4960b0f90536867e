"""Recognises browsers, systems and devices using ua-parser's rules ("Chrome" on "Android", a phone), and declared
crawlers (search engines, link previews, monitors) using the list `crawler-user-agents`.

Also parses the texts that are stored in place of user agents: "Chrome on Android" for an anonymous visit, and "Chrome
on Android (phone)" after 30 days.

A crawler that does not declare itself counts as a visitor, because no person may be mistaken for a crawler.
"""

from __future__ import annotations

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

OF_DESKTOPS = frozenset({"Windows", "macOS", "ChromeOS", "Linux", "Ubuntu", "Fedora"})
EARLIER = {"iPhone": ("iOS", PHONE), "iPad": ("iOS", TABLET)}
EARLIER_WITHOUT_BROWSER = frozenset({"Android", "iPhone", "iPad", "Windows", "ChromeOS", "macOS", "Linux"})
"""Systems as earlier versions stored them for anonymous visits, and systems that they stored without a browser."""

TABLETS = re.compile(r"iPad|Tablet|PlayBook|Kindle|Android(?!.*(Mobi|TV))")
PHONES = re.compile(r"Mobi|iPhone|iPod|Phone|Opera Mini|BlackBerry|Nokia|MIDP")
"""User agents of phones contain "Mobi", but user agents of Android tablets do not (MDN, Browser detection)."""

QUALIFIERS = re.compile(r"\b(Mobile|iOS)\b")
SEPARATORS = re.compile(r"(?:[/;()\s]|\bon\b)+")
PRODUCT = re.compile(r"[A-Za-z][A-Za-z0-9 ._-]{0,30}(?=/)")
STORED = re.compile(
    r"(?P<name>[^/;()]{0,60}?)(?:(?:^| )on (?P<system>[^/;()]{1,60}?))?(?: \((?P<device>phone|tablet|desktop)\))?"
)
LONGEST = 300
"""Maximum length of a user agent stored with a session, characters."""

LONGEST_NAME = 60
CACHE_SIZE = 4096
AT_ONCE = 50
"""Number of rules compiled at once. This takes 9 ms, and no other thread runs in that time."""

NOT_CRAWLERS = "http-library"
"""The list's tag for HTTP libraries, which apps use as well: an Android app's User-Agent contains `okhttp`."""

PATTERNS_PER_EXPRESSION = 25
"""Patterns per regular expression, as in the package. A single expression with all 1,500 would take ten
times as long.
"""


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


@lru_cache(maxsize=CACHE_SIZE)
def parsed(user_agent: str) -> UserAgent:
    stored = STORED.fullmatch(user_agent)
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
    if name in EARLIER_WITHOUT_BROWSER and not system:
        name, system = "", name
    system, device = EARLIER.get(system, (system, device or _usual_device(system)))
    return UserAgent(name, system, device)


def _usual_device(system: str) -> str:
    return DESKTOP if system in OF_DESKTOPS else ""


def _of_user_agent(user_agent: str) -> UserAgent:
    rules = _rules()
    browser, system = _first(rules.browsers, user_agent), _first(rules.systems, user_agent)
    name = _tidy(QUALIFIERS.sub("", browser)) if browser else _product(user_agent)
    return UserAgent(name, SYSTEMS.get(system) or _tidy(system), _device(user_agent))


def _first(extractors: list[Any], user_agent: str) -> str:
    matches = (extractor.extract(user_agent) for extractor in extractors)
    return next((match.family for match in matches if match), "")


def _device(user_agent: str) -> str:
    if TABLETS.search(user_agent):
        return TABLET
    return PHONE if PHONES.search(user_agent) else DESKTOP


def _product(user_agent: str) -> str:
    product = PRODUCT.match(user_agent)
    return _tidy(product[0]) if product and product[0] != "Mozilla" else ""


def _tidy(name: str) -> str:
    return SEPARATORS.sub(" ", name)[:LONGEST_NAME].strip()


def load() -> None:
    """Compile the rules now, which takes 0.1 s and 12 MB, instead of at the first visit."""
    _rules()


@cache
def _rules() -> Rules:
    return Rules(
        [Resolver((some, [], [])).ua for some in _pieces(BROWSERS)],
        [Resolver(([], some, [])).os for some in _pieces(OPERATING_SYSTEMS)],
    )


def _pieces(rules: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rules), AT_ONCE):
        yield list(rules[start : start + AT_ONCE])


def _declared() -> list[re.Pattern[str]]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA as KNOWN

    names = [crawler["pattern"] for crawler in KNOWN if NOT_CRAWLERS not in crawler["tags"]]
    KNOWN.clear()  # frees megabytes, mostly examples
    starts = range(0, len(names), PATTERNS_PER_EXPRESSION)
    return [re.compile("|".join(names[start : start + PATTERNS_PER_EXPRESSION])) for start in starts]


DECLARED = _declared()


@lru_cache(maxsize=CACHE_SIZE)
def is_bot(user_agent: str | None) -> bool:
    """Whether this is the User-Agent of a declared crawler."""
    return user_agent is not None and any(some.search(user_agent) for some in DECLARED)
