"""Threads that tests start."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from support.programs.patience import PATIENCE_S

SOON_S = PATIENCE_S


def in_thread(call) -> Future:
    """Run `call` in a daemon thread, so that the tests can end if it never returns."""
    future: Future = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
