"""What one client was shown of one scope: totals never fall within the epoch (specification: promise 3)."""

from __future__ import annotations

from typing import Any

from chaos.book import Book


class Seen:
    def __init__(self, book: Book, who: str) -> None:
        self.total = -1
        self.stats: dict[str, Any] = {}
        self._book = book
        self._who = who
        self._on_line: tuple[int, int] | None = None  # total and revision, on the socket that is open now

    def begin_line(self) -> None:
        """A new socket, perhaps to another worker."""
        self._on_line = None

    def see(self, stats: dict[str, Any], pushed: bool) -> None:
        """`pushed` on a socket, where an order is promised; anywhere, only stale numbers may be older ones."""
        total, revision, stale = stats["totalVisitors"], stats["revision"], stats.get("stale", False)
        if not self._book.is_known_epoch(stats["epoch"]):
            self._book.breach(f"{self._who} was shown another epoch: {stats}")
        if total < self.total and not stale:
            self._book.breach(f"{self._who} was shown {total} after {self.total} (pushed: {pushed})")
        if pushed:
            self._see_on_line(total, revision)
        self.total = max(self.total, total)
        self.stats = stats

    def _see_on_line(self, total: int, revision: int) -> None:
        if self._on_line is not None:
            last_total, last_revision = self._on_line
            if total < last_total or revision <= last_revision:
                self._book.breach(
                    f"{self._who}: total {total} at revision {revision} followed {last_total} at {last_revision}"
                    " on one socket"
                )
        self._on_line = total, revision
