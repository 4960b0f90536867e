"""How much new texts of visits take in the database: in the visits, and in sums by day and scope."""

from __future__ import annotations

import time

from koyjabo.counting.records import NewVisit
from koyjabo.network.rate_limiter import DAY_S

OF_EACH = 600
"""Bytes of a new value in the sums of the site and of a community, on PostgreSQL; SQLite takes less."""

PAGE, REFERRER, USER_AGENT, CAMPAIGN = OF_EACH, 2 * OF_EACH, OF_EACH, 5 * OF_EACH
"""By the number of dimensions that a text has."""

OF_TEXTS = 9
"""How many bytes each byte takes in all these rows, at most."""

MOST_SEEN = 50_000
"""Texts that a worker remembers, 4 MB."""


class SeenTexts:
    """The texts of the day (UTC) by scope: what is stored already takes nothing more."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._day = 0

    def new_bytes(self, visit: NewVisit) -> int:
        """What the visit's texts take that were not seen before, bytes."""
        day = int(time.time() // DAY_S)
        if day != self._day or len(self._hashes) > MOST_SEEN:
            self._hashes, self._day = set(), day
        scope, found = visit.scope, 0
        for text, bytes_ in (
            (visit.page, PAGE),
            (visit.referrer, REFERRER),
            (visit.user_agent, USER_AGENT),
            (visit.campaign, CAMPAIGN),
        ):
            if text and hash((scope, text)) not in self._hashes:
                found += bytes_ + OF_TEXTS * len(text.encode())
        return found

    def add(self, visit: NewVisit) -> None:
        texts = (visit.page, visit.referrer, visit.user_agent, visit.campaign)
        self._hashes.update(hash((visit.scope, text)) for text in texts if text)


def without_texts(visit: NewVisit) -> NewVisit:
    """The visit of which only what counts is stored."""
    return visit._replace(page=None, referrer=None, user_agent=None, campaign=None)
