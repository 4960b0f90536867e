"""The standard library made green, for requests; what requests share with real threads keeps real locks.

A green lock belongs to one thread's event loop. Where two threads meet at one, whoever waits is never woken, for its
greenlet cannot be switched to from another thread, and the lock's count may go wrong for good. SQLAlchemy and `logging`
have locks of their own, which the loop and the real threads take alike. On the loop nobody waits while holding one of
those: neither a database driver nor a line of the log lets another greenlet run. Code of ours on a real thread still
logs nothing: what counts the errors in our log has green locks.
"""

from __future__ import annotations

import logging
import sys
import warnings
from contextlib import contextmanager
from types import ModuleType


def patch() -> None:
    """Once in a process, before SQLAlchemy is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet's own, about itself
        import eventlet
        from eventlet import patcher
    # Real threads speak to the database, and open files: there `os.open` would make an event loop for each of them.
    eventlet.monkey_patch(psycopg=False, os=False)
    threading = patcher.original("threading")
    _give_to_logging(threading)
    with _imported_as_threading(threading):
        import sqlalchemy.orm  # noqa: F401 - with all of its modules that make locks


def _give_to_logging(threading: ModuleType) -> None:
    logging.threading = threading  # type: ignore[attr-defined]  # for handlers to come
    logging._lock = threading.RLock()  # type: ignore[attr-defined]
    for known in logging._handlerList:  # type: ignore[attr-defined]
        if handler := known():
            handler.createLock()


@contextmanager
def _imported_as_threading(module: ModuleType):
    green = sys.modules["threading"]
    sys.modules["threading"] = module
    try:
        yield
    finally:
        sys.modules["threading"] = green
