"""Patches the standard library for greenlets, and gives real locks to modules that requests and threads share.

A green lock belongs to one thread's event loop. If two threads compete for it, the waiting greenlet is never woken,
because another thread cannot switch to it, and the lock's count may stay wrong. The loop and real threads share the
locks in SQLAlchemy and `logging`, so these must be real. They never block the loop for long, because neither a database
driver nor a log call lets another greenlet run while it holds one.

Our code on a real thread must not log, because the counter of logged errors has green locks.
"""

import gc
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def patch() -> None:
    """Patch this process. Call it once, before SQLAlchemy is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # eventlet warns about its own deprecation
        import eventlet
        from eventlet import hubs, patcher
    hubs.use_hub("selects")  # patching creates a hub, and processes forked from this one must not share an epoll object
    patcher.original("selectors")  # left unpatched for EVENTLET_HUB=asyncio, whose hub is created later
    # eventlet reports each lock among all objects that it has not replaced. Since Python 3.14, `threading` keeps one as
    # the default of an argument. It guards only the list of foreign threads.
    if sys.version_info >= (3, 14):
        gc.freeze()
    # Real threads use the database and open files. A patched `os.open` would create an event loop in each of them.
    eventlet.monkey_patch(psycopg=False, os=False)
    gc.unfreeze()
    threading = patcher.original("threading")
    _give_to_logging(threading)
    with _imported_as_threading(threading):
        import sqlalchemy.orm  # noqa: F401 - imports all SQLAlchemy modules that create locks


def replace_getaddrinfo(getaddrinfo: Callable[..., list[Any]]) -> None:
    """Make the patched `socket` module look up names with another function."""
    import socket

    from eventlet.green import socket as green

    socket.getaddrinfo = green.getaddrinfo = getaddrinfo


def _give_to_logging(threading: ModuleType) -> None:
    logging.threading = threading  # type: ignore[attr-defined]  # for handlers created later
    logging._lock = threading.RLock()  # type: ignore[attr-defined]
    for reference in logging._handlerList:  # type: ignore[attr-defined]
        if handler := reference():
            handler.createLock()


@contextmanager
def _imported_as_threading(module: ModuleType) -> Iterator[None]:
    green = sys.modules["threading"]
    sys.modules["threading"] = module
    try:
        yield
    finally:
        sys.modules["threading"] = green
