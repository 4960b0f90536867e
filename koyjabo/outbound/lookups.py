"""Looks names up, each on a real thread. The system's resolver cannot be interrupted, so a thread may hang for long."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from koyjabo.core.runtime import Runtime, Waiter
from koyjabo.outbound.messages import FailureKind, OutboundError

Resolve = Callable[[str, int], list[str]]
"""The addresses of a name, for a port. Raises OSError or UnicodeError without any."""

Failure = tuple[FailureKind, str]


class _NameLookup:
    """A lookup of one name, and its callers. `found` and `failure` are set on the loop."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.waiters: list[Waiter] = []
        self.found: list[str] = []
        self.failure: Failure = (FailureKind.TIMEOUT, f"no address of {host} in time")


class NameLookups:
    """Looks each name up in one thread, for all callers that ask for it at that time. Names do not wait for a name that
    hangs, unless `most` of them hang. Nothing is cached.
    """

    def __init__(self, runtime: Runtime, resolve: Resolve, most: int) -> None:
        """`resolve` is called on a real thread. Beyond `most` threads, names wait."""
        self._runtime = runtime
        self._resolve = resolve
        self._most = most
        self._lookups: dict[str, _NameLookup] = {}  # by name: those that run and those in `_pending`
        self._pending: deque[_NameLookup] = deque()
        self._running = 0
        self._lock = threading.Lock()  # of callers; no thread of ours takes it

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """Return at least one address. Raises OutboundError (TIMEOUT, CONNECTION)."""
        waiter = self._runtime.waiter()
        lookup = self._join(host, port, waiter)
        self._start_next()
        self._runtime.later(timeout_s, waiter.wake)
        waiter.wait()
        with self._lock:
            lookup.waiters.remove(waiter)
        if not lookup.found:
            raise OutboundError(*lookup.failure)
        return lookup.found

    def _join(self, host: str, port: int, waiter: Waiter) -> _NameLookup:
        with self._lock:
            lookup = self._lookups.get(host)
            if lookup is None:
                lookup = self._lookups[host] = _NameLookup(host, port)
                self._pending.append(lookup)
            lookup.waiters.append(waiter)
        return lookup

    def _start_next(self) -> None:
        with self._lock:
            while self._pending and not self._pending[0].waiters:  # all have given up
                del self._lookups[self._pending.popleft().host]
            if not self._pending or self._running >= self._most:
                return
            lookup = self._pending.popleft()
            self._running += 1
        try:
            self._runtime.start_thread(lambda: self._run(lookup))
        except RuntimeError as error:  # the system allows no further threads
            self._finish(lookup, [], (FailureKind.CONNECTION, str(error)))

    def _finish(self, lookup: _NameLookup, found: list[str], failure: Failure) -> None:
        with self._lock:
            self._running -= 1
            del self._lookups[lookup.host]
            waiters = list(lookup.waiters)
            lookup.found, lookup.failure = found, failure
        self._start_next()
        for waiter in waiters:
            waiter.wake()

    def _run(self, lookup: _NameLookup) -> None:
        """Runs on a real thread."""
        found: list[str] = []
        failure = (FailureKind.CONNECTION, f"the name {lookup.host} has no address")
        try:
            found = self._resolve(lookup.host, lookup.port)
        except (OSError, UnicodeError):
            pass
        except Exception as error:
            failure = (FailureKind.CONNECTION, type(error).__name__)
        self._runtime.from_thread(lambda: self._finish(lookup, found, failure))
