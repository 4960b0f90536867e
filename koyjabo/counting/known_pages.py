"""The pages that this worker has stored recently. They limit how many new names one address can add."""

from typing import Protocol

from koyjabo.base.core.errors import TooManyRequests

MAX_KNOWN_PAGES = 100_000
"""Maximum number of pages that a worker remembers, about 8 MB."""


class NameLimits(Protocol):
    """Limits how many new pages the sender of a request may name per day."""

    @property
    def limits_storage(self) -> bool: ...

    def count_name(self) -> None:
        """Count a new name. Raises TooManyRequests."""


class KnownPages:
    """Pages as hashes, in two generations. A page is forgotten after MAX_KNOWN_PAGES / 2 to MAX_KNOWN_PAGES others."""

    def __init__(self) -> None:
        self._younger: set[int] = set()
        self._older: set[int] = set()

    def allowed(self, page: str | None, limits: NameLimits) -> str | None:
        """Return the page, or None if it is new and its sender has named too many new ones today."""
        name = hash(page)
        if page is None or name in self._younger or not limits.limits_storage:
            return page
        if name not in self._older:
            try:
                limits.count_name()
            except TooManyRequests:
                return None
        if len(self._younger) >= MAX_KNOWN_PAGES // 2:
            self._older, self._younger = self._younger, set()
        self._younger.add(name)
        return page
