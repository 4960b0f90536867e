"""Recognises browsers, systems and devices using ua-parser's rules ("Chrome" on "Android", a phone), and declared
crawlers (search engines, link previews, monitors) using the lists `crawler-user-agents` and `isbot`.

Also parses the texts that are stored in place of user agents: "Chrome on Android" for an anonymous visit, and "Chrome
on Android (phone)" after 30 days.

A crawler that does not declare itself counts as a visitor, because no person may be mistaken for a crawler.

A visit's language: the first one in the Accept-Language header, without country or script.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ua_parser.loaders import load_lazy_builtins
from ua_parser.regex import Resolver

FIRST = re.compile(r"\s*([A-Za-z]{2,3})(?![A-Za-z0-9*])")
MAX_LANGUAGES = 1024


@lru_cache(maxsize=MAX_LANGUAGES)
def first_of(header: str | None) -> str | None:
    """`bn` for `bn-BD,en;q=0.8`; None without a valid language (RFC 9110, 12.5.4)."""
    match = FIRST.match(header) if header else None
    return match[1].lower() if match else None


BROWSERS, OPERATING_SYSTEMS, _ = load_lazy_builtins()
"""The rules of ua-parser, compiled on first use. Its rules for devices would take another 14 MB, so they
are not used.
"""

PHONE, TABLET, DESKTOP = "phone", "tablet", "desktop"

SYSTEMS = {"Mac OS X": "macOS", "Chrome OS": "ChromeOS"}
"""Common names of systems, by their names in ua-parser."""

OF_DESKTOPS = frozenset({"Windows", "macOS", "ChromeOS", "Linux", "Ubuntu", "Fedora"})
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
WHOLE = re.compile(r"(?:Safari|Gecko|Opera)/")
"""User agents of phones contain "Mobi", but user agents of Android tablets do not (MDN, Browser detection). Parts of
them and an app's own requests never contain it: `Dalvik/2.1.0 (Linux; U; Android 13; …)`.
"""

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

PATTERNS_PER_EXPRESSION = 25
"""Patterns per regular expression. One for each would take 5 MB more, and one for all five times as long."""

WORDS = Path(__file__).resolve().parent / "data" / "crawlers.json"
"""Words in the user agents of crawlers, from isbot (`make assets`)."""

LIBRARY = "http-library"
"""The tag of HTTP libraries in crawler-user-agents. Apps use them as well: an Android app's User-Agent is `okhttp`."""

DECLARATIONS = (
    r"(?i:(?:bot|crawl|crawler|spider)s?(?:[^a-z0-9]|$))",
    r"(?i:https?:/|\w@[a-z][\w-]*\.)",
    r"(?i:KHTML, like Gecko; \w|Safari/[\d.]+ \(compatible;)",
)
"""How crawlers declare themselves: with a name that ends in one of these words, with an address to read about them, or
with a name next to the engine's.
"""

OF_PEOPLE = re.compile(
    # A phone's model and build, such as CUBOT, HTC Butterfly and AP3A.240617, unless a crawler names itself there.
    r"\((?:Linux|Android|Mobile)[;,](?![^()]*(?:bot|crawler|spider|-Google)[\w-]{0,20}/\d)[^()]*(?:\([^()]*\)[^()]*)*\)"
    r"|Android \([^()]*\)|CUBOT"
    # Browsers and apps that the lists name.
    r"|Sogou(?:MSE|MobileBrowser|Search)|Viber|MetaIAB|WhatsApp(?=\S{0,20} \S{1,20} Device/)|Blackboard/|Code/1|Trae/"
    r"|Fluid/|Sonic Slack|MozacFetch/|Google(?=TV|App/|_TV| Fiber)|HTTPS?(?=[ ;)])|googleweblight|\w008/"
    # Names of browsers, as they are stored and imported.
    r"|^(?:Facebook(?: Messenger)?|Google|Sogou Explorer)$"
    # Browsers that name their website.
    r"|https?://(?:www\.)?(?:bsalsa|xbmc|QtWeb|avantbrowser|orcabrowser)\.",
    re.IGNORECASE,
)
"""Parts of people's user agents that look like a crawler's."""


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


class CrawlerNames(NamedTuple):
    """Names of crawlers and of HTTP libraries, and words in the user agents of crawlers."""

    crawlers: Any
    libraries: Any
    words: Any
    lookarounds: re.Pattern[str]


class Pattern(NamedTuple):
    """A pattern in the form of ua-parser's rules."""

    regex: str
    family: str = "crawler"
    major: None = None
    minor: None = None
    patch: None = None
    patch_minor: None = None


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
    return UserAgent(name, system, device or _usual_device(system))


def _usual_device(system: str) -> str:
    return DESKTOP if system in OF_DESKTOPS else ""


def _of_user_agent(user_agent: str) -> UserAgent:
    rules = _rules()
    browser, system = _first(rules.browsers, user_agent), _first(rules.systems, user_agent)
    name = QUALIFIERS.sub("", browser)
    if not browser and (product := PRODUCT.match(user_agent)) and product[0] != "Mozilla":
        name = product[0]
    return UserAgent(_tidy(name), SYSTEMS.get(system) or _tidy(system), _device(user_agent))


def _first(extractors: list[Any], user_agent: str) -> str:
    matches = (extractor.extract(user_agent) for extractor in extractors)
    return next((match.family for match in matches if match), "")


def _device(user_agent: str) -> str:
    if CHROMEBOOKS.search(user_agent):
        return DESKTOP
    if TABLETS.search(user_agent):
        return TABLET
    if PHONES.search(user_agent):
        return PHONE
    if "Android" not in user_agent or "TV" in user_agent or NOTEBOOKS.search(user_agent):
        return DESKTOP
    return TABLET if WHOLE.search(user_agent) else PHONE


def _tidy(name: str) -> str:
    return SEPARATORS.sub(" ", name)[:LONGEST_NAME].strip()


def load() -> None:
    """Compile the rules now, which takes 0.1 s and 20 MB, instead of at the first visit."""
    _rules()
    _crawler_names()


@cache
def _rules() -> Rules:
    return Rules(
        [Resolver((some, [], [])).ua for some in _pieces(BROWSERS)],
        [Resolver(([], some, [])).os for some in _pieces(OPERATING_SYSTEMS)],
    )


def _pieces(rules: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rules), AT_ONCE):
        yield list(rules[start : start + AT_ONCE])


@cache
def _crawler_names() -> CrawlerNames:
    known, words = _known_crawlers(), json.loads(WORDS.read_text(encoding="utf-8"))
    return CrawlerNames(
        crawlers=_matcher(
            (*DECLARATIONS, *(crawler["pattern"] for crawler in known if LIBRARY not in crawler["tags"]))
        ),
        libraries=_matcher(crawler["pattern"] for crawler in known if LIBRARY in crawler["tags"]),
        words=_matcher(f"(?i:{word})" for word in words["words"]),
        # The Rust engine has no look-around.
        lookarounds=re.compile("|".join(words["lookarounds"]), re.IGNORECASE),
    )


def _known_crawlers() -> Any:
    """The list in `crawleruseragents`. The package itself opens it in the locale's encoding."""
    package = find_spec("crawleruseragents")
    assert package is not None
    return json.loads(Path(str(package.origin)).with_name("crawler-user-agents.json").read_text(encoding="utf-8"))


def _matcher(patterns: Iterable[str]) -> Any:
    """An object whose `extract` searches all patterns at once, ten times as fast as `re`."""
    all_patterns, size = list(patterns), PATTERNS_PER_EXPRESSION
    rules: Any = [Pattern("|".join(all_patterns[start : start + size])) for start in range(0, len(all_patterns), size)]
    return Resolver((rules, [], [])).ua


@lru_cache(maxsize=CACHE_SIZE)
def is_bot(user_agent: str | None) -> bool:
    """Whether this is the User-Agent of a declared crawler.

    A user agent that names a system or a phone belongs to a person, unless the crawler declares itself or is known by
    name. Without a system, a word is enough (docs/decisions/0026-declared-crawlers.md). A text that replaced a user
    agent, such as "Facebook on iOS", belongs to a person.
    """
    stored = STORED.fullmatch(user_agent or "")
    if not user_agent or (stored and (stored["system"] or stored["device"])):
        return False
    names = _crawler_names()
    if names.crawlers.extract(user_agent) and names.crawlers.extract(OF_PEOPLE.sub("", user_agent)):
        return True
    if _device(user_agent) != DESKTOP or _first(_rules().systems, user_agent) or names.libraries.extract(user_agent):
        return False
    text = OF_PEOPLE.sub("", user_agent)
    return bool(names.lookarounds.search(text) or names.words.extract(text))
