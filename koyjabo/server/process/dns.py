"""Host names are looked up on real threads, while the loop goes on: a resolver that does not answer takes 5 s and more.

Only names of the settings are looked up in a worker (REDIS_URL; libpq does so by itself, on its own real threads), so
that those under way are few: whoever asks for the same waits for the same one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from koyjabo.runtime import Runtime, Waiter

PATIENCE_S = 1.0
"""How long one who asks waits, as for everything else of Redis; the thread goes on until the resolver gives up."""

Found = list[Any]


class Lookup:
    """One under way. The thread sets `answer` and nothing else."""

    def __init__(self) -> None:
        self.answer: Found | Exception = socket.gaierror(socket.EAI_AGAIN, "The resolver does not answer")
        self.waiters: list[Waiter] = []


class Lookups:
    def __init__(self, runtime: Runtime, look_up: Callable[..., Found]) -> None:
        """`look_up` is the real `getaddrinfo`, which blocks."""
        self._runtime = runtime
        self._look_up = look_up
        self._under_way: dict[tuple, Lookup] = {}

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Found:
        """As that of `socket`; raises `gaierror` as well when there is no answer in time."""
        with suppress(socket.gaierror):  # an address as it is written needs nobody's answer
            return self._look_up(host, port, family, type, proto, flags | socket.AI_NUMERICHOST)
        asked = (host, port, family, type, proto, flags)
        lookup = self._under_way.get(asked) or self._begin(asked)
        waiter = self._runtime.waiter()
        lookup.waiters.append(waiter)
        self._runtime.later(PATIENCE_S, waiter.wake)
        waiter.wait()
        if isinstance(lookup.answer, Exception):
            raise socket.gaierror(*lookup.answer.args)  # one of its own for each who waited
        return lookup.answer

    def _begin(self, asked: tuple) -> Lookup:
        lookup = Lookup()

        def ask() -> None:
            try:
                lookup.answer = self._look_up(*asked)
            except Exception as error:
                lookup.answer = error
            self._runtime.from_thread(lambda: self._end(asked))

        try:
            self._runtime.start_thread(ask)
        except RuntimeError as error:  # there are too many threads, of whomever
            raise socket.gaierror(socket.EAI_AGAIN, str(error)) from None
        self._under_way[asked] = lookup
        return lookup

    def _end(self, asked: tuple) -> None:
        for waiter in self._under_way.pop(asked).waiters:
            waiter.wake()


def look_up_on_threads(runtime: Runtime) -> None:
    """From now on, in this process, whose standard library has been patched."""
    from eventlet.green import socket as green

    socket.getaddrinfo = green.getaddrinfo = Lookups(runtime, socket.getaddrinfo).getaddrinfo
