"""Computes how many bytes a visit's new texts take up in the database, in the visit itself and in the sums by day and
scope.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.database.json_rows import reader
from koyjabo.base.network.rate_limiter import DAY_S
from koyjabo.counting.records import NewVisit

OF_EACH = 600
"""Size of a new value in the sums of the site and a community on PostgreSQL, bytes. SQLite needs less."""

TEXTS = {"page": OF_EACH, "referrer": 2 * OF_EACH, "user_agent": OF_EACH, "campaign": 5 * OF_EACH}
"""Texts that a client chooses, with the size of the sums they add to. A text may be in several sums."""

WITHOUT: dict[str, Any] = dict.fromkeys(TEXTS)
_texts = reader(NewVisit._fields, list(TEXTS))

OF_TEXTS = 9
"""Maximum size of the rows for each byte of a text, bytes."""

MAX_SEEN = 50_000
"""Maximum number of texts that a worker remembers, about 4 MB."""


class StorageLimits(Protocol):
    """Limits how many bytes the sender of a visit may store per day."""

    @property
    def limits_storage(self) -> bool: ...

    def count_stored(self, stored: int) -> None:
        """Count `stored` bytes. Raises TooManyRequests."""


class SeenTexts:
    """The texts seen today (UTC) in each scope. Storing them again takes no extra space."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._day = 0

    def _new_bytes(self, visit: NewVisit) -> int:
        """The size of the visit's texts that have not been seen before, bytes."""
        day = int(time.time() // DAY_S)
        if day != self._day or len(self._hashes) > MAX_SEEN:
            self._hashes, self._day = set(), day
        scope, new = visit.scope, 0
        for text, bytes_ in zip(_texts(visit), TEXTS.values(), strict=True):
            if text and hash((scope, text)) not in self._hashes:
                new += bytes_ + OF_TEXTS * len(text.encode())
        return new

    def clear(self) -> None:
        self._hashes = set()

    def within(self, visit: NewVisit, limits: StorageLimits) -> NewVisit:
        """Return the visit, without its texts if any of them are new and its sender has used up the day's bytes. The
        visit still counts.
        """
        if not limits.limits_storage:
            return visit
        new_bytes = self._new_bytes(visit)
        if new_bytes:
            try:
                limits.count_stored(new_bytes)
            except TooManyRequests:
                return visit._replace(**WITHOUT)
            self._hashes.update(hash((visit.scope, text)) for text in _texts(visit) if text)
        return visit
