"""Recognises declared crawlers (search engines, link previews, monitors) using the lists `crawler-user-agents` and
`isbot`. A crawler that does not declare itself counts as a visitor, because no person may be mistaken for a crawler.
"""

import json
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ua_parser.regex import Resolver

from .user_agents import DESKTOP, MAX_CACHED_USER_AGENTS, STORED_USER_AGENT, compiled_rules, device_of, first_family

PATTERNS_PER_EXPRESSION = 25
"""Patterns per regular expression. One for each would take 5 MB more, and one for all five times as long."""

CRAWLER_WORDS = Path(__file__).resolve().parent / "data" / "crawlers.json"
"""Words in the user agents of crawlers, from isbot (`make assets`)."""

LIBRARY_TAG = "http-library"
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


def load() -> None:
    """Compile the lists now, instead of at the first visit."""
    _crawler_names()


@cache
def _crawler_names() -> CrawlerNames:
    known, words = _known_crawlers(), json.loads(CRAWLER_WORDS.read_text(encoding="utf-8"))
    return CrawlerNames(
        crawlers=_matcher(
            (*DECLARATIONS, *(crawler["pattern"] for crawler in known if LIBRARY_TAG not in crawler["tags"]))
        ),
        libraries=_matcher(crawler["pattern"] for crawler in known if LIBRARY_TAG in crawler["tags"]),
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


@lru_cache(maxsize=MAX_CACHED_USER_AGENTS)
def is_bot(user_agent: str | None) -> bool:
    """Whether this is the User-Agent of a declared crawler.

    A user agent that names a system or a phone belongs to a person, unless the crawler declares itself or is known by
    name. Without a system, a word is enough (docs/decisions/0026-declared-crawlers.md). A text that replaced a user
    agent, such as "Facebook on iOS", belongs to a person.
    """
    stored = STORED_USER_AGENT.fullmatch(user_agent or "")
    if not user_agent or (stored and (stored["system"] or stored["device"])):
        return False
    names = _crawler_names()
    if names.crawlers.extract(user_agent) and names.crawlers.extract(OF_PEOPLE.sub("", user_agent)):
        return True
    if (
        device_of(user_agent) != DESKTOP
        or first_family(compiled_rules().systems, user_agent)
        or names.libraries.extract(user_agent)
    ):
        return False
    text = OF_PEOPLE.sub("", user_agent)
    return bool(names.lookarounds.search(text) or names.words.extract(text))
