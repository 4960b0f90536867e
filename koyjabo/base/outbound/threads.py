"""Runs blocking calls on real threads while their callers wait."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from koyjabo.base.core.runtime import Runtime, Waiter
from .messages import FailureKind, OutboundError

Result = TypeVar("Result")


class _Call:
    """A call and its callers. `result` and `failure` are set on the loop."""

    def __init__(self, work: Callable[[], Any], key: object) -> None:
        self.work, self.key = work, key
        self.waiters: list[Waiter] = []
        self.has_ended = False
        self.result: Any = None
        self.failure: tuple[FailureKind, str] | None = None


class Threads:
    """Runs at most `most` calls at once; further calls wait. A call that hangs does not delay other calls unless `most`
    of them hang. Nothing is cached.
    """

    def __init__(self, runtime: Runtime, most: int) -> None:
        self._runtime, self._most = runtime, most
        self._calls: dict[object, _Call] = {}  # by key, running or in `_pending`
        self._pending: deque[_Call] = deque()
        self.running = 0
        self._lock = threading.Lock()  # held by callers, never by our threads

    def run(
        self,
        work: Callable[[], Result],
        timeout_s: float,
        late: str = "no complete response in time",
        key: object = None,
    ) -> Result:
        """Return the result of `work`. Concurrent callers with the same `key` share a call. A late thread still runs to
        its end, and its result is dropped. Raises OutboundError, with TIMEOUT and the reason `late` after `timeout_s`.
        """
        waiter = self._runtime.waiter()
        call = self._join(work, key or waiter, waiter)
        self._start_next()
        self._runtime.later(timeout_s, waiter.wake)
        waiter.wait()
        with self._lock:
            call.waiters.remove(waiter)
        if not call.has_ended:
            raise OutboundError(FailureKind.TIMEOUT, late)
        if call.failure is not None:
            raise OutboundError(*call.failure)
        result: Result = call.result
        return result

    def _join(self, work: Callable[[], Any], key: object, waiter: Waiter) -> _Call:
        with self._lock:
            call = self._calls.get(key)
            if call is None:
                call = self._calls[key] = _Call(work, key)
                self._pending.append(call)
            call.waiters.append(waiter)
        return call

    def _start_next(self) -> None:
        with self._lock:
            while self._pending and not self._pending[0].waiters:  # all callers have given up
                del self._calls[self._pending.popleft().key]
            if not self._pending or self.running >= self._most:
                return
            call = self._pending.popleft()
            self.running += 1
        try:
            self._runtime.start_thread(lambda: self._run(call))
        except RuntimeError as error:  # the system allows no more threads
            self._finish(call, None, (FailureKind.CONNECTION, str(error)))

    def _finish(self, call: _Call, result: Any, failure: tuple[FailureKind, str] | None) -> None:
        with self._lock:
            self.running -= 1
            del self._calls[call.key]
            waiters = list(call.waiters)
            call.result, call.failure, call.has_ended = result, failure, True
        self._start_next()
        for waiter in waiters:
            waiter.wake()

    def _run(self, call: _Call) -> None:
        """Do the work, on a real thread. Errors are passed on without the thread's frames."""
        result, failure = None, None
        try:
            result = call.work()
        except OutboundError as error:
            failure = (error.kind, error.reason)
        except Exception as error:
            failure = (FailureKind.CONNECTION, type(error).__name__)
        self._runtime.from_thread(lambda: self._finish(call, result, failure))
