"""Which visitors are programs that say so: search engines, previews of links, monitors (`crawler-user-agents`).

Who hides it is a visitor like any other: nobody can tell, and a person must not be taken for a program.
"""

from __future__ import annotations

import re
from functools import lru_cache

NOT_CRAWLERS = "http-library"
"""What the list calls so are libraries in which apps are written as well: an Android app says `okhttp`."""

TOGETHER = 25
"""Names in one expression, as in the package: all 1,500 in one take ten times as long."""

KEPT = 4096
"""Browsers that are remembered: looking one up in the whole list takes as long as a registration."""


def _declared() -> list[re.Pattern[str]]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA as KNOWN

    names = [each["pattern"] for each in KNOWN if NOT_CRAWLERS not in each["tags"]]
    KNOWN.clear()  # megabytes, mostly of examples
    starts = range(0, len(names), TOGETHER)
    return [re.compile("|".join(names[start : start + TOGETHER])) for start in starts]


DECLARED = _declared()


@lru_cache(maxsize=KEPT)
def is_bot(user_agent: str | None) -> bool:
    """Whether this is how a declared crawler calls itself."""
    return user_agent is not None and any(some.search(user_agent) for some in DECLARED)
