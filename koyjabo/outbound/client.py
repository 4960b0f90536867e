"""Calls other servers from tasks and requests: each exchange on a real thread, the caller waits for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from koyjabo.core.runtime import Runtime, Waiter
from koyjabo.outbound.addresses import check_addresses, is_address
from koyjabo.outbound.exchange import AnswerReader, Deadline, exchange, resolve
from koyjabo.outbound.lookups import NameLookups, Resolve
from koyjabo.outbound.messages import Answer, Destinations, FailureKind, OutboundError, Request, Target, parse

MOST_AT_ONCE = 64
"""The limit of a client for threads that send, and for threads that look names up. Further requests wait until their
deadline; a server has fewer webhooks. Webhooks, logins and keys each have a client, so that none takes the threads of
another (decision 89).
"""

MOST_CHECKED = 8
"""The limit of a client for threads that look up the names of URLs that are being set. Requests do not use them."""

CHECK_S = 5.0
"""Seconds that the lookup of the name of a URL that is being set may take."""


class _Call:
    """A piece of work, and whoever waits for it. The thread sets only `answer` and `error`."""

    def __init__(self, work: Callable[[], Answer | None], waiter: Waiter) -> None:
        self.work = work
        self.waiter = waiter
        self.answer: Answer | None = None
        self.error: OutboundError | None = OutboundError(FailureKind.TIMEOUT, "no whole answer in time")
        self.has_ended = False

    def run(self) -> None:
        work = self.work
        del self.work  # and with it the reader: the timer of the call keeps the call
        try:
            self.answer, self.error = work(), None
        except OutboundError as error:
            self.error = OutboundError(error.kind, error.reason)  # without the frames of the thread
        except Exception as error:
            self.error = OutboundError(FailureKind.CONNECTION, type(error).__name__)


class HttpClient:
    """Nothing else opens a connection outwards but mail, Redis and the database. Uses no proxies of the environment."""

    def __init__(self, runtime: Runtime, resolve: Resolve = resolve) -> None:
        """`resolve` is called on a real thread."""
        self._runtime = runtime
        self._lookups = NameLookups(runtime, resolve, MOST_AT_ONCE)
        self._checked = NameLookups(runtime, resolve, MOST_CHECKED)
        self._pending: deque[_Call] = deque()
        self._running = 0
        self._lock = threading.Lock()  # of callers; no thread of ours takes it

    def fetch(self, request: Request) -> Answer:
        """Send a request and wait for its answer, whatever its status. Raises OutboundError, and ValueError for a
        header with a line break.
        """
        target, deadline = parse(request.url), Deadline(request.timeout_s)
        data = request.encode(target)
        addresses = _addresses(self._lookups, target, deadline)
        reader = AnswerReader(request.most_bytes, request.truncate)

        def work() -> Answer:
            check_addresses(target.host, addresses, request.destinations)
            return exchange(target, addresses, data, reader, deadline)

        answer = self._wait(work, deadline)
        assert answer is not None
        return answer

    def check(self, url: str, destinations: Destinations) -> str | None:
        """Why no request to this URL would be sent; None if it would, or its name has no address now."""
        deadline = Deadline(CHECK_S)
        try:
            target = parse(url)
            addresses = _addresses(self._checked, target, deadline)
            self._wait(lambda: check_addresses(target.host, addresses, destinations), deadline)
        except OutboundError as error:
            return error.reason if error.kind == FailureKind.REFUSED else None
        return None

    def _wait(self, work: Callable[[], Answer | None], deadline: Deadline) -> Answer | None:
        left_s, call = deadline.left(), _Call(work, self._runtime.waiter())
        with self._lock:
            self._pending.append(call)
        self._start_next()
        self._runtime.later(left_s, lambda: self._end(call))
        call.waiter.wait()
        if call.error is not None:
            try:
                raise call.error
            finally:
                call.error = None  # its traceback refers to this call: only the garbage collector could collect the two
        answer, call.answer = call.answer, None
        return answer

    def _start_next(self) -> None:
        with self._lock:
            while self._pending and self._pending[0].has_ended:
                self._pending.popleft()
            if not self._pending or self._running >= MOST_AT_ONCE:
                return
            call = self._pending.popleft()
            self._running += 1
        try:
            self._runtime.start_thread(lambda: self._run(call))
        except RuntimeError as error:  # the system allows no further threads
            call.error = OutboundError(FailureKind.CONNECTION, str(error))
            self._finish(call)

    def _end(self, call: _Call) -> None:
        """The answer has come, or the time is over; then the thread ends by itself, and what it finds is dropped."""
        if not call.has_ended:
            call.has_ended = True
            call.waiter.wake()

    def _finish(self, call: _Call) -> None:
        with self._lock:
            self._running -= 1
        self._start_next()
        self._end(call)

    def _run(self, call: _Call) -> None:
        """Runs on a real thread."""
        call.run()
        self._runtime.from_thread(lambda: self._finish(call))


def _addresses(lookups: NameLookups, target: Target, deadline: Deadline) -> list[str]:
    """Look the name of the target up, once: the same addresses are checked and dialled."""
    if is_address(target.host):
        return [target.host]
    return lookups.addresses(target.host, target.port, deadline.left())
