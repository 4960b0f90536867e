"""Splits a long change into small transactions, so that no visit waits long to be registered.

Each transaction must be complete in itself, so that an interrupted change can be continued.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import event
from sqlalchemy.orm import Session

from koyjabo.database.executor import DatabaseExecutor

AIM_S = 0.01
"""How long a transaction should hold the writer, s. The promise is 50 ms, but disks vary much."""

FIRST, FEWEST, MOST = 50, 10, 1_000
"""Rows per transaction: at first, at least and at most. More rows are hardly faster, and take long on a disk that
suddenly becomes slow.
"""

GROWTH = 1.3
REST = 2
"""Length of the pause after a transaction, as a multiple of the transaction's time."""

Result = TypeVar("Result")


class Throttle:
    """Adapts `size`, the number of rows of the next transaction, to the duration of the last ones."""

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database
        self._size = float(FIRST)
        self.longest_s = 0.0

    @property
    def size(self) -> int:
        return int(self._size)

    def do(self, operation: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Run an operation with a session, the arguments and `size`, then pause. Raises LedgerUnavailable."""
        held_s: list[float] = []
        result: Result = self._database.write(_timed(operation, held_s), *args, size=self.size, **kwargs)
        took_s = sum(held_s)
        self.longest_s = max(self.longest_s, took_s)
        adapted = self._size * min(GROWTH, AIM_S / max(took_s, 1e-6))
        self._size = min(max(adapted, FEWEST), MOST)
        time.sleep(REST * took_s)
        return result

    def repeat(self, operation: Callable[..., object], *args: Any) -> None:
        """Run an operation until it returns False or 0 because nothing is left to do. Raises LedgerUnavailable."""
        while self.do(operation, *args):
            pass


def _timed(operation: Callable[..., Result], held_s: list[float]) -> Callable[..., Result]:
    """The operation, which also adds its time until after the commit to `held_s`.

    The time is measured on the database thread, because the event loop may be late.
    """

    def timed(session: Session, *args: Any, **kwargs: Any) -> Result:
        began = time.monotonic()
        event.listen(session, "after_commit", lambda _: held_s.append(time.monotonic() - began))
        return operation(session, *args, **kwargs)

    return timed
