"""A cache of query results that are valid for one version of their data."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any


class ResultCache:
    """Holds at most `most_rows` rows in all, and evicts the least recently used results. Thread-safe."""

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._rows = 0
        self._results: dict[Hashable, tuple[Hashable, list[Any]]] = {}  # the most recently used one is last
        self._lock = threading.Lock()

    def get(self, key: Hashable, version: Hashable) -> list[Any] | None:
        """The result stored for `key`, if it was stored with the same `version`."""
        with self._lock:
            found = self._results.get(key)
            if found is None or found[0] != version:
                return None
            self._results[key] = self._results.pop(key)
            return found[1]

    def store(self, key: Hashable, version: Hashable, rows: list[Any]) -> None:
        with self._lock:
            self._drop(key)
            self._results[key] = (version, rows)
            self._rows += len(rows)
            while self._rows > self._most_rows:
                self._drop(next(iter(self._results)))

    def _drop(self, key: Hashable) -> None:
        _, rows = self._results.pop(key, (None, ()))
        self._rows -= len(rows)
