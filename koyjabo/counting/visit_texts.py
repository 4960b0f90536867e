"""How much new texts of visits take in the database: in the visits, and in sums by day and scope."""

from __future__ import annotations

import time
from typing import Any, Protocol

from koyjabo.core.errors import TooManyRequests
from koyjabo.counting.records import NewVisit
from koyjabo.database.json_rows import reader
from koyjabo.network.rate_limiter import DAY_S

OF_EACH = 600
"""Bytes of a new value in the sums of the site and of a community, on PostgreSQL; SQLite takes less."""

TEXTS = {"page": OF_EACH, "referrer": 2 * OF_EACH, "user_agent": OF_EACH, "campaign": 5 * OF_EACH}
"""The texts that a client chooses. They count by the number of their dimensions."""

WITHOUT: dict[str, Any] = dict.fromkeys(TEXTS)
_texts = reader(NewVisit._fields, list(TEXTS))

OF_TEXTS = 9
"""How many bytes each byte takes in all these rows, at most."""

MOST_SEEN = 50_000
"""Texts that a worker remembers, 4 MB."""


class StorageLimits(Protocol):
    """What the sender of a visit may store in a day."""

    @property
    def limits_storage(self) -> bool: ...

    def count_stored(self, stored: int) -> None:
        """Count `stored` bytes. Raises TooManyRequests."""


class SeenTexts:
    """The texts of the day (UTC) by scope: what is stored already takes nothing more."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        self._day = 0

    def _new_bytes(self, visit: NewVisit) -> int:
        """What the visit's texts take that were not seen before, bytes."""
        day = int(time.time() // DAY_S)
        if day != self._day or len(self._hashes) > MOST_SEEN:
            self._hashes, self._day = set(), day
        scope, new = visit.scope, 0
        for text, bytes_ in zip(_texts(visit), TEXTS.values(), strict=True):
            if text and hash((scope, text)) not in self._hashes:
                new += bytes_ + OF_TEXTS * len(text.encode())
        return new

    def clear(self) -> None:
        self._hashes = set()

    def within(self, visit: NewVisit, limits: StorageLimits) -> NewVisit:
        """The visit as it may be stored: without its texts if they are new and its address has used up its bytes of the
        day. The visit counts all the same.
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
