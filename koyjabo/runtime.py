"""What the package asks of whoever runs it: threads, timers, and ways to wait for them.

`ThreadRuntime` serves any WSGI server with real threads, and the command line. `koyjabo.server.process.loop` has the
sibling for an event loop, where a waiter is a greenlet and a real thread may only speak through `from_thread`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

Call = Callable[[], None]

Advance = Callable[[int], None]
"""Is given how many items of long work are done since the last call. An error that it raises ends the work."""

ReportProgress = Callable[[int, str], AbstractContextManager[Advance]]
"""Is given how many items there are, and a word that names the work, to be shown while the context lasts."""


class Waiter(Protocol):
    """Lets one request wait for one answer. `wake` may come first; then `wait` returns at once. `wake` is idempotent.

    Whoever is woken goes on at once, in place of whoever wakes it: call `wake` from the loop (`Runtime.soon`).
    """

    def wait(self) -> None: ...

    def wake(self) -> None: ...


class Runtime(Protocol):
    async_mode: str
    """What python-socketio calls this way of waiting."""

    def start_task(self, main: Call) -> None:
        """Run `main` beside the requests. Like a request, it may wait."""

    def start_thread(self, main: Call) -> None:
        """Run `main` in a real thread of the operating system, which does not keep the process alive."""

    def soon(self, call: Call) -> None:
        """Call when the requests that are ready now have had their turn, so that one call serves them all."""

    def later(self, delay_s: float, call: Call) -> None:
        """Call once, after `delay_s` seconds."""

    def from_thread(self, call: Call) -> None:
        """Have the loop call soon. The only method that a thread from `start_thread` may use."""

    def waiter(self) -> Waiter: ...


class _EventWaiter:
    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self) -> None:
        self._event.wait()

    def wake(self) -> None:
        self._event.set()


class ThreadRuntime:
    """Requests are threads, so there is no loop: every call is made where it is asked for."""

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
        call()

    def waiter(self) -> Waiter:
        return _EventWaiter()
