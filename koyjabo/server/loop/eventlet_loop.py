"""Implements `koyjabo.base.core.runtime` on eventlet's loop: tasks are greenlets, threads are system threads. Only this
module and `patching` import eventlet and greenlet (decision 51). Import it before the standard library is patched, so
that its own imports are the originals.

It relies on three undocumented facts about eventlet's hub: `add` calls back on the hub's own greenlet; a greenlet that
calls `hub.switch()` sleeps until another one switches to it; and `schedule_call_global(0, …)` runs after the
pass that serves sockets now.
"""

import logging
import math
import os
import select
from _thread import start_new_thread as start_real_thread
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

import greenlet

from koyjabo.base.core.runtime import Call, FileEvents, Waiter, await_slot
from .poller import READ_EVENT

log = logging.getLogger(__name__)

real_epoll: Any = getattr(select, "epoll", None)
"""The original epoll; None on systems without it, such as macOS."""

MAX_IDLE_GREENLETS = 64
"""Maximum number of idle greenlets that are kept for later requests."""


class GreenWaiter:
    """Suspends a greenlet. `wake` switches to it directly, without a timer or queue."""

    __slots__ = ("_hub", "_parked", "_woken")

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._parked: greenlet.greenlet | None = None
        self._woken = False

    def wait(self) -> None:
        self._parked = greenlet.getcurrent()
        try:
            while not self._woken:
                self._hub.switch()
        finally:  # an exception may have resumed it, and `wake` must not switch to it again
            self._parked = None
        if (take_slot := await_slot.get()) is not None:
            take_slot()

    def wake(self) -> None:
        self._woken = True
        if self._parked is not None:
            try:
                self._parked.switch()
            except BaseException:  # raised by the greenlet's own code; the caller must still wake the other waiters
                log.exception("request_ended_badly")


class RequestGreenlets:
    """Runs requests in greenlets and reuses the greenlets, because allocating the stack of a new one takes 26 µs."""

    def __init__(self, hub: Any) -> None:
        self._hub = hub
        self._idle: list[greenlet.greenlet] = []
        self._call: Call | None = None

    def run(self, call: Call) -> None:
        """Run a request. See `EventLoop.run_request`."""
        self._call = call
        if self._idle:
            worker = self._idle.pop()
            worker.gr_context = None  # drop the previous request's context variables
        else:
            worker = greenlet.greenlet(self._work, self._hub.greenlet)
        worker.switch()

    def _work(self) -> None:
        this: Any = greenlet.getcurrent()
        while True:
            while self._call is None:  # a timer that a request left behind may wake its greenlet
                _run(self._hub.switch)
            call, self._call = self._call, None
            _run(call)
            del call  # and with it the request
            if len(self._idle) >= MAX_IDLE_GREENLETS:
                return
            self._idle.append(this)


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except greenlet.GreenletExit:
        raise
    except BaseException:  # the hub would stop reading all connections
        log.exception("request_failed")


class EventletRuntime:
    async_mode = "eventlet"

    def __init__(self) -> None:
        from eventlet import hubs

        self._hub = hubs.get_hub()
        self.run_request = RequestGreenlets(self._hub).run
        self._calls: deque[Call] = deque()
        self._wakeup_reader, self._wakeup_writer = os.pipe()
        os.set_blocking(self._wakeup_reader, False)
        os.set_blocking(self._wakeup_writer, False)
        self.call_when_readable(self._wakeup_reader, self._run_calls)

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
        with suppress(BlockingIOError):  # the pipe is full, so the loop will wake up in any case
            os.write(self._wakeup_writer, b"\0")

    def waiter(self) -> Waiter:
        return GreenWaiter(self._hub)

    def call_when_readable(self, fd: int, call: Call) -> None:
        self._hub.add(self._hub.READ, fd, lambda _: call(), _ignore, _ignore)

    def watch_files(self, call: Call) -> FileEvents:
        from eventlet.hubs import poll

        if type(self._hub) is poll.Hub:
            return HubFiles(self._hub, call)
        epoll = real_epoll()
        self.call_when_readable(epoll.fileno(), call)
        files: FileEvents = epoll
        return files

    def limit(self, seconds: float) -> AbstractContextManager[object]:
        from eventlet import Timeout

        limit: AbstractContextManager[object] = Timeout(seconds, False)
        return limit

    def _run_calls(self) -> None:
        """Make the calls that threads have scheduled."""
        os.read(self._wakeup_reader, 65536)
        while self._calls:
            call = self._calls.popleft()
            try:
                call()
            except BaseException:  # the hub would remove the listener
                log.exception("call_failed")


class HubFiles:
    """`FileEvents` for systems without epoll: eventlet's poll(2) hub waits for these files together with its own. A
    file that is registered here must not be watched by the hub.
    """

    def __init__(self, hub: Any, call: Call) -> None:
        self._own = hub.poll
        self._wait: Callable[[float], list[tuple[int, int]]] = hub.do_poll
        self._registered: set[int] = set()
        self._ready: list[tuple[int, int]] = []
        # A pipe that never has data. We report it to the hub as readable if one of these files has an event.
        self._signal, self._never_written = os.pipe()
        hub.add(hub.READ, self._signal, lambda _: call(), _ignore, _ignore)
        hub.do_poll = self._wait_for_both

    def register(self, fd: int, events: int, /) -> None:
        self._own.register(fd, events)
        self._registered.add(fd)

    def modify(self, fd: int, events: int, /) -> None:
        self._own.modify(fd, events)

    def unregister(self, fd: int, /) -> None:
        self._registered.remove(fd)
        # The file descriptor may be reused at once.
        self._ready = [(ready, events) for ready, events in self._ready if ready != fd]
        self._own.unregister(fd)

    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        """All files that had events when the hub last waited. Ignores `timeout_s` and `most`."""
        ready, self._ready = self._ready, []
        return ready

    def _wait_for_both(self, seconds: float) -> list[tuple[int, int]]:
        # poll(2) takes milliseconds. If the time were rounded down, the hub would spin in the last millisecond before
        # each timer.
        events = self._wait(math.ceil(seconds * 1000) / 1000)
        self._ready = [(fd, event) for fd, event in events if fd in self._registered]
        if not self._ready:
            return events
        others = [(fd, event) for fd, event in events if fd not in self._registered]
        return [*others, (self._signal, READ_EVENT)]


def use_own_hub() -> None:
    """Choose this process's hub before it is created: eventlet's poll(2) hub on systems without epoll, otherwise
    EVENTLET_HUB or eventlet's default.
    """
    from eventlet import hubs

    hubs.use_hub(None if real_epoll else "poll")


def _ignore(*_: object) -> None:
    pass
