"""Recognises declared crawlers: search engines, link previews, monitors (by the list of `crawler-user-agents`).

A crawler that does not declare itself counts as a visitor: no person must be mistaken for a crawler.
"""

from __future__ import annotations

import re
from functools import lru_cache

NOT_CRAWLERS = "http-library"
"""Tag of the list for HTTP libraries, which apps use as well: the User-Agent of an Android app contains `okhttp`."""

PATTERNS_PER_EXPRESSION = 25
"""Patterns per regular expression, as in the package: one expression of all 1,500 takes ten times as long."""

CACHE_SIZE = 4096
"""Size of the cache: a search of the whole list takes as long as a registration."""


def _declared() -> list[re.Pattern[str]]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA as KNOWN

    names = [each["pattern"] for each in KNOWN if NOT_CRAWLERS not in each["tags"]]
    KNOWN.clear()  # megabytes, mostly of examples
    starts = range(0, len(names), PATTERNS_PER_EXPRESSION)
    return [re.compile("|".join(names[start : start + PATTERNS_PER_EXPRESSION])) for start in starts]


DECLARED = _declared()


@lru_cache(maxsize=CACHE_SIZE)
def is_bot(user_agent: str | None) -> bool:
    """Whether this is the User-Agent of a declared crawler."""
    return user_agent is not None and any(some.search(user_agent) for some in DECLARED)
