"""The interface to the environment that runs the program: tasks, threads, timers, and waiting for them.

All packages use `Runtime`. `ThreadRuntime` is for WSGI servers with real threads and for the command line. Our own
server also uses `EventLoop`, implemented by `koyjabo.server.loop.eventlet_loop`. Its requests, tasks and calls share
one thread; when one waits, another one runs.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

Call = Callable[[], None]

Advance = Callable[[int], None]
"""Called with the number of items done since the last call. If it raises, the work is aborted."""

ReportProgress = Callable[[int, str], AbstractContextManager[Advance]]
"""A function that shows the progress of work while its context is open. Called with the number of items and a name for
the work.
"""

SIGNALS_S = 1.0
"""Maximum duration of a single wait in a thread, s. During an unlimited wait, Python would not handle a signal that
arrived just before it, so Ctrl+C would be lost.
"""

log = logging.getLogger(__name__)

await_slot: ContextVar[Callable[[], None] | None] = ContextVar("await_slot", default=None)
"""A function that a request calls after each wait; it returns when the request may continue (fair queueing). None if
the request is not queued.
"""


@contextmanager
def without_queueing() -> Iterator[None]:
    """Exempt a request from fair queueing while it holds or waits for something that other requests need, such as a
    lock. It then continues immediately after each wait. Otherwise the other requests would wait behind all requests
    from its network. It is queued again when the block ends.
    """
    wait, own = await_slot.get(), await_slot.set(None)
    try:
        yield
    finally:
        await_slot.reset(own)
    if wait is not None:
        wait()


def unreported(rows: int, label: str) -> AbstractContextManager[Advance]:
    """A ReportProgress that shows nothing."""
    return nullcontext(lambda done: None)


class Waiter(Protocol):
    """Lets one request or task wait for one result. After `wake`, `wait` returns at once. `wake` is idempotent.

    `wake` may run the waiter directly, so call it from the loop (`Runtime.soon`). It does not raise the waiter's
    errors.
    """

    def wait(self) -> None: ...

    def wake(self) -> None: ...


class Runtime(Protocol):
    async_mode: str
    """The value of python-socketio's option of the same name."""

    # The calls passed to `soon`, `later` and `from_thread` must not block, because they may run on the loop.

    def start_task(self, main: Call) -> None:
        """Run `main` concurrently with the requests. It may block, as a request may."""

    def start_thread(self, main: Call) -> None:
        """Run `main` in a real operating-system thread that does not keep the process alive."""

    def soon(self, call: Call) -> None:
        """Schedule this call to run after the current pass over the sockets, so that one call can serve all requests of
        the pass.
        """

    def later(self, delay_s: float, call: Call) -> None:
        """Make this call once, after `delay_s` seconds."""

    def from_thread(self, call: Call) -> None:
        """Schedule `call` on the loop, in order. This is the only method that a thread from `start_thread` may call."""

    def waiter(self) -> Waiter: ...


class FileEvents(Protocol):
    """Watches files for events, given as poll(2) bits. Errors and hang-ups are always reported."""

    def register(self, fd: int, events: int, /) -> object: ...

    def modify(self, fd: int, events: int, /) -> object: ...

    def unregister(self, fd: int, /) -> object:
        """Raises KeyError or OSError for a file that is not registered."""

    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        """The files with pending events, each paired with its events."""


class EventLoop(Runtime, Protocol):
    """One thread for all requests, tasks and calls. Other threads may only call `from_thread`."""

    def run_request(self, call: Call) -> None:
        """Run `call` immediately, in a task with new context variables, until it first waits.

        Errors in `call` are not raised. Must be called on the loop.
        """

    def call_when_readable(self, fd: int, call: Call) -> None:
        """Call `call` on the loop whenever `fd` is readable. `call` must neither block nor raise."""

    def watch_files(self, call: Call) -> FileEvents:
        """A new `FileEvents`. `call` runs on the loop whenever one of its files has an event."""

    def limit(self, seconds: float) -> AbstractContextManager[object]:
        """A context that exits without an error if its block is still waiting after `seconds`."""


class _EventWaiter:
    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self) -> None:
        while not self._event.wait(SIGNALS_S):
            pass

    def wake(self) -> None:
        self._event.set()


class ThreadRuntime:
    """Runtime for servers with one thread per request. There is no loop, so calls run on the caller's thread."""

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
        except Exception:  # an error must not end the thread, which serves all requests
            log.exception("call_failed")

    def waiter(self) -> Waiter:
        return _EventWaiter()
