"""The texts of visits that a worker has stored today, and what their senders may store."""

import time
from typing import Any, Protocol

from koyjabo.base.core.errors import TooManyRequests
from koyjabo.base.database.json_rows import reader
from koyjabo.base.network.rate_limiter import DAY_S
from .known_pages import KnownPages, NameLimits
from .records import NewVisit

VALUE_BYTES = 600
"""Size of a new value in the sums of the site and a community on PostgreSQL, bytes. SQLite needs less."""

TEXT_SIZES = {"page": VALUE_BYTES, "referrer": 2 * VALUE_BYTES, "user_agent": VALUE_BYTES, "campaign": 5 * VALUE_BYTES}
"""Texts that a client chooses, with the size of the sums they add to. A text may be in several sums."""

WITHOUT_TEXTS: dict[str, Any] = dict.fromkeys(TEXT_SIZES)
_texts = reader(NewVisit._fields, list(TEXT_SIZES))

VIEW_BYTES = 1_000
"""Size of a page view's row, whose page is stored again, bytes."""

MAX_BYTES_PER_BYTE = 9
"""Maximum size of the rows for each byte of a text, bytes."""

MAX_SEEN_TEXTS = 50_000
"""Maximum number of texts that a worker remembers, about 4 MB."""


class StorageLimits(NameLimits, Protocol):
    """Limits what the sender of a visit may store per day."""

    def count_stored(self, stored: int) -> None:
        """Count `stored` bytes. Raises TooManyRequests."""


class SeenTexts:
    """The texts seen today (UTC) in each scope. Storing them again takes no extra space."""

    def __init__(self) -> None:
        self.pages = KnownPages()
        self._hashes: set[int] = set()
        self._day = 0

    def _new_bytes(self, visit: NewVisit) -> int:
        """The size of the visit's texts that have not been seen before, bytes."""
        day = int(time.time() // DAY_S)
        if day != self._day or len(self._hashes) > MAX_SEEN_TEXTS:
            self._hashes, self._day = set(), day
        scope, new = visit.scope, VIEW_BYTES if visit.continues else 0
        for text, bytes_ in zip(_texts(visit), TEXT_SIZES.values(), strict=True):
            if text and hash((scope, text)) not in self._hashes:
                new += bytes_ + MAX_BYTES_PER_BYTE * len(text.encode())
        return new

    def clear(self) -> None:
        self._hashes = set()

    def within(self, visit: NewVisit, limits: StorageLimits) -> NewVisit:
        """Return the visit, without its texts if any of them are new and its sender has used up the day's bytes, and
        without its page if its sender has named too many new ones. The visit still counts.
        """
        if not limits.limits_storage:
            return visit
        new_bytes = self._new_bytes(visit)
        if new_bytes:
            try:
                limits.count_stored(new_bytes)
            except TooManyRequests:
                return visit._replace(**WITHOUT_TEXTS)
        # Also if its text has been seen: it may have been the text of a referrer.
        visit = visit._replace(page=self.pages.allowed(visit.page, limits))
        if new_bytes:
            self._hashes.update(hash((visit.scope, text)) for text in _texts(visit) if text)
        return visit
