"""Stores how long work has ended."""

from __future__ import annotations

import time
from collections.abc import Callable

from koyjabo.core.errors import LedgerUnavailable

ATTEMPTS, RETRY_S = 100, 5.0
"""While the database is away: 8 minutes, or 25 when every attempt has to wait for its limit."""


def is_stored(store: Callable[[], object], is_closing: Callable[[], bool] = lambda: False) -> bool:
    """Store the result of long work as soon as the database can be reached. Returns False when it could not be for too
    long, or at the first failure of a server that stops.

    An attempt that timed out may have succeeded, so `store` may be called again after it.
    """
    for _ in range(ATTEMPTS):
        try:
            store()
        except LedgerUnavailable:
            if is_closing():
                return False
            time.sleep(RETRY_S)
        else:
            return True
    return False
