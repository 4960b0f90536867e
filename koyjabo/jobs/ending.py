"""Stores the result of long-running work."""

from __future__ import annotations

import time
from collections.abc import Callable

from koyjabo.core.errors import LedgerUnavailable

ATTEMPTS, RETRY_S = 100, 5.0
"""Number of attempts while the database is down, and the pause between them, s. This takes 8 minutes, or 25 minutes if
every attempt times out.
"""


def is_stored(store: Callable[[], object], is_closing: Callable[[], bool] = lambda: False) -> bool:
    """Store the result of long-running work as soon as the database can be reached. Returns False if that takes too
    long, or at the first failure if the server is stopping. An attempt that timed out may have succeeded, so `store`
    may be called again after it has succeeded.
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
