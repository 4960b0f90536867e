"""Spreads long work over short transactions, so that visits hardly wait for it."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from .executor import DatabaseExecutor, Result

TRANSACTION_AIM_S = 0.01
"""How long a transaction should occupy the writer, s. The limit promised to users is 50 ms, but disks vary a lot."""

FIRST_SIZE, MIN_SIZE, MAX_SIZE = 50, 10, 1_000
"""Rows per transaction: initial, minimum and maximum. Larger transactions are hardly more efficient, and take long on a
disk that suddenly slows down.
"""

SIZE_GROWTH = 1.3

REST_FACTOR = 2
"""Pause after a transaction, as a multiple of its duration."""


class Throttle:
    """Adapts `size`, the number of rows in the next transaction, to how long the last ones took."""

    def __init__(self, database: DatabaseExecutor) -> None:
        self._database = database
        self._size = float(FIRST_SIZE)
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
        adapted = self._size * min(SIZE_GROWTH, TRANSACTION_AIM_S / max(took_s, 1e-6))
        self._size = min(max(adapted, MIN_SIZE), MAX_SIZE)
        time.sleep(REST_FACTOR * took_s)
        return result

    def repeat(self, operation: Callable[..., object], *args: Any) -> None:
        """Run an operation until it returns False or 0 because nothing is left to do. Raises LedgerUnavailable."""
        while self.do(operation, *args):
            pass


def _timed(operation: Callable[..., Result], held_s: list[float]) -> Callable[..., Result]:
    """Wrap an operation so that it appends its duration, including the commit, to `held_s`. The time is measured on the
    database thread, because the event loop may be late.
    """

    def timed(session: Session, *args: Any, **kwargs: Any) -> Result:
        began = time.monotonic()
        event.listen(session, "after_commit", lambda _: held_s.append(time.monotonic() - began))
        return operation(session, *args, **kwargs)

    return timed
