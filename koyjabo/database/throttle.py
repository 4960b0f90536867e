"""A long change in small transactions, so that nobody waits for any of them for long.

Each is complete in itself: whoever is killed in between has done what was done, and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session

from koyjabo.database.executor import DatabaseExecutor

AIM_S = 0.01
"""How long a transaction may hold the writer. Disks are uneven, so this is far below what is promised: 50 ms."""

FIRST, FEWEST, MOST = 50, 10, 1_000
"""Rows in one transaction. More are hardly faster, and the next stroke of a slow disk would find them all in one."""

GROWTH = 1.3
REST = 2
"""Times as long as a transaction held the writer, visits have it to themselves."""

Result = TypeVar("Result")


class Throttle:
    """`size` is how many rows the next transaction is to change, by how long the last ones took."""

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database
        self._size = float(FIRST)
        self.longest_s = 0.0

    @property
    def size(self) -> int:
        return int(self._size)

    def do(self, operation: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Run an operation, which gets a session, the arguments and the `size`. Raises LedgerUnavailable."""
        held_s: list[float] = []
        result: Result = self._database.write(_timed(operation, held_s), *args, size=self.size, **kwargs)
        took_s = sum(held_s)
        self.longest_s = max(self.longest_s, took_s)
        wanted = self._size * min(GROWTH, AIM_S / max(took_s, 1e-6))
        self._size = min(max(wanted, FEWEST), MOST)
        time.sleep(REST * took_s)
        return result


def _timed(operation: Callable[..., Result], held_s: list[float]) -> Callable[..., Result]:
    """The operation, which adds its time until after the commit to `held_s`. Measured on the database thread, because
    the event loop may be late.
    """

    def timed(session: Session, *args: Any, **kwargs: Any) -> Result:
        began = time.monotonic()
        event.listen(session, "after_commit", lambda _: held_s.append(time.monotonic() - began))
        return operation(session, *args, **kwargs)

    return timed
