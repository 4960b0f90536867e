"""Looks up host names without stopping the event loop."""

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from koyjabo.base.core.runtime import Runtime, Waiter
from . import patching

PATIENCE_S = 1.0
"""Maximum time that a caller waits for a look-up, s. Its thread continues until the resolver times out."""

Addresses = list[Any]
Arguments = tuple[Any, ...]


class Lookup:
    """A pending look-up. The thread only sets `response`."""

    def __init__(self) -> None:
        self.response: Addresses | Exception = socket.gaierror(socket.EAI_AGAIN, "The resolver does not respond")
        self.waiters: list[Waiter] = []


class Lookups:
    """Looks up host names on real threads, so that the loop keeps running. An unreachable resolver takes 5 s or more.

    A worker only looks up the names in REDIS_URL; libpq resolves its names itself, on our real threads. Therefore, only
    a few look-ups are pending at once, and callers with the same arguments share a look-up.
    """

    def __init__(self, runtime: Runtime, look_up: Callable[..., Addresses]) -> None:
        """`look_up` is the real, blocking `getaddrinfo`."""
        self._runtime = runtime
        self._look_up = look_up
        self._pending: dict[Arguments, Lookup] = {}

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Addresses:
        """Look up addresses like `socket.getaddrinfo`. Also raises `gaierror` if there is no result within
        PATIENCE_S.
        """
        with suppress(socket.gaierror):  # a numeric address needs no resolver
            return self._look_up(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
        arguments = (host, port, family, type, proto, flags)
        lookup = self._pending.get(arguments) or self._start(arguments)
        waiter = self._runtime.waiter()
        lookup.waiters.append(waiter)
        self._runtime.later(PATIENCE_S, waiter.wake)
        waiter.wait()
        if isinstance(lookup.response, Exception):
            raise socket.gaierror(*lookup.response.args)  # a new exception for each caller
        return lookup.response

    def _start(self, arguments: Arguments) -> Lookup:
        lookup = Lookup()

        def run() -> None:
            try:
                lookup.response = self._look_up(*arguments)
            except Exception as error:
                lookup.response = error
            self._runtime.from_thread(lambda: self._finish(arguments))

        try:
            self._runtime.start_thread(run)
        except RuntimeError as error:  # the system allows no more threads
            raise socket.gaierror(socket.EAI_AGAIN, str(error)) from None
        self._pending[arguments] = lookup
        return lookup

    def _finish(self, arguments: Arguments) -> None:
        for waiter in self._pending.pop(arguments).waiters:
            waiter.wake()


def look_up_on_threads(runtime: Runtime) -> None:
    """Replace `getaddrinfo` in this process, whose standard library is already patched."""
    patching.replace_getaddrinfo(Lookups(runtime, socket.getaddrinfo).getaddrinfo)
