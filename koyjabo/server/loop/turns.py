"""The order in which requests get the event loop: in turns, by the network that they come from (decision 80)."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from functools import partial

from koyjabo.core.runtime import Runtime, Waiter, await_turn
from koyjabo.server.loop.poller import Poller

SHARE_S = 0.001
"""For so long turns follow each other at once: to serve the sockets in between costs a short request a quarter more."""


class NetworkQueue:
    """The waiting requests of one network. Those that have begun are served first."""

    __slots__ = ("begun", "new")

    def __init__(self) -> None:
        self.begun: deque[Waiter] = deque()
        self.new: deque[Waiter] = deque()


class Turns:
    """One request has a turn, which lasts until it waits for something or ends. Networks have their turns one after the
    other. The sockets that are ready are served before the next turn, unless the turns since then took less than
    SHARE_S together.

    No request is refused, and none waits while the loop is free.
    """

    def __init__(self, runtime: Runtime, poller: Poller) -> None:
        self._runtime = runtime
        self._poller = poller
        self._queues: OrderedDict[str, NetworkQueue] = OrderedDict()
        self._pass = 0  # of the poller, in which turns were begun last
        self._since = 0.0  # when the first of them began, monotonic s
        self._is_due = False

    def begin(self, network: str, waiter: Waiter | None = None) -> None:
        """Wait for the first turn of the present request, or until `waiter` is woken otherwise. The request then takes
        another turn after each wait.
        """
        self._wait(network, is_new=True, waiter=waiter)
        await_turn.set(partial(self._wait, network, is_new=False))

    def _wait(self, network: str, is_new: bool, waiter: Waiter | None = None) -> None:
        if not self._queues and self._has_time():
            return
        queue, waiter = self._queues.setdefault(network, NetworkQueue()), waiter or self._runtime.waiter()
        (queue.new if is_new else queue.begun).append(waiter)
        self._begin_soon()
        own = await_turn.set(None)  # this wait needs no turn after it
        waiter.wait()
        await_turn.reset(own)

    def _has_time(self) -> bool:
        """Whether another turn may begin before the sockets are served."""
        if self._pass == self._poller.passes:
            return time.monotonic() - self._since < SHARE_S
        self._pass, self._since = self._poller.passes, time.monotonic()
        return True

    def _begin_soon(self) -> None:
        if self._queues and not self._is_due:
            self._is_due = True
            self._runtime.soon(self._begin_next)

    def _begin_next(self) -> None:
        self._is_due = False
        self._pass, self._since = self._poller.passes, time.monotonic()
        while self._queues:
            network, queue = self._queues.popitem(last=False)
            waiter = (queue.begun or queue.new).popleft()
            if queue.begun or queue.new:
                self._queues[network] = queue  # at the end
            waiter.wake()
            if not self._has_time():
                break
        self._begin_soon()
