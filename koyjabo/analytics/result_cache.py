"""Answers that are kept for as long as what they are about has not changed."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any


class ResultCache:
    """At most `most_rows` rows in all, and those that were asked for last. An answer with more rows is not kept.

    Any thread may call; nothing waits while the lock is held.
    """

    def __init__(self, most_rows: int) -> None:
        self._most_rows = most_rows
        self._rows = 0
        self._answers: dict[Hashable, tuple[Hashable, list[Any]]] = {}  # the one that was asked for last stands last
        self._lock = threading.Lock()

    def get(self, question: Hashable, stamp: Hashable) -> list[Any] | None:
        """The answer of the last time, if `stamp` is still what it was then."""
        with self._lock:
            found = self._answers.get(question)
            if found is None or found[0] != stamp:
                return None
            self._answers[question] = self._answers.pop(question)
            return found[1]

    def store(self, question: Hashable, stamp: Hashable, answer: list[Any]) -> None:
        with self._lock:
            self._drop(question)
            self._answers[question] = (stamp, answer)
            self._rows += len(answer)
            while self._rows > self._most_rows:
                self._drop(next(iter(self._answers)))

    def _drop(self, question: Hashable) -> None:
        _, answer = self._answers.pop(question, (None, ()))
        self._rows -= len(answer)
