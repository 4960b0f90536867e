"""The interface to the environment that runs the package: tasks, threads, timers, and waiting for them.

All packages use `Runtime`. `ThreadRuntime` is for WSGI servers with real threads and for the command line. Our own
server also uses `EventLoop`, which `koyjabo.server.loop.eventlet_loop` implements: requests and tasks take turns on one
thread, which each of them gives up while it waits, and calls run in between.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

Call = Callable[[], None]

Advance = Callable[[int], None]
"""Is given how many items of long work are done since the last call. An error that it raises ends the work."""

ReportProgress = Callable[[int, str], AbstractContextManager[Advance]]
"""Is given how many items there are, and a word that names the work, to be shown while the context lasts."""

SIGNALS_S = 1.0
"""Seconds that a thread waits at once. Python runs no handler for a signal that comes just before a wait without a
limit: Ctrl+C would be lost.
"""

log = logging.getLogger(__name__)

await_slot: ContextVar[Callable[[], None] | None] = ContextVar("await_slot", default=None)
"""What a request calls after each wait, before it goes on; None for one that takes no turns."""


@contextmanager
def out_of_turn() -> Iterator[None]:
    """For a request that has or awaits what others wait for, such as a lock: it goes on at once after each wait, and
    awaits its turn when it has given that back. Else the others would wait behind all requests of its network.
    """
    wait, own = await_slot.get(), await_slot.set(None)
    try:
        yield
    finally:
        await_slot.reset(own)
    if wait is not None:
        wait()


def unreported(rows: int, label: str) -> AbstractContextManager[Advance]:
    """ReportProgress to no one."""
    return nullcontext(lambda done: None)


class Waiter(Protocol):
    """Lets one request or task wait for one answer. After `wake`, `wait` returns at once. `wake` is idempotent.

    The waiter resumes inside the call of `wake`, or in its turn, so call `wake` from the loop (`Runtime.soon`). It
    raises no error of the waiter.
    """

    def wait(self) -> None: ...

    def wake(self) -> None: ...


class Runtime(Protocol):
    async_mode: str
    """The value of python-socketio's option of this name."""

    # The calls that `soon`, `later` and `from_thread` are given must not block, because they may run on the loop.

    def start_task(self, main: Call) -> None:
        """Run `main` concurrently with the requests. It may block, as a request may."""

    def start_thread(self, main: Call) -> None:
        """Run `main` in a real thread of the operating system, which does not keep the process alive."""

    def soon(self, call: Call) -> None:
        """Call after the requests that are ready now have run, so that one call serves them all."""

    def later(self, delay_s: float, call: Call) -> None:
        """Call once, after `delay_s` seconds."""

    def from_thread(self, call: Call) -> None:
        """Schedule `call` on the loop, in order. The only method that a thread from `start_thread` may call."""

    def waiter(self) -> Waiter: ...


class FileEvents(Protocol):
    """Files that are watched for events, given in the bits of poll(2). Errors and hang-ups are always reported."""

    def register(self, fd: int, events: int, /) -> object: ...

    def modify(self, fd: int, events: int, /) -> object: ...

    def unregister(self, fd: int, /) -> object:
        """Raises KeyError or OSError for a file that is not registered."""

    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        """Return the files that have events now, each with its events."""


class EventLoop(Runtime, Protocol):
    """One thread for all requests, tasks and calls. Only `from_thread` may be called from another one."""

    def run_request(self, call: Call) -> None:
        """Run `call` in a task with new context variables, at once, until it first waits. Raises none of its errors.

        It must be called on the loop.
        """

    def call_when_readable(self, fd: int, call: Call) -> None:
        """Call `call` on the loop whenever `fd` is readable. `call` must neither block nor raise."""

    def watch_files(self, call: Call) -> FileEvents:
        """Return a new `FileEvents`. `call` runs on the loop whenever one of its files has an event."""

    def limit(self, seconds: float) -> AbstractContextManager[object]:
        """Leave the block of a `with` after this time, where it waits, without an error."""


class _EventWaiter:
    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self) -> None:
        while not self._event.wait(SIGNALS_S):
            pass

    def wake(self) -> None:
        self._event.set()


class ThreadRuntime:
    """For servers in which each request has a thread: without a loop, calls run on the caller's thread."""

    async_mode = "threading"

    def start_task(self, main: Call) -> None:
        self.start_thread(main)

    def start_thread(self, main: Call) -> None:
        threading.Thread(target=main, daemon=True).start()

    def soon(self, call: Call) -> None:
        call()

    def later(self, delay_s: float, call: Call) -> None:
        timer = threading.Timer(delay_s, call)
        timer.daemon = True
        timer.start()

    def from_thread(self, call: Call) -> None:
        try:
            call()
        except Exception:  # it must not end the thread, which works for all requests
            log.exception("call_failed")

    def waiter(self) -> Waiter:
        return _EventWaiter()
