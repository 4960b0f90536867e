"""A cache of query results that are valid for one version of their data."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class ResultCache:
    """Holds results of at most `most` in all, and evicts the least recently used ones.

    For one thread, or under a lock of its owner: a lock of its own would be patched, and real threads use it, too.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._results: dict[Hashable, tuple[Hashable, list[Any], int]] = {}  # the most recently used one is last

    def get(self, key: Hashable, version: Hashable) -> list[Any] | None:
        """The result stored for `key`, if it was stored with the same `version`."""
        kept = self._results.get(key)
        if kept is None or kept[0] != version:
            return None
        self._results[key] = self._results.pop(key)
        return kept[1]

    def store(self, key: Hashable, version: Hashable, rows: list[Any], size: int | None = None) -> None:
        """`size` is the number of rows, if it is not given."""
        self._drop(key)
        self._results[key] = (version, rows, len(rows) if size is None else size)
        self._size += self._results[key][2]
        while self._size > self._most:
            self._drop(next(iter(self._results)))

    def _drop(self, key: Hashable) -> None:
        _, _, size = self._results.pop(key, (None, (), 0))
        self._size -= size
