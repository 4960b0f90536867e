"""The event loop's side of `koyjabo.runtime`: waiters are greenlets, threads are real ones.

Imported before the standard library is patched, so that what it takes from there is the real thing. It relies on
eventlet's hub for three unpublished facts: `add` calls back on the hub's own greenlet, a greenlet that calls
`hub.switch()` sleeps until somebody switches to it, and `schedule_call_global(0, …)` runs after the sockets that are
ready now have been served.
"""

from __future__ import annotations

import logging
import os
from _thread import start_new_thread as start_real_thread
from collections import deque
from contextlib import suppress
from select import epoll as real_epoll

import greenlet

from koyjabo.runtime import Call, Waiter

log = logging.getLogger(__name__)


class GreenWaiter:
    """Parks a greenlet. Waking it runs it at once, from the hub, without a timer or a queue in between."""

    __slots__ = ("_hub", "_parked", "_woken")

    def __init__(self, hub) -> None:
        self._hub = hub
        self._parked: greenlet.greenlet | None = None
        self._woken = False

    def wait(self) -> None:
        self._parked = greenlet.getcurrent()
        try:
            while not self._woken:
                self._hub.switch()
        finally:  # however it was resumed, nobody may switch to it through us again
            self._parked = None

    def wake(self) -> None:
        self._woken = True
        if self._parked is not None:
            try:
                self._parked.switch()
            except Exception:  # it ended badly, in its own code; others wait to be woken
                log.exception("request_ended_badly")


class EventletRuntime:
    async_mode = "eventlet"

    def __init__(self) -> None:
        from eventlet import hubs

        self._hub = hubs.get_hub()
        self._calls: deque[Call] = deque()
        self._readable, self._bell = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._bell, False)
        self.call_when_readable(self._readable, self._on_bell)

    def start_task(self, main: Call) -> None:
        self._hub.schedule_call_global(0, greenlet.greenlet(main, self._hub.greenlet).switch)

    def start_thread(self, main: Call) -> None:
        start_real_thread(main, ())

    def soon(self, call: Call) -> None:
        self._hub.schedule_call_global(0, call)

    def later(self, delay_s: float, call: Call) -> None:
        self._hub.schedule_call_global(delay_s, call)

    def from_thread(self, call: Call) -> None:
        self._calls.append(call)
        with suppress(BlockingIOError):  # the pipe is full of rings already
            os.write(self._bell, b"\0")

    def waiter(self) -> Waiter:
        return GreenWaiter(self._hub)

    def call_when_readable(self, fd: int, call: Call) -> None:
        """Call, on the hub's own greenlet, whenever there is something to read. It must neither wait nor raise."""
        self._hub.add(self._hub.READ, fd, lambda _: call(), _ignore, _ignore)

    @staticmethod
    def epoll():
        """An epoll of its own; eventlet hides it from `select`."""
        return real_epoll()

    def _on_bell(self) -> None:
        os.read(self._readable, 65536)
        while self._calls:
            call = self._calls.popleft()
            try:
                call()
            except Exception:  # the hub would stop listening to the bell
                log.exception("call_failed")


def _ignore(*_: object) -> None:
    pass
